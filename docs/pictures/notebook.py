"""Makes the pictures of the guides: `python docs/pictures/notebook.py folder` writes the HTML that a notebook shows to `folder`.

A browser's pictures of these pages are `images-card.png`, `texts-card.png` and `tokens-card.png`. It also writes `images-padded.png` beside
itself: a batch of photographs of different sizes. They come with scikit-image.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from mmap_ninja import RaggedMmap, StringsMmap
from PIL import Image
from skimage import data

NAMES = ("astronaut", "coffee", "cat", "rocket")
REVIEWS = (
    "The plot is thin, but the camera makes up for it.",
    "Two hours that felt like twenty minutes.",
    "I left before the end.",
    "Ein leiser Film, der lange nachwirkt.",
    "Sehr gut gespielt, aber zu lang.",
)
GAP, BACKGROUND = 8, 225


def images(out_dir: str) -> RaggedMmap:
    """Crops of photographs, of different sizes."""
    random = np.random.default_rng(5)
    crops = []
    for i in range(24):
        photograph = getattr(data, NAMES[i % len(NAMES)])()[..., :3]
        height, width = random.integers(140, 280, size=2)
        top, left = random.integers(
            0, np.array(photograph.shape[:2]) - (height, width), endpoint=True
        )
        crops.append(photograph[top : top + height, left : left + width])
    return RaggedMmap.from_lists(out_dir, crops)


def padded(photographs: RaggedMmap, indices: list[int]) -> Image.Image:
    """The samples of a padded batch, side by side, on grey where they are padding."""
    batch, _ = photographs.padded(indices, padding_value=BACKGROUND)
    count, height, width = batch.shape[:3]
    sheet = np.full((height, count * (width + GAP) - GAP, 3), 255, np.uint8)
    for place, image in enumerate(batch):
        sheet[:, place * (width + GAP) :][:, :width] = image
    return Image.fromarray(sheet)


if __name__ == "__main__":
    folder, beside = Path(sys.argv[1]).absolute(), Path(__file__).resolve().parent
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        photographs = images("images")
        lengths = random.integers(3, 40, 500)
        tokens = [random.integers(0, 1000, length, np.uint16) for length in lengths]
        cards = {
            "images": photographs,
            "texts": StringsMmap.from_strings("reviews", REVIEWS * 1000),
            "tokens": RaggedMmap.from_lists("tokens", tokens),
        }
        for name, shown in cards.items():
            (folder / f"{name}.html").write_text(shown._repr_html_(), encoding="utf-8")
        sheet = padded(photographs, [2, 7, 6])
        sheet.quantize(96).save(beside / "images-padded.png", optimize=True)
