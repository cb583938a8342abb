"""Draws the pictures of the front page: `python docs/pictures/front.py` writes `how.svg` and `fast.svg` beside itself.

The times are the medians of results.json, which `make bench` writes.
"""

import json
from math import log10
from pathlib import Path
from statistics import median

from svg import BLUE, GREY, ORANGE, PALE, arrow, box, picture, text, write

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results.json"
# What is compared: its name in the results, and its label in the picture.
SHOWN = {
    "this library": "mmap_ninja 1.0",
    "pyarrow": "pyarrow",
    "lmdb": "LMDB",
    "the original": "mmap_ninja 0.9",
    "h5py": "HDF5 (h5py)",
    "one file a sample": "one .npy file a sample",
    "datasets": "Hugging Face datasets",
}
# Where the samples lie in the file: their lefts and widths.
SAMPLES = ((0, 70), (70, 40), (110, 120), (230, 60), (290, 110))
CHOSEN = 2


def times() -> dict[str, float]:
    """Microseconds to read one image."""
    return {
        each["who"]: median(each["values"]) / 1000
        for each in json.loads(RESULTS.read_text("utf-8"))["measurements"]
        if (each["suite"], each["what"], each["unit"]) == ("items", "images", "ns")
    }


def how() -> str:
    left, width = 30, 400
    parts = [text(230, 26, "images[2]", 16, "bold")]
    parts += [
        box(150, 38, 160, 40, ORANGE, ORANGE),
        text(230, 63, f"a NumPy view: {times()['this library']:.1g} µs"),
    ]
    parts += layer(left, 118, "memory: page cache", "shared by all processes")
    parts += [
        box(left + x, 128, w, 34, ORANGE if n == CHOSEN else PALE)
        for n, (x, w) in enumerate(SAMPLES[:4])
    ]
    parts += layer(left, 212, "disk: data.ninja", "all samples one after another")
    parts += [
        box(left + x, 222, w, 34, ORANGE if n == CHOSEN else PALE)
        for n, (x, w) in enumerate(SAMPLES)
    ]
    parts += [text(left + x + w / 2, 244, f"{n}", 13) for n, (x, w) in enumerate(SAMPLES)]
    parts += [
        text(left + x + w / 2, 150, f"{n}", 13) for n, (x, w) in enumerate(SAMPLES[:4])
    ]
    middle = left + SAMPLES[CHOSEN][0] + SAMPLES[CHOSEN][1] / 2
    parts += [arrow([(middle, 128), (middle, 82)]), arrow([(middle, 222), (middle, 166)])]
    parts += [text(middle + 10, 98, "nothing is copied", 13, anchor="start")]
    parts += [text(middle + 10, 188, "read when first needed", 13, anchor="start")]
    starts = [left + x for x, _ in SAMPLES]
    parts += [arrow([(x, 290), (x, 260)], BLUE) for x in starts]
    parts += [
        text(
            left,
            308,
            "starts and ends: where each sample lies, found by its index",
            13,
            anchor="start",
        )
    ]
    title = "An item is a view of bytes in the page cache, which the system fills from the file when they are first needed"
    return picture(left * 2 + width, 324, title, parts)


def layer(left: int, y: int, name: str, words: str) -> list[str]:
    return [
        text(left, y, name, 13, "bold", "start"),
        text(left + 180, y, words, 13, anchor="start"),
    ]


def fast() -> str:
    found = times()
    bars = sorted((found[who], who) for who in SHOWN)
    longest, parts = (
        bars[-1][0],
        [text(16, 26, "One image by a random index", 16, "bold", "start")],
    )
    parts.append(
        text(
            16,
            46,
            "µs, logarithmic: every mark is ten times the one before",
            13,
            anchor="start",
        )
    )
    span = log10(longest / 0.02)
    for mark in (0.1, 1, 10, 100):
        x = 180 + log10(mark / 0.02) / span * 200
        parts.append(
            f'<line x1="{x:.1f}" y1="58" x2="{x:.1f}" y2="{60 + 30 * len(bars)}" stroke="{GREY}" stroke-width="0.7"/>'
        )
    for number, (time, who) in enumerate(bars):
        y, length = 62 + 30 * number, log10(time / 0.02) / span * 200
        colour = {"this library": ORANGE, "the original": BLUE}.get(who, GREY)
        parts.append(
            text(
                172,
                y + 15,
                SHOWN[who],
                13,
                "bold" if who == "this library" else "normal",
                "end",
            )
        )
        parts.append(
            f'<rect x="180" y="{y}" width="{length:.1f}" height="22" fill="{colour}"/>'
        )
        parts.append(
            text(
                186 + length,
                y + 16,
                f"{time:.2g}" if time < 10 else f"{time:.0f}",
                13,
                anchor="start",
                halo=True,
            )
        )
    title = "Time to read one image by a random index: " + ", ".join(
        f"{SHOWN[who]} {time:.2g} µs" for time, who in bars
    )
    return picture(460, 70 + 30 * len(bars), title, parts)


PICTURES = {"how.svg": how, "fast.svg": fast}

if __name__ == "__main__":
    write(PICTURES)
