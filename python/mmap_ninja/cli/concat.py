"""Join datasets of the same kind, in order.

With --overwrite, the dataset in OUT stays in place until the new one is
complete. The kernel copies the bytes, or shares them if the file system
supports it. Records are joined field by field.
"""

import argparse
from pathlib import Path

from mmap_ninja import _paths, concatenate
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_overwrite, print_created

EXAMPLES = """\
  mmap-ninja concat all shard-*
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", type=Path, help="directory of the new dataset")
    parser.add_argument("dirs", metavar="DIR", nargs="+", type=Path, help="datasets to join, in this order")
    add_overwrite(parser, "OUT")


def run(arguments: argparse.Namespace) -> int:
    _paths.check_vacant(arguments.out)
    concatenate(arguments.out, arguments.dirs, _terminal.shows_progress(), arguments.overwrite)
    print_created(arguments.out)
    return 0
