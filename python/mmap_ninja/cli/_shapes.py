"""The shapes of ragged samples, in a few numbers."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any


def ranges(shapes: Iterable[tuple[int, ...]]) -> list[dict[str, Any]]:
    """The smallest and the largest length of each axis, for every number of axes."""
    groups: dict[int, dict[tuple[int, ...], int]] = defaultdict(dict)
    for shape, samples in Counter(shapes).items():
        groups[len(shape)][shape] = samples
    return [
        {
            "ndim": ndim,
            "samples": sum(group.values()),
            "min": [min(axis) for axis in zip(*group, strict=True)],
            "max": [max(axis) for axis in zip(*group, strict=True)],
        }
        for ndim, group in sorted(groups.items())
    ]
