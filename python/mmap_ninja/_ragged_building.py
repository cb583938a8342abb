"""How ragged maps are built."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, DTypeLike

from mmap_ninja import _build, _building, _core
from mmap_ninja._arguments import changed, names_in
from mmap_ninja._build.workers import MIN_SHARE
from mmap_ninja._typing import Access, AnyPath, Durability, ItemT, Mode, ScalarT

if TYPE_CHECKING:
    from typing_extensions import Self

    from mmap_ninja._typing import MaybeNone


class RaggedBuilding(_core.Ragged[ScalarT, ItemT]):
    """The constructors of `RaggedMmap` that store samples."""

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
        given = changed(RaggedBuilding.from_lists, locals())
        given.pop("dtype", None)
        create = partial(_core.create_ragged, samples=lists, dtype=dtype)
        return _building.from_memory(cls, out_dir, create, overwrite, mode, given)

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
        given = changed(RaggedBuilding.from_gathered, locals())
        given.pop("shapes", None)
        create = partial(_core.create_ragged_gathered, values=values, offsets=offsets, shapes=shapes)
        return _building.from_memory(cls, out_dir, create, overwrite, mode, given)

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
        given = changed(RaggedBuilding.from_generator, locals())
        return _building.from_generator(
            cls, out_dir, sample_generator, batch_size, verbose, n, resume, overwrite, given
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
        given = changed(RaggedBuilding.from_indexable, locals())
        return _building.from_indexable(
            cls, out_dir, indexable, batch_size, n_jobs, verbose, resume, overwrite, MIN_SHARE, given
        )

    @classmethod
    def _recipe(cls, dtype: DTypeLike | None = None, mode: Mode = "r+", **given: Any) -> _build.Recipe:
        write_shard = partial(_write_shard, _core.Options(**names_in(given)))
        stream = partial(_core.Stream.ragged, dtype=dtype)
        return _building.recipe(cls, stream, write_shard, {"mode": mode, **given})


def _write_shard(options: _core.Options, memmap: _core.Ragged[Any, Any]) -> Callable[[Path, list[Any]], None]:
    """What a worker process does with its samples."""
    return partial(_core.create_ragged, options=options, dtype=memmap.dtype)
