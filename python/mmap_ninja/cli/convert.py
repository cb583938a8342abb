"""Create a dataset from a folder of files, tables, tars, arrays or tokens.

SOURCE tells what it is:

  folder of images or texts   records: 'image' or 'text', and 'name', the
  or .npy files ('array')     file's name relative to SOURCE
  .parquet, .arrow, .jsonl    records with a field for each column
  WebDataset .tar             records: '__key__', and a field for each
                              extension: images, .npy, .txt, .json and .cls
                              are decoded, others stay bytes
  .npz, .npy                  a dense field for each array, by rows
  .bin and .idx of Megatron   its sequences, as a ragged dataset
  flat file of tokens         one sample for each file, with --dtype

A quoted glob stands for several files, which are read in natural order. A
source with a single column becomes a dataset of its own instead of records.
Tables need pyarrow, and images need Pillow. Nothing is unpickled, and tars are
not extracted.

Images become uint8 arrays of shape (height, width) if they are grayscale,
(height, width, 4) if they have transparency, and (height, width, 3) otherwise,
and are rotated according to their EXIF orientation. Only the first frame of an
animation is stored. Texts must be UTF-8 and are stored unchanged.

Files of a folder are taken from its subfolders too, in natural order: 2.png
comes before 10.png, and a/2.png before b/1.png. Hidden files are skipped, and
links to folders are not followed. Files are recognized by their extensions,
and others are skipped. With both --kind and --glob, every file that matches is
converted, whatever its extension.

--labels folders adds the field 'label', an int64: the place of the file's
first folder among all such folders in sorted order. The attribute 'classes'
holds their names. --labels FILE adds the columns of a table, in which a column
'name' or 'file_name' says which file a line is about. A CSV file (.csv) begins
with the names of its columns; a column is of integers, of floats or of texts.
Each line of a JSON-lines file (.jsonl) is an object; lists of numbers become
arrays.

If something cannot be read, no dataset is created, and the error names the
file. What was stored before is safe in DIR.partial, and --resume goes on from
there, with the same options and files; the file that stopped it, and those
behind it, may have been mended. With --on-error skip, such files, samples and
lines, and rows of tables with a null, are left out and listed on standard
error, and the exit status is 0 if anything was converted.
"""

import argparse
import re
import sys

from mmap_ninja import _core
from mmap_ninja._convert.conversion import Conversion, Field
from mmap_ninja._convert.formats import FORMATS, Told, prepare
from mmap_ninja._convert.images import PLAIN_MODES
from mmap_ninja._convert.request import Destination, Request
from mmap_ninja._display.format import escape, pluralize
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_overwrite, aligned, positive, print_created, unfinished_build

EXAMPLES = """\
  mmap-ninja convert -j 8 photos train
  mmap-ninja convert --labels folders --mode RGB --size 224x224 photos train
  mmap-ninja convert --labels labels.csv --on-error skip photos train
  mmap-ninja convert --kind texts --glob '*.py' project sources
  mmap-ninja convert --fields text,label 'train-*.parquet' train
  mmap-ninja convert --dry-run 'shards/*.tar' train
  mmap-ninja convert --dtype uint16 tokens.bin tokens
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="folder, file, or quoted glob of files")
    parser.add_argument("out", metavar="DIR", help="directory of the new dataset")
    parser.add_argument(
        "--kind",
        choices=FORMATS,
        metavar="KIND",
        help=f"what SOURCE is, if it cannot be told: {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "--fields",
        type=_names,
        metavar="NAME,...",
        help="store only these columns, arrays or extensions; json.label is a value of the objects in .json members",
    )
    parser.add_argument(
        "--glob",
        action="append",
        metavar="PATTERN",
        help="convert only files of a folder with matching names, such as '*.jpg'; can be repeated",
    )
    parser.add_argument(
        "--labels",
        type=_labels_source,
        metavar="LABELS",
        help="'folders', or a .csv or .jsonl file; see above",
    )
    parser.add_argument(
        "--mode", choices=PLAIN_MODES, help="convert images to grayscale (L), RGB, or RGB with transparency"
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="WxH",
        help="resize images to this width and height; with --mode, they become one dense array",
    )
    parser.add_argument("--dtype", help="dtype of a flat file of tokens, such as uint16")
    parser.add_argument(
        "--dry-run", action="store_true", help="show the fields that would be made, and make nothing"
    )
    parser.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        default="stop",
        help="what to do about what cannot be read (default: stop)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from what an interrupted or failed run has stored"
    )
    parser.add_argument(
        "-j",
        type=positive,
        default=1,
        metavar="N",
        help="number of files to read or images to decode in parallel (default: 1)",
    )
    add_overwrite(parser, "DIR")


def _names(text: str) -> list[str]:
    names = text.split(",")
    if "" in names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of names, each once, such as text,label")
    return names


def _labels_source(text: str) -> str:
    if text != "folders" and not text.endswith((".csv", ".jsonl")):
        raise argparse.ArgumentTypeError(f"'{text}' is neither 'folders' nor a .csv or .jsonl file")
    return text


def _size(text: str) -> tuple[int, int]:
    if not re.fullmatch("[1-9][0-9]{0,5}x[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a width and a height, such as 640x480")
    width, height = map(int, text.split("x"))
    return width, height


def run(arguments: argparse.Namespace) -> int:
    request = Request(
        source=arguments.source,
        out_dir=arguments.out,
        kind=arguments.kind,
        fields=arguments.fields,
        glob=arguments.glob,
        labels=arguments.labels,
        mode=arguments.mode,
        size=arguments.size,
        dtype=arguments.dtype,
        skips=arguments.on_error == "skip",
        jobs=arguments.j,
    )
    told, conversion = prepare(request, arguments.overwrite or arguments.dry_run)
    if arguments.dry_run:
        _print_plan(arguments.source, told, conversion)
    else:
        _store(arguments, conversion)
    for note in told.notes:
        _print_note(note)
    if not arguments.dry_run:
        print_created(arguments.out)
    return 0


def _store(arguments: argparse.Namespace, conversion: Conversion) -> None:
    show, options = _terminal.shows_progress(), _core.Options()
    destination = Destination(arguments.out, options, show, arguments.overwrite, arguments.resume)
    try:
        conversion.store(destination)
    except BaseException:
        if (found := unfinished_build(arguments.out)) is not None:
            _print_note(f"{found}; --resume goes on from there")
        raise
    finally:
        for note in conversion.notes:
            _print_note(note)


def _print_note(note: str) -> None:
    print(f"mmap-ninja: {escape(note)}", file=sys.stderr)


def _print_plan(source: str, told: Told, conversion: Conversion) -> None:
    """Print what would be converted, and a line for each field."""
    counts = [pluralize(len(told.files), "file")]
    if conversion.samples is not None:
        counts.append(pluralize(conversion.samples, "sample"))
    columns = _terminal.width()
    print(_terminal.truncate(escape(f"{source}: {told.format.what}, {', '.join(counts)}"), columns))
    for line in aligned([[each.name, each.kind, each.dtype, _extent(each)] for each in conversion.fields]):
        print(_terminal.truncate(line.rstrip(), columns))


def _extent(field: Field) -> str:
    if field.shape is None:
        return ""
    if not field.shape:
        return "scalars"
    axes = ["n" if axis == -1 else str(axis) for axis in field.shape]
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
