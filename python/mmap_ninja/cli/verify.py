"""Check that a dataset is sound and matches its checksums.

The command reads everything: files, offsets, shapes, texts, compressed frames
and, if there are checksums, the bytes that they cover. It changes nothing. The
exit status is 1 if it finds damage.
"""

import argparse

from mmap_ninja import verify
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_dir, print_outcome

EXAMPLES = """\
  mmap-ninja verify images && echo sound
  mmap-ninja checksum images     lets a later `verify` detect any changed bit
"""


add_arguments = add_dir


def run(arguments: argparse.Namespace) -> int:
    report = verify(arguments.dir, verbose=_terminal.shows_progress())
    print_outcome(report, report.findings + report.notes)
    return 0 if report.ok else 1
