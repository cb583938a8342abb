"""What all tasks of a parallel build need: each worker process is sent it once, by a file, however many tasks it has."""

import mmap
import os
import pickle
import sys
from collections import ChainMap
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, ClassVar
from uuid import uuid4

import numpy as np

# Workers share the bytes of larger arrays, each on its own mapping. Windows does not remove a file that is mapped.
LARGE = sys.maxsize if os.name == "nt" else 1 << 20
_ALIGNMENT = 64

Places = tuple[tuple[int, int], ...]


class Once:
    """A value that is pickled when it is sent for the first time, to a file in `folder`."""

    def __init__(self, value: Any, folder: Path):
        self._value = value
        self._path = folder / uuid4().hex
        self._places: Places | None = None
        self._lock = Lock()

    def get(self) -> Any:
        """The value."""
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            if self._places is None:
                self._places = _write(self._value, self._path)
        return _Sent, (self._path, self._places)


class _Sent:
    def __init__(self, path: Path, places: Places):
        self._path = path
        self._places = places

    def get(self) -> Any:
        """The value, which this process keeps until it is sent another one."""
        return _received(self._path, self._places)


@lru_cache(maxsize=1)
def _received(path: Path, places: Places) -> Any:
    with path.open("rb") as file:
        mapping = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)) if places else None
        return pickle.load(file, buffers=[mapping[start:end] for start, end in places] if mapping else None)


def _write(value: Any, path: Path) -> Places:
    """Pickle with all that joblib can send: where the bytes of large arrays follow."""
    try:
        import cloudpickle
    except ImportError:  # joblib before 1.6 brings its own.
        from joblib.externals import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # joblib has no types
        dispatch_table: ClassVar[Any] = ChainMap(
            {np.ndarray: _reduced, np.memmap: _reduced}, cloudpickle.Pickler.dispatch_table
        )

    large: list[memoryview] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= LARGE:
            large.append(raw)
        return raw.nbytes < LARGE

    with path.open("wb") as file:
        Pickler(file, protocol=5, buffer_callback=is_small).dump(value)
        return tuple(_appended(file, raw) for raw in large)


def _appended(file: BinaryIO, raw: memoryview) -> tuple[int, int]:
    """Where the bytes are in the file."""
    start = file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
    file.write(raw)
    return start, start + raw.nbytes


def _reduced(array: Any) -> Any:
    """An array on a file by the name of the file."""
    root = array
    while isinstance(root, np.ndarray) and not isinstance(root.base, mmap.mmap):
        root = root.base
    is_one_piece = array.flags.c_contiguous or array.flags.f_contiguous
    if not isinstance(root, np.memmap) or root.filename is None or root.mode == "c" or not is_one_piece:
        return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    offset = root.offset + array.ctypes.data - root.ctypes.data
    order = "C" if array.flags.c_contiguous else "F"
    mode = "r" if root.mode == "r" else "r+"
    return np.memmap, (root.filename, array.dtype, mode, offset, array.shape, order)
