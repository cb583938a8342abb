"""Show the first samples, one per line, or records, one per block.

Each line has the index of a sample, then its text, or its dtype, shape and
first elements. A record has a line for each field, with its name. Unprintable
characters are escaped. On a terminal, lines are cut to its width; elsewhere
they are printed in full.
"""

import argparse
import os
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja._display.format import escape, pluralize, preview
from mmap_ninja._display.image import is_image, png, sheet
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import Dataset, add_dir, non_negative, num_samples, open_dataset

EXAMPLES = """\
  mmap-ninja head -n 3 texts
  mmap-ninja head -n 100 --images sheet.png images
"""
_THUMBNAIL_SIDE, _MAX_THUMBNAILS, _MAX_CAPTIONS = 128, 1024, 4

Array: TypeAlias = RaggedMmap | np.memmap


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
        "shape (height, width), or (height, width, channels) with 1, 3 or 4 channels; those of records have the other "
        "fields as captions",
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
    if isinstance(dataset, RecordsMmap):
        _print_records(arguments.dir, dataset, indices)
        return 0
    columns, index_width = _terminal.width(), len(str(len(indices) - 1))
    for index in indices:
        text = _text(arguments.dir, dataset, index)
        print(_terminal.truncate(f"{index:>{index_width}}  {text}", columns))
    return 0


def _print_records(directory: str, records: RecordsMmap, indices: range) -> None:
    """Print each record as a block, with a line for each field."""
    columns, index_width = _terminal.width(), len(str(len(indices) - 1))
    fields = [(escape(name), records.field(name)) for name in records.fields]
    name_width = max((len(name) for name, _ in fields), default=0)
    for index in indices:
        number = f"{index:>{index_width}}"
        for name, memmap in fields:
            line = f"{number}  {name:<{name_width}}  {_text(directory, memmap, index)}"
            print(_terminal.truncate(line, columns))
            number = " " * index_width
        if index != indices[-1]:
            print()


def _text(directory: str, dataset: Array | StringsMmap, index: int) -> str:
    """A sample as one line of text."""
    if not isinstance(dataset, StringsMmap):
        return _array(directory, dataset, index)
    columns = _terminal.width()
    limit = None if columns is None else _terminal.MAX_CHARACTERS_PER_COLUMN * columns
    return escape(dataset[index][:limit])


def _sample(dataset: Array, index: int) -> np.ndarray:
    return np.asarray(dataset[index] if isinstance(dataset, RaggedMmap) or dataset.ndim else dataset)


def _array(directory: str, dataset: Array, index: int) -> str:
    array = _sample(dataset, index)
    try:
        return f"{escape(str(array.dtype))} {array.shape}  {preview(array)}"
    except ValueError as error:  # NumPy cannot format some values, such as times without a unit.
        raise ValueError(f"{directory}: sample {index}: {error}") from error


def _write_thumbnails(arguments: argparse.Namespace, dataset: Dataset, indices: range) -> int:
    source = _image_field(dataset, indices) if isinstance(dataset, RecordsMmap) else dataset
    samples = (
        [] if isinstance(source, StringsMmap) else [(index, _sample(source, index)) for index in indices]
    )
    images = [(index, sample) for index, sample in samples if is_image(sample)]
    looked_at = pluralize(len(indices), "sample")
    if not images:
        raise ValueError(f"{arguments.dir}: none of the first {looked_at} looks like an image")
    if len(images) > _MAX_THUMBNAILS:
        raise ValueError(
            f"{arguments.images}: {len(images)} images are too many; at most {_MAX_THUMBNAILS} fit"
        )
    captions = _captions(dataset, source, [index for index, _ in images])
    _replace(arguments.images, png(sheet([image for _, image in images], _THUMBNAIL_SIDE, captions)))
    print(f"{escape(str(arguments.images))}: {pluralize(len(images), 'image')} of {looked_at}")
    return 0


def _image_field(records: RecordsMmap, indices: range) -> Array | StringsMmap:
    """The first field with a sample that looks like an image, or any field if there is none."""
    fields: list[Array | StringsMmap] = [records.field(name) for name in records.fields]
    for field in fields:
        if not isinstance(field, StringsMmap) and any(is_image(_sample(field, index)) for index in indices):
            return field
    return fields[0]


def _captions(dataset: Dataset, shown: object, indices: list[int]) -> list[list[str]]:
    """The other fields of each record, in a line each: a text as it is, a number behind its name, an array as its shape."""
    if not isinstance(dataset, RecordsMmap):
        return []
    fields = [(name, dataset.field(name)) for name in dataset.fields if dataset.field(name) is not shown]
    return [[_caption(name, field, index) for name, field in fields[:_MAX_CAPTIONS]] for index in indices]


def _caption(name: str, field: Array | StringsMmap, index: int) -> str:
    if isinstance(field, StringsMmap):
        return escape(field[index][:_THUMBNAIL_SIDE])
    sample = _sample(field, index)
    return f"{name} {sample.shape if sample.ndim else preview(sample)}"


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
