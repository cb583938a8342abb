"""Show the first samples, one per line.

Each line has the index of a sample, then its text, or its dtype, shape and
first elements. Unprintable characters are escaped. On a terminal, lines are
cut to its width; elsewhere they are printed in full.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja._display.format import escape, pluralize, preview
from mmap_ninja._display.image import is_image, png, sheet
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import Dataset, add_dir, non_negative, num_samples, open_dataset

EXAMPLES = """\
  mmap-ninja head -n 3 texts
  mmap-ninja head -n 100 --images sheet.png images
"""
_THUMBNAIL_SIDE, _MAX_THUMBNAILS = 128, 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dir(parser)
    parser.add_argument(
        "-n", type=non_negative, default=10, metavar="N", help="number of samples (default: 10)"
    )
    parser.add_argument(
        "--images",
        type=_png_file,
        metavar="FILE.png",
        help="instead of printing lines, write thumbnails of the samples that look like images: "
        "shape (height, width), or (height, width, channels) with 1, 3 or 4 channels",
    )


def _png_file(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"'{text}' does not end in .png")
    return Path(text)


def run(arguments: argparse.Namespace) -> int:
    dataset = open_dataset(arguments.dir)
    indices = range(min(arguments.n, num_samples(dataset)))
    if arguments.images:
        return _write_thumbnails(arguments, dataset, indices)
    columns, index_width = _terminal.width(), len(str(len(indices) - 1))
    limit = None if columns is None else _terminal.MAX_CHARACTERS_PER_COLUMN * columns
    for index in indices:
        if isinstance(dataset, StringsMmap):
            text = escape(dataset[index][:limit])
        else:
            text = _array(arguments.dir, dataset, index)
        print(_terminal.truncate(f"{index:>{index_width}}  {text}", columns))
    return 0


def _sample(dataset: RaggedMmap | np.memmap, index: int) -> np.ndarray:
    return np.asarray(dataset[index] if isinstance(dataset, RaggedMmap) or dataset.ndim else dataset)


def _array(directory: str, dataset: RaggedMmap | np.memmap, index: int) -> str:
    array = _sample(dataset, index)
    try:
        return f"{escape(str(array.dtype))} {array.shape}  {preview(array)}"
    except ValueError as error:  # NumPy cannot format some values, such as times without a unit.
        raise ValueError(f"{directory}: sample {index}: {error}") from error


def _write_thumbnails(arguments: argparse.Namespace, dataset: Dataset, indices: range) -> int:
    samples = [] if isinstance(dataset, StringsMmap) else [_sample(dataset, index) for index in indices]
    images = [sample for sample in samples if is_image(sample)]
    looked_at = pluralize(len(indices), "sample")
    if not images:
        raise ValueError(f"{arguments.dir}: none of the first {looked_at} looks like an image")
    if len(images) > _MAX_THUMBNAILS:
        raise ValueError(
            f"{arguments.images}: {len(images)} images are too many; at most {_MAX_THUMBNAILS} fit"
        )
    _replace(arguments.images, png(sheet(images, _THUMBNAIL_SIDE)))
    print(f"{escape(str(arguments.images))}: {pluralize(len(images), 'image')} of {looked_at}")
    return 0


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that no partial file is ever seen there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
