"""Show the first samples.

Every sample is a line: its index, and the text, or the dtype, the shape and
the first elements of the array. What cannot be printed is escaped. Lines are
cut to the terminal; they are whole where the output goes elsewhere.
"""

import argparse
from pathlib import Path

import numpy as np

from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja._image import is_image, png, sheet
from mmap_ninja._show import clean, count, values
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._data import Data, opened, samples_in
from mmap_ninja.cli._files import write
from mmap_ninja.cli._parser import natural

EXAMPLES = """\
  mmap-ninja head -n 3 texts
  mmap-ninja head -n 100 --images sheet.png images
"""
_THUMBNAIL, _MOST_THUMBNAILS = 128, 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="the data set")
    parser.add_argument("-n", type=natural, default=10, metavar="N", help="how many samples (default: 10)")
    parser.add_argument(
        "--images",
        type=_png_file,
        metavar="FILE.png",
        help="write thumbnails of those that look like images: (height, width), or with 1, 3 or 4 channels",
    )


def _png_file(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"'{text}': thumbnails are written as a .png file")
    return Path(text)


def run(arguments: argparse.Namespace) -> int:
    data = opened(arguments.dir)
    first = range(min(arguments.n, samples_in(data)))
    if arguments.images:
        return _write_thumbnails(arguments, data, first)
    columns, indent = _terminal.width(), len(str(len(first) - 1))
    for index in first:
        text = (
            _text(data[index], columns)
            if isinstance(data, StringsMmap)
            else _array(arguments.dir, data, index)
        )
        print(_terminal.cut(f"{index:>{indent}}  {text}", columns))
    return 0


def _sample(data: RaggedMmap | np.memmap, index: int) -> np.ndarray:
    return np.asarray(data[index] if isinstance(data, RaggedMmap) or data.ndim else data)


def _text(text: str, columns: int | None) -> str:
    return clean(text if columns is None else text[: _terminal.MOST * columns])


def _array(directory: str, data: RaggedMmap | np.memmap, index: int) -> str:
    array = _sample(data, index)
    try:
        return f"{clean(str(array.dtype))} {array.shape}  {values(array)}"
    except ValueError as error:  # NumPy has no text for some values, such as times of no unit.
        raise ValueError(f"{directory}: sample {index}: {error}") from error


def _write_thumbnails(arguments: argparse.Namespace, data: Data, first: range) -> int:
    samples = [] if isinstance(data, StringsMmap) else [_sample(data, index) for index in first]
    images = [sample for sample in samples if is_image(sample)]
    if not images:
        raise ValueError(
            f"{arguments.dir}: none of the first {count(len(first), 'sample')} looks like an image"
        )
    if len(images) > _MOST_THUMBNAILS:
        raise ValueError(
            f"{arguments.images}: {len(images)} images are too many; at most {_MOST_THUMBNAILS} fit"
        )
    write(arguments.images, png(sheet(images, _THUMBNAIL)))
    print(f"{clean(str(arguments.images))}: {count(len(images), 'image')} of {count(len(first), 'sample')}")
    return 0
