"""What a column of Arrow becomes, and its arrays as NumPy arrays: a step for each array, none for each sample."""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmap_ninja._arrow import types
from mmap_ninja._arrow.package import pyarrow

Array: TypeAlias = NDArray[Any]

# NumPy has arrays of at most that many axes: releases before 2.0.
_MAX_AXES = 32


class Column:
    """A column of one Arrow type.

    Args:
        source: where it comes from, for messages.

    Attributes:
        kind: 'string' for texts; 'numpy' where all rows have one shape by their type; otherwise 'ragged'.
        dtype: that of the elements; uint8 for texts and bytes.
        shape: the axes of a row, of kind 'numpy'.
        trailing: the axes behind the first one, of kind 'ragged', if all but the first one are fixed by the type.

    Raises:
        TypeError: no map can hold such a column.
    """

    def __init__(self, name: str, arrow_type: Any, source: str = ""):
        self.name, self.type = name, arrow_type
        place = f"{source}: {self._place}" if source else self._place
        self._levels, leaf = types.levels(arrow_type)
        self._is_flat_bytes = types.is_text(leaf) or types.is_bytes(leaf)
        dtype = np.dtype(np.uint8) if self._is_flat_bytes and not self._levels else types.dtype(leaf)
        if dtype is None:
            raise TypeError(f"{place}: its type {arrow_type} has no form in a map{_advice(leaf)}")
        if types.axes(self._levels) > _MAX_AXES - 1:
            raise TypeError(f"{place}: its lists are nested more than {_MAX_AXES - 1} deep")
        self.dtype = dtype
        self.kind: Literal["numpy", "ragged", "string"] = "ragged"
        self.shape: tuple[int, ...] = ()
        self.trailing: tuple[int, ...] | None = None
        if types.is_text(leaf):
            self.kind = "string"
        elif not self._is_flat_bytes and None not in self._levels:
            self.kind = "numpy"
            self.shape = types.sizes(self._levels)
        elif len(self._levels) > 1 and self._levels[0] is None and None not in self._levels[1:]:
            self.trailing = types.sizes(self._levels[1:])

    def decode(self, array: Any, first: int = 0, source: str = "") -> tuple[Any, ...]:
        """The samples of an array of this column.

        Args:
            array: a `pyarrow.Array` of this type; it may be a slice.
            first: the number of its first row, for messages.
            source: where it comes from, for messages.

        Returns:
            - Kind 'numpy': the rows, of shape (n, *shape).
            - Kind 'ragged': the values, the offsets, and the shapes or None, as `RaggedMmap.extend_gathered` takes them.
            - Kind 'string': the UTF-8 bytes and the offsets, as `StringsMmap.extend_gathered` takes them.

        Raises:
            ValueError: a null, or lists of different lengths along one axis of a sample.
            TypeError: the array has another type.
        """
        place = f"{source}: {self._place}" if source else self._place
        if array.type != self.type:
            raise TypeError(f"{place}: its type is {array.type}, but {self.type} in the rows before")
        rows = _Rows(place, first, len(array))
        if self._is_flat_bytes:
            values, offsets = _bytes(rows.plain(array))
            return (values, offsets) if self.kind == "string" else (values, offsets, None)
        for level in self._levels:
            array = rows.elements(rows.plain(array), level)
        # NumPy's own null is NaT.
        array = rows.plain(array, may_be_null=self.dtype.kind in "mM")
        values = array.to_numpy(zero_copy_only=False).astype(self.dtype, copy=False)
        if self.kind == "numpy":
            return (values.reshape(len(rows), *self.shape),)
        return values, rows.offsets, rows.shapes() if len(rows.axes) > 1 else None

    @property
    def _place(self) -> str:
        return f"column '{self.name}'"


