"""`RaggedMmap`: samples of any shape and one dtype."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mmap_ninja import _build, _core, _handle
from mmap_ninja._typing import Access, Durability, ItemT, Mode, ScalarT, Side

if TYPE_CHECKING:
    from typing_extensions import Self

    from mmap_ninja._typing import Indices


class RaggedMmap(_handle.Handle, _core.Ragged[ScalarT, ItemT]):
    """Samples of any shape and one dtype in memory-mapped files.

    An item is a NumPy array on the mapped bytes: nothing is read or copied until its elements are used. It stays
    valid after later appends and after the map is gone. A 0-D sample comes back as a Python scalar; a slice, a list,
    an index array, a boolean mask or a range gives a list of items.

    Annotate a map with the dtype of its elements, `RaggedMmap[np.int32]`, and type checkers know its items.

    Args:
        out_dir: the directory. One that is not there holds no samples, and can be appended to.
        wrapper_fn: called with each item, for example `torch.from_numpy`.
        mode: 'r' for read-only items, 'r+' for items whose changes reach the disk, 'c' for items whose changes stay
            in this process, until the map grows or is refreshed. Appending works with all of them.
        starts_key, ends_key, shapes_key, flattened_shapes_key: names of the sub-directories.
        copy_before_wrapper_fn: hand `wrapper_fn` a copy, which it may change or keep as its own.
        access: 'random' or 'sequential' tells the kernel how samples will be read from a file larger than memory:
            'random' suits single small samples (batches announce themselves), 'sequential' a pass in order.
        durability: 'process' lets an append survive a killed process; 'full' also a power failure: each step of it
            waits for the disk.
        timeout: seconds that writing waits while another writer is at work; infinity waits as long as that takes.

    Raises:
        CorruptDatasetError: the files contradict each other; the message names one.
        ValueError: the directory holds another kind of data set, or an option is unknown.

    >>> images = RaggedMmap.from_lists(out_dir, [np.zeros((4, 6, 3)), np.ones((5, 2, 3))])
    >>> images.append(np.full((1, 1, 3), 7))
    >>> [image.shape for image in RaggedMmap(out_dir)]
    [(4, 6, 3), (5, 2, 3), (1, 1, 3)]
    """

    _ITEM = "sample"
    # What the constructor sets again where a pickle is opened.
    _ATTRIBUTES = frozenset(
        (
            "out_dir",
            "mode",
            "starts_key",
            "ends_key",
            "shapes_key",
            "flattened_shapes_key",
            "copy_before_wrapper_fn",
            "access",
            "durability",
            "timeout",
            "_place",
            "_members",
        )
    )

    def __init__(
        self,
        out_dir: str | PathLike[str],
        wrapper_fn: Callable[[Any], ItemT] | None = None,
        mode: Mode = "r",
        starts_key: str = "starts",
        ends_key: str = "ends",
        shapes_key: str = "shapes",
        flattened_shapes_key: str = "flattened_shapes",
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
    ):
        keys = (starts_key, ends_key, shapes_key, flattened_shapes_key)
        place = Path(os.path.abspath(out_dir))
        self._open(out_dir, wrapper_fn, mode, *keys, copy_before_wrapper_fn, access, durability, timeout)
        self.out_dir = out_dir if isinstance(out_dir, Path) else Path(out_dir)
        # Where that is, whatever becomes of the working directory.
        self._place = place
        self.mode = mode
        self.starts_key, self.ends_key, self.shapes_key, self.flattened_shapes_key = keys
        self.copy_before_wrapper_fn = copy_before_wrapper_fn
        self.access = access
        self.durability, self.timeout = durability, timeout

    @property
    def data_file(self) -> Path:
        """What mmap_ninja 0.9 calls the file of the elements; they are in `data.ninja`."""
        return self.out_dir / "data"

    @property
    def memmap(self) -> "np.memmap[Any, np.dtype[ScalarT]]":
        """The elements of all samples, one after another, of shape (elements,)."""
        mapping, _, elements = self._shown()
        return _handle.member(self, "", self.mode, mapping, elements)

    @property
    def starts(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """The element at which each sample starts, int64 of shape (n,)."""
        return self._member(self.starts_key)

    @property
    def ends(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """One past the element at which each sample ends, int64 of shape (n,)."""
        return self._member(self.ends_key)

    @property
    def flattened_shapes(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """Elements of each sample, int64 of shape (n,)."""
        return self._member(self.flattened_shapes_key)

    @property
    def shapes(self) -> "np.memmap[Any, np.dtype[np.int64]] | RaggedMmap[np.int64]":
        """The shapes, int64: an array of shape (n, 1) where all samples are 0-D or 1-D, else a `RaggedMmap`."""
        if self.shapes_are_flat:
            # Where others have nested them since, the entries of samples of one axis are the same, but all in a row.
            return cast("np.memmap[Any, Any]", self._member(self.shapes_key).reshape(-1, 1))
        mapping, samples, _ = self._shown()
        with _handle.unreplaced(self, mapping):
            shapes: RaggedMmap[np.int64] = RaggedMmap(self._place / self.shapes_key, mode=self.mode)
            shapes._limit(samples)
        return shapes

    def _member(self, key: str) -> "np.memmap[Any, Any]":
        mapping, samples, _ = self._shown()
        return _handle.member(self, key, self.mode, mapping, samples)

    def __contains__(self, sample: object) -> bool:
        return any(np.array_equal(cast("Any", sample), cast("Any", ours)) for ours in self)

    def gather(self, indices: "Indices") -> tuple[NDArray[ScalarT], NDArray[np.int64]]:
        """The elements of samples one after another, and where each begins and ends.

        Args:
            indices: a list, an array, a mask, a slice or a range; an index may stand in it more than once.

        Returns:
            Two arrays, in the layout of Arrow's list arrays and of PyTorch's jagged tensors.

            - The values, of the map's dtype and shape (elements,): sample k of the batch is
              `values[offsets[k] : offsets[k + 1]]`, its elements in C order.
            - The offsets, int64 of shape (len(indices) + 1,).

        Raises:
            IndexError: there is no such sample.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> tokens.gather([2, 0])
        (array([5, 6, 1, 2, 3]), array([0, 2, 5]))
        """
        return self._gather(indices)

    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[ScalarT] | None = None,
    ) -> tuple[NDArray[ScalarT], NDArray[np.int64]]:
        """Samples in one dense array, filled up to the longest of them, as `torch.nn.utils.rnn.pad_sequence` does.

        Args:
            indices: a list, an array, a mask, a slice or a range; an index may stand in it more than once.
            padding_value: a scalar that the map's dtype can hold.
            padding_side: 'right' puts the padding behind the elements of every axis, 'left' before them.
            max_length: cut every axis of a sample to its first so many entries.
            out: fill this array instead of a new one: of the map's dtype, C-contiguous, of shape (len(indices), ...),
                its other axes at least as long as the longest sample's.

        Returns:
            Two arrays.

            - The batch, of the map's dtype and shape (len(indices), longest, ...), every axis of N-D samples padded;
              `out` if it was given.
            - The lengths of the samples in it, int64 of shape (len(indices),), or (len(indices), ndim) where the samples
              have several axes.

        Raises:
            IndexError: there is no such sample.
            ValueError: the samples have different numbers of axes, or `out` does not fit.
            TypeError, OverflowError: the dtype of `out` is another, or it cannot hold `padding_value`.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> batch, lengths = tokens.padded([0, 1], padding_value=-1)
        >>> batch.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, -1, -1]], [3, 1])
        """
        return self._padded(indices, padding_value, padding_side, max_length, out)

    def set_single(self, idx: int, value: ArrayLike) -> None:
        """Overwrite the sample at `idx`; the same as `self[idx] = value`."""
        self[idx] = value

    def set_multiple(self, item: "Indices", value: Sequence[ArrayLike]) -> None:
        """Overwrite the samples at the indices `item`; the same as `self[item] = value`."""
        self[item] = value

    def append(self, array: ArrayLike) -> None:
        """Store one more sample.

        Args:
            array: of any shape; its values must survive the cast to the map's dtype (a float may lose digits).

        Raises:
            TypeError, OverflowError: a value does not survive; nothing was written.
            TimeoutError: another writer held the directory all the time.

        >>> words = RaggedMmap(out_dir)
        >>> words.append(np.array([3, 1, 4]))
        >>> words[-1]
        array([3, 1, 4])
        """
        self._extend((array,))

    def extend(self, arrays: Iterable[ArrayLike]) -> None:
        """Store more samples, all of them or none.

        Args:
            arrays: the samples; one array is split along its first axis.

        For the errors, see `append`.
        """
        self._extend(arrays)

    def _facts(self) -> list[str]:
        from mmap_ninja._display.format import human_size

        dtype = [] if self.dtype is None else [str(self.dtype)]
        return [*dtype, human_size(self.nbytes)]

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "out_dir": os.fspath(self._place),
            "wrapper_fn": self.wrapper_fn,
            "mode": self.mode,
            "starts_key": self.starts_key,
            "ends_key": self.ends_key,
            "shapes_key": self.shapes_key,
            "flattened_shapes_key": self.flattened_shapes_key,
            "copy_before_wrapper_fn": self.copy_before_wrapper_fn,
            "access": self.access,
            "durability": self.durability,
            "timeout": self.timeout,
        }
        return _handle.reopen, (type(self), RaggedMmap, options), _handle.state_of(self, self._ATTRIBUTES)

    @classmethod
    def from_lists(
        cls,
        out_dir: str | PathLike[str],
        lists: Iterable[ArrayLike],
        dtype: DTypeLike | None = None,
        mode: Mode = "r+",
        wrapper_fn: Callable[[Any], ItemT] | None = None,
        starts_key: str = "starts",
        ends_key: str = "ends",
        shapes_key: str = "shapes",
        flattened_shapes_key: str = "flattened_shapes",
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        overwrite: bool = True,
        durability: Durability = "process",
        timeout: float = 60.0,
    ) -> "Self":
        """Store samples that are in memory, in place of whatever data set is in `out_dir`.

        Args:
            out_dir: the directory; parents are created.
            lists: at least one sample.
            dtype: that of the map; by default the first sample's. The values of all samples must survive the cast
                (a float may lose digits).
            overwrite: False raises FileExistsError where `out_dir` holds a data set already.

        For the others, see the class.

        Returns:
            The map, writable by default, so that what is assigned to it or to its items reaches the disk.

        Raises:
            TypeError: the dtype cannot be stored, or a value does not survive the cast; nothing was written.
            OverflowError: a value is outside of the dtype's range; nothing was written.
            ValueError: there are no samples.
            TimeoutError: another writer held the directory all the time; nothing was written.
        """
        keys = (starts_key, ends_key, shapes_key, flattened_shapes_key)
        _core.check_options(mode, access, durability, timeout)
        if not overwrite:
            _build.refuse_existing(out_dir)
        place = _build.same_place(out_dir)
        _core.create_ragged(out_dir, lists, dtype, *keys, durability, timeout)
        return cls(place(), wrapper_fn, mode, *keys, copy_before_wrapper_fn, access, durability, timeout)

    @classmethod
    def _stream(
        cls,
        out_dir: Path,
        dtype: DTypeLike | None = None,
        mode: Mode = "r+",
        wrapper_fn: Callable[..., Any] | None = None,
        starts_key: str = "starts",
        ends_key: str = "ends",
        shapes_key: str = "shapes",
        flattened_shapes_key: str = "flattened_shapes",
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
    ) -> _core.Stream:
        _core.check_options(mode, access, durability, timeout)
        keys = (starts_key, ends_key, shapes_key, flattened_shapes_key)
        return _core.Stream.ragged(out_dir, dtype, *keys, durability, timeout)

    @classmethod
    def _reopened(cls, out_dir: Path, dtype: DTypeLike | None = None, **options: Any) -> "Self":
        keys = ("starts_key", "ends_key", "shapes_key", "flattened_shapes_key")
        _build.check_members(out_dir, *(options[key] for key in keys if key in options))
        memmap = cls._opened(out_dir, **options)
        if dtype is not None:
            _build.check_same(out_dir, "the dtype", np.dtype(dtype), memmap.dtype)
        return memmap

    @staticmethod
    def _write_shard(memmap: "RaggedMmap[Any, Any]") -> Callable[[Path, list[Any]], Any]:
        """What a worker process does with its samples."""
        keys = ("starts_key", "ends_key", "shapes_key", "flattened_shapes_key")
        return partial(
            RaggedMmap.from_lists, dtype=memmap.dtype, **{key: getattr(memmap, key) for key in keys}
        )

    @classmethod
    def _opened(
        cls, out_dir: str | PathLike[str], dtype: DTypeLike | None = None, mode: Mode = "r+", **kwargs: Any
    ) -> "Self":
        return cls(out_dir, mode=mode, **kwargs)
