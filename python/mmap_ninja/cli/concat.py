"""Join data sets of one kind, sample after sample.

What is in OUT stays until the new data set is whole. The bytes are copied
within the kernel, which shares them where the file system can. The names that
`convert` stores are joined as well, if all of DIR have them for every sample.
"""

import argparse
import sys
from pathlib import Path

from mmap_ninja import StringsMmap, _build, _core, concatenate
from mmap_ninja._show import clean
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._data import opened, samples_in
from mmap_ninja.cli._made import NAMES, add_overwrite, say_made
from mmap_ninja.generic import joining

EXAMPLES = """\
  mmap-ninja concat all shard-*
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", type=Path, help="the directory of the new data set")
    parser.add_argument("dirs", metavar="DIR", nargs="+", type=Path, help="the data sets, in their order")
    add_overwrite(parser, "OUT")


def run(arguments: argparse.Namespace) -> int:
    out, dirs = arguments.out, arguments.dirs
    nameless = [directory for directory in dirs if not _is_named(directory)]
    is_any_named = any(_has_names(directory) for directory in dirs)
    with joining(out, dirs, _terminal.is_watched(), arguments.overwrite) as (_, partial):
        if not nameless:
            concatenate(partial / NAMES, [directory / NAMES for directory in dirs])
    if nameless and arguments.overwrite and _has_names(out):
        _build.discard(out / NAMES)  # They are those of the data set that was replaced.
    if nameless and is_any_named:
        where = clean(str(nameless[0]))
        print(f"mmap-ninja: names are not joined: {where} has none for every sample", file=sys.stderr)
    say_made(out)
    return 0


def _has_names(directory: Path) -> bool:
    names = directory / NAMES
    return names.is_dir() and _core.kind(names) == "string"


def _is_named(directory: Path) -> bool:
    """Whether there is a name for every sample."""
    return _has_names(directory) and len(StringsMmap(directory / NAMES)) == samples_in(opened(directory))
