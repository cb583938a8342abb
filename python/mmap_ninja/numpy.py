"""One dense array in a directory, as an `np.memmap`."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from mmap_ninja import _build, _core, parallel
from mmap_ninja._typing import Durability, Mode, ScalarT


@dataclass
class NumpyBytesSlices:
    """Samples one after another in the 1-D `buffer`, the element at which each starts and ends, and their shapes."""

    buffer: np.ndarray
    starts: list[int]
    ends: list[int]
    flattened_shapes: list[int]
    shapes: list[tuple[int, ...]]


def _empty(
    out_dir: str | PathLike[str], dtype: str | np.dtype, shape: Sequence[int], order: str
) -> np.memmap:
    """Create an array of zeros to be filled in place; returned writable."""
    _core.create_zeros(out_dir, dtype, shape, order)
    return open_existing(out_dir, mode="r+")


def from_ndarray(
    out_dir: str | PathLike[str],
    arr: np.ndarray[Any, np.dtype[ScalarT]],
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
) -> np.memmap[Any, np.dtype[ScalarT]]:
    """Store an array in `out_dir`, in place of whatever data set is there.

    Args:
        out_dir: the directory; parents are created.
        arr: an array of any shape and of any dtype but object.
        overwrite: False raises FileExistsError where `out_dir` holds a data set already.
        durability: 'process' lets what is stored survive a killed process; 'full' also a power failure.
        timeout: seconds to wait while another writer is at work.

    Returns:
        The stored array, writable, so that what is assigned to it reaches the disk.

    Raises:
        TypeError: the dtype cannot be stored.
        TimeoutError: another writer held the directory all the time; nothing was written.

    >>> from_ndarray(out_dir, np.arange(6).reshape(3, 2))[1]
    memmap([2, 3])
    """
    if not overwrite:
        _build.refuse_existing(out_dir)
    _core.create_dense(out_dir, arr, durability, timeout)
    return open_existing(out_dir, mode="r+")


def from_generator(
    out_dir: str | PathLike[str],
    sample_generator: Iterable[Any],
    batch_size: int,
    verbose: bool = False,
    n: int | None = None,
    resume: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
) -> np.memmap | None:
    """Stack samples of one shape along a new first axis, batch by batch.

    Args:
        out_dir: the directory; parents are created. A data set that is there stays until the new one is whole.
        sample_generator: yields arrays or scalars of one shape; a list will do.
        batch_size: samples to hold in memory before they are written.
        verbose: show a progress bar.
        n: the expected number of samples, for the bar.
        resume: go on with what an interrupted build has left in `<out_dir>.partial`, after skipping as many items of
            the generator.
        overwrite: False raises FileExistsError where `out_dir` holds a data set already.
        durability: 'process' lets what is stored survive a killed process; 'full' also a power failure.
        timeout: seconds to wait while another writer is at work.

    Returns:
        The stored array of shape (samples, ...), writable; None where there were no samples.

    Raises:
        ValueError: a sample has another shape than the first.
        TypeError, OverflowError: a sample's values do not survive the cast to the dtype of the first batch.
    """

    commit: dict[str, Any] = {"durability": durability, "timeout": timeout}
    options: dict[str, Any] = {"verbose": verbose, "n": n, "resume": resume, "overwrite": overwrite, **commit}
    place, samples_from = _build.same_place(out_dir), partial(_build.rest, sample_generator)
    is_built = _build.build(out_dir, samples_from, batch_size, *_Stack.stages(**commit), **options)
    return open_existing(place(), mode="r+") if is_built else None


def from_indexable(
    out_dir: str | PathLike[str],
    indexable: Any,
    batch_size: int,
    n_jobs: int | None = None,
    verbose: bool = False,
    resume: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
) -> np.memmap | None:
    """Stack the samples of anything that can be indexed along a new first axis, batch by batch.

    Args:
        indexable: has `__getitem__`, or is called with the index. It ends at its `len()`, or, where it has none, by
            the first IndexError; any other error of its own reaches the caller.
        n_jobs: processes that load and write samples (needs joblib, the extra `parallel`); None does it here.

    For the others, and what is returned, see `from_generator`.
    """
    commit: dict[str, Any] = {"durability": durability, "timeout": timeout}
    options: dict[str, Any] = {"verbose": verbose, "resume": resume, "overwrite": overwrite, **commit}
    stages = (*_Stack.stages(**commit), _Stack.write_shard, _Stack.join_shard)
    place = _build.same_place(out_dir)
    is_built = parallel.build(out_dir, indexable, batch_size, n_jobs, *stages, **options)
    return open_existing(place(), mode="r+") if is_built else None


class _Stack:
    """An array that grows by parts."""

    def __init__(self, out_dir: Path):
        if _core.kind(out_dir) != "numpy":
            raise ValueError(
                f"{out_dir}: the interrupted build is of kind '{_core.kind(out_dir)}', not 'numpy'"
            )
        self.out_dir = out_dir
        self.dtype, self.shape, _, _ = _core.read_dense(out_dir)

    @classmethod
    def stages(cls, **commit: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """How a build writes its rows, and how it opens the array that an interrupted one has left."""
        return partial(_core.Stream.dense, **commit), cls

    def __len__(self) -> int:
        return self.shape[0]

    def write_shard(self) -> Callable[[Path, list[Any]], None]:
        """What a worker process does with its samples."""
        return partial(_write_rows, self.dtype, self.shape[1:])

    def join_shard(self, shard: Path) -> None:
        _core.join_dense(self.out_dir, shard)


def _write_rows(dtype: np.dtype, shape: tuple[int, ...], out_dir: Path, samples: list[Any]) -> None:
    """Store rows one by one in an array of this dtype and, but for the first axis, shape."""
    _core.create_zeros(out_dir, dtype, (0, *shape), "C")
    _core.Stream.dense(out_dir, "process", 60.0).extend(samples, len(samples))


def open_existing(out_dir: str | PathLike[str], mode: Mode = "r") -> np.memmap:
    """Open the array in `out_dir`.

    Args:
        out_dir: the directory.
        mode: 'r' to read, 'r+' to assign to the file, 'c' to assign in memory only.

    Returns:
        The array, of its dtype and shape, on the mapped bytes.

    Raises:
        FileNotFoundError: there is no array.
        CorruptDatasetError: its files contradict each other.
        ValueError: the mode is unknown, or would erase the array.
    """
    array_mode = _core.numpy_mode(mode)
    data = os.path.join(out_dir, "data.ninja")
    while True:
        dtype, shape, order, mapping = _core.read_dense(out_dir)
        with open(data, "r+b" if array_mode == "r+" else "rb") as file:
            # The file that was described is at its place still, so it is the one that was opened: it was checked to be
            # large enough, and NumPy does not stretch it. Another one is described anew.
            if mapping.is_at(data):
                return np.memmap(file, dtype, array_mode, shape=shape, order=order)


def extend_dir(
    out_dir: str | PathLike[str], arr: np.ndarray, durability: Durability = "process", timeout: float = 60.0
) -> None:
    """Append rows to the array in `out_dir`, all of them or none.

    Args:
        arr: an array of the stored one's shape but for the first axis.
        durability: 'process' lets what is stored survive a killed process; 'full' also a power failure.
        timeout: seconds to wait while another writer is at work.

    Raises:
        FileNotFoundError: there is no array.
        ValueError: the shape does not fit.
        TypeError, OverflowError: the values do not survive the cast to the stored dtype.
        TimeoutError: another writer held the directory all the time; nothing was written.
    """
    _core.extend_dense(out_dir, arr, durability, timeout)


def extend(
    np_mmap: np.memmap, arr: np.ndarray, durability: Durability = "process", timeout: float = 60.0
) -> None:
    """Append rows to the stored array that `np_mmap` shows, which keeps its length until it is opened again.

    For the arguments and errors, see `extend_dir`.
    """
    extend_dir(_directory(np_mmap), arr, durability, timeout)


def append(
    np_mmap: np.memmap, arr: np.ndarray, durability: Durability = "process", timeout: float = 60.0
) -> None:
    """Append one row to the stored array that `np_mmap` shows, which keeps its length until it is opened again.

    Args:
        arr: an array of the shape of one row.

    For the others, and the errors, see `extend_dir`.
    """
    _core.extend_dense(_directory(np_mmap), [arr], durability, timeout)


def _directory(np_mmap: np.memmap) -> Path:
    return Path(np_mmap.filename).parent  # type: ignore[arg-type]  # None is refused
