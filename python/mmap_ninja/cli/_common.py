"""What several commands share: arguments, opening datasets, and what is printed of them."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, _core, open_existing
from mmap_ninja._core import Repair, Report
from mmap_ninja._display.format import escape, human_size, pluralize
from mmap_ninja.cli import EXPECTED, print_error

Dataset: TypeAlias = RaggedMmap | StringsMmap | RecordsMmap | np.memmap
T = TypeVar("T")


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


def add_dirs(parser: argparse.ArgumentParser) -> None:
    """Add the argument DIR, which can be repeated."""
    parser.add_argument("dirs", metavar="DIR", nargs="+", help="directories of datasets")


def add_overwrite(parser: argparse.ArgumentParser, target: str) -> None:
    """Add the option that allows `target` to be replaced."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace the dataset in {target}, if any")


def examine_each(dirs: Sequence[str], examine: Callable[[str], T]) -> Iterator[tuple[str, T | None]]:
    """Yield each directory with the result of `examine`, or with None after printing its error."""
    for directory in dirs:
        result: T | None = None
        try:
            result = examine(directory)
        except EXPECTED as error:
            sys.stdout.flush()  # Keeps the order where both streams go to the same file.
            print_error(error)
        yield directory, result


def open_dataset(directory: str | Path) -> Dataset:
    """Open a dataset of any kind, read-only."""
    with mentioning_partial(directory):
        return open_existing(directory, mode="r")


@contextmanager
def mentioning_partial(directory: str | Path) -> Iterator[None]:
    """Mention an unfinished build of `directory` in the error that there is no dataset."""
    try:
        yield
    except FileNotFoundError as error:
        if (found := unfinished_build(directory)) is None:
            raise
        raise FileNotFoundError(error.errno, f"{error.strerror}, but {found}", str(directory)) from error


def unfinished_build(directory: str | Path) -> str | None:
    """Describe what an interrupted or running build of `directory` has stored, if there is one."""
    partial = Path(os.path.realpath(directory) + ".partial")
    if (partial / "building.ninja").is_file():
        with suppress(*EXPECTED):
            stored = 0 if _core.kind(partial) is None else num_samples(open_existing(partial, mode="r"))
            verb = "is" if stored == 1 else "are"
            return f"{pluralize(stored, 'sample')} of an unfinished build {verb} safe in {partial}"
    return None


def num_samples(dataset: Dataset) -> int:
    """The number of samples; a 0-D array has one."""
    return 1 if isinstance(dataset, np.memmap) and not dataset.ndim else len(dataset)


def aligned(rows: list[list[str]]) -> Iterator[str]:
    """Lines of columns of the same widths; the last one to the right."""
    rows = [[escape(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        yield "  ".join([*map(str.ljust, cells, widths), last.rjust(widths[-1])])


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