class _Rows:
    """The rows of one array, on the way down its lists.

    Attributes:
        offsets: where each row begins among the elements reached so far; None while all have `width` of them.
        axes: the size of each axis, or its size in each row.
    """

    def __init__(self, place: str, first: int, count: int):
        self._place, self._first, self._count = place, first, count
        self.offsets: Array | None = None
        self.axes: list[int | Array] = []
        self._width = 1

    def __len__(self) -> int:
        return self._count

    def plain(self, array: Any, may_be_null: bool = False) -> Any:
        """An array without dictionary, runs or extension, of which no element may be null."""
        pa = pyarrow()
        if not may_be_null and array.null_count:
            self._refuse(
                array.is_null().index(True).as_py(),
                "there is a null, which a map cannot hold; drop or fill it",
            )
        while types.plain(array.type) != array.type:
            if isinstance(array.type, pa.BaseExtensionType):
                array = array.storage
            elif pa.types.is_dictionary(array.type):
                array = _large(array.dictionary).take(array.indices)
            else:
                array = pa.compute.run_end_decode(array)
            array = self.plain(array, may_be_null)
        return array

    def elements(self, array: Any, level: types.Level) -> Any:
        """The elements of lists, tensors or bytes of a fixed size."""
        if level is None:
            array, bounds = _lists(array)
            self._descend(bounds)
            return array
        self.axes += level
        if self.offsets is None:
            self._width *= types.width(level)
        else:
            self.offsets = np.multiply(self.offsets, types.width(level), dtype=np.int64)
        if pyarrow().types.is_fixed_size_binary(array.type):
            start, size = array.offset * array.type.byte_width, len(array) * array.type.byte_width
            return pyarrow().array(_view(array.buffers()[1], np.uint8)[start : start + size])
        return (array.storage if types.is_tensor(array.type) else array).flatten()

    def shapes(self) -> Array:
        """The shapes of all rows, int64 of shape (n, ndim)."""
        shapes = np.empty((self._count, len(self.axes)), np.int64)
        for axis, sizes in enumerate(self.axes):
            shapes[:, axis] = sizes
        return shapes

    def _descend(self, bounds: Array) -> None:
        """Go down lists with these offsets. All lists of a row must have one length."""
        if not self.axes:
            self.axes.append(np.diff(bounds))
            self.offsets = bounds
            return
        lengths = np.diff(bounds)
        offsets = self._bounds()
        counts = np.diff(offsets)
        common = np.zeros(self._count, np.int64)
        has_lists = counts > 0
        common[has_lists] = lengths[offsets[:-1][has_lists]]
        if len(wrong := np.flatnonzero(np.repeat(common, counts) != lengths)):
            what = "lists along one axis differ in length, and samples are arrays"
            self._refuse(int(wrong[0]), what)
        self.axes.append(common)
        self.offsets = bounds[offsets]

    def _bounds(self) -> Array:
        if self.offsets is not None:
            return self.offsets
        return np.arange(self._count + 1) * self._width

    def _refuse(self, position: int, what: str) -> None:
        """Raise ValueError about the row that holds the element at a position."""
        row = int(np.searchsorted(self._bounds(), position, side="right")) - 1
        raise ValueError(f"{self._place}, row {self._first + row}: {what}")


def _advice(leaf: Any) -> str:
    """What to do about a type that no map can hold."""
    if pyarrow().types.is_decimal(leaf):
        return "; cast it to float64, or to text"
    if pyarrow().types.is_null(leaf):
        return ": no row has a value that tells its type; give one, or choose other columns by 'fields'"
    if types.is_text(leaf) or types.is_bytes(leaf):
        return ": lists of texts or of bytes; store them one a row"
    return "; choose other columns by 'fields'"


def _large(array: Any) -> Any:
    """Texts and bytes with 64-bit offsets, of which any number fit into one array."""
    pa = pyarrow()
    if types.is_text(array.type):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if types.is_bytes(array.type) else array


def _bytes(array: Any) -> tuple[Array, Array]:
    """The bytes of texts, or of bytes, and their offsets."""
    if not len(array):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    types_ = pyarrow().types
    if types_.is_string_view(array.type) or types_.is_binary_view(array.type):
        array = _large(array)
    is_large = types_.is_large_string(array.type) or types_.is_large_binary(array.type)
    _, offsets, values = array.buffers()
    offsets = _view(offsets, np.int64 if is_large else np.int32)
    return _view(values, np.uint8), offsets[array.offset : array.offset + len(array) + 1]


def _lists(array: Any) -> tuple[Any, Array]:
    """The elements of lists of any length, and where each begins among them."""
    pa = pyarrow()
    if not len(array):
        return array.values[:0], np.zeros(1, np.int64)
    if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        # They may lie in any order, and overlap.
        return array.flatten(), np.append(0, np.cumsum(array.sizes.to_numpy(), dtype=np.int64))
    bounds = array.offsets.to_numpy()
    start, end = int(bounds[0]), int(bounds[-1])
    return array.values.slice(start, max(end - start, 0)), bounds - start if start else bounds


def _view(buffer: Any, dtype: Any) -> Array:
    """The elements of a buffer, of which there may be none."""
    if buffer is None or not buffer.size:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype)
