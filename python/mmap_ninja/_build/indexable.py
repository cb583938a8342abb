"""The samples of an indexable, by index."""

from collections.abc import Iterator
from enum import Enum
from itertools import count
from typing import Any

from mmap_ninja._build.errors import note


class _Exhausted(Enum):
    exhausted = "EXHAUSTED"


EXHAUSTED = _Exhausted.exhausted


def length_of(indexable: Any) -> int | None:
    """The number of samples, or None if only an IndexError tells where they end."""
    try:
        return len(indexable)
    except TypeError:
        return None


def load(indexable: Any, length: int | None, index: int) -> Any:
    """The sample at `index`, or `EXHAUSTED` if an indexable without a length ends before it."""
    try:
        return _by_position(indexable)[index]
    except StopIteration as error:  # It would silently end any loop over the samples.
        raise RuntimeError(f"loading the sample at index {index} raised StopIteration") from error
    except BaseException as error:
        if length is None and isinstance(error, IndexError):
            return EXHAUSTED
        note(error, f"while the sample at index {index} was loaded")
        raise


def _by_position(indexable: Any) -> Any:
    """What is indexed by position. A Series or a DataFrame of pandas itself is indexed by label."""
    return indexable.iloc if hasattr(type(indexable), "iloc") else indexable


def samples(indexable: Any, start: int = 0) -> Iterator[Any]:
    """The samples from index `start` on."""
    length = length_of(indexable)
    check_length(length, start)
    for index in count(start) if length is None else range(start, length):
        sample = load(indexable, length, index)
        if sample is EXHAUSTED:
            return
        yield sample


def check_length(length: int | None, stored: int) -> None:
    """Refuse to resume a build whose stored samples are more than the indexable has."""
    if length is not None and length < stored:
        raise ValueError(
            f"there are {length} samples, but {stored} are stored already; resume the build they are from"
        )


def ranges(start: int, stop: int | None, step: int) -> Iterator[range]:
    """Consecutive ranges that end at multiples of `step`; they never end if `stop` is None."""
    while stop is None or start < stop:
        end = start - start % step + step
        yield range(start, end if stop is None else min(end, stop))
        start = end
