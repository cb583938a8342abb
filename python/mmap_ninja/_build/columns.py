"""Records from columns: one sequence of samples for each field."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmap_ninja._typing import AnyPath


def common_length(out_dir: AnyPath, columns: Mapping[str, Sequence[Any]]) -> int:
    """The number of samples that every column has.

    Raises:
        TypeError: `columns` is not a mapping, or a column is not a sequence.
        ValueError: there are no columns, or two of them have different lengths.
    """
    place = os.fsdecode(out_dir)
    if not isinstance(columns, Mapping):
        hint = (
            "; mmap_ninja.from_arrow stores tables and DataFrames"
            if hasattr(columns, "__arrow_c_stream__") or hasattr(columns, "columns")
            else ""
        )
        raise TypeError(f"{place}: columns must be a dict of sequences, not {type(columns).__name__}{hint}")
    for name, column in columns.items():
        if isinstance(column, (str, Mapping)) or not (
            hasattr(column, "__len__") and hasattr(column, "__getitem__")
        ):
            found = type(column).__name__
            raise TypeError(f"{place}: the field '{name}' is {found}, expected a sequence of samples")
    lengths = {name: len(column) for name, column in columns.items()}
    if not lengths:
        raise ValueError(f"{place}: a record has at least one field")
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise ValueError(
                f"{place}: the field '{first}' has {lengths[first]} samples, but '{name}' has {length}"
            )
    return lengths[first]


def zipped(columns: Mapping[str, Sequence[Any]], length: int) -> Iterator[dict[str, Any]]:
    """The records of columns."""
    by_position = {name: _by_position(column) for name, column in columns.items()}
    for index in range(length):
        yield {name: column[index] for name, column in by_position.items()}


def _by_position(column: Any) -> Any:
    """A column of pandas as the array that it holds, whose times are NumPy's, or indexed by position where values may be missing."""
    if not hasattr(column, "iloc"):
        return column
    return column.to_numpy() if isinstance(getattr(column, "dtype", None), np.dtype) else column.iloc
