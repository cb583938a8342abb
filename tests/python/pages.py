"""The examples of README and documentation, run as they stand.

The blocks of a page are one program. A bare expression with a comment behind it shows its value: `len(images)  # 100`.
"""

import ast
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OPTIONAL = ("grain", "tensorflow", "torch")


def program(page: Path) -> str:
    """The code of a page, every line where it stands there."""
    lines, is_code = [], False
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("```"):
            is_code = line == "```python"
        lines.append(line if is_code and not line.startswith("```") else "")
    return "\n".join(lines)


def run(page: Path) -> str | None:
    """Run a page up to the first import of an optional package that is not installed, and return its name."""
    text, names = program(page), {"__name__": "__main__"}
    for statement in ast.parse(text, page).body:
        if missing := _missing(statement):
            return missing
        shown = _behind(statement, text)
        if shown and isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), page, "eval"), names)
            assert repr(value) == shown, f"{page}:{statement.lineno}"
        else:
            exec(compile(ast.Module([statement], []), page, "exec"), names)
    return None


def _missing(statement: ast.stmt) -> str | None:
    imported = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
    if isinstance(statement, ast.ImportFrom):
        imported = [statement.module]
    packages = {name.partition(".")[0] for name in imported}
    return next((name for name in OPTIONAL if name in packages and find_spec(name) is None), None)


def _behind(statement: ast.stmt, text: str) -> str:
    """The comment behind a statement."""
    last = text.splitlines()[statement.end_lineno - 1].encode()
    return last[statement.end_col_offset :].decode().strip().removeprefix("# ")
