"""One dense array in a directory, as an `np.memmap`."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from errno import ENODEV
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mmap_ninja import _build, _core, _paths, parallel
from mmap_ninja._typing import AnyPath, Durability, MaybeNone, Mode, ScalarT

if TYPE_CHECKING:
    from mmap_ninja._typing import CastT, DtypeOf, Indices


@dataclass
class NumpyBytesSlices:
    """Samples one after another in the 1-D `buffer`, the first element of each and one past the last, and their shapes."""

    buffer: np.ndarray
    starts: list[int]
    ends: list[int]
    flattened_shapes: list[int]
    shapes: list[tuple[int, ...]]


def _empty(out_dir: AnyPath, dtype: str | np.dtype, shape: Sequence[int], order: str) -> np.memmap:
    """Create an array of zeros and return it writable, to be filled in place."""
    out_dir = _paths.local(out_dir)
    _core.create_zeros(out_dir, dtype, shape, order)
    return open_existing(out_dir, mode="r+")


def from_ndarray(
    out_dir: AnyPath,
    arr: np.ndarray[Any, np.dtype[ScalarT]],
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> np.memmap[Any, np.dtype[ScalarT]]:
    """Store an array, replacing any dataset in `out_dir`.

    Args:
        out_dir: the directory; parents are created.
        arr: an array of any shape and any dtype except object.
        overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Returns:
        The stored array, of the same shape and dtype, writable: assignments to it reach the disk.

    Raises:
        TypeError: the dtype cannot be stored.
        TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.

    >>> from_ndarray(out_dir, np.arange(6).reshape(3, 2))[1]
    memmap([2, 3])
    """
    out_dir = _paths.local(out_dir)
    if not overwrite:
        _build.refuse_existing(out_dir)
    _core.create_dense(out_dir, arr, _written(durability, timeout, locking))
    return open_existing(out_dir, mode="r+")


def from_generator(
    out_dir: AnyPath,
    sample_generator: Iterable[Any],
    batch_size: int,
    verbose: bool = False,
    n: int | None = None,
    resume: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> np.memmap | MaybeNone:
    """Stack samples of one shape along a new first axis, batch by batch.

    Args:
        out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
        sample_generator: an iterable of arrays or scalars of one shape, such as a generator or a list.
        batch_size: samples to hold in memory before they are written.
        verbose: show a progress bar.
        n: the expected number of samples, for the bar.
        resume: continue what an interrupted build has left in `<out_dir>.partial`; that many items of the generator are
            skipped.
        overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Returns:
        The stored array of shape (samples, ...), writable, or None if there were no samples.

    Raises:
        ValueError: a sample has another shape than the first.
        TypeError, OverflowError: a sample's values do not survive the cast to the dtype of the first batch.

    >>> from_generator(out_dir, ([n, n * n] for n in range(3)), batch_size=2)[2]
    memmap([2, 4])
    """
    out_dir = _paths.local(out_dir)
    recipe = _recipe(_written(durability, timeout, locking))
    samples_from, resolved = partial(_build.skip_stored, sample_generator), _build.resolve_later(out_dir)
    is_built = _build.build(out_dir, samples_from, batch_size, recipe, verbose, n, resume, overwrite)
    return open_existing(resolved(), mode="r+") if is_built else None


def from_indexable(
    out_dir: AnyPath,
    indexable: Any,
    batch_size: int,
    n_jobs: int | None = None,
    verbose: bool = False,
    resume: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> np.memmap | MaybeNone:
    """Stack the samples of anything that can be indexed along a new first axis, batch by batch.

    Args:
        indexable: has `__getitem__`, or is called with the index. It ends at its `len()` or, without one, at the first
            IndexError; any other error reaches the caller.
        n_jobs: number of processes that load and write samples (needs joblib, the extra `parallel`); None uses this
            process.

    For the other arguments and the result, see `from_generator`.

    >>> from_indexable(out_dir, [[1, 2], [3, 4]], batch_size=2).shape
    (2, 2)
    """
    out_dir = _paths.local(out_dir)
    recipe = _recipe(_written(durability, timeout, locking))
    resolved = _build.resolve_later(out_dir)
    is_built = parallel.build(out_dir, indexable, batch_size, n_jobs, recipe, verbose, resume, overwrite)
    return open_existing(resolved(), mode="r+") if is_built else None


def _written(durability: Durability, timeout: float, locking: bool) -> _core.Options:
    """The options of a new array, which is opened writable once it is stored."""
    return _core.Options(mode="r+", durability=durability, timeout=timeout, locking=locking)


def _recipe(options: _core.Options) -> _build.Recipe:
    return _build.Recipe(options, _core.Stream.dense, Path, _write_shard, partial(_join_shard, options))


def _write_shard(built: Path) -> Callable[[Path, list[Any]], None]:
    """What a worker process does with its rows."""
    dtype, shape, _, _ = _core.read_dense(built)
    return partial(_write_rows, dtype, shape[1:])


def _write_rows(dtype: np.dtype, shape: tuple[int, ...], out_dir: Path, samples: list[Any]) -> None:
    """Store rows in a new array of this dtype, each of this shape."""
    _core.create_zeros(out_dir, dtype, (0, *shape), "C")
    _core.Stream.dense(out_dir, _core.Options()).extend(samples, len(samples))


def _join_shard(options: _core.Options, built: Path, shard: Path) -> None:
    _core.join_dense(built, shard, options)


def open_existing(out_dir: AnyPath, mode: Mode = "r") -> np.memmap:
    """Open the array in `out_dir`.

    Args:
        out_dir: the directory.
        mode: 'r' to read, 'r+' to assign to the file, 'c' to assign in memory only.

    Returns:
        The array, of its dtype and shape, on the mapped bytes.

    Raises:
        FileNotFoundError: there is no array.
        CorruptDatasetError: the files contradict each other.
        ValueError: the mode is unknown, or would erase the array.
    """
    out_dir = _paths.existing(out_dir)
    array_mode = _core.numpy_mode(mode)
    data = os.path.join(out_dir, "data.ninja")
    while True:
        dtype, shape, order, mapping = _core.read_dense(out_dir)
        with open(data, "r+b" if array_mode == "r+" else "rb") as file:
            # If the path still leads to the file that `read_dense` checked, `file` is that file, and `np.memmap` does not
            # extend it. Otherwise it was replaced in between, and the new one is read.
            if mapping.is_at(data):
                return _mapped(file, dtype, array_mode, shape, order)


def _mapped(file: BinaryIO, dtype: np.dtype, mode: Any, shape: tuple[int, ...], order: Any) -> np.memmap:
    try:
        return np.memmap(file, dtype, mode, shape=shape, order=order)
    except OSError as error:
        if error.errno != ENODEV:
            raise
        if mode != "r":
            what = (
                "this file system cannot share mappings: open the array with mode='r', or move it elsewhere"
            )
            raise OSError(ENODEV, what, file.name) from error
    # FUSE and some network file systems map privately only. That makes no difference to a reader.
    array = np.memmap(file, dtype, "c", shape=shape, order=order)
    array.flags.writeable = False
    return array


@overload
def gather(
    array: NDArray[ScalarT], indices: "Indices", *, dtype: None = None, out: NDArray[ScalarT] | None = None
) -> NDArray[ScalarT]: ...
@overload
def gather(
    array: NDArray[Any], indices: "Indices", *, dtype: "DtypeOf[CastT]", out: "NDArray[CastT] | None" = None
) -> "NDArray[CastT]": ...
@overload
def gather(
    array: NDArray[Any], indices: "Indices", *, dtype: DTypeLike | None, out: NDArray[Any] | None = None
) -> NDArray[Any]: ...
def gather(
    array: NDArray[Any],
    indices: "Indices",
    *,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Copy rows of an array, like `array[indices]`, without the GIL.

    Large batches are copied by several threads, and rows that are not in memory are prefetched together.

    Args:
        array: a stored array of shape (rows, ...), or any other whose rows are C-contiguous.
        indices: anything that selects several samples of a `RaggedMmap`; indices may repeat.
        dtype: the dtype of the batch instead of the array's. Elements are cast while they are copied, between booleans,
            integers and floats, wherever `np.can_cast(..., "safe")` is true.
        out: an array to fill instead of a new one: of the dtype and shape of the batch, C-contiguous.

    Returns:
        The batch, of shape (len(indices), ...); `out`, if given.

    Raises:
        IndexError: an index is out of range.
        TypeError: the cast could change a value, `out` has another dtype, or the elements are objects.
        ValueError: the rows are not C-contiguous, or `out` does not fit.

    >>> features = from_ndarray(out_dir, np.arange(6, dtype=np.uint8).reshape(3, 2))
    >>> gather(features, [2, 0], dtype=np.float32)
    array([[4., 5.],
           [0., 1.]], dtype=float32)
    """
    return _core.gather_rows(array, indices, dtype, out)


