"""`RaggedMmap`: samples of any shape and one dtype."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mmap_ninja import _build, _core, _handle, _paths
from mmap_ninja._pieces import Packed, Pieces, Slices
from mmap_ninja._typing import Access, AnyPath, Durability, ItemT, Mode, ScalarT, Side

if TYPE_CHECKING:
    from typing_extensions import Self

    from mmap_ninja._typing import CastT, DtypeOf, Indices, MaybeNone, Starts


class RaggedMmap(_handle.Handle, _core.Ragged[ScalarT, ItemT], Sequence[ItemT]):
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

    @overload
    def gather(
        self, indices: "Indices", *, dtype: None = None, out: NDArray[ScalarT] | None = None
    ) -> tuple[NDArray[ScalarT], NDArray[np.int64]]: ...
    @overload
    def gather(
        self, indices: "Indices", *, dtype: "DtypeOf[CastT]", out: "NDArray[CastT] | None" = None
    ) -> "tuple[NDArray[CastT], NDArray[np.int64]]": ...
    @overload
    def gather(
        self, indices: "Indices", *, dtype: DTypeLike | None, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def gather(
        self, indices: "Indices", *, dtype: DTypeLike | None = None, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The elements of samples one after another, and where each begins and ends.

        Args:
            indices: anything that `m[indices]` takes but a single integer; indices may repeat.
            dtype: the dtype of the values instead of the map's. Elements are cast while they are copied, between booleans,
                integers and floats, wherever `np.can_cast(..., "safe")` is true. So is int64 to float64, which rounds
                beyond 2**53.
            out: an array to write the values to instead of a new one: 1-D, of the dtype of the values, C-contiguous, with room
                for at least all of them.

        Returns:
            Two arrays, in the layout of Arrow's list arrays and of PyTorch's jagged tensors.

            - The values, of shape (elements,): sample k of the batch is `values[offsets[k] : offsets[k + 1]]`, its elements
              in C order. If `out` is given, a view of its beginning.
            - The offsets, int64 of shape (len(indices) + 1,).

        Raises:
            IndexError: an index is out of range.
            TypeError: the cast could change a value, or `out` has another dtype.
            ValueError: `out` is too short, read-only, has gaps, or lies in the map.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> tokens.gather([2, 0])
        (array([5, 6, 1, 2, 3]), array([0, 2, 5]))
        >>> tokens.gather([2, 0], dtype=np.float64)[0]
        array([5., 6., 1., 2., 3.])
        """
        return self._gather(indices, dtype, out)

    @overload
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[ScalarT] | None = None,
        *,
        start: "Starts" = 0,
        dtype: None = None,
    ) -> tuple[NDArray[ScalarT], NDArray[np.int64]]: ...
    @overload
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: "NDArray[CastT] | None" = None,
        *,
        start: "Starts" = 0,
        dtype: "DtypeOf[CastT]",
    ) -> "tuple[NDArray[CastT], NDArray[np.int64]]": ...
    @overload
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[Any] | None = None,
        *,
        start: "Starts" = 0,
        dtype: DTypeLike | None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[Any] | None = None,
        *,
        start: "Starts" = 0,
        dtype: DTypeLike | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Samples in one dense array, padded to the longest of them, like `torch.nn.utils.rnn.pad_sequence`.

        Args:
            indices: anything that `m[indices]` takes but a single integer; indices may repeat.
            padding_value: a scalar that the dtype of the batch can hold.
            padding_side: 'right' pads after the elements of every axis, 'left' before them.
            max_length: keep at most that many entries of every axis, from `start` on.
            out: an array to fill instead of a new one: of the dtype of the batch, C-contiguous, of shape (len(indices), ...),
                its other axes at least as long as those of the longest sample.
            start: the first entry to keep, so that each sample is cropped to `sample[start : start + max_length]`: one integer
                for every axis of every sample, or an array of the shape of the lengths, one for each axis of each sample.
                A sample that ends before its start is all padding.
            dtype: the dtype of the batch instead of the map's. Elements are cast while they are copied, between booleans,
                integers and floats, wherever `np.can_cast(..., "safe")` is true. So is int64 to float64, which rounds
                beyond 2**53.

        Returns:
            Two arrays.

            - The batch, of shape (len(indices), longest, ...), every axis of N-D samples padded; `out`, if given.
            - The unpadded lengths after cropping, int64 of shape (len(indices),), or (len(indices), ndim) if the samples
              have several axes.

        Raises:
            IndexError: an index is out of range.
            ValueError: the samples have different numbers of axes, `out` or the shape of `start` does not fit, or a start is
                negative.
            TypeError, OverflowError: the cast could change a value, `out` has another dtype, or the dtype of the batch cannot
                hold `padding_value`.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> batch, lengths = tokens.padded([0, 1], padding_value=-1)
        >>> batch.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, -1, -1]], [3, 1])
        >>> tokens.padded([0, 2], max_length=2, start=[1, 0], dtype=np.float64)[0]
        array([[2., 3.],
               [5., 6.]])
        """
        return self._padded(indices, padding_value, padding_side, max_length, out, start, dtype)

    def packed(self, pieces: "Pieces | Slices | Indices", *, dtype: DTypeLike | None = None) -> Packed:
        """Pieces of samples one after another, as attention of variable length takes them.

        Args:
            pieces: an item of a plan of `mmap_ninja.plans`, or anything that selects whole samples: `gather` takes the same.
            dtype: the dtype of the values instead of the map's, as in `gather`.

        Returns:
            Three arrays.

            - `values`, of shape (elements,): piece k is `values[offsets[k] : offsets[k + 1]]`, its
              elements in C order.
            - `offsets`, int32 of shape (pieces + 1,), since FlashAttention takes its `cu_seqlens` so.
            - `positions`, int64 of shape (elements,): that of each element in its piece, counted from 0.

        Raises:
            IndexError: a sample does not exist.
            ValueError: a piece reaches behind the end of its sample, or the batch has 2**31 elements or more.
            TypeError: the cast could change a value.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> values, offsets, positions = tokens.packed([2, 0])
        >>> values.tolist(), offsets.tolist(), positions.tolist()
        ([5, 6, 1, 2, 3], [0, 2, 5], [0, 1, 0, 1, 2])
        """
        if isinstance(pieces, Slices):
            return Packed(*self._packed(*pieces, dtype))
        if isinstance(pieces, Pieces):
            return Packed(*self._packed(*pieces, False, dtype))
        return Packed(*self._packed(pieces, None, None, False, dtype))

    @overload
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: None = None,
    ) -> NDArray[ScalarT]: ...
    @overload
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: "DtypeOf[CastT]",
    ) -> "NDArray[CastT]": ...
    @overload
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: DTypeLike | None,
    ) -> NDArray[Any]: ...
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: DTypeLike | None = None,
    ) -> NDArray[Any]:
        """Slices of one length in a dense array.

        Args:
            samples: the sample in which each slice starts: anything that `m[samples]` takes but a single integer.
            starts: the first element of each slice, counted from the beginning of its sample, integers of shape
                (len(samples),).
            length: the number of elements of every slice.
            across: a slice that reaches the end of its sample runs on into the samples that follow. Otherwise it is an
                error.
            dtype: the dtype of the slices instead of the map's, as in `gather`.

        Returns:
            An array of shape (len(samples), length).

        Raises:
            IndexError: a sample does not exist.
            ValueError: a slice reaches behind the end of its sample, or with `across` behind that of the last one;
                `starts` does not fit `samples`, or a number is negative.
            TypeError: the cast could change a value.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> tokens.slices([0, 2], [1, 0], 2).tolist()
        [[2, 3], [5, 6]]
        >>> tokens.slices([0], [1], 4, across=True).tolist()
        [[2, 3, 4, 5]]
        """
        return self._slices(samples, starts, length, across, dtype)

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

    @classmethod
    def from_lists(
        cls,
        out_dir: AnyPath,
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
        locking: bool = True,
    ) -> "Self":
        """Store samples that are in memory, replacing any dataset in `out_dir`.

        Args:
            out_dir: the directory; parents are created.
            lists: at least one sample.
            dtype: the dtype of the map; by default that of the first sample that is not a list without elements. All
                values must survive the cast (a float may lose digits).
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.

        For the other arguments, see the class.

        Returns:
            The map, writable by default, so that what is assigned to it or to its items reaches the disk.

        Raises:
            TypeError: the dtype cannot be stored, or a value does not survive the cast; nothing was written.
            OverflowError: a value is outside the dtype's range; nothing was written.
            ValueError: there are no samples.
            TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.

        >>> RaggedMmap.from_lists(out_dir, [[1, 2], [3]], dtype=np.uint8)[0]
        array([1, 2], dtype=uint8)
        """
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
        given = _handle.changed(RaggedMmap.from_lists, locals())
        given.pop("dtype", None)
        out_dir = _paths.local(out_dir)
        resolved = _build.resolve_later(out_dir)
        if not overwrite:
            _build.refuse_existing(out_dir)
        _core.create_ragged(out_dir, lists, options, dtype)
        return cls(resolved(), **{"mode": mode, **given})

    @classmethod
    def from_gathered(
        cls,
        out_dir: AnyPath,
        values: ArrayLike,
        offsets: ArrayLike,
        shapes: ArrayLike | None = None,
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
        locking: bool = True,
    ) -> "Self":
        """Store samples that lie one after another, as `gather` returns them, replacing any dataset in `out_dir`.

        This is the layout of Arrow's list arrays and of PyTorch's jagged tensors. No Python object is made for a sample.

        Args:
            out_dir: the directory; parents are created.
            values: the elements, an array of shape (elements,); its dtype becomes that of the map.
            offsets: int32 or int64 of shape (n + 1,): sample k is `values[offsets[k] : offsets[k + 1]]`. As in Arrow, values
                before the first offset and after the last one belong to no sample, and are not stored.
            shapes: the shapes of all samples, int32 or int64 of shape (n, ndim); by default each has one axis.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.

        For the other arguments, see the class.

        Returns:
            The map, writable by default. It may be empty.

        Raises:
            ValueError: an offset is less than the one before it, or outside of the values; a shape does not fit its sample;
                an array has the wrong number of axes. Nothing was written.
            TypeError: the dtype cannot be stored, or the offsets are neither int32 nor int64; nothing was written.
            TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.

        >>> images = RaggedMmap.from_gathered(out_dir, np.arange(10), [0, 6, 10], shapes=[[2, 3], [4, 1]])
        >>> images[0]
        array([[0, 1, 2],
               [3, 4, 5]])
        """
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
        given = _handle.changed(RaggedMmap.from_gathered, locals())
        given.pop("shapes", None)
        out_dir = _paths.local(out_dir)
        if not overwrite:
            _build.refuse_existing(out_dir)
        _core.create_ragged_gathered(out_dir, values, offsets, shapes, options)
        with _paths.opening_new():
            return cls(out_dir, **{"mode": mode, **given})

    @classmethod
    def from_generator(
        cls,
        out_dir: AnyPath,
        sample_generator: Iterable[ArrayLike],
        batch_size: int,
        verbose: bool = False,
        n: int | None = None,
        resume: bool = False,
        overwrite: bool = True,
        dtype: DTypeLike | None = None,
        mode: Mode = "r+",
        wrapper_fn: Callable[[Any], ItemT] | None = None,
        starts_key: str = "starts",
        ends_key: str = "ends",
        shapes_key: str = "shapes",
        flattened_shapes_key: str = "flattened_shapes",
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
        **kwargs: Any,
    ) -> "Self | MaybeNone":
        """Store samples batch by batch, so that they need not fit in memory.

        Args:
            out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
            sample_generator: an iterable of samples, such as a generator or a list.
            batch_size: samples to hold in memory before they are written.
            verbose: show a progress bar.
            n: the expected number of samples, for the bar.
            resume: continue what an interrupted build has left in `<out_dir>.partial`; that many items of the generator
                are skipped. All options must be the same as before.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
            **kwargs: for the `from_lists` of a subclass.

        For the other arguments and the errors, see `from_lists`.

        Returns:
            The map, or None if there were no samples.

        A subclass that overrides `from_lists` or `extend` stores samples by these, in `out_dir` itself: the first batch
        replaces an existing dataset, and after an error the batches before it are there.

        >>> RaggedMmap.from_generator(out_dir, ([n, n * n] for n in range(5)), batch_size=2)[3]
        array([3, 9])
        """
        options = _handle.changed(RaggedMmap.from_generator, locals())
        return cls._from_generator(
            out_dir, sample_generator, batch_size, verbose, n, resume, overwrite, options
        )

    @classmethod
    def from_indexable(
        cls,
        out_dir: AnyPath,
        indexable: Any,
        batch_size: int,
        n_jobs: int | None = None,
        verbose: bool = False,
        resume: bool = False,
        overwrite: bool = True,
        dtype: DTypeLike | None = None,
        mode: Mode = "r+",
        wrapper_fn: Callable[[Any], ItemT] | None = None,
        starts_key: str = "starts",
        ends_key: str = "ends",
        shapes_key: str = "shapes",
        flattened_shapes_key: str = "flattened_shapes",
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
        **kwargs: Any,
    ) -> "Self | MaybeNone":
        """Store the samples of anything that can be indexed, batch by batch.

        Args:
            indexable: has `__getitem__`, or is called with the index. It ends at its `len()` or, without one, at the
                first IndexError; any other error reaches the caller.
            n_jobs: number of processes that load and write samples (needs joblib, the extra `parallel`); None uses this
                process. The files are the same.

        For the other arguments and the result, see `from_generator`.

        >>> RaggedMmap.from_indexable(out_dir, [[1], [2, 3]], batch_size=2)[1]
        array([2, 3])
        """
        options = _handle.changed(RaggedMmap.from_indexable, locals())
        return cls._from_indexable(
            out_dir, indexable, batch_size, n_jobs, verbose, resume, overwrite, options
        )

    @classmethod
    def _recipe(cls, dtype: DTypeLike | None = None, mode: Mode = "r+", **given: Any) -> _build.Recipe:
        options = {name: value for name, value in given.items() if name not in _WRAPPING}
        return _build.Recipe(
            _core.Options(mode=mode, **options),
            partial(_core.Stream.ragged, dtype=dtype),
            partial(cls, mode=mode, **given),
            partial(_write_shard, _core.Options(**_handle.names_in(options))),
            cls._join_shard,
        )


RaggedMmap._BASE = RaggedMmap
# Arguments of the constructor that are not options of the dataset.
_WRAPPING = frozenset(("wrapper_fn", "copy_before_wrapper_fn"))


def _write_shard(options: _core.Options, memmap: RaggedMmap[Any, Any]) -> Callable[[Path, list[Any]], None]:
    """What a worker process does with its samples."""
    return partial(_core.create_ragged, options=options, dtype=memmap.dtype)
