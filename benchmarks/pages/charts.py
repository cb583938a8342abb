"""Bars on a logarithmic axis, with one panel for each thing that was measured."""

from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.pages.tables import figure
from benchmarks.results import Key, Results

OURS, ORIGINAL, OTHERS, FLOOR = "#e4792b", "#4c8bc0", "#b4bec9", "#5d6873"
FLOORS = (
    "list in memory",
    "bare C view",
    "bare C dict",
    "bare C loads",
    "direct I/O",
    "plain write",
    "in memory",
    "loop over samples in memory",
    "cp -r",
)


@dataclass(frozen=True)
class Chart:
    """What to draw.

    Attributes:
        panels: header, what and unit.
    """

    suite: str
    title: str
    panels: tuple[tuple[str, str, str], ...]


def draw(results: Results, chart: Chart, file: Path) -> bool:
    """Write a picture; return False if none of its values was measured."""
    panels = [
        (title, unit, values_of(results, chart.suite, what, unit)) for title, what, unit in chart.panels
    ]
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        return False
    columns = len(panels) if len(panels) < 4 else 2
    rows = -(-len(panels) // columns)
    height = 0.34 * max(len(values) for _, _, values in panels) + 1.1
    made = Figure(figsize=(5.2 * columns + 0.6, height * rows + 0.4), layout="constrained")
    made.suptitle(chart.title, fontsize=14, weight="bold")
    for axes, panel in zip(made.subplots(rows, columns, squeeze=False).flat, panels, strict=True):
        bars(axes, *panel)
    made.savefig(file, dpi=110)
    return True


def values_of(results: Results, suite: str, what: str, unit: str) -> list[tuple[str, float]]:
    """Names and medians of all contenders that were measured, the smallest first."""
    names = dict.fromkeys(
        each.who for each in results.measurements if (each.suite, each.what) == (suite, what)
    )
    found = [(who, results.value(Key(suite, what, who, unit))) for who in names]
    return sorted(((who, value) for who, value in found if value), key=lambda pair: pair[1])


def bars(axes: Axes, title: str, unit: str, values: list[tuple[str, float]]) -> None:
    names, heights = zip(*values, strict=True)
    drawn = axes.barh(names, heights, color=[colour(name) for name in names], height=0.72)
    axes.bar_label(drawn, [figure(value) for value in heights], padding=3, fontsize=8.5)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(heights) / 3, max(heights) * 4)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(f"{unit} (log scale)", fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def colour(name: str) -> str:
    if name.startswith("this library"):
        return OURS
    if "original" in name:
        return ORIGINAL
    return FLOOR if name.startswith(FLOORS) else OTHERS
