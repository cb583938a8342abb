"""Records from columns: one sequence of samples for each field."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmap_ninja._typing import AnyPath


def common_length(out_dir: AnyPath, columns: Mapping[str, Sequence[Any]]) -> int:
    """The number of samples that every column has.

    Raises:
        TypeError: `columns` is not a mapping.
        ValueError: there are no columns, or two of them have different lengths.
    """
    place = os.fsdecode(out_dir)
    if not isinstance(columns, Mapping):
        raise TypeError(f"{place}: columns must be a dict of sequences, not {type(columns).__name__}")
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
    """The records of columns. A Series of pandas is indexed by position."""
    by_position = {name: getattr(column, "iloc", column) for name, column in columns.items()}
    for index in range(length):
        yield {name: column[index] for name, column in by_position.items()}
