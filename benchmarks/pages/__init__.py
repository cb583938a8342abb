"""The page and its charts, made of the results alone."""

from pathlib import Path

from benchmarks.pages import charts
from benchmarks.pages.sections import SECTIONS, Section
from benchmarks.pages.tables import markdown, notes
from benchmarks.pages.targets import TARGETS, Target
from benchmarks.results import Results

INTRODUCTION = """\
# Benchmarks

`make bench` measures all of this in one run and writes this page; the values of every round are in
[results.json](benchmarks/results.json).
"""
METHOD = """\
## How it was measured

- Everything runs in worker processes, each contender with the packages it needs; all have the same Python and, but
  for PyTorch, the same NumPy.
- Repeats go round robin through all that is compared, in an order that is shuffled each time. A slow moment of the
  machine therefore slows all alike. Figures are medians, and ratios are medians of the ratios within one round.
- What takes less than a second is measured in several processes, since each may be lucky with where its memory lies;
  the first round in a process warms up and is not counted. What takes longer, and whatever concerns memory or
  opening, gets a new process for each measurement.
- The data are synthetic and always the same: int32 sequences of 10 to 499, uint8 images of about 400 x 400 x 3, texts
  of about 1 kB. The tables on real data say what they use.
- Absolute times vary from machine to machine, and on a busy one from day to day. Ratios hold better, counts of
  instructions best.
"""


def write(results: Results, docs: Path) -> None:
    """Write `benchmarks.md`, and beside it a folder with the charts."""
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
    """Each target beside what was measured."""
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
