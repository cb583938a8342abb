"""Summary statistics of the lengths and shapes of samples."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

# The bins have equal widths, or are powers of two if the maximum exceeds this multiple of the median.
_MAX_BINS, _SKEWED = 12, 10


def statistics(lengths: np.ndarray) -> dict[str, float]:
    """Compute minimum, median, mean and maximum."""
    median, mean = float(np.median(lengths)), float(np.mean(lengths))
    return {"min": int(lengths.min()), "median": median, "mean": round(mean, 1), "max": int(lengths.max())}


def histogram(lengths: np.ndarray) -> list[dict[str, int]]:
    """Count the lengths in each bin; bins include both ends.

    >>> histogram(np.array([1, 2, 2, 3]))
    [{'from': 1, 'to': 1, 'samples': 1}, {'from': 2, 'to': 2, 'samples': 2}, {'from': 3, 'to': 3, 'samples': 1}]
    """
    low, high = int(lengths.min()), int(lengths.max())
    is_skewed = high > _SKEWED * max(np.median(lengths), 1)
    starts = _powers_of_two(low, high) if is_skewed else _equal_steps(low, high)
    counts = np.bincount(np.searchsorted(starts, lengths, "right") - 1, minlength=len(starts))
    ends = [start - 1 for start in starts[1:]] + [high]
    return [
        {"from": start, "to": end, "samples": int(count)}
        for start, end, count in zip(starts, ends, counts, strict=True)
    ]


def _equal_steps(low: int, high: int) -> list[int]:
    """Starts of bins of one round width."""
    min_width = -(-(high - low + 1) // _MAX_BINS)
    magnitude = 10 ** (len(str(min_width)) - 1)
    width = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= min_width)
    return [max(low, start) for start in range(low // width * width, high + 1, width)]


def _powers_of_two(low: int, high: int) -> list[int]:
    """`low`, and the powers of two above it."""
    return [low, *(1 << bits for bits in range(low.bit_length(), high.bit_length()))]


def shape_ranges(shapes: Iterable[tuple[int, ...]]) -> list[dict[str, Any]]:
    """Compute the minimum and maximum length of each axis, separately for each number of axes."""
    counts = Counter(shapes)
    groups = [[shape for shape in counts if len(shape) == ndim] for ndim in sorted(set(map(len, counts)))]
    return [
        {
            "ndim": len(group[0]),
            "samples": sum(counts[shape] for shape in group),
            "min": [min(axis) for axis in zip(*group, strict=True)],
            "max": [max(axis) for axis in zip(*group, strict=True)],
        }
        for group in groups
    ]
