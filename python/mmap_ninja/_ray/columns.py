"""Columns of Ray's blocks as arrays that the stores take."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ray.data.extensions import (
    ArrowPythonObjectType,
    ArrowTensorType,
    ArrowTensorTypeV2,
    ArrowVariableShapedTensorType,
)

from mmap_ninja._arrow.columns import Column
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._fields import Declared


class Layout(NamedTuple):
    """How samples of a field are stored.

    Attributes:
        kind: 'numpy', 'ragged' or 'string'.
        dtype: that of the elements, by NumPy's `str`.
        axes: of kind 'numpy', those of a row; of kind 'ragged', those behind the first one if they are fixed.
    """

    name: str
    kind: str
    dtype: str
    axes: tuple[int, ...] | None


@dataclass(frozen=True)
class Samples:
    """The samples of a field in one block.

    Attributes:
        place: what messages call the column.
        arrays: as `RecordsMmap._extend_columns` takes them.
        axes: as of a `Layout`.
    """

    name: str
    place: str
    kind: str
    arrays: tuple[Any, ...]
    axes: tuple[int, ...] | None

    @property
    def layout(self) -> Layout:
        """How they are stored as they are."""
        return Layout(self.name, self.kind, self.arrays[0].dtype.str, self.axes)

    @property
    def column(self) -> tuple[str, str, tuple[Any, ...], tuple[int, ...] | None]:
        """What `RecordsMmap._extend_columns` takes."""
        return self.name, self.kind, self.arrays, self.axes if self.kind == "ragged" else None

    def as_ragged(self, trailing: tuple[int, ...] | None) -> "Samples":
        """The same samples as ragged ones, whose axes behind the first one may be fixed.

        Raises:
            TypeError: they are numbers or texts.
            ValueError: a sample has other axes.
        """
        if self.kind == "string" or (self.kind == "numpy" and not self.axes):
            raise TypeError(f"{self.place}: only arrays can be stored as ragged")
        values, offsets, shapes = self.arrays if self.kind == "ragged" else _ragged(*self.arrays)
        if trailing is not None:
            found = np.empty((len(offsets) - 1, 0), np.int64) if shapes is None else shapes[:, 1:]
            if found.shape[1] != len(trailing) or (found != trailing).any():
                raise ValueError(f"{self.place}: the samples are not all of the shape {(-1, *trailing)}")
        return replace(self, kind="ragged", arrays=(values, offsets, shapes), axes=trailing)

    def as_dense(self) -> "Samples":
        """The same samples as rows of one array.

        Raises:
            TypeError: they are texts.
            ValueError: their shapes differ.
        """
        if self.kind == "numpy":
            return self
        if self.kind == "string":
            raise TypeError(f"{self.place}: texts cannot be stored as a dense array")
        values, offsets, shapes = self.arrays
        shapes = np.diff(offsets).reshape(-1, 1) if shapes is None else shapes
        if not len(shapes) or (shapes != shapes[:1]).any():
            raise ValueError(f"{self.place}: the samples of a dense field have one shape, and these differ")
        axes = tuple(shapes[0].tolist())
        return replace(self, kind="numpy", arrays=(values.reshape(-1, *axes),), axes=axes)


def decode(name: str, array: Any, declared: Declared | None, first: int, source: str) -> Samples:
    """The samples of a column.

    Args:
        name: that of the column.
        array: a `pyarrow.Array` of any type, also of Ray's tensors.
        declared: the kind and the shape that the user wants.
        first: the number of its first row, for messages.
        source: where it comes from, for messages.

    Raises:
        TypeError: no map can hold such a column.
        ValueError: a null, a row that is not an array, or another shape than the declared one.
    """
    place = f"{source}: column '{name}'"

    def decoded(storage: Any) -> tuple[Column, tuple[Any, ...]]:
        column = Column(name, storage.type)
        return column, column.decode(storage, first, source)

    if pyarrow().types.is_null(array.type) and len(array):
        raise ValueError(f"{place}, row {first}: there is a null, which a map cannot hold; drop or fill it")
    if isinstance(array.type, ArrowPythonObjectType):
        raise TypeError(
            f"{place}: it holds Python objects; make arrays, numbers or texts of them in `map_batches`"
        )
    if isinstance(array.type, (ArrowTensorType, ArrowTensorTypeV2)):
        axes = tuple(array.type.shape)
        _, (values, _, _) = decoded(array.storage)
        found = Samples(name, place, "numpy", (values.reshape(len(array), *axes),), axes)
    elif isinstance(array.type, ArrowVariableShapedTensorType):
        elements, shapes = array.storage.flatten()
        _, (values, offsets, _) = decoded(elements)
        ndim = array.type.ndim
        shapes = None if ndim == 1 else decoded(shapes)[1][0].reshape(len(array), ndim)
        found = Samples(name, place, "ragged", (values, offsets, shapes), None)
    else:
        column, arrays = decoded(array)
        axes_ = column.shape if column.kind == "numpy" else column.trailing
        found = Samples(name, place, column.kind, arrays, axes_)
    return found if declared is None else _as_declared(found, declared)


def _as_declared(samples: Samples, declared: Declared) -> Samples:
    kind, _, shape, _ = declared
    if kind == "ragged":
        return samples.as_ragged(None if shape is None else shape[1:])
    if kind == "numpy":
        dense = samples.as_dense()
        if shape is not None and dense.axes != shape:
            raise ValueError(
                f"{samples.place}: the rows have the shape {dense.axes}, not {shape} as declared"
            )
        return dense
    if samples.kind != kind:
        raise TypeError(f"{samples.place}: it is declared as texts, and holds none")
    return samples


def _ragged(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64] | None]:
    """Rows of one shape as values, offsets and shapes."""
    count, axes = len(rows), rows.shape[1:]
    offsets = np.arange(count + 1, dtype=np.int64) * prod(axes)
    shapes = None if len(axes) == 1 else np.tile(np.array(axes, np.int64), (count, 1))
    return rows.reshape(-1), offsets, shapes
