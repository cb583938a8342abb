"""Which integers can be stored without being rounded."""

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


def first_rounded(value: Any) -> int | None:
    """The first integer of a value, or of its lists, that float64 does not hold."""
    if isinstance(value, list):
        return next((found for each in value if (found := first_rounded(each)) is not None), None)
    return value if isinstance(value, int) and not is_exact(value) else None
