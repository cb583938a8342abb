"""Ranges of samples of a dataset as columns of Ray's blocks, of one type in all blocks, and the bytes that they take."""

import socket
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from math import prod
from os import PathLike
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from ray.data.extensions import ArrowTensorArray, ArrowVariableShapedTensorType

from mmap_ninja import generic
from mmap_ninja._arrow import export
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._core import CorruptDatasetError
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

Field: TypeAlias = RaggedMmap[Any, Any] | StringsMmap | NDArray[Any]

# The bytes of an offset, or of an axis of a shape, which count: samples without elements must not make endless blocks.
_OFFSET = 8


def open_fields(path: str | PathLike[str], wanted: Iterable[str] | None = None) -> dict[str, Field]:
    """The fields of records by name; a dataset of another kind is a field itself.

    Raises:
        FileNotFoundError: this node has no dataset there.
        ValueError: there is no field of a name, or the dataset does not consist of records.
    """
    try:
        kind = generic._kind(path)
    except FileNotFoundError as error:
        reason = f"{error.strerror} on the node {socket.gethostname()}; all nodes must reach it by this path"
        raise FileNotFoundError(error.errno, reason, error.filename) from error
    if kind == "records":
        records: RecordsMmap[Any] = RecordsMmap(path, fields=wanted)
        return {name: records.field(name) for name in records.fields}
    if wanted is not None:
        raise ValueError(f"{path}: only records have fields, and this dataset is of kind '{kind}'")
    field: Field = generic._open(kind, path, mode="r")
    return {"sample" if isinstance(field, np.ndarray) else field._ITEM: field}


def number_of_axes(field: Field) -> int:
    """The number of axes of the samples, from the first one.

    Scalars among samples of one axis are samples of one element.
    """
    if isinstance(field, np.ndarray):
        return field.ndim - 1
    if isinstance(field, StringsMmap) or not len(field):
        return 1
    axes: int = np.ndim(field[0])
    if axes:
        return axes
    are_scalars = not np.any(field.shapes) and np.all(field.flattened_shapes == 1)
    return 0 if are_scalars else 1


def size_until(fields: Iterable[Field]) -> Callable[[int], int]:
    """A function that gives the bytes of the samples before an index. It reads an entry of the index of each field."""
    row_bytes, ends = 0, []
    for field in fields:
        if isinstance(field, np.ndarray):
            row_bytes += field.dtype.itemsize * prod(field.shape[1:])
        elif len(field):
            row_bytes += _OFFSET * (1 + number_of_axes(field))
            ends.append(
                (
                    field.ends,
                    1 if isinstance(field, StringsMmap) else cast("np.dtype[Any]", field.dtype).itemsize,
                )
            )

    def size(index: int) -> int:
        stored = sum(int(each[index - 1]) * itemsize for each, itemsize in ends) if index else 0
        return index * row_bytes + stored

    return size


def ranges(size: Callable[[int], int], start: int, stop: int, count: int) -> Iterator[tuple[int, int]]:
    """At most `count` ranges of samples that take about as many bytes each."""
    first, whole = size(start), size(stop) - size(start)
    bounds, count = [start], min(count, stop - start)
    for part in range(1, count):
        target = first + whole * part // count
        bounds.append(bisect_left(range(stop), target, lo=bounds[-1], key=size))
    return ((low, high) for low, high in pairwise([*bounds, stop]) if low < high)


def table(fields: dict[str, Field], axes: dict[str, int], start: int, stop: int) -> Any:
    """Samples of all fields as a `pyarrow.Table`, of the same schema for every range."""
    return export.table(
        {name: _column(name, field, axes[name], start, stop) for name, field in fields.items()}
    )


def gathered(
    field: RaggedMmap[Any, Any], axes: int, start: int, stop: int
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64] | None]:
    """The values, the offsets and the shapes of samples, as `extend_gathered` takes them; None for those of one axis."""
    samples = range(start, stop)
    values, offsets = field.gather(samples)
    if field.shapes_are_flat:
        return values, offsets, None
    shapes, bounds = cast("RaggedMmap[np.int64]", field.shapes).gather(samples)
    found = np.diff(bounds)
    if len(wrong := np.flatnonzero(found != axes)):
        index = int(wrong[0])
        raise ValueError(
            f"{field.out_dir}: sample {start + index} has {found[index]} axes and the first one {axes}; all samples of a "
            "column have the same number"
        )
    return values, offsets, None if axes == 1 else shapes.reshape(-1, axes)


def _column(name: str, field: Field, axes: int, start: int, stop: int) -> Any:
    place = f"column '{name}'"
    if isinstance(field, StringsMmap):
        texts = export.texts(*field.gather(range(start, stop)))
        try:
            texts.validate(full=True)
        except pyarrow().ArrowInvalid as error:
            raise CorruptDatasetError(f"{field.out_dir}: samples {start} to {stop - 1}: {error}") from error
        return texts
    if isinstance(field, np.ndarray):
        rows = np.ascontiguousarray(field[start:stop])
        if not axes or rows.dtype.kind not in "biuf":
            return export.dense(rows, place, has_tensors=False)
        return ArrowTensorArray.from_numpy(rows.astype(rows.dtype.newbyteorder("="), copy=False))
    values, offsets, shapes = gathered(field, axes, start, stop)
    if not axes:
        return export.rows(values, (), place)
    lists = export.samples(values, offsets, None, place)
    return lists if shapes is None else _tensors(lists, shapes)


def _tensors(lists: Any, shapes: NDArray[np.int64]) -> Any:
    """Ray's array of tensors of any shape, from the elements of each and the shapes."""
    pa = pyarrow()
    count, axes = shapes.shape
    bounds = np.arange(count + 1, dtype=np.int32) * axes
    shape = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pa.array(shapes.reshape(-1)))
    storage = pa.StructArray.from_arrays([lists, shape], names=["data", "shape"])
    return pa.ExtensionArray.from_storage(ArrowVariableShapedTensorType(lists.type.value_type, axes), storage)
