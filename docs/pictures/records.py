"""Makes the pictures of the page on records from scikit-image's photographs: `python docs/pictures/records.py card.html`.

It writes `records-sheet.png` beside itself, and the HTML that a notebook shows to `card.html`; `records-card.png` is a browser's picture of it.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from mmap_ninja import RecordsMmap
from mmap_ninja.cli import main
from skimage import data

NAMES = ("astronaut", "chelsea", "coffee", "rocket")
PER_CLASS, SIDES = 3, (150, 290)


def records(out_dir: str) -> RecordsMmap:
    """Crops of photographs, each with some boxes."""
    random = np.random.default_rng(3)
    samples = []
    for i in range(PER_CLASS * len(NAMES)):
        label = i % len(NAMES)
        photograph = getattr(data, NAMES[label])()[..., :3]
        height, width = random.integers(*SIDES, size=2)
        top, left = random.integers(
            0, np.array(photograph.shape[:2]) - (height, width), endpoint=True
        )
        boxes = np.sort(random.integers(0, (width, height), (i % 3, 2, 2)), axis=1)
        samples.append(
            {
                "image": photograph[top : top + height, left : left + width],
                "name": f"{i:02}.jpg",
                "label": label,
                "boxes": boxes.reshape(-1, 4),
            }
        )
    return RecordsMmap.from_lists(out_dir, samples, fields={"boxes": {"shape": (-1, 4)}})


if __name__ == "__main__":
    sheet, card = (
        Path(__file__).with_name("records-sheet.png"),
        Path(sys.argv[1]).absolute(),
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        card.write_text(records("train")._repr_html_(), encoding="utf-8")
        sys.exit(main(["head", "-n", "12", "--images", str(sheet), "train"]))
