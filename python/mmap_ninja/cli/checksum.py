"""Write checksums, by which `verify` finds any changed bit.

They are in DIR/checksums.json. Samples that are appended later are not covered
until they are written again.
"""

import argparse

from mmap_ninja import write_checksums
from mmap_ninja.cli import _terminal

EXAMPLES = """\
  mmap-ninja checksum images
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="the data set")


def run(arguments: argparse.Namespace) -> int:
    write_checksums(arguments.dir, verbose=_terminal.is_watched())
    return 0
