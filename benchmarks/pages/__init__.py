"""The page and its charts, generated from the results alone."""

from pathlib import Path

from benchmarks.pages import charts
from benchmarks.pages.sections import SECTIONS, Section
from benchmarks.pages.tables import markdown, notes
from benchmarks.pages.targets import TARGETS, Target
from benchmarks.results import Results

INTRODUCTION = """\
# Benchmarks

`make bench` takes all measurements and writes this page. Suites can also be run by themselves, so tables may be of different
days: compare figures within a table, and times of different tables only roughly. [results.json](benchmarks/results.json)
holds the values of every round. "The original" is the pure-Python mmap_ninja 0.9.0.
"""
METHOD = """\
## How it was measured

- Every contender runs in worker processes, with the packages that it needs. All use the same Python and, except for
  PyTorch, the same NumPy.
- Each round runs all contenders once, in a newly shuffled order, so that a slow moment of the machine affects all of
  them. Figures are medians. Ratios are medians of the ratios within each round.
- A measurement that takes less than a second is repeated in several processes, because the memory layout of a process
  affects its speed. The first round in a process is a warm-up and does not count. Longer measurements, and those of
  memory and of opening, each run in a new process.
- The data are synthetic and always the same: int32 sequences of 10 to 499 elements, uint8 images of about
  400 x 400 x 3, and texts of about 1 kB. The tables on real data say what they use.
- Absolute times vary between machines and, on a busy machine, between days. Ratios vary less, and instruction counts
  least.
"""


def write(results: Results, docs: Path) -> None:
    """Write `benchmarks.md`, and a folder with the charts next to it."""
    pictures = docs / "benchmarks"
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [INTRODUCTION, targets(results), METHOD, machine(results)]
    for section in SECTIONS:
        if section.chart and charts.draw(results, section.chart, pictures / f"{section.name}.png"):
            parts.append(chapter(results, section, picture=f"benchmarks/{section.name}.png"))
        else:
            parts.append(chapter(results, section))
    (docs / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


def targets(results: Results) -> str:
    """Each target next to the measured value."""
    rows = [["target", "measured", ""], *(outcome(results, target) for target in TARGETS)]
    return f"## Targets\n\n{markdown(rows, right=())}\n"


def outcome(results: Results, target: Target) -> list[str]:
    found = target.evaluate(results)
    if found is None:
        return [target.text, "not measured", ""]
    return [target.text, found.text, "met" if found.is_met else "**missed**"]


def machine(results: Results) -> str:
    rows = [["", ""], *([name, str(value)] for name, value in results.machine.items())]
    return f"## The machine\n\n{markdown(rows, right=())}\n"


def chapter(results: Results, section: Section, picture: str | None = None) -> str:
    parts = [f"## {section.title}", section.text]
    if picture:
        parts.append(f"![{section.title}]({picture})")
    for table in section.tables:
        rows = table.rows(results)
        parts += [table.caption] if table.caption else []
        parts += [markdown(rows)] if len(rows) > 1 else ["Not measured."]
    parts += notes(results, section.suite)
    return "\n\n".join(parts) + "\n"
