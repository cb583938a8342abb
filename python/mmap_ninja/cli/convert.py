"""Make a data set of a folder of images or of text files.

Every file becomes a sample. Images become uint8 arrays of shape (height,
width) where they are grey, else (height, width, 3), or (height, width, 4) with
transparency, upright as their EXIF says; of animations, the first frame. This
needs Pillow. Texts are read as UTF-8 and stored as they are.

Files are taken from FOLDER and the folders in it, in natural order: 2.png
comes before 10.png, and a/2.png before b/1.png. Hidden files are left out, and
links to folders are not followed. The extension tells what a file is, and
files with others are left out; --kind with --glob takes all that match.
DIR/names is a data set of texts that tells which file each sample was,
relative to FOLDER.

If a file cannot be read, nothing is made, and the error names the file.
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
from mmap_ninja._show import count
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._files import below
from mmap_ninja.cli._kinds import KINDS, Kind
from mmap_ninja.cli._made import NAMES, add_overwrite, say_made
from mmap_ninja.cli._parser import positive

EXAMPLES = """\
  mmap-ninja convert -j 8 photos images
  mmap-ninja convert --glob '*.jpg' mixed images
  mmap-ninja convert --kind texts --glob '*.py' project sources
"""
_BATCH = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where the files are")
    parser.add_argument("out", metavar="DIR", type=Path, help="the directory of the new data set")
    parser.add_argument("--kind", choices=KINDS, help="what the files are, where there are several kinds")
    parser.add_argument(
        "--glob",
        action="append",
        metavar="PATTERN",
        help="take files with such names, like '*.jpg'; may be given again for more",
    )
    parser.add_argument(
        "-j", type=positive, default=1, metavar="N", help="read N files at the same time (default: 1)"
    )
    add_overwrite(parser, "DIR")


def run(arguments: argparse.Namespace) -> int:
    folder, out = arguments.folder, arguments.out
    if not arguments.overwrite:
        _build.refuse_existing(out)
    if os.path.realpath(folder) == os.path.realpath(out):
        raise ValueError(f"{out}: the files are in this directory; give the data set one of its own")
    found = below(folder, arguments.glob or ["*"], without=out)
    name = arguments.kind or _kind_of(found, folder)
    is_chosen = arguments.kind and arguments.glob
    files = found if is_chosen else [file for file in found if KINDS[name].is_likely(file)]
    if not files:
        raise ValueError(f"{folder}: no files to convert")
    _build_map(KINDS[name], files, arguments)
    if left_out := len(found) - len(files):
        print(f"mmap-ninja: {count(left_out, 'file')} left out, no {name} by extension", file=sys.stderr)
    say_made(out)
    return 0


def _kind_of(files: Sequence[Path], folder: Path) -> str:
    """The one kind that extensions tell of."""
    kinds = [name for name, kind in KINDS.items() if any(map(kind.is_likely, files))]
    if len(kinds) > 1:
        raise ValueError(f"{folder}: there are both {' and '.join(kinds)}; choose some with --glob")
    return kinds[0] if kinds else next(iter(KINDS))


def _build_map(kind: Kind, files: Sequence[Path], arguments: argparse.Namespace) -> None:
    """Put the map in its place when it is whole, with the names of the files."""
    names = [_name(file, arguments.folder) for file in files]
    work = kind.recipe.session(arguments.out, overwrite=arguments.overwrite, keep=False)
    bar = _build.Counter(_terminal.is_watched(), len(files))
    with bar, work as built, closing(_loaded(kind.load, files, arguments.j)) as samples:
        built.extend(bar.over(samples, built.partial), _BATCH)
        bar.show_written(built.partial)
        StringsMmap.from_strings(built.partial / NAMES, names)


def _name(file: Path, folder: Path) -> str:
    name = file.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{file}: the name of this file is no UTF-8; rename it") from error
    return name


def _loaded(load: Callable[[Path], Any], files: Iterable[Path], jobs: int) -> Generator[Any, None, None]:
    """The samples in order, while threads read those to come: Pillow decodes without the interpreter's lock."""
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for file in files:
                waiting.append(pool.submit(load, file))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
