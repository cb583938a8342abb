"""Show the first samples, one per line, or records, one per block.

Each line has the index of a sample, then its text, or its dtype, shape and
first elements. A record has a line for each field, with its name. Unprintable
characters are escaped. On a terminal, lines are cut to its width; elsewhere
they are printed in full.
"""

import argparse
from pathlib import Path

from mmap_ninja import RecordsMmap, StringsMmap
from mmap_ninja._display.format import escape, pluralize, preview
from mmap_ninja._replacing import replacing
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import Dataset, add_dir, non_negative, num_samples, open_dataset
from mmap_ninja.cli._thumbnails import Array, sample_of, thumbnails

EXAMPLES = """\
  mmap-ninja head -n 3 texts
  mmap-ninja head -n 100 --images sheet.png images
"""


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


def _array(directory: str, dataset: Array, index: int) -> str:
    array = sample_of(dataset, index)
    try:
        return f"{escape(str(array.dtype))} {array.shape}  {preview(array)}"
    except ValueError as error:  # NumPy cannot format some values, such as times without a unit.
        raise ValueError(f"{directory}: sample {index}: {error}") from error


def _write_thumbnails(arguments: argparse.Namespace, dataset: Dataset, indices: range) -> int:
    content, count = thumbnails(dataset, indices)
    looked_at = pluralize(len(indices), "sample")
    if content is None:
        raise ValueError(f"{arguments.dir}: none of the first {looked_at} looks like an image")
    with replacing(arguments.images) as temporary:
        temporary.write_bytes(content)
    print(f"{escape(str(arguments.images))}: {pluralize(count, 'image')} of {looked_at}")
    return 0
