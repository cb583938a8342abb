"""What several commands share: arguments, opening datasets, and what is printed of them."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmap_ninja import RaggedMmap, StringsMmap, open_existing
from mmap_ninja._core import Repair, Report
from mmap_ninja._display.format import escape, human_size, pluralize

Dataset: TypeAlias = RaggedMmap | StringsMmap | np.memmap

# The directory, within a dataset, of the dataset that stores the file name of each sample.
NAMES = "names"


def non_negative(text: str) -> int:
    """Parse an integer of at least 0."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# argparse names the type in its error messages.
non_negative.__name__, positive.__name__ = "non-negative integer", "positive integer"


def add_dir(parser: argparse.ArgumentParser) -> None:
    """Add the argument DIR."""
    parser.add_argument("dir", metavar="DIR", help="directory of the dataset")


def add_overwrite(parser: argparse.ArgumentParser, target: str) -> None:
    """Add the option that allows `target` to be replaced."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace the dataset in {target}, if any")


def open_dataset(directory: str | Path) -> Dataset:
    """Open a dataset of any kind, read-only."""
    return open_existing(directory, mode="r")


def num_samples(dataset: Dataset) -> int:
    """The number of samples; a 0-D array has one."""
    return 1 if isinstance(dataset, np.memmap) and not dataset.ndim else len(dataset)


def print_created(directory: Path) -> None:
    """Print the number of samples and the size of a new dataset."""
    dataset = open_dataset(directory)
    samples = pluralize(num_samples(dataset), "sample")
    print(f"{escape(str(directory))}: {samples}, {human_size(dataset.nbytes)}")


def print_outcome(outcome: Report | Repair, parts: Iterable[object]) -> None:
    """Print the result of `verify` or `repair`, of whose text `parts` may contain file names with any character."""
    text = str(outcome)
    for part in map(str, parts):
        if not part.isprintable():
            text = text.replace(part, escape(part))
    print(text)
