"""Check that a data set is sound, and that it is what it was.

Everything is read: files, offsets, shapes, texts, compressed frames and, where
there are checksums, the bytes. Nothing is changed. The exit status is 1 where
something is found.
"""

import argparse

from mmap_ninja import verify
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._findings import printable

EXAMPLES = """\
  mmap-ninja verify images && echo sound
  mmap-ninja checksum images     so that any changed bit is found later
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="the data set")


def run(arguments: argparse.Namespace) -> int:
    report = verify(arguments.dir, verbose=_terminal.is_watched())
    print(printable(report, report.findings + report.notes))
    return 0 if report.ok else 1
