"""NumPy arrays, and whole maps, as Arrow arrays on the same bytes."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._core import CorruptDatasetError

# The units that times have in Arrow. It has dates as well, as int32.
_UNITS = frozenset(("s", "ms", "us", "ns"))


def texts(values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    """A large_string array of UTF-8 bytes that lie one after another."""
    pa = pyarrow()
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(values))


def samples(
    values: NDArray[Any],
    offsets: NDArray[np.int64],
    shapes: NDArray[np.int64] | None,
    place: str,
    has_tensors: bool = True,
) -> Any:
    """An array of samples that lie one after another.

    It has lists of any length for each axis, but lists of a fixed size for the last axes, along which all samples of several
    axes agree. If they agree along all, it has tensors; of scalars, it has these.
    """
    pa, used = pyarrow(), values[offsets[0] : offsets[-1]]
    if offsets[0]:
        offsets = offsets - offsets[0]
    if shapes is None or shapes.shape[1] == 1:
        return pa.LargeListArray.from_arrays(pa.array(offsets), _primitive(used, place))
    # Arrow has no lists of the fixed size 0.
    varies = (shapes != shapes[0]).any(axis=0) | (shapes[0] == 0)
    if not varies.any():
        return rows(used, tuple(shapes[0].tolist()), place, has_tensors)
    lists = int(np.flatnonzero(varies)[-1]) + 1
    array = _fixed(_primitive(used, place), shapes[0, lists:].tolist())
    counts, levels = None, []
    for axis in range(lists):
        # One list for every entry of the axes before.
        lengths = shapes[:, axis] if counts is None else np.repeat(shapes[:, axis], counts)
        levels.append(np.concatenate([[0], np.cumsum(lengths)]))
        counts = shapes[:, axis] if counts is None else counts * shapes[:, axis]
    for bounds in reversed(levels):
        array = pa.LargeListArray.from_arrays(pa.array(bounds), array)
    return array


def lists(values: NDArray[Any], offsets: NDArray[np.int64], axes: Sequence[int], place: str) -> Any:
    """An array of lists of any length, whose entries have these axes, of samples that lie one after another."""
    pa, used = pyarrow(), values[offsets[0] : offsets[-1]]
    counts, rest = np.divmod(offsets - offsets[0], prod(axes))
    if rest.any():
        raise CorruptDatasetError(
            f"{place} has samples without the axes {tuple(axes)} that fields.json states"
        )
    return pa.LargeListArray.from_arrays(pa.array(counts), _fixed(_primitive(used, place), axes))


def rows(values: NDArray[Any], shape: tuple[int, ...], place: str, has_tensors: bool = True) -> Any:
    """An array of rows of one shape, whose elements lie one after another in `values`.

    Rows are elements, lists of a fixed size, or tensors if they have several axes. Few packages know tensors: without
    `has_tensors`, these are lists of lists.
    """
    pa, elements = pyarrow(), _primitive(values, place)
    if 0 in shape:
        raise ValueError(
            f"{place}: rows of shape {shape} have no elements, and Arrow has no lists of the size 0"
        )
    if len(shape) < 2 or not has_tensors:
        return _fixed(elements, shape)
    lists = _fixed(elements, (prod(shape),))
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(elements.type, list(shape)), lists)


def dense(array: NDArray[Any], place: str, has_tensors: bool = True) -> Any:
    """An array of the rows of a NumPy array, on the same bytes if it is in C order."""
    return rows(np.asarray(array).reshape(-1), array.shape[1:], place, has_tensors)


def table(columns: dict[str, Any]) -> Any:
    """A `pyarrow.Table` of these arrays."""
    return pyarrow().table(columns)


def _fixed(array: Any, axes: Sequence[int]) -> Any:
    """Lists of fixed sizes in lists of fixed sizes."""
    for size in reversed(axes):
        array = pyarrow().FixedSizeListArray.from_arrays(array, size)
    return array


def _primitive(values: NDArray[Any], place: str) -> Any:
    """An array of the elements, on the same bytes if Arrow has their dtype.

    Bytes in the other order are swapped, bools packed into bits, dates shortened: these are copied.
    """
    dtype = values.dtype
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return pyarrow().array(values.astype(dtype.newbyteorder("="), copy=False))
    if dtype.kind == "b":
        return pyarrow().array(values)
    if dtype.kind in "mM":
        unit, step = np.datetime_data(dtype)
        if step == 1 and (unit in _UNITS or (unit, dtype.kind) == ("D", "M")):
            return pyarrow().array(values.astype(dtype.newbyteorder("="), copy=False))
    raise TypeError(f"{place}: Arrow has no type for the dtype {dtype}; convert the samples first")
