"""Create a dataset from a folder of images or text files.

Each file becomes one sample. Images become uint8 arrays of shape (height,
width) if they are grayscale, (height, width, 4) if they have transparency, and
(height, width, 3) otherwise, and are rotated according to their EXIF
orientation. Only the first frame of an animation is stored. Images require
Pillow. Texts must be UTF-8 and are stored unchanged.

Files are taken from FOLDER and its subfolders in natural order: 2.png comes
before 10.png, and a/2.png before b/1.png. Hidden files are skipped, and links
to folders are not followed. Images and texts are recognized by their file
extensions, and other files are skipped. With both --kind and --glob, every
file that matches is converted, whatever its extension. DIR/names is a dataset
of texts that holds the file name of each sample, relative to FOLDER.

If a file cannot be read, no dataset is created, and the error names the file.
"""

import argparse
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from mmap_ninja import StringsMmap, _build
from mmap_ninja._display.format import pluralize
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import NAMES, add_overwrite, positive, print_created
from mmap_ninja.cli._files import KINDS, Kind, find_files

EXAMPLES = """\
  mmap-ninja convert -j 8 photos images
  mmap-ninja convert --glob '*.jpg' mixed images
  mmap-ninja convert --kind texts --glob '*.py' project sources
"""
_BATCH_SIZE = 16


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
        "-j", type=positive, default=1, metavar="N", help="number of files to read in parallel (default: 1)"
    )
    add_overwrite(parser, "DIR")


def run(arguments: argparse.Namespace) -> int:
    folder, out = arguments.folder, arguments.out
    if not arguments.overwrite:
        _build.refuse_existing(out)
    if os.path.realpath(folder) == os.path.realpath(out):
        raise ValueError(f"{out}: this directory holds the files; choose another one for the dataset")
    found = find_files(folder, arguments.glob or ["*"], exclude=out)
    name = arguments.kind or _kind_of(found, folder)
    takes_all = arguments.kind and arguments.glob
    files = found if takes_all else [file for file in found if KINDS[name].matches(file)]
    if not files:
        raise ValueError(f"{folder}: no files to convert")
    _build_dataset(KINDS[name], files, arguments)
    if skipped := len(found) - len(files):
        others = pluralize(skipped, "other file")
        print(f"mmap-ninja: converted only {name}, by extension; skipped {others}", file=sys.stderr)
    print_created(out)
    return 0


def _kind_of(files: Sequence[Path], folder: Path) -> str:
    """Infer the kind from the extensions; an error if there are several."""
    kinds = [name for name, kind in KINDS.items() if any(map(kind.matches, files))]
    if len(kinds) > 1:
        raise ValueError(f"{folder}: there are both {' and '.join(kinds)}; choose with --kind or --glob")
    return kinds[0] if kinds else next(iter(KINDS))


def _build_dataset(kind: Kind, files: Sequence[Path], arguments: argparse.Namespace) -> None:
    """Store samples and file names, and publish them when they are complete."""
    names = [_name(file, arguments.folder) for file in files]
    work = kind.recipe.session(arguments.out, overwrite=arguments.overwrite, keep=False)
    bar = _build.Counter(_terminal.shows_progress(), len(files))
    with bar, work as built, closing(_load_all(kind.load, files, arguments.j)) as samples:
        built.extend(bar.over(samples, built.partial), _BATCH_SIZE)
        bar.show_written(built.partial)
        StringsMmap.from_strings(built.partial / NAMES, names)


def _name(file: Path, folder: Path) -> str:
    name = file.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{file}: the file name is not valid UTF-8; rename the file") from error
    return name


def _load_all(load: Callable[[Path], Any], files: Iterable[Path], jobs: int) -> Generator[Any, None, None]:
    """Yield the samples in order while threads read ahead; Pillow decodes images without holding the GIL."""
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for file in files:
                pending.append(pool.submit(load, file))
                if len(pending) > 2 * jobs:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
