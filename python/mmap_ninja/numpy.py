"""One dense array in a directory, as an `np.memmap`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from mmap_ninja import _build, _core
from mmap_ninja.base import from_generator_base


@dataclass
class NumpyBytesSlices:
    """Samples one after another in the 1-D `buffer`, the element at which each starts and ends, and their shapes."""

    buffer: np.ndarray
    starts: list[int]
    ends: list[int]
    flattened_shapes: list[int]
    shapes: list[tuple[int, ...]]


def _empty(out_dir: str | PathLike, dtype: str | np.dtype, shape: Sequence[int], order: str) -> np.memmap:
    """Create an array of zeros to be filled in place; returned writable."""
    _core.create_zeros(out_dir, dtype, shape, order)
    return open_existing(out_dir, mode="r+")


def from_ndarray(out_dir: str | PathLike, arr: np.ndarray) -> np.memmap:
    """Store an array in `out_dir`, in place of whatever data set is there.

    Args:
        out_dir: the directory; parents are created.
        arr: an array of any shape and of any dtype but object.

    Returns:
        The stored array, writable: what is assigned to it reaches the disk.

    Raises:
        TypeError: the dtype cannot be stored.

    >>> from_ndarray(out_dir, np.arange(6).reshape(3, 2))[1]
    memmap([2, 3])
    """
    _core.create_dense(out_dir, np.asarray(arr))
    return open_existing(out_dir, mode="r+")


def from_generator(
    out_dir: str | PathLike,
    sample_generator: Iterable,
    batch_size: int,
    verbose: bool = False,
    n: int | None = None,
) -> np.memmap | None:
    """Stack samples of one shape along a new first axis, batch by batch.

    Args:
        out_dir: the directory; parents are created. A data set that is there stays until the new one is whole.
        sample_generator: yields arrays or scalars of one shape; a list will do.
        batch_size: samples to hold in memory before they are written.
        verbose: show a progress bar.
        n: the expected number of samples, for the bar.

    Returns:
        The stored array of shape (samples, ...), writable; None where there were no samples.

    Raises:
        ValueError: a sample has another shape than the first.
        TypeError, OverflowError: a sample's values do not survive the cast to the dtype of the first batch.
    """
    with _build.in_place_of(out_dir) as partial:
        built = from_generator_base(
            partial, sample_generator, batch_size, _stack, _extend_stacked, verbose=verbose, n=n
        )
    return None if built is None else open_existing(out_dir, mode="r+")


def _stack(out_dir: Path, samples: list) -> Path:
    _core.create_dense(out_dir, np.stack(samples))
    return out_dir


def _extend_stacked(out_dir: Path, samples: list) -> None:
    _core.extend_dense(out_dir, np.stack(samples))


def open_existing(out_dir: str | PathLike, mode: str = "r") -> np.memmap:
    """Open the array in `out_dir`.

    Args:
        out_dir: the directory.
        mode: 'r' to read, 'r+' to assign to the file, 'c' to assign in memory only.

    Raises:
        FileNotFoundError: there is no array.
        CorruptDatasetError: its files contradict each other.
        ValueError: the mode is unknown, or would erase the array.
    """
    mode = _core.numpy_mode(mode)
    dtype, shape, order = _core.read_dense(out_dir)
    return np.memmap(Path(out_dir) / "data.ninja", dtype=dtype, mode=mode, shape=shape, order=order)


def extend_dir(out_dir: str | PathLike, arr: np.ndarray) -> None:
    """Append rows to the array in `out_dir`, all of them or none.

    Args:
        arr: an array of the stored one's shape but for the first axis.

    Raises:
        FileNotFoundError: there is no array.
        ValueError: the shape does not fit.
        TypeError, OverflowError: the values do not survive the cast to the stored dtype.
    """
    _core.extend_dense(out_dir, np.asarray(arr))


def extend(np_mmap: np.memmap, arr: np.ndarray) -> None:
    """Append rows to the stored array that `np_mmap` shows, which keeps its length until it is opened again.

    For the arguments and errors, see `extend_dir`.
    """
    extend_dir(Path(np_mmap.filename).parent, arr)


def append(np_mmap: np.memmap, arr: np.ndarray) -> None:
    """Append one row to the stored array that `np_mmap` shows, which keeps its length until it is opened again.

    Args:
        arr: an array of the shape of one row.

    For the errors, see `extend_dir`.
    """
    extend(np_mmap, np.asarray(arr)[np.newaxis])
