"""How long samples are, in a few numbers."""

import numpy as np

# Intervals of equal steps. Powers of two take their place where the largest is more than so many times the median.
_BARS, _FAR = 12, 10


def statistics(lengths: np.ndarray) -> dict[str, float]:
    """Smallest, middle, mean and largest."""
    middle, mean = float(np.median(lengths)), float(np.mean(lengths))
    return {"min": int(lengths.min()), "median": middle, "mean": round(mean, 1), "max": int(lengths.max())}


def histogram(lengths: np.ndarray) -> list[dict[str, int]]:
    """How many lengths lie in each interval, both of whose ends belong to it.

    >>> histogram(np.array([1, 2, 2, 3]))
    [{'from': 1, 'to': 1, 'samples': 1}, {'from': 2, 'to': 2, 'samples': 2}, {'from': 3, 'to': 3, 'samples': 1}]
    """
    low, high = int(lengths.min()), int(lengths.max())
    starts = _powers(low, high) if high > _FAR * max(np.median(lengths), 1) else _steps(low, high)
    counts = np.bincount(np.searchsorted(starts, lengths, "right") - 1, minlength=len(starts))
    ends = [start - 1 for start in starts[1:]] + [high]
    return [
        {"from": start, "to": end, "samples": int(number)}
        for start, end, number in zip(starts, ends, counts, strict=True)
    ]


def _steps(low: int, high: int) -> list[int]:
    """Where intervals of one round width start."""
    least = -(-(high - low + 1) // _BARS)
    magnitude = 10 ** (len(str(least)) - 1)
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
    return [max(low, start) for start in range(low // step * step, high + 1, step)]


def _powers(low: int, high: int) -> list[int]:
    """`low`, and the powers of two above it."""
    powers = [1 << bits for bits in range(low.bit_length(), high.bit_length())]
    return [low, *powers]
