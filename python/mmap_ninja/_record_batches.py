"""Batches of records: every field as a training loop wants it."""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmap_ninja import numpy as np_ninja
from mmap_ninja._core import CorruptDatasetError

if TYPE_CHECKING:
    from mmap_ninja._typing import Indices, PadValues
    from mmap_ninja.records import RecordsMmap


def batch(records: "RecordsMmap[Any]", indices: "Indices", pad: "PadValues | None") -> dict[str, Any]:
    """The records at `indices`, field by field; see `RecordsMmap.batch`."""
    positions, specs = records._rows(indices), records._specs()
    kinds = {name: kind for name, kind, _ in specs}
    pad = {} if pad is None else dict(pad)
    for name in pad:
        if kinds.get(name) != "ragged":
            what = "only ragged fields are padded" if name in kinds else "there is no such field"
            raise ValueError(f"{records.out_dir}: pad names '{name}', but {what}")
    return {name: _column(records, name, kind, shape, positions, pad) for name, kind, shape in specs}


def _column(
    records: "RecordsMmap[Any]",
    name: str,
    kind: str,
    shape: list[int] | None,
    positions: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    pad: dict[str, Any],
) -> Any:
    memmap = records.field(name)
    if kind == "numpy":
        return np_ninja.gather(memmap, positions)
    if kind == "string":
        return memmap[positions]
    if name in pad:
        return memmap.padded(positions, pad[name])
    values, offsets = memmap.gather(positions)
    # A hostile list of fields may state axes whose product no int64 holds.
    size = 0 if shape is None else min(prod(shape[1:]), np.iinfo(np.int64).max)
    if shape is None or size == 0:
        return values, offsets
    if np.any(offsets % size):
        raise CorruptDatasetError(
            f"{records.out_dir}: samples of the field '{name}' do not have the shape {shape} that fields.json states"
        )
    # Rows of the fixed axes, and offsets that count them.
    return values.reshape(-1, *shape[1:]), offsets // size
