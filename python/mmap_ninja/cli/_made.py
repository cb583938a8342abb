"""What commands that make a data set have in common."""

import argparse
from pathlib import Path

from mmap_ninja._show import clean, count, size
from mmap_ninja.cli._data import opened, samples_in

# The data set, in that of the samples, that tells which file each of them was.
NAMES = "names"


def add_overwrite(parser: argparse.ArgumentParser, where: str) -> None:
    """The option that permits a data set to be replaced."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace a data set that is in {where}")


def say_made(directory: Path) -> None:
    """Print what is in the new data set."""
    made = opened(directory)
    print(f"{clean(str(directory))}: {count(samples_in(made), 'sample')}, {size(made.nbytes)}")
