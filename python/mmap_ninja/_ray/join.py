"""The shards of all tasks as one dataset."""

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from mmap_ninja import _core, generic
from mmap_ninja._fields import Declared
from mmap_ninja._ray.columns import Layout, Samples, decode
from mmap_ninja._ray.fields import Field, gathered, number_of_axes, open_fields, ranges, size_until
from mmap_ninja._ray.sink import Part, Shard, check_names, create_part
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

# The most bytes of a part that are in memory while it is stored in another way.
_BYTES_AT_ONCE = 64 << 20


def join(shards: Sequence[Shard], partial: Path, as_records: bool, options: dict[str, Any]) -> str:
    """Join shards to a dataset in the directory `partial`, and return its kind.

    Args:
        shards: in the order of their samples.
        partial: the directory.
        as_records: whether a single column becomes records too.
        options: of `RecordsMmap`.
    """
    parts = [part for shard in shards for part in shard.parts]
    for part in parts:
        _check_visible(part)
    targets = [_common(layouts) for layouts in _layouts_of_fields(parts)]
    parts = [part if part.layouts == tuple(targets) else _stored_as(part, targets, options) for part in parts]
    if len(targets) == 1 and not as_records:
        kind, sources = targets[0].kind, [part.place / targets[0].name for part in parts]
    else:
        kind, sources = "records", [part.place for part in parts]
    generic._join_into(partial, kind, sources, options["locking"])
    return kind


def empty_shard(
    schema: Any, wanted: list[str] | None, declared: dict[str, Declared], place: Path, options: dict[str, Any]
) -> Shard:
    """A shard without samples, of the columns of a schema."""
    names = check_names(wanted, schema.names, "the dataset")
    columns = schema.empty_table().combine_chunks()
    samples = [
        decode(name, columns.column(name).combine_chunks(), declared.get(name), 0, "the dataset")
        for name in names
    ]
    records = create_part(place, options)
    records._extend_columns([each.column for each in samples])
    return Shard(0, (Part(place, 0, tuple(each.layout for each in samples), ""),))


def _check_visible(part: Part) -> None:
    """Raise FileNotFoundError if the driver does not see what a task has written."""
    if _core.has_fields(part.place) and len(RecordsMmap(part.place)) == part.rows:
        return
    reason = (
        f"The driver on {socket.gethostname()} does not see what a task on {part.node} has written; the place is not on a "
        "file system that all nodes share"
    )
    raise FileNotFoundError(errno.ENOENT, reason, os.fspath(part.place))


def _layouts_of_fields(parts: Sequence[Part]) -> list[list[Layout]]:
    """The layouts of each field in all parts."""
    names = [layout.name for layout in parts[0].layouts]
    by_name = [{layout.name: layout for layout in part.layouts} for part in parts]
    for layouts in by_name:
        if layouts.keys() != set(names):
            found = ", ".join(layouts)
            raise ValueError(
                f"some blocks have the columns {', '.join(names)}, and others {found}; select some of them"
            )
    return [[layouts[name] for layouts in by_name] for name in names]


def _common(layouts: Sequence[Layout]) -> Layout:
    """How a field is stored as a whole: as in all parts, or as ragged samples where shapes differ.

    Raises:
        TypeError: elements have different types.
    """
    first = layouts[0]
    if all(layout == first for layout in layouts):
        return first
    other = next(layout for layout in layouts if layout != first)
    for layout in layouts:
        if layout.dtype != first.dtype or "string" in {layout.kind, first.kind}:
            raise TypeError(
                f"the column '{first.name}' is {_told(first)} in some blocks and {_told(layout)} in others"
            )
    if any(layout.kind == "numpy" and not layout.axes for layout in layouts):
        raise TypeError(
            f"the column '{first.name}' is {_told(first)} in some blocks and {_told(other)} in others"
        )
    fixed = {layout.axes if layout.kind == "ragged" else None for layout in layouts}
    return Layout(first.name, "ragged", first.dtype, fixed.pop() if len(fixed) == 1 else None)


def _told(layout: Layout) -> str:
    if layout.kind == "string":
        return "texts"
    what = "numbers" if layout.kind == "numpy" and not layout.axes else "arrays"
    return f"{what} of {np.dtype(layout.dtype)}"


def _stored_as(part: Part, targets: Sequence[Layout], options: dict[str, Any]) -> Part:
    """The same records, with the fields of `targets`."""
    place = part.place.with_name(f"{part.place.name}-joined")
    fields, records = open_fields(part.place), create_part(place, options)
    size = size_until(fields.values())
    for low, high in ranges(size, 0, part.rows, ceil(size(part.rows) / _BYTES_AT_ONCE)):
        columns = [_samples(target, fields[target.name], low, high).column for target in targets]
        records._extend_columns(columns)
    return replace(part, place=place, layouts=tuple(targets))


def _samples(target: Layout, field: Field, start: int, stop: int) -> Samples:
    """Samples of a field as those of another layout."""
    place = f"column '{target.name}'"
    if isinstance(field, StringsMmap):
        return Samples(target.name, place, "string", field.gather(range(start, stop)), None)
    if isinstance(field, np.ndarray):
        rows = np.asarray(field[start:stop])
        found = Samples(target.name, place, "numpy", (rows,), rows.shape[1:])
    else:
        arrays = gathered(field, number_of_axes(field), start, stop)
        found = Samples(target.name, place, "ragged", arrays, None)
    return found.as_ragged(target.axes) if target.kind == "ragged" else found
