"""What commands that make a data set have in common."""

import argparse
from os import PathLike, fsdecode

from mmap_ninja import open_existing
from mmap_ninja._show import clean, count, size


def add_overwrite(parser: argparse.ArgumentParser, where: str) -> None:
    """The option that permits a data set to be replaced."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace a data set that is in {where}")


def say_made(directory: str | PathLike) -> None:
    """Print what is in the new data set."""
    made = open_existing(directory, mode="r")
    samples = made.shape[0] if getattr(made, "shape", None) else len(made)
    print(f"{clean(fsdecode(directory))}: {count(samples, 'sample')}, {size(made.nbytes)}")
