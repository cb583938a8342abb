"""Create records from a folder of images or text files.

Each file becomes a record: the field 'image' or 'text', the field 'name' with
the file's name relative to FOLDER, and with --labels some more. Images become
uint8 arrays of shape (height, width) if they are grayscale, (height, width, 4)
if they have transparency, and (height, width, 3) otherwise, and are rotated
according to their EXIF orientation. Only the first frame of an animation is
stored. Images require Pillow. Texts must be UTF-8 and are stored unchanged.

Files are taken from FOLDER and its subfolders in natural order: 2.png comes
before 10.png, and a/2.png before b/1.png. Hidden files are skipped, and links
to folders are not followed. Images and texts are recognized by their file
extensions, and other files are skipped. With both --kind and --glob, every
file that matches is converted, whatever its extension.

--labels folders adds the field 'label', an int64: the place of the file's
first folder among all such folders in sorted order. The attribute 'classes'
holds their names. --labels FILE adds the columns of a table, in which a column
'name' or 'file_name' says which file a line is about. A CSV file (.csv) begins
with the names of its columns; a column is of integers, of floats or of texts.
Each line of a JSON-lines file (.jsonl) is an object; lists of numbers become
arrays.

If a file cannot be read or has no label, no dataset is created, and the error
names the file. With --on-error skip, such files are left out and listed on
standard error, and the exit status is 0 if any file was converted.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mmap_ninja import RecordsMmap, _build, write_attrs
from mmap_ninja._display.format import escape, pluralize
from mmap_ninja.cli import _labels, _terminal
from mmap_ninja.cli._common import add_overwrite, positive, print_created
from mmap_ninja.cli._conversion import Conversion, known_names
from mmap_ninja.cli._files import KINDS, PLAIN_MODES, Kind, find_files, images_of

EXAMPLES = """\
  mmap-ninja convert -j 8 photos train
  mmap-ninja convert --labels folders --mode RGB --size 224x224 photos train
  mmap-ninja convert --labels labels.csv --on-error skip photos train
  mmap-ninja convert --kind texts --glob '*.py' project sources
"""
_BATCH_SIZE = 16
_TABLES = (".csv", ".jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder with the files")
    parser.add_argument("out", metavar="DIR", type=Path, help="directory of the new dataset")
    parser.add_argument("--kind", choices=KINDS, help="what to convert, if FOLDER has both")
    parser.add_argument(
        "--glob",
        action="append",
        metavar="PATTERN",
        help="convert only files with matching names, such as '*.jpg'; can be repeated",
    )
    parser.add_argument(
        "--labels",
        type=_labels_source,
        metavar="SOURCE",
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
    parser.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        default="stop",
        help="what to do about files that cannot be read (default: stop)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="keep what is stored if the command is interrupted or fails, and go on from there the next time",
    )
    parser.add_argument(
        "-j", type=positive, default=1, metavar="N", help="number of files to read in parallel (default: 1)"
    )
    add_overwrite(parser, "DIR")


def _labels_source(text: str) -> str | Path:
    if text == _labels.FOLDERS:
        return text
    if not text.endswith(_TABLES):
        raise argparse.ArgumentTypeError(f"'{text}' is neither 'folders' nor a .csv or .jsonl file")
    return Path(text)


def _size(text: str) -> tuple[int, int]:
    if not re.fullmatch("[1-9][0-9]{0,5}x[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a width and a height, such as 640x480")
    width, height = map(int, text.split("x"))
    return width, height


def run(arguments: argparse.Namespace) -> int:
    folder, out = arguments.folder, arguments.out
    if not arguments.overwrite:
        _build.refuse_existing(out)
    if os.path.realpath(folder) == os.path.realpath(out):
        raise ValueError(f"{out}: this directory holds the files; choose another one for the dataset")
    found = _find(arguments)
    name = arguments.kind or _kind_of(found, folder)
    takes_all = arguments.kind and arguments.glob
    files = found if takes_all else [file for file in found if KINDS[name].matches(file)]
    if not files:
        raise ValueError(f"{folder}: no files to convert")
    conversion = Conversion(_chosen(name, arguments), arguments.on_error == "skip")
    labels = _labels_of(files, arguments, conversion.kind)
    conversion.choose(files, labels, folder)
    try:
        _build_dataset(conversion, labels, arguments)
    finally:
        for reason in conversion.skipped:
            print(f"mmap-ninja: skipped {reason}", file=sys.stderr)
    if conversion.skipped:
        count = pluralize(len(files), "file")
        print(f"mmap-ninja: skipped {len(conversion.skipped):,} of {count}", file=sys.stderr)
    if skipped := len(found) - len(files):
        others = pluralize(skipped, "other file")
        print(f"mmap-ninja: converted only {name}, by extension; skipped {others}", file=sys.stderr)
    if unused := labels.unused(known_names(files, folder)):
        print(f"mmap-ninja: {escape(unused)}", file=sys.stderr)
    print_created(out)
    return 0


def _find(arguments: argparse.Namespace) -> list[Path]:
    """The files in the folder, without that of the labels."""
    found = find_files(arguments.folder, arguments.glob or ["*"], exclude=arguments.out)
    table = os.path.realpath(arguments.labels) if isinstance(arguments.labels, Path) else None
    return [file for file in found if file.suffix not in _TABLES or os.path.realpath(file) != table]


def _kind_of(files: Sequence[Path], folder: Path) -> str:
    """Infer the kind from the extensions; an error if there are several."""
    kinds = [name for name, kind in KINDS.items() if any(map(kind.matches, files))]
    if len(kinds) > 1:
        raise ValueError(f"{folder}: there are both {' and '.join(kinds)}; choose with --kind or --glob")
    return kinds[0] if kinds else next(iter(KINDS))


def _chosen(name: str, arguments: argparse.Namespace) -> Kind:
    if not arguments.mode and not arguments.size:
        return KINDS[name]
    if name != "images":
        raise ValueError(f"{arguments.folder}: --mode and --size are for images, not for {name}")
    return images_of(arguments.mode, arguments.size)


def _labels_of(files: Sequence[Path], arguments: argparse.Namespace, kind: Kind) -> _labels.Labels:
    if arguments.labels is None:
        return _labels.NO_LABELS
    if isinstance(arguments.labels, Path):
        return _labels.from_file(arguments.labels, kind.field)
    return _labels.from_folders(arguments.folder, known_names(files, arguments.folder))


def _build_dataset(conversion: Conversion, labels: _labels.Labels, arguments: argparse.Namespace) -> None:
    """Store the records, and publish them when they are complete."""
    kind, resume = conversion.kind, arguments.resume
    fields = {kind.field: kind.declaration, "name": str, **labels.fields}
    recipe = RecordsMmap._recipe(fields)
    work = recipe.session(arguments.out, resume=resume, overwrite=arguments.overwrite, keep=resume)
    with work as built:
        if built.stored:
            conversion.resume(built.partial)
        total = built.stored + len(conversion.chosen)
        try:
            with _build.Counter(_terminal.shows_progress(), total, built.stored) as bar:
                with closing(conversion.records(arguments.j)) as records:
                    built.extend(bar.over(records, built.partial), _BATCH_SIZE)
                bar.show_written(built.partial)
            if not built.stored:
                raise ValueError(f"{arguments.folder}: no file could be converted")
            if labels.attrs:
                write_attrs(built.partial, labels.attrs)
        except BaseException:
            if resume and built.stored:
                what = f"{pluralize(built.stored, 'sample')} stored in {built.partial}"
                print(f"mmap-ninja: {escape(what)}; --resume goes on from there", file=sys.stderr)
            raise
