"""Samples on their way into a build."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any


def batches(samples: Iterable[Any], batch_size: int) -> Iterator[list[Any]]:
    """Yield lists of `batch_size` samples; the last may be shorter."""
    check_batch_size(batch_size)
    iterator = iter(samples)
    while batch := list(islice(iterator, batch_size)):
        yield batch


def check_batch_size(batch_size: int) -> None:
    """Raise TypeError for what is not a number, and ValueError for empty batches."""
    try:
        is_empty = batch_size < 1
    except TypeError:
        raise TypeError(f"batch_size must be an integer, not {batch_size!r}") from None
    if is_empty:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")


def skip_stored(sample_generator: Iterable[Any], stored: int) -> Iterable[Any]:
    """Return the samples after the first `stored`, which an interrupted build has stored."""
    if not stored:
        return sample_generator
    iterator = iter(sample_generator)
    skipped = sum(1 for _ in islice(iterator, stored))
    if skipped < stored:
        raise ValueError(
            f"the generator has {skipped} items, but {stored} are stored already; "
            "resume with the generator that the build was started with"
        )
    return iterator
