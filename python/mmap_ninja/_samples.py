"""Samples that NumPy would store otherwise than they are meant."""

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from reprlib import repr as shortened
from typing import Any

import numpy as np

# What has one of these has a dtype of its own, even without elements.
_TYPED = ("dtype", "__array__", "__array_interface__", "__array_struct__", "as_py")


def prepare(sample: Any, dtype: np.dtype | None) -> Any:
    """Return what `numpy.asarray` makes the right array of.

    `bytes` and `bytearray` are 1-D uint8 arrays, but one element where `dtype` is that of bytes. A `memoryview` is copied,
    and keeps its format and shape.

    Raises:
        TypeError: the sample is a mapping, or has nulls.
    """
    if isinstance(sample, (bytes, bytearray)) and not isinstance(sample, np.generic):
        is_element = dtype is not None and dtype.kind == "S"
        return bytes(sample) if is_element else np.frombuffer(bytes(sample), np.uint8)
    if isinstance(sample, memoryview):
        return np.array(sample)
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None:
        sample = _from_arrow(sample, pyarrow)
    if isinstance(sample, Mapping):
        key = repr(next(iter(sample), "image"))
        raise TypeError(
            f"a mapping cannot be stored: store one field, for example the values of the key {key}, "
            "and other fields in datasets of their own"
        )
    return sample


def prepare_rows(rows: Any, dtype: np.dtype) -> Any:
    """Return rows of an array with `bytes` and `bytearray` among them made arrays."""
    if not isinstance(rows, (list, tuple)):
        return rows
    return [prepare(row, dtype) if isinstance(row, (bytes, bytearray)) else row for row in rows]


def unrounded(sample: list[Any] | tuple[Any, ...], array: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Return what NumPy made of numbers, as the integers that they are where a float, or an integer of another size, beside
    them had one rounded.

    Args:
        sample: numbers, in lists or tuples of any depth.
        array: `np.asarray(sample)`, of floats.
        dtype: the dtype to store; None if the sample decides it.

    Raises:
        OverflowError: an integer is outside the range of `dtype`, or no float is equal to it.
    """
    with np.errstate(invalid="ignore"):
        if np.all(np.abs(array) < 2**53):
            return array
    if dtype is None or dtype.kind not in "iu":
        _check_integers(sample, dtype or array.dtype)
        return array
    if not np.all(array == np.trunc(array)) or not np.all(np.isfinite(array)):
        return array
    whole = [int(value) for value in np.asarray(sample, dtype=object).ravel()]
    limits = np.iinfo(dtype)
    for value in whole:
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"the value {value} cannot be stored as {dtype}")
    return np.array(whole, dtype).reshape(array.shape)


def _check_integers(sample: Any, dtype: np.dtype) -> None:
    """Raise OverflowError for an integer among numbers that no float64 is equal to."""
    if isinstance(sample, (list, tuple)):
        for part in sample:
            _check_integers(part, dtype)
    elif isinstance(sample, int) and (abs(sample) > sys.float_info.max or int(float(sample)) != sample):
        raise OverflowError(
            f"the integer {sample} would be rounded as {dtype}; give the dtype that all numbers fit, such as np.uint64"
        )


def refuse_objects(array: np.ndarray, place: str) -> None:
    """Raise TypeError for the first element of an array of objects that no other dtype holds, such as None."""
    for item in array.flat:
        if isinstance(item, str):
            raise TypeError(
                f"{place}: {shortened(item)} is a text among objects; texts are stored in a StringsMmap"
            )
        if not isinstance(item, (int, float, complex, np.generic)):
            raise TypeError(
                f"{place}: {shortened(item)} of type {type(item).__name__} cannot be stored: only NumPy's dtype object holds it; "
                f"{_advice(item)}"
            )


def _advice(item: Any) -> str:
    """What to do with an element that cannot be stored."""
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return "fill in missing values, or leave their samples out"
    if isinstance(item, date):
        return "store numpy.datetime64, in UTC, or the text of isoformat()"
    if isinstance(item, (set, frozenset)):
        return "store sorted(...) of a set, which is a list"
    return "convert it to numbers, or to an array of another dtype"


def check_ends(sample: Any) -> None:
    """Raise TypeError for a text or bytes that end in NUL, which elements of an array lose."""
    if isinstance(sample, (list, tuple)):
        if not _are_texts_without_nul(sample):
            for part in sample:
                check_ends(part)
    elif isinstance(sample, (str, bytes)) and sample[-1:] in ("\0", b"\0"):
        raise TypeError(
            f"NumPy drops the trailing NUL characters of {sample!r}; store bytes as samples of uint8, and texts in a StringsMmap"
        )


def _are_texts_without_nul(parts: list[Any] | tuple[Any, ...]) -> bool:
    """Whether all parts are texts, none of which has a NUL character; much faster than a look at each."""
    try:
        return "\0" not in "".join(parts)
    except TypeError:
        return False


def decides_dtype(sample: Any) -> bool:
    """Whether a sample has elements or a dtype of its own. Otherwise NumPy has to guess its dtype."""
    if isinstance(sample, (str, Mapping)) or any(hasattr(sample, name) for name in _TYPED):
        return True
    if not hasattr(type(sample), "__getitem__") or not hasattr(type(sample), "__len__"):
        return True  # A scalar.
    try:
        memoryview(sample)
    except TypeError:
        return any(decides_dtype(part) for part in sample)
    return True


def first_batch(samples: Iterator[Any], size: int) -> Iterator[Any]:
    """The first `size` samples, and more up to the first one that decides the dtype."""
    count, is_decided = 0, False
    while count < size or not is_decided:
        try:
            sample = next(samples)
        except StopIteration:
            return
        is_decided = is_decided or decides_dtype(sample)
        count += 1
        yield sample


def _from_arrow(sample: Any, pyarrow: Any) -> Any:
    """The values of a scalar or an array of pyarrow, in their own dtype; anything else as it is."""
    if isinstance(sample, pyarrow.ChunkedArray):
        sample = sample.combine_chunks()
    if isinstance(sample, pyarrow.Array):
        return _of_arrow_array(sample)
    if not isinstance(sample, pyarrow.Scalar) or isinstance(sample, Mapping):
        return sample
    if isinstance(sample, pyarrow.BinaryScalar) and sample.is_valid:
        return prepare(sample.as_py(), None)
    return _of_arrow_array(pyarrow.repeat(sample, 1))[0]


def _of_arrow_array(array: Any) -> np.ndarray:
    """The values of an array of pyarrow. Nested lists of equal lengths are further axes."""
    if hasattr(array, "to_numpy_ndarray"):  # An array of tensors.
        return np.asarray(array.to_numpy_ndarray())
    shape = [len(array)]
    while True:
        if array.null_count:
            raise TypeError("nulls cannot be stored: fill them first")
        if not hasattr(array, "value_lengths"):
            return np.asarray(array.to_numpy(zero_copy_only=False)).reshape(shape)
        lengths = np.unique(array.value_lengths().to_numpy(zero_copy_only=False))
        if len(lengths) > 1:
            raise ValueError(f"lists of different lengths, {lengths[0]} and {lengths[-1]}, are not one array")
        shape.append(int(lengths[0]) if len(lengths) else 0)
        array = array.flatten()