def prefetch(array: NDArray[Any], indices: "Indices") -> None:
    """Ask the kernel to read rows of a stored array from the disk, and return at once.

    Raises:
        IndexError: an index is out of range.
        ValueError: the rows are not C-contiguous.

    >>> prefetch(from_ndarray(out_dir, np.zeros((3, 2))), [2, 0])
    """
    _core.prefetch_rows(array, indices)


def to_arrow(np_mmap: np.ndarray) -> Any:
    """The rows of a stored array as a `pyarrow.Array` on the mapped bytes, which it keeps alive.

    Rows are elements, lists of a fixed size or, if they have several axes, tensors of Arrow's fixed-shape type. Arrays in F
    order are copied, and so are bools, dates, and bytes in the other order.

    Raises:
        TypeError: Arrow has no type for the dtype.
        ValueError: the array has no axis, or rows without elements.
        ImportError: pyarrow is not installed: `pip install "mmap_ninja[arrow]>=1"`.

    >>> to_arrow(from_ndarray(out_dir, np.arange(6).reshape(3, 2))).to_pylist()
    [[0, 1], [2, 3], [4, 5]]
    """
    from mmap_ninja._arrow import export

    if not np_mmap.ndim:
        raise ValueError("an array without axes has no rows")
    return export.dense(np_mmap, "the array")


