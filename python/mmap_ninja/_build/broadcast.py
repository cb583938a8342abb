"""Sends a value to worker processes through a file: pickled once, and loaded once by each worker."""

import mmap
import os
import pickle
import sys
from collections import ChainMap
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar
from uuid import uuid4

import numpy as np

# Workers map arrays of this many bytes or more, so that all share one copy. Windows cannot remove a mapped file.
LARGE = sys.maxsize if os.name == "nt" else 1 << 20
_ALIGNMENT = 64

_Extents = tuple[tuple[int, int], ...]


class Broadcast:
    """A value that tasks carry to worker processes; call it to get the value.

    Pickling it writes the value to a file in `folder`, the first time only, and stores the name of that file.
    """

    def __init__(self, value: Any, folder: Path):
        self._value = value
        self._path = folder / uuid4().hex
        self._extents: _Extents | None = None
        self._lock = Lock()

    def __call__(self) -> Any:
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            if self._extents is None:
                self._extents = _dump(self._value, self._path)
        return partial, (_load, self._path, self._extents)


@lru_cache(maxsize=1)
def _load(path: Path, extents: _Extents) -> Any:
    """The value in a file. A worker keeps it until the next one arrives."""
    with path.open("rb") as file:
        # Copy-on-write, because the value may change its arrays.
        mapping = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)) if extents else None
        return pickle.load(file, buffers=[mapping[start:end] for start, end in extents] if mapping else None)


def _dump(value: Any, path: Path) -> _Extents:
    """Write the pickle of a value, then the bytes of its large arrays; return where these start and end."""
    try:
        import cloudpickle
    except ImportError:  # Releases of joblib before 1.6 contain it.
        from joblib.externals import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        dispatch_table: ClassVar[Any] = ChainMap(
            {np.ndarray: _reduce_array, np.memmap: _reduce_array}, cloudpickle.Pickler.dispatch_table
        )

    large: list[memoryview] = []
    extents: list[tuple[int, int]] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= LARGE:
            large.append(raw)
        return raw.nbytes < LARGE

    with path.open("wb") as file:
        Pickler(file, protocol=5, buffer_callback=is_small).dump(value)
        for raw in large:
            start = file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
            extents.append((start, start + file.write(raw)))
    return tuple(extents)


def _reduce_array(array: Any) -> Any:
    """Pickle an array on a file as the name of the file, and any other array as usual.

    All views of one mapping refer to the same pickled mapping: each mapping keeps a file descriptor open.
    """
    root = array
    while isinstance(root, np.ndarray) and not isinstance(root.base, mmap.mmap):
        root = root.base
    # Changes to a copy-on-write mapping are in memory only.
    if not isinstance(root, np.memmap) or root.filename is None or root.mode == "c":
        return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if array is root:
        order = "C" if array.flags.c_contiguous else "F"
        mode = "r" if array.mode == "r" else "r+"
        return np.memmap, (array.filename, array.dtype, mode, array.offset, array.shape, order)
    return _view, (root, array.ctypes.data - root.ctypes.data, array.shape, array.dtype, array.strides)


def _view(root: Any, offset: int, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> Any:
    """The view that starts `offset` bytes after the start of `root`."""
    raw = root.reshape(-1, order="A").view(np.uint8)
    view = np.ndarray.__new__(np.memmap, shape, dtype, raw, offset, strides)
    view.__array_finalize__(root)  # Sets what a np.memmap knows of its file, as slicing does.
    return view
