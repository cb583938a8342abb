"""Join datasets of the same kind, in order.

With --overwrite, the dataset in OUT stays in place until the new one is
complete. The kernel copies the bytes, or shares them if the file system
supports it. The file names that `convert` stores are joined too, if every DIR
has one for every sample.
"""

import argparse
import sys
from pathlib import Path

from mmap_ninja import StringsMmap, _build, _core, concatenate
from mmap_ninja._display.format import escape
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import NAMES, add_overwrite, num_samples, open_dataset, print_created
from mmap_ninja.generic import joining

EXAMPLES = """\
  mmap-ninja concat all shard-*
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", type=Path, help="directory of the new dataset")
    parser.add_argument("dirs", metavar="DIR", nargs="+", type=Path, help="datasets to join, in this order")
    add_overwrite(parser, "OUT")


def run(arguments: argparse.Namespace) -> int:
    out, dirs = arguments.out, arguments.dirs
    nameless = [directory for directory in dirs if not _names_every_sample(directory)]
    is_any_named = any(_has_names(directory) for directory in dirs)
    with joining(out, dirs, _terminal.shows_progress(), arguments.overwrite) as (_, partial):
        if not nameless:
            concatenate(partial / NAMES, [directory / NAMES for directory in dirs])
    if nameless and arguments.overwrite and _has_names(out):
        _build.discard(out / NAMES)  # They belong to the dataset that was replaced.
    if nameless and is_any_named:
        where = escape(str(nameless[0]))
        print(f"mmap-ninja: file names not joined: not every sample of {where} has one", file=sys.stderr)
    print_created(out)
    return 0


def _has_names(path: Path) -> bool:
    return (path / NAMES).is_dir() and _core.kind(path / NAMES) == "string"


def _names_every_sample(path: Path) -> bool:
    return _has_names(path) and len(StringsMmap(path / NAMES)) == num_samples(open_dataset(path))
