"""`RaggedMmap`: samples of any shape and one dtype."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from mmap_ninja import _core, _handle, _paths
from mmap_ninja._ragged_batches import RaggedBatches
from mmap_ninja._ragged_building import RaggedBuilding
from mmap_ninja._typing import Access, AnyPath, Durability, ItemT, Mode, ScalarT

if TYPE_CHECKING:
    from mmap_ninja._typing import Indices


class RaggedMmap(
    _handle.Handle, RaggedBuilding[ScalarT, ItemT], RaggedBatches[ScalarT, ItemT], Sequence[ItemT]
):
    """Samples of any shape and one dtype in memory-mapped files.

    An item is a NumPy array on the mapped bytes: nothing is read or copied until its elements are used. It stays
    valid after later appends and after the map is gone. A 0-D sample comes back as a Python scalar; a slice, ``...``, a
    boolean mask, an array, or a list or other iterable of indices gives a list of items. A map is a sequence, and a context
    manager that closes it.

    `m[i] = value` overwrites a sample with one of the same shape. As items are views, `m[i], m[j] = m[j], m[i]` and
    `random.shuffle(m)` lose samples; shuffle indices instead, or copy one of the two items first.

    Annotate a map with the dtype of its elements, `RaggedMmap[np.int32]`, and type checkers know its items.

    Args:
        out_dir: the directory. If it does not exist, the map is empty, and can be appended to.
        wrapper_fn: called with each item, for example `torch.from_numpy`.
        mode: 'r' for read-only items, 'r+' for items whose changes reach the disk, 'c' for items whose changes stay
            in this process until the map grows or is refreshed. Appending works with each of them.
        starts_key, ends_key, shapes_key, flattened_shapes_key: names of the sub-directories.
        copy_before_wrapper_fn: pass `wrapper_fn` a copy, which it may change or keep.
        access: 'random' or 'sequential' tells the kernel how samples of a file larger than memory will be read:
            'random' reads no more than the pages of a sample, 'sequential' suits a pass in order. The default does well
            with both.
        durability: 'process' makes an append survive a killed process; 'full' also a power failure, for which every
            step waits for the disk.
        timeout: seconds to wait for another writer; infinity waits as long as it takes.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Raises:
        CorruptDatasetError: the files contradict each other; the message names one.
        ValueError: the directory holds another kind of dataset or other files alone, the path is a URL or an archive, or
            an option is unknown.

    >>> images = RaggedMmap.from_lists(out_dir, [np.zeros((4, 6, 3)), np.ones((5, 2, 3))])
    >>> images.append(np.full((1, 1, 3), 7))
    >>> [image.shape for image in RaggedMmap(out_dir)]
    [(4, 6, 3), (5, 2, 3), (1, 1, 3)]
    """

    shapes_key: str
    flattened_shapes_key: str

    _ITEM = "sample"
    _CREATE = "from_lists"

    def __init__(
        self,
        out_dir: AnyPath,
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
        locking: bool = True,
    ):
        out_dir = _paths.existing(out_dir)
        options = _core.Options(
            mode=mode,
            starts_key=starts_key,
            ends_key=ends_key,
            shapes_key=shapes_key,
            flattened_shapes_key=flattened_shapes_key,
            access=access,
            durability=durability,
            timeout=timeout,
            locking=locking,
        )
        self._open(out_dir, options, wrapper_fn, copy_before_wrapper_fn)
        self._keep_attributes(out_dir, options)

    @property
    def data_file(self) -> Path:
        """The name that mmap_ninja 0.9 gives the file of elements, which is `data.ninja`."""
        return self.out_dir / "data"

    @property
    def memmap(self) -> "np.memmap[Any, np.dtype[ScalarT]]":
        """The elements of all samples, one after another, of shape (elements,)."""
        mapping, _, elements = self._shown()
        return _handle.member(self, "", self.mode, mapping, elements)

    @property
    def starts(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """Index of the first element of each sample, int64 of shape (n,)."""
        return self._member(self.starts_key)

    @property
    def ends(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """Index one past the last element of each sample, int64 of shape (n,)."""
        return self._member(self.ends_key)

    @property
    def flattened_shapes(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """Number of elements of each sample, int64 of shape (n,)."""
        return self._member(self.flattened_shapes_key)

    @property
    def shapes(self) -> "np.memmap[Any, np.dtype[np.int64]] | RaggedMmap[np.int64]":
        """The shapes, int64: an array of shape (n, 1) if all samples are 0-D or 1-D, else a `RaggedMmap`."""
        if self.shapes_are_flat:
            # If others have nested the shapes since, the entries of 1-D samples are the same, but in one row.
            return cast("np.memmap[Any, Any]", self._member(self.shapes_key).reshape(-1, 1))
        mapping, samples, _ = self._shown()
        with _handle.unreplaced(self, mapping):
            shapes: RaggedMmap[np.int64] = RaggedMmap(self._place / self.shapes_key, mode=self.mode)
            shapes._limit(samples)
        return shapes

    def _member(self, key: str) -> "np.memmap[Any, Any]":
        mapping, samples, _ = self._shown()
        return _handle.member(self, key, self.mode, mapping, samples)

    def set_single(self, idx: int, value: ArrayLike) -> None:
        """Overwrite the sample at `idx`. `self[idx] = value` calls it if a subclass overrides it."""
        self._set(idx, value)

    def set_multiple(self, item: "Indices", value: Sequence[ArrayLike]) -> None:
        """Overwrite the samples at the indices `item`. `self[item] = value` calls it if a subclass overrides it."""
        self._set_multiple(item, value)

    def append(self, array: ArrayLike) -> None:
        """Store one more sample.

        Args:
            array: of any shape; its values must survive the cast to the map's dtype (a float may lose digits).

        Raises:
            TypeError, OverflowError: a value does not survive; nothing was written.
            TimeoutError: another writer held the dataset for `timeout` seconds.

        >>> words = RaggedMmap(out_dir)
        >>> words.append(np.array([3, 1, 4]))
        >>> words[-1]
        array([3, 1, 4])
        """
        self.extend([array])

    def extend(self, arrays: Iterable[ArrayLike]) -> None:
        """Store more samples, all of them or none.

        Args:
            arrays: the samples; one array is split along its first axis.

        For the errors, see `append`.

        >>> words = RaggedMmap(out_dir)
        >>> words.extend([[3, 1], [4]])
        >>> words[:]
        [array([3, 1]), array([4])]
        """
        self._extend(arrays)

    def extend_gathered(self, values: ArrayLike, offsets: ArrayLike, shapes: ArrayLike | None = None) -> None:
        """Store more samples that lie one after another, all of them or none. No Python object is made for a sample.

        For the arguments and the errors, see `from_gathered`.

        >>> words = RaggedMmap.from_gathered(out_dir, [3, 1, 4], [0, 2, 3])
        >>> words.extend_gathered(*words.gather([1, 0]))
        >>> words[:]
        [array([3, 1]), array([4]), array([4]), array([3, 1])]
        """
        self._extend_gathered(values, offsets, shapes)

    def _columns(self, has_tensors: bool) -> dict[str, Any]:
        from mmap_ninja._arrow import export

        return {self._ITEM: export.samples(*self._whole(), str(self.out_dir), has_tensors)}

    def _facts(self) -> list[str]:
        from mmap_ninja._display.format import human_size

        dtype = [] if self.dtype is None else [str(self.dtype)]
        return [*dtype, human_size(self.nbytes)]


_handle.publish(RaggedMmap)
