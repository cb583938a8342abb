"""Casts that lose nothing but digits of a float."""

import numpy as np


def cast(array: np.ndarray, dtype: np.dtype, place: str) -> np.ndarray:
    """Return `array` as `dtype` if its values survive.

    A float may lose digits (float64 to float32), since that is what choosing a narrower float means. Anything else
    must read back as the same value.

    Raises:
        OverflowError: a value is outside of the range of `dtype`.
        TypeError: a value would change in any other way.
    """
    if not _is_meaningful(array.dtype, dtype):
        raise TypeError(f"{place}: {array.dtype} cannot be stored as {dtype}")
    if np.can_cast(array.dtype, dtype, "safe") and array.dtype.kind not in "iu":
        return array.astype(dtype)
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
        if _only_loses_digits(array.dtype, dtype):
            changed = np.isinf(converted) & ~np.isinf(array)
        else:
            changed = _differs(array, converted)
    if not np.any(changed):
        return converted
    first = array[np.unravel_index(np.argmax(changed), array.shape)]
    error = OverflowError if _is_outside(first, dtype) else TypeError
    raise error(f"{place}: the value {first!r} cannot be stored as {dtype}")


def _is_meaningful(source: np.dtype, target: np.dtype) -> bool:
    """Numbers are numbers, times are times, texts are texts, and fields are fields."""
    if source.names or target.names or source.kind in "OT":
        return np.can_cast(source, target, "safe")
    return _family(source) == _family(target) or np.can_cast(source, target, "same_kind")


def _family(dtype: np.dtype) -> str:
    if dtype.kind in "biufc" or _is_custom(dtype):
        return "number"
    return {"U": "text", "S": "text"}.get(dtype.kind, dtype.kind)


def _is_custom(dtype: np.dtype) -> bool:
    """Dtypes that a package such as ml_dtypes registered: all of them are numbers."""
    return dtype.isbuiltin == 2


def _only_loses_digits(source: np.dtype, target: np.dtype) -> bool:
    def is_inexact(dtype: np.dtype) -> bool:
        return dtype.kind in "fc" or (_is_custom(dtype) and "float" in dtype.name)

    return is_inexact(source) and is_inexact(target) and not (source.kind == "c" and target.kind != "c")


def _differs(array: np.ndarray, converted: np.ndarray) -> np.ndarray:
    """Where the values do not read back; NaN and NaT read back as themselves."""
    back = converted.astype(array.dtype)
    differs = back != array
    if array.dtype.kind in "iu" and converted.dtype.kind in "iu":
        differs |= (array < 0) != (converted < 0)
    if array.dtype.kind == "i" and converted.dtype.kind in "fc":
        # The largest integers round up to a float that has no integer of their type, and wrap.
        differs |= np.abs(converted) >= 2.0**63
    return differs & ~((array != array) & (back != back))


def _is_outside(value: np.generic, dtype: np.dtype) -> bool:
    if dtype.kind in "iu" and value.dtype.kind in "iuf" and np.isfinite(value):
        limits = np.iinfo(dtype)
        return not limits.min <= value <= limits.max
    return value.dtype.kind in "fc" and np.isfinite(value) and dtype.kind not in "iub"
