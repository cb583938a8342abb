"""Write checksums, with which `verify` detects any changed bit.

They are stored in DIR/checksums.json. Samples that are appended later are not
covered until you run this command again.
"""

import argparse

from mmap_ninja import write_checksums
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_dir

EXAMPLES = """\
  mmap-ninja checksum images
"""


add_arguments = add_dir


def run(arguments: argparse.Namespace) -> int:
    write_checksums(arguments.dir, verbose=_terminal.shows_progress())
    return 0
