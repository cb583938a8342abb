"""Check that datasets are sound and match their checksums.

The command reads everything: files, offsets, shapes, texts, compressed frames
and, if there are checksums, the bytes that they cover. It changes nothing. The
exit status is 1 if it finds damage.

The size is that of the stored samples and of the index, unlike that of `info`,
which leaves out the index. The bytes with checksums are those that match them,
including the bytes of small files such as dtype.ninja.
"""

import argparse

from mmap_ninja import verify
from mmap_ninja._core import Report
from mmap_ninja._display.format import escape
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_dirs, examine_each, mentioning_partial, print_outcome

EXAMPLES = """\
  mmap-ninja verify images && echo sound
  mmap-ninja verify shard-*
  mmap-ninja checksum images     lets a later `verify` detect any changed bit
"""


add_arguments = add_dirs


def run(arguments: argparse.Namespace) -> int:
    is_sound = True
    for directory, report in examine_each(arguments.dirs, _verify):
        if report is not None:
            if len(arguments.dirs) > 1:
                print(escape(directory), end=": ")
            print_outcome(report, report.findings + report.notes)
        is_sound &= report is not None and report.ok
    return 0 if is_sound else 1


def _verify(directory: str) -> Report:
    with mentioning_partial(directory):
        return verify(directory, verbose=_terminal.shows_progress())
