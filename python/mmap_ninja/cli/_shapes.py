"""The shapes of ragged samples, in a few numbers."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mmap_ninja import RaggedMmap


def ranges(data: RaggedMmap, step: int) -> list[dict[str, Any]]:
    """The smallest and the largest length of each axis, for every number of axes, of every `step`-th sample."""
    return [
        {
            "ndim": rows.shape[1],
            "samples": len(rows),
            "min": rows.min(0).tolist(),
            "max": rows.max(0).tolist(),
        }
        for rows in _groups(data, step)
        if len(rows)
    ]


def _groups(data: RaggedMmap, step: int) -> Iterator[np.ndarray]:
    """Shapes of as many axes, one in a row."""
    shapes, lengths = data.shapes, data.lengths[::step]
    if not isinstance(shapes, RaggedMmap):
        yield from _without_scalars(shapes[::step], lengths)
        return
    axes = shapes.lengths[::step]
    for n in np.unique(axes):
        places = np.flatnonzero(axes == n)
        rows = shapes.gather(places * step)[0].reshape(len(places), n)
        yield from _without_scalars(rows, lengths[places]) if n == 1 else [rows]


def _without_scalars(rows: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Scalars apart: they are stored with the axis 0 and one element."""
    is_scalar = (rows[:, 0] == 0) & (lengths == 1)
    yield rows[is_scalar, :0]
    yield rows[~is_scalar]
