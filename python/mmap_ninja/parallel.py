"""Loads the samples of an indexable in batches, in this process or in several, and builds datasets from them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import PathLike
from typing import Any

from mmap_ninja import _build
from mmap_ninja._build.indexable import EXHAUSTED, check_length, length_of, load, ranges, samples
from mmap_ninja._build.workers import Workers
from mmap_ninja._samples import first_batch

__all__ = ["EXHAUSTED", "ParallelBatchCollector", "build", "make_indexable"]


class ParallelBatchCollector:
    """Batches of an indexable's samples, in the order of their indices.

    Args:
        indexable: has `__getitem__`, or is called with the index. It ends at its `len()` or, if it has none, at the
            first IndexError. The caller gets any other error that it raises.
        batch_size: samples in a batch.
        n_jobs: number of worker processes; None or 1 loads samples in this process.
        verbose: show a progress bar.
        **kwargs: for `joblib.Parallel`.

    >>> list(ParallelBatchCollector("abc", 2).batches())
    [['a', 'b'], ['c']]
    """

    def __init__(
        self, indexable: Any, batch_size: int, n_jobs: int | None = None, verbose: bool = False, **kwargs: Any
    ):
        self.verify(indexable, batch_size)
        self.indexable = as_indexable(indexable)
        self.batch_size = batch_size
        self._length = length_of(self.indexable)
        self._parallel = self.begin(n_jobs, **kwargs)
        self._ranges = ranges(0, self._length, batch_size)
        self._exhausted = False
        self._bar = _build.Counter(verbose, self._length)

    @staticmethod
    def verify(indexable: Any, batch_size: int) -> None:
        """Check that samples can be loaded by index, and that batches are not empty."""
        _build.check_batch_size(batch_size)
        if not hasattr(indexable, "__getitem__") and not callable(indexable):
            raise TypeError(
                "indexable must implement __getitem__ or be callable and take one integer argument."
            )

    @staticmethod
    def begin(n_jobs: int | None, **kwargs: Any) -> Any:
        """The `joblib.Parallel` for `n_jobs`, or None if this process loads the samples."""
        if n_jobs in (None, 1):
            return None
        if n_jobs == 0:
            raise ValueError(
                "n_jobs must not be 0: give a number of processes, or a negative one to count back from all cores (-1 is all)"
            )
        try:
            from joblib import Parallel
        except ImportError as error:
            raise ImportError('n_jobs needs joblib: pip install "mmap_ninja[parallel]>=1"') from error
        return Parallel(n_jobs=n_jobs, **kwargs)

    def batches(self) -> Iterator[list[Any]]:
        """All batches that are left."""
        with self._bar:
            while not self.completed_batches():
                if batch := self.collect_batch():
                    yield batch

    def collect_batch(self) -> list[Any]:
        """The next batch. The last one may be shorter, or empty."""
        indices = next(self._ranges, range(0))
        load_sample = partial(load, self.indexable, self._length)
        if self._parallel is None:
            loaded = [load_sample(index) for index in indices]
        else:
            from joblib import delayed

            loaded = self._parallel(delayed(load_sample)(index) for index in indices)
        batch = [sample for sample in loaded if sample is not EXHAUSTED]
        self._exhausted = self.exhausted(loaded) or len(indices) < self.batch_size
        self._bar.update(len(batch))
        return batch

    def exhausted(self, results: Sequence[Any] = ()) -> bool:
        """Whether the end was reached before, or is among `results`."""
        return self._exhausted or any(sample is EXHAUSTED for sample in results)

    def completed_batches(self) -> bool:
        """Whether there are no more batches."""
        return self._exhausted


class _IndexableWrap:
    def __init__(self, func: Callable[[int], Any]):
        self._func = func

    def __getitem__(self, item: int) -> Any:
        return self._func(item)

    @property
    def wrapped(self) -> Callable[[int], Any]:
        return self._func


class _IndexableLengthWrap(_IndexableWrap):
    def __init__(self, func: Callable[[int], Any], length: int):
        super().__init__(func)
        self._length = length

    def __len__(self) -> int:
        return self._length


def make_indexable(func: Callable[[int], Any], length: int | None = None) -> _IndexableWrap:
    """Wrap a function, so that it can be indexed and has a `len()` if `length` is given.

    >>> make_indexable(lambda i: i * i, 10)[3]
    9
    """
    return _IndexableWrap(func) if length is None else _IndexableLengthWrap(func, length)


def as_indexable(indexable: Any) -> Any:
    """Return `indexable`, wrapped if it is a function."""
    return indexable if hasattr(indexable, "__getitem__") else make_indexable(indexable, length_of(indexable))


def build(
    out_dir: str | PathLike[str],
    indexable: Any,
    batch_size: int,
    n_jobs: int | None,
    recipe: _build.Recipe,
    verbose: bool = False,
    resume: bool = False,
    overwrite: bool = True,
    deciding: int | None = None,
) -> bool:
    """Build a dataset from an indexable beside `out_dir` and put it in place; return whether there were samples.

    Args:
        recipe: how such a dataset is built.
        deciding: how many samples decide how all of them are stored; a batch by default.
    """
    ParallelBatchCollector.verify(indexable, batch_size)
    indexable = as_indexable(indexable)
    run = ParallelBatchCollector.begin(n_jobs, return_as="generator")
    length = length_of(indexable)
    if run is None:
        samples_from = partial(samples, indexable)
        return _build.build(out_dir, samples_from, batch_size, recipe, verbose, length, resume, overwrite)
    with recipe.session(out_dir, resume, overwrite) as session:
        check_length(length, session.stored)
        workers = Workers(run, session, indexable, batch_size)
        if not session.stored:
            first = first_batch(samples(indexable), min(deciding or batch_size, batch_size))
            with workers.starting():
                session.extend(first, batch_size)
        if session.stored:
            write, join = recipe.write_shard(session.memmap), partial(recipe.join_shard, session.memmap)
            with _build.Counter(verbose, length, session.stored) as bar:
                workers.store(write, join, bar)
                bar.show_written(session.partial)
    return session.stored > 0
