"""The two kinds of samples: how each is read from a file, stored and used."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmap_ninja import RaggedMmap, StringsMmap
from PIL import Image


@dataclass(frozen=True)
class Kind:
    """Images or texts.

    Attributes:
        read: returns the sample in a file; raises if the file cannot be read.
        touch: reads every byte of a sample, and takes little time compared with obtaining it.
        work: describes `touch`.
        batch_size: the number of samples held in memory during the conversion.
    """

    name: str
    store: type
    read: Callable[[Path], Any]
    equal: Callable[[Any, Any], bool]
    touch: Callable[[Any], int]
    work: str
    batch_size: int


def read_image(file: Path) -> np.ndarray:
    """The pixels as uint8, of shape (height, width) for grey images and (height, width, channels) for others.

    Images with more bits are reduced to 8, because all samples of a map share one dtype.
    """
    with Image.open(file) as image:
        if image.mode.startswith("I;16"):
            return (np.array(image) >> 8).astype(np.uint8)
        return np.array(image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB"))


def read_text(file: Path) -> str:
    """The text, with its line endings unchanged."""
    return file.read_bytes().decode("utf-8")


def brightest(image: np.ndarray) -> int:
    return int(image.max())


def at_signs(text: str) -> int:
    return text.count("@")


# A batch of full-size photographs, 40 MB each, should fit into memory.
IMAGES = Kind(
    "images", RaggedMmap, read_image, np.array_equal, brightest, "finds its brightest value", batch_size=32
)
TEXTS = Kind("texts", StringsMmap, read_text, operator.eq, at_signs, "counts its @ signs", batch_size=1024)
KINDS = {kind.name: kind for kind in (IMAGES, TEXTS)}
