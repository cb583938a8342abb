"""Write a dataset to a Parquet file.

Records have a column for each field, texts the column 'text', and other
datasets the column 'sample'. The file is in place when it is complete.
`convert` is the way back. This needs pyarrow.
"""

import argparse
import os
from pathlib import Path

from mmap_ninja import export
from mmap_ninja._display.format import escape, human_size
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_dir, mentioning_partial

EXAMPLES = """\
  mmap-ninja export train train.parquet
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dir(parser)
    parser.add_argument("file", metavar="FILE.parquet", type=Path, help="the new file")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE.parquet, if there is one")


def run(arguments: argparse.Namespace) -> int:
    with mentioning_partial(arguments.dir):
        export(arguments.dir, arguments.file, _terminal.shows_progress(), arguments.overwrite)
    print(f"{escape(str(arguments.file))}: {human_size(os.path.getsize(arguments.file))}")
    return 0
