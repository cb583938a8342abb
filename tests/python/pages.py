"""The examples of README and documentation, run as they stand.

The blocks of a page are one program. A bare expression with a comment behind it shows its value: `len(images)  # 100`;
the comments below a `print` show what it prints. A block of `console` shows commands behind `$`, and what they print.
"""

import ast
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OPTIONAL = ("grain", "pyarrow", "ray", "tensorflow", "torch")


def program(page: Path) -> str:
    """The code of a page, every line where it stands there; a session of the console is a call of `session`."""
    text = re.sub(r"```console\n(.*?)```", _as_call, page.read_text("utf-8"), flags=re.DOTALL)
    lines, is_code = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            is_code = line == "```python"
        lines.append(line if is_code and not line.startswith("```") else "")
    return "\n".join(lines)


def _as_call(block: re.Match) -> str:
    return f"```python\nsession({block[1]!r})" + "\n" * block[1].count("\n") + "```"


def session(shown: str) -> None:
    """Run the commands of a session and compare what they print."""
    environment = os.environ | {"COLUMNS": "80", "PYTHONUTF8": "1"}
    for step in re.split(r"^\$ ", shown, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        name, *arguments = shlex.split(command)
        assert name == "mmap-ninja"
        done = subprocess.run(
            [sys.executable, "-m", "mmap_ninja", *arguments],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=environment,
        )
        assert done.stdout.rstrip() == expected.rstrip(), command


def run(page: Path) -> str | None:
    """Run a page without what needs optional packages that are not installed, and return their names, if there are any."""
    text, names = program(page), {"__name__": "__main__", "session": session}
    missing: set[str] = set()
    lacking: set[str] = set()  # Names that only a package would define that is not installed.
    for statement in ast.parse(text, page).body:
        package, (used, bound) = _missing(statement), _names(statement)
        if package or used & lacking:
            missing |= {package} - {None}
            lacking |= bound
            continue
        lacking -= bound
        try:
            _run_statement(statement, text, names, page)
        except ImportError as error:  # A function of ours that needs a package which is not installed.
            needed = [name for name in OPTIONAL if name in str(error) and find_spec(name) is None]
            if not needed:
                raise
            missing.update(needed)
            lacking |= bound
    return ", ".join(sorted(missing)) or None


def _run_statement(statement: ast.stmt, text: str, names: dict, page: Path) -> None:
    """Run a statement, and compare the value of an expression with what the page shows."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        if isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), page, "eval"), names)
            found = repr(value) if value is not None else printed.getvalue().rstrip()
            assert _shown(statement, text) in ("", found), f"{page}:{statement.lineno}: {found}"
        else:
            exec(compile(ast.Module([statement], []), page, "exec"), names)


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement uses, and those that it defines."""
    used, bound = set(), set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
    return used, bound


def _missing(statement: ast.stmt) -> str | None:
    imported = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
    if isinstance(statement, ast.ImportFrom):
        imported = [statement.module]
    packages = {name.removeprefix("mmap_ninja.").partition(".")[0] for name in imported}
    return next((name for name in OPTIONAL if name in packages and find_spec(name) is None), None)


def _shown(statement: ast.Expr, text: str) -> str:
    """The comment behind an expression, or below one that prints."""
    lines = text.splitlines()
    behind = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode()
    if behind or not ast.unparse(statement).startswith("print("):
        return behind.strip().removeprefix("# ")
    below = takewhile(lambda line: line.startswith("# "), lines[statement.end_lineno :])
    return "\n".join(line.removeprefix("# ") for line in below)
