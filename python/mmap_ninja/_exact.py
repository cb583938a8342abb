"""Which integers can be stored without being rounded."""

from collections.abc import Iterator
from typing import Any


def is_int64(number: int) -> bool:
    """Whether int64 holds this integer."""
    return -(1 << 63) <= number < 1 << 63


def is_exact(number: int) -> bool:
    """Whether float64 holds this integer."""
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def integers(value: Any) -> Iterator[int]:
    """The integers of a value, or of its lists."""
    if isinstance(value, list):
        for each in value:
            yield from integers(each)
    elif isinstance(value, int):
        yield value


def first_rounded(value: Any) -> int | None:
    """The first integer of a value, or of its lists, that float64 does not hold."""
    return next((number for number in integers(value) if not is_exact(number)), None)
