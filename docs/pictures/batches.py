"""Draws what padding wastes and packing saves: `python docs/pictures/batches.py` writes `batches.svg` beside itself.

Every row is one of the batch's, every coloured bar a sample, and grey is padding. All three panels hold the same samples.
"""

from pathlib import Path

import numpy as np
from mmap_ninja import plans

SAMPLES, BATCH, ROW = 64, 16, 512
WIDTH, HEIGHT, STEP, GAP = 250, 4.2, 5.6, 40
COLOURS, PADDING, TEXT = ("#e4792b", "#f0a467"), "#dfe3e8", "#333a42"

# Lengths of samples by row of an array, and how long the row is.
Rows = list[tuple[list[int], int]]


def panels(lengths: np.ndarray) -> list[tuple[str, str, Rows]]:
    """The title, the call and the rows of each panel."""
    in_order = [range(start, start + BATCH) for start in range(0, SAMPLES, BATCH)]
    return [
        (f"{BATCH} samples at a time", "padded", padded(lengths, in_order)),
        (
            "like lengths together",
            "plans.budget",
            padded(lengths, plans.budget(lengths, 4 * ROW)),
        ),
        (f"rows of {ROW}", "plans.pack", packed(lengths)),
    ]


def padded(lengths: np.ndarray, batches: "plans.Budget | list[range]") -> Rows:
    return [
        ([int(lengths[sample])], int(lengths[batch].max()))
        for batch in batches
        for sample in batch
    ]


def packed(lengths: np.ndarray) -> Rows:
    return [(row.lengths.tolist(), ROW) for row in plans.pack(lengths, ROW)]


def panel(left: int, title: str, call: str, rows: Rows) -> list[str]:
    used = sum(sum(samples) for samples, _ in rows)
    fill = used / sum(width for _, width in rows)
    parts = [
        label(left, 18, title, "bold"),
        label(left, 36, f"{call}: {fill:.0%} of the elements are samples"),
    ]
    for number, (samples, width) in enumerate(rows):
        top = 48 + number * STEP
        parts.append(bar(left, top, width, PADDING))
        end = 0
        for place, length in enumerate(samples):
            parts.append(bar(left + end * WIDTH / ROW, top, length, COLOURS[place % 2]))
            end += length
    return parts


def bar(left: float, top: float, length: int, colour: str) -> str:
    width = length * WIDTH / ROW
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{HEIGHT}" fill="{colour}"/>'


def label(left: float, top: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{left}" y="{top}" style="font-weight: {weight}" fill="{TEXT}">{text}</text>'


def picture() -> str:
    lengths = (
        np.random.default_rng(7).lognormal(4.3, 0.9, SAMPLES).astype(int).clip(8, ROW)
    )
    width, height = 3 * WIDTH + 4 * GAP, round(48 + SAMPLES * STEP + 12)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, each in enumerate(panels(lengths)):
        parts += panel(GAP + number * (WIDTH + GAP), *each)
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    Path(__file__).with_name("batches.svg").write_text(picture(), encoding="utf-8")
