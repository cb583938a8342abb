"""Copy chosen samples of a dataset to a new one.

With --overwrite, the dataset in OUT stays in place until the new one is
complete; OUT may be DIR. The samples are in the order of the indices, which
can repeat; negative ones count from the end. A random sample is in the order
of DIR, and the same for every run with the same seed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmap_ninja import _paths, subset
from mmap_ninja._split import permutation
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import (
    add_dir,
    add_overwrite,
    mentioning_partial,
    non_negative,
    num_samples,
    open_dataset,
    print_created,
)

EXAMPLES = """\
  mmap-ninja subset images small --range :1000
  mmap-ninja subset images probe --sample 100 --seed 7
  mmap-ninja subset images train --indices train.npy
  awk '/cat/ {print NR-1}' labels | mmap-ninja subset images cats --indices -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dir(parser)
    parser.add_argument("out", metavar="OUT", type=Path, help="directory of the new dataset")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument(
        "--range",
        metavar="SLICE",
        type=_slice,
        help="samples by a slice as in Python, such as :1000 or ::2",
    )
    chosen.add_argument(
        "--indices",
        metavar="FILE",
        help="samples by their indices, which count from 0: a .npy file, which can also hold a mask, or a text file with one "
        "index per line; - reads such lines from standard input",
    )
    chosen.add_argument("--sample", metavar="N", type=non_negative, help="N samples at random")
    parser.add_argument(
        "--seed", metavar="S", type=non_negative, default=0, help="another random sample (default: 0)"
    )
    add_overwrite(parser, "OUT")


def run(arguments: argparse.Namespace) -> int:
    out, source, overwrite = arguments.out, arguments.dir, arguments.overwrite
    _paths.check_vacant(out)
    with mentioning_partial(source):
        indices = _indices(arguments)
        try:
            subset(out, source, indices, verbose=_terminal.shows_progress(), overwrite=overwrite)
        except (IndexError, TypeError) as error:
            raise ValueError(
                str(error)
            ) from error  # The indices come from a file, which `main` expects errors about.
    print_created(arguments.out)
    return 0


def _indices(arguments: argparse.Namespace) -> "slice | Sequence[int] | np.ndarray":
    if arguments.range is not None:
        chosen: slice = arguments.range
        return chosen
    if arguments.indices is not None:
        return _read(arguments.indices)
    n = num_samples(open_dataset(arguments.dir))
    if arguments.sample > n:
        raise ValueError(f"{arguments.dir}: there are {n} samples, fewer than {arguments.sample}")
    return np.sort(permutation(n, arguments.seed)[: arguments.sample])


def _slice(text: str) -> slice:
    """Parse START:STOP[:STEP], of which each can be left out."""
    parts = [int(part) if part else None for part in text.split(":")]
    if len(parts) not in (2, 3) or parts[2:] == [0]:
        raise ValueError
    return slice(*parts)


_slice.__name__ = "slice"  # argparse names the type in its error messages.


def _read(name: str) -> "Sequence[int] | np.ndarray":
    if name.endswith(".npy"):
        indices: np.ndarray = np.load(name, allow_pickle=False)
        return indices
    lines = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    try:
        return [int(line) for line in lines.split()]
    except ValueError as error:
        raise ValueError(f"{name}: every line must be an index, an integer: {error}") from error
