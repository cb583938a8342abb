"""A map of any number of samples whose files take no room on the disk: only the last sample has elements."""

import struct
from pathlib import Path

import numpy as np

LENGTH = 4


def write(folder: Path, count: int) -> None:
    """`count` int32 samples as mmap_ninja stores them: all are empty but the last, which has `LENGTH` zeros."""
    elements = count * LENGTH
    member(folder, np.int32, (elements,))
    (folder / "shapes_are_flat.ninja").write_bytes(struct.pack("<i", 1))
    (folder / "type.ninja").write_text("ragged")
    member(folder / "starts", np.int64, (count,), last=elements - LENGTH)
    member(folder / "ends", np.int64, (count,), last=elements)
    member(folder / "flattened_shapes", np.int64, (count,), last=LENGTH)
    member(folder / "shapes", np.int64, (count, 1), last=LENGTH)


def member(folder: Path, dtype: type, shape: tuple[int, ...], last: int = 0) -> None:
    """An array of zeros but for its last element."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "type.ninja").write_text("numpy")
    (folder / "dtype.ninja").write_text(np.dtype(dtype).name)
    (folder / "shape.ninja").write_bytes(b"".join(struct.pack("<Q", axis) for axis in shape))
    (folder / "order.ninja").write_text("C")
    end = np.dtype(dtype).type(last).tobytes()
    with open(folder / "data.ninja", "wb") as file:
        file.seek(int(np.prod(shape)) * len(end) - len(end))
        file.write(end)
