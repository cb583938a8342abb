"""Casts that lose at most digits of a float."""

import numpy as np

from mmap_ninja._samples import refuse_objects


def cast(array: np.ndarray, dtype: np.dtype, place: str) -> np.ndarray:
    """Return `array` as `dtype` if its values survive.

    A float may lose digits (float64 to float32): that is the meaning of a narrower float. Any other value must read back
    unchanged.

    Raises:
        OverflowError: a number is outside the range of `dtype`.
        TypeError: a value would change in another way.
    """
    if not _is_meaningful(array.dtype, dtype):
        if array.dtype.kind == "O":
            refuse_objects(array, place)
        raise TypeError(f"{place}: {array.dtype} cannot be stored as {dtype}")
    if _is_lossless(array.dtype, dtype):
        return array.astype(dtype)
    if _is_number(dtype):
        return _cast_numbers(array, dtype, place)
    try:
        with np.errstate(all="ignore"):
            converted = array.astype(dtype)
            back = converted.astype(array.dtype)
    except UnicodeError as error:
        value = getattr(error, "object", "a text")
        raise TypeError(f"{place}: {value!r} cannot be stored as {dtype}") from error
    changed = (back != array) & ~(_is_nothing(array) & _is_nothing(back))
    outside = np.full(array.shape, dtype.kind in "mM" and np.can_cast(array.dtype, dtype, "safe"))
    _refuse(array, changed, outside, dtype, place)
    return converted


def _is_meaningful(source: np.dtype, target: np.dtype) -> bool:
    """Whether both are numbers, times, texts, or fields of the same names."""
    if source.names or target.names or source.kind in "OT":
        return source.names == target.names and np.can_cast(source, target, "safe")
    return _family(source) == _family(target)


def _family(dtype: np.dtype) -> str:
    if _is_number(dtype):
        return "number"
    return {"U": "text", "S": "text"}.get(dtype.kind, dtype.kind)


def _is_number(dtype: np.dtype) -> bool:
    return dtype.kind in "biufc" or _is_ml(dtype)


def _is_ml(dtype: np.dtype) -> bool:
    """Whether the dtype is one of ml_dtypes, all of which are numbers."""
    return dtype.isbuiltin == 2 and dtype.type.__module__.partition(".")[0] == "ml_dtypes"


def _is_lossless(source: np.dtype, target: np.dtype) -> bool:
    """Whether NumPy calls the cast safe and means it.

    A float rounds large integers, a finer unit wraps times, and dtypes of ml_dtypes call nearly everything safe.
    """
    if source.kind in "mM" or (source.kind in "iu" and target.kind not in "iu"):
        return False
    return not (_is_ml(source) or _is_ml(target)) and np.can_cast(source, target, "safe")


def _cast_numbers(array: np.ndarray, dtype: np.dtype, place: str) -> np.ndarray:
    values, target = _widened(array), _wide(dtype)
    if values.dtype.kind == "c" and target.kind != "c":
        _refuse(array, values.imag != 0, np.full(array.shape, fill_value=False), dtype, place)
        values = values.real
    with np.errstate(all="ignore"):
        if target.kind in "biu":
            changed, outside = _integer_losses(values, *_limits(dtype))
            _refuse(array, changed, outside, dtype, place)
            return values.astype(dtype)
        converted = values.astype(dtype)
        changed, outside = _float_losses(values, converted)
    _refuse(array, changed, outside, dtype, place)
    return converted


def _wide(dtype: np.dtype) -> np.dtype:
    """A dtype of NumPy that has all values of `dtype`; `dtype` itself if it is one of NumPy."""
    if not _is_ml(dtype):
        return dtype
    name = dtype.name
    return np.dtype("c8" if "complex" in name else "f8" if "float" in name else "i8")


def _widened(array: np.ndarray) -> np.ndarray:
    return array.astype(_wide(array.dtype)) if _is_ml(array.dtype) else array


def _limits(dtype: np.dtype) -> tuple[int, int]:
    """The least and the greatest value of an integer dtype."""
    if dtype.kind == "b":
        return 0, 1
    if not _is_ml(dtype):
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    import ml_dtypes

    found = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    return int(found.min), int(found.max)


def _integer_losses(values: np.ndarray, least: int, greatest: int) -> tuple[np.ndarray, np.ndarray]:
    """The masks of values that are no integers of that range, and of numbers outside it."""
    if values.dtype.kind not in "fc":
        outside = (values < least) | (values > greatest)
        return outside, outside
    if values.dtype.itemsize < 8:
        values = values.astype(np.float64)  # Narrower floats lack the limits.
    # The upper limit plus one is a power of two, which a float has exactly.
    inside = (values >= float(least)) & (values < float(greatest + 1))
    return ~inside | (values != np.trunc(values)), ~inside & np.isfinite(values)


def _float_losses(values: np.ndarray, converted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The masks of values that do not survive in a dtype of floats, and of numbers outside its range."""
    back = _widened(converted)
    is_finite = np.isfinite(values)
    outside = is_finite & ~np.isfinite(back)
    if _is_ml(converted.dtype) and back.dtype.kind == "f":
        outside |= is_finite & _is_saturated(values, back, converted.dtype)
    if values.dtype.kind in "biu":
        return outside | ~_is_same_integer(values, back.real), outside
    if values.dtype.kind == "c" or not _is_ml(converted.dtype):
        return outside, outside
    is_nan = np.isnan(values)
    return outside | (is_nan != np.isnan(back)) | (~is_finite & ~is_nan & (back != values)), outside


def _is_saturated(values: np.ndarray, back: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The mask of numbers that became the limit of a dtype without infinity, or its least number if it has no zero."""
    values = values.astype(np.float64) if values.dtype.itemsize < 8 else values
    limit = np.full((), np.inf).astype(dtype).astype(np.float64)
    # Half of a number at the limit is inside the range, and rounds in the same way.
    half = (values / 2).astype(dtype).astype(np.float64)
    saturated: np.ndarray = (np.abs(back) == limit) & (half * 2 != back)
    # Rounding to the nearest number never more than doubles.
    saturated |= np.abs(back) > 2 * np.abs(values)
    return saturated


def _is_same_integer(values: np.ndarray, back: np.ndarray) -> np.ndarray:
    """The mask of integers that a cast to a float has kept."""
    same: np.ndarray = np.equal(back, values)
    if values.dtype.kind == "b":
        return same
    limits = np.iinfo(values.dtype)
    # A float beyond the integers' range may wrap, or become its limit, when it is cast back.
    is_inside = (back >= float(limits.min)) & (back < float(int(limits.max) + 1))
    same = is_inside & (back.astype(values.dtype) == values)
    return same


def _is_nothing(array: np.ndarray) -> np.ndarray:
    """The mask of NaN and NaT, the values that differ from themselves."""
    differs: np.ndarray = np.not_equal(array, array)
    return differs


def _refuse(array: np.ndarray, changed: np.ndarray, outside: np.ndarray, dtype: np.dtype, place: str) -> None:
    """Raise an error that names the first changed value, if any."""
    if not np.any(changed):
        return
    first = np.unravel_index(np.argmax(changed), array.shape)
    error = OverflowError if outside[first] else TypeError
    raise error(f"{place}: the value {array[first]!r} cannot be stored as {dtype}")
