"""Which NumPy dtype, and how many axes, the samples of an Arrow type have."""

from math import prod
from typing import Any, TypeAlias

import numpy as np

from mmap_ninja._arrow.package import pyarrow

# The axes that one step from a type to that of its elements takes: of these sizes, or one of any size.
Level: TypeAlias = tuple[int, ...] | None


def plain(arrow_type: Any) -> Any:
    """The type of the values of a dictionary, of runs or of an extension. Tensors stay what they are."""
    pa = pyarrow()
    while True:
        if pa.types.is_dictionary(arrow_type) or pa.types.is_run_end_encoded(arrow_type):
            arrow_type = arrow_type.value_type
        elif isinstance(arrow_type, pa.BaseExtensionType) and not is_tensor(arrow_type):
            arrow_type = arrow_type.storage_type
        else:
            return arrow_type


def levels(arrow_type: Any) -> tuple[list[Level], Any]:
    """The axes of a sample, and the type of its elements: a tensor only if its axes lie in another order than they count."""
    found: list[Level] = []
    while True:
        arrow_type = plain(arrow_type)
        if is_tensor(arrow_type):
            if (order := arrow_type.permutation) is not None and list(order) != sorted(order):
                return found, arrow_type
            found.append(tuple(arrow_type.shape))
        elif pyarrow().types.is_fixed_size_list(arrow_type):
            found.append((arrow_type.list_size,))
        elif pyarrow().types.is_fixed_size_binary(arrow_type):
            return [*found, (arrow_type.byte_width,)], pyarrow().uint8()
        elif is_list(arrow_type):
            found.append(None)
        else:
            return found, arrow_type
        arrow_type = arrow_type.value_type


def axes(found: list[Level]) -> int:
    """The number of axes."""
    return sum(1 if level is None else len(level) for level in found)


def sizes(found: list[Level]) -> tuple[int, ...]:
    """The sizes of the axes, which are fixed."""
    return tuple(size for level in found for size in level or ())


def width(level: Level) -> int:
    """The number of elements of a level of fixed size."""
    return prod(level or ())


def dtype(arrow_type: Any) -> np.dtype[Any] | None:
    """The dtype of elements of a type that is neither a list nor text; None if NumPy has none."""
    types = pyarrow().types
    if types.is_boolean(arrow_type):
        return np.dtype(bool)
    if types.is_integer(arrow_type) or types.is_floating(arrow_type):
        number: np.dtype[Any] = np.dtype(arrow_type.to_pandas_dtype())
        return number
    if types.is_timestamp(arrow_type):
        return np.dtype(f"M8[{arrow_type.unit}]")
    if types.is_duration(arrow_type):
        return np.dtype(f"m8[{arrow_type.unit}]")
    if types.is_date(arrow_type):
        return np.dtype("M8[D]" if types.is_date32(arrow_type) else "M8[ms]")
    return None


def is_tensor(arrow_type: Any) -> bool:
    """Whether rows are tensors of one shape."""
    return isinstance(arrow_type, pyarrow().FixedShapeTensorType)


def is_list(arrow_type: Any) -> bool:
    """Whether rows are lists of any length."""
    types = pyarrow().types
    tests = types.is_list, types.is_large_list, types.is_list_view, types.is_large_list_view
    return any(test(arrow_type) for test in tests)


def is_text(arrow_type: Any) -> bool:
    """Whether rows are UTF-8 texts."""
    types = pyarrow().types
    return any(test(arrow_type) for test in (types.is_string, types.is_large_string, types.is_string_view))


def is_bytes(arrow_type: Any) -> bool:
    """Whether rows are bytes of any number."""
    types = pyarrow().types
    return any(test(arrow_type) for test in (types.is_binary, types.is_large_binary, types.is_binary_view))
