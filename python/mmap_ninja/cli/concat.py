"""Join data sets of one kind, sample after sample.

What is in OUT stays until the new data set is whole. The bytes are copied
within the kernel, which shares them where the file system can.
"""

import argparse
from pathlib import Path

from mmap_ninja import concatenate
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._made import add_overwrite, say_made

EXAMPLES = """\
  mmap-ninja concat all shard-*
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", type=Path, help="the directory of the new data set")
    parser.add_argument("dirs", metavar="DIR", nargs="+", help="the data sets, in their order")
    add_overwrite(parser, "OUT")


def run(arguments: argparse.Namespace) -> int:
    is_watched = _terminal.is_watched()
    concatenate(arguments.out, arguments.dirs, verbose=is_watched, overwrite=arguments.overwrite)
    say_made(arguments.out)
    return 0
