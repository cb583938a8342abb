"""Casts that lose at most digits of a float."""

import numpy as np


def cast(array: np.ndarray, dtype: np.dtype, place: str) -> np.ndarray:
    """Return `array` as `dtype` if its values survive.

    A float may lose digits (float64 to float32): that is the meaning of a narrower float. Any other value must read back
    unchanged.

    Raises:
        OverflowError: a value is outside the range of `dtype`.
        TypeError: a value would change in another way.
    """
    if not _is_meaningful(array.dtype, dtype):
        raise TypeError(f"{place}: {array.dtype} cannot be stored as {dtype}")
    if _is_lossless(array.dtype, dtype):
        return array.astype(dtype)
    if array.dtype.kind == "c" and dtype.kind != "c":
        _refuse(array, array.imag != 0, dtype, place)
        array = array.real
    try:
        with np.errstate(all="ignore"):
            converted = array.astype(dtype)
            changed = _changed(array, converted)
    except UnicodeEncodeError as error:
        raise TypeError(f"{place}: {error.object!r} cannot be stored as {dtype}") from error
    _refuse(array, changed, dtype, place)
    return converted


def _is_meaningful(source: np.dtype, target: np.dtype) -> bool:
    """Whether both are numbers, times, texts, or fields of the same names."""
    if source.names or target.names or source.kind in "OT":
        return source.names == target.names and np.can_cast(source, target, "safe")
    return _family(source) == _family(target)


def _family(dtype: np.dtype) -> str:
    if dtype.kind in "biufc" or _is_custom(dtype):
        return "number"
    return {"U": "text", "S": "text"}.get(dtype.kind, dtype.kind)


def _is_custom(dtype: np.dtype) -> bool:
    """Whether a package such as ml_dtypes has registered the dtype: all such dtypes are numbers."""
    return dtype.isbuiltin == 2


def _is_lossless(source: np.dtype, target: np.dtype) -> bool:
    """Whether NumPy calls the cast safe and means it: a float rounds large integers, and a finer unit wraps times."""
    if source.kind in "mM" or (source.kind in "iu" and target.kind not in "iu"):
        return False
    return np.can_cast(source, target, "safe")


def _changed(array: np.ndarray, converted: np.ndarray) -> np.ndarray:
    """The mask of values that the cast has changed."""
    changed: np.ndarray
    if _is_inexact(array.dtype) and _is_inexact(converted.dtype):
        changed = ~np.isfinite(converted) & np.isfinite(array)
        return changed
    back = converted.astype(array.dtype)
    changed = back != array
    if array.dtype.kind in "iu" and converted.dtype.kind in "iu":
        changed |= (array < 0) != (converted < 0)
    if array.dtype.kind == "i" and converted.dtype.kind in "fc":
        # The largest integers round up to a float that is outside their type, and wrap when cast back.
        changed |= np.abs(converted) >= 2.0**63
    changed &= ~(_is_nothing(array) & _is_nothing(back))
    return changed


def _is_inexact(dtype: np.dtype) -> bool:
    return dtype.kind in "fc" or (_is_custom(dtype) and "float" in dtype.name)


def _is_nothing(array: np.ndarray) -> np.ndarray:
    """The mask of NaN and NaT, the values that differ from themselves."""
    differs: np.ndarray = np.not_equal(array, array)
    return differs


def _refuse(array: np.ndarray, changed: np.ndarray, dtype: np.dtype, place: str) -> None:
    """Raise an error that names the first changed value, if any."""
    if not np.any(changed):
        return
    first = array[np.unravel_index(np.argmax(changed), array.shape)]
    error = OverflowError if _is_outside(first, dtype) else TypeError
    raise error(f"{place}: the value {first!r} cannot be stored as {dtype}")


def _is_outside(value: np.generic, dtype: np.dtype) -> bool:
    """Whether the value is a number that is too large or too small."""
    if dtype.kind in "mM" or (value.dtype.kind == "c" and dtype.kind != "c"):
        return np.can_cast(value.dtype, dtype, "safe")
    if dtype.kind in "iu" and value.dtype.kind in "iuf" and np.isfinite(value):
        limits = np.iinfo(dtype)
        return not limits.min <= value.item() <= limits.max
    return value.dtype.kind in "fc" and bool(np.isfinite(value)) and dtype.kind not in "iub"