def extend_dir(
    out_dir: AnyPath,
    arr: np.ndarray,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> None:
    """Append rows to the array in `out_dir`, all of them or none.

    Args:
        arr: an array of shape (rows, ...), whose other axes are those of the stored array.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Raises:
        FileNotFoundError: there is no array.
        ValueError: the shape does not fit.
        TypeError, OverflowError: the values do not survive the cast to the stored dtype.
        TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.
    """
    out_dir = _paths.existing(out_dir)
    _core.extend_dense(out_dir, arr, _core.Options(durability=durability, timeout=timeout, locking=locking))


def extend(
    np_mmap: np.memmap,
    arr: np.ndarray,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> None:
    """Append rows to the stored array behind `np_mmap`, which keeps its length until it is opened again.

    For the arguments and errors, see `extend_dir`.

    >>> extend(from_ndarray(out_dir, np.zeros((2, 3))), np.ones((4, 3)))
    >>> open_existing(out_dir).shape
    (6, 3)
    """
    extend_dir(_directory(np_mmap), arr, durability, timeout, locking)


def append(
    np_mmap: np.memmap,
    arr: np.ndarray,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> None:
    """Append one row to the stored array behind `np_mmap`, which keeps its length until it is opened again.

    Args:
        arr: an array of the shape of one row.

    For the other arguments and the errors, see `extend_dir`.

    >>> append(from_ndarray(out_dir, np.zeros((2, 3))), np.ones(3))
    >>> open_existing(out_dir).shape
    (3, 3)
    """
    extend_dir(_directory(np_mmap), [arr], durability, timeout, locking)  # type: ignore[arg-type]


def _directory(np_mmap: np.memmap) -> Path:
    return Path(np_mmap.filename).parent  # type: ignore[arg-type]  # None is refused
