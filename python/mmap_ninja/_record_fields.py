"""Fields of records as maps of their own."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmap_ninja import _core, _paths
from mmap_ninja._typing import Access, Durability, Mode
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.string import StringsMmap


class Shown(Protocol):
    """What is needed of a handle of records: how it was opened, and how it lets maps show its fields."""

    mode: Mode
    access: Access
    durability: Durability
    timeout: float
    locking: bool

    def _array(self, place: int) -> Any: ...
    def _show_field(self, place: int, map: Any, options: _core.Options) -> None: ...


def show(records: Shown, place: int, kind: str, path: Path) -> Any:
    """A map of what a handle shows of the field at a place in its list, whatever has become of the files in `path` since."""
    if kind == "numpy":
        array: Any = records._array(place).view(np.memmap)
        array.filename, array.offset, array.mode = path / "data.ninja", 0, records.mode
        return array
    members = {"starts_key": "starts", "ends_key": "ends"}
    if kind == "ragged":
        members |= {"shapes_key": "shapes", "flattened_shapes_key": "flattened_shapes"}
    is_writable = records.mode in {"r+", "r+b", "rb+", "readwrite"}
    mode = records.mode if kind == "ragged" else "r+" if is_writable else "rb"
    options = _core.Options(
        mode=mode,
        access=records.access,
        durability=records.durability,
        timeout=records.timeout,
        locking=records.locking,
        **members,
    )
    memmap: RaggedMmap[Any, Any] | StringsMmap
    memmap = RaggedMmap.__new__(RaggedMmap) if kind == "ragged" else StringsMmap.__new__(StringsMmap)
    records._show_field(place, memmap, options)
    with _paths.opening_new():
        memmap._keep_attributes(path, options)
    return memmap
