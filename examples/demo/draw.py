"""Draws the measurements as a chart, and some of the records as a contact sheet."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from measure import WAYS, Measurement
from mmap_ninja import RecordsMmap
from report import Results

Units = dict[str, float]

COLOURS = {"files": "#9aa5b1", "memory": "#4c8bc0", "map": "#e4792b"}
TIMES = {"load": "initial load", "in_order": "iteration in order", "shuffled": "shuffled iteration"}
SIZES = {"memory": "own memory", "mapped": "mapped page cache", "disk": "disk"}
SECONDS = {"s": 1, "ms": 1e-3, "µs": 1e-6}
BYTES = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1}
ROWS, COLUMNS = 6, 8
# The most characters of a name that fit above an image.
NAME = 24


def chart(results: Results, counts: dict[str, int], file: Path) -> None:
    """Draw bars for all measurements: one column of plots for each kind, with times above and sizes below."""
    figure = Figure(figsize=(6.5 * len(results), 8), layout="constrained")
    figure.suptitle("The cost of samples: from files, from memory, from the map", fontsize=15, weight="bold")
    plots = figure.subplots(2, len(results), squeeze=False)
    for (kind, measured), (upper, lower) in zip(results.items(), plots.T, strict=True):
        upper.set_title(f"{counts[kind]:,} {kind}", fontsize=13)
        upper.set_yscale("log")
        bars(upper, measured, TIMES, SECONDS)
        bars(lower, measured, SIZES, BYTES)
    plots[0, 0].set_ylabel("time (log scale)")
    plots[1, 0].set_ylabel("size")
    figure.legend(*plots[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(file, dpi=120)


def bars(axes: Axes, measured: dict[str, Measurement], groups: dict[str, str], units: Units) -> None:
    """Draw a group of bars for each attribute of the measurements, with one bar for each method."""
    for i, way in enumerate(WAYS):
        values = np.array([getattr(measured.get(way), attribute, None) for attribute in groups], float)
        middles = np.arange(len(groups)) + 0.28 * (i - 1)
        drawn = axes.bar(middles, values, 0.26, color=COLOURS[way], label=WAYS[way])
        axes.bar_label(drawn, [quantity(value, units) for value in values], fontsize=8.5, padding=2)
    axes.set_xticks(range(len(groups)), groups.values())
    axes.yaxis.set_major_formatter(lambda value, _: quantity(value, units))
    axes.margins(y=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def quantity(value: float, units: Units) -> str:
    """The value in the largest unit that is not larger than it, or else in the smallest unit."""
    unit = next((unit for unit, factor in units.items() if value >= factor), list(units)[-1])
    scaled = value / units[unit]
    return f"{scaled:.0f} {unit}" if scaled >= 10 else f"{scaled:.2g} {unit}"


def contact_sheet(records: RecordsMmap, file: Path) -> None:
    """Draw records from all parts of the dataset, each image with its index, shape, name and label."""
    chosen = np.unique(np.linspace(0, len(records) - 1, ROWS * COLUMNS).astype(int))
    rows = -(-len(chosen) // COLUMNS)
    figure = Figure(figsize=(1.5 * COLUMNS, 2 * rows), layout="constrained")
    figure.suptitle(f"{len(chosen)} of {len(records):,} records, read back with their names and labels")
    plots, classes = list(figure.subplots(rows, COLUMNS).flat), records.attrs["classes"]
    for axes in plots:
        axes.axis("off")
        axes.set_anchor("N")
    for axes, i in zip(plots, chosen, strict=False):
        record = records[i]
        axes.imshow(small(record["image"]), cmap="gray", vmin=0, vmax=255)
        shape = " × ".join(map(str, record["image"].shape))
        name = record["name"] if len(record["name"]) <= NAME else f"{record['name'][: NAME - 1]}…"
        # Dollar signs begin formulas.
        title = f"[{i}]  {shape}\n{name}\nlabel {record['label']}: {classes[record['label']]}"
        axes.set_title(title.replace("$", r"\$"), fontsize=6.5)
    figure.savefig(file, dpi=120)


def small(image: np.ndarray) -> np.ndarray:
    """Every n-th pixel, so that large photographs are drawn quickly."""
    step = max(1, max(image.shape[:2]) // 256)
    return image[::step, ::step]
