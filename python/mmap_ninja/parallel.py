"""Samples of anything that can be indexed, loaded here or in several processes through joblib."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from enum import Enum
from functools import partial
from itertools import count, islice
from os import PathLike
from pathlib import Path
from typing import Any

from mmap_ninja import _build
from mmap_ninja._once import Once
from mmap_ninja._remote import Failure

# Fewer samples at once are not worth a worker's while.
LEAST = 32
# What a forked child must not close, since the threads that answer are not its own.
_OF_PARENTS: list[Any] = []


class _Exhausted(Enum):
    exhausted = "EXHAUSTED"


EXHAUSTED = _Exhausted.exhausted


class ParallelBatchCollector:
    """Batches of an indexable's samples, in the order of their indices.

    Args:
        indexable: has `__getitem__`, or is called with the index. It ends at its `len()`, or, where it has none, by
            the first IndexError; any other error of its own reaches the caller.
        batch_size: samples in a batch.
        n_jobs: processes; None or 1 loads samples here.
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
        self._length = length_of(indexable)
        self._parallel = self.begin(n_jobs, **kwargs)
        self._ranges = ranges(0, self._length, batch_size)
        self._exhausted = False
        self._bar = _build.Counter(verbose, self._length)

    @staticmethod
    def verify(indexable: Any, batch_size: int) -> None:
        """Refuse what cannot be indexed, or batches of nothing."""
        _build.check_batch_size(batch_size)
        if not hasattr(indexable, "__getitem__") and not callable(indexable):
            raise TypeError(
                "indexable must implement __getitem__ or be callable and take one integer argument."
            )

    @staticmethod
    def begin(n_jobs: int | None, **kwargs: Any) -> Any:
        """The `joblib.Parallel` for `n_jobs`; None where samples are loaded here."""
        if n_jobs in (None, 1):
            return None
        if n_jobs == 0:
            raise ValueError("n_jobs must be a number of processes, negative to count from all cores, not 0")
        try:
            from joblib import Parallel
        except ImportError as error:
            raise ImportError('n_jobs needs joblib: pip install "mmap_ninja[parallel]>=1"') from error
        return Parallel(n_jobs=n_jobs, **kwargs)

    def batches(self) -> Iterator[list[Any]]:
        """The batches, one after another."""
        with self._bar:
            while not self.completed_batches():
                if batch := self.collect_batch():
                    yield batch

    def collect_batch(self) -> list[Any]:
        """The next batch: shorter, or empty, at the end."""
        indices = next(self._ranges, range(0))
        load = partial(_load, self.indexable, self._length)
        if self._parallel is None:
            loaded = [load(index) for index in indices]
        else:
            from joblib import delayed

            loaded = self._parallel(delayed(load)(index) for index in indices)
        batch = [sample for sample in loaded if sample is not EXHAUSTED]
        self._exhausted = self.exhausted(loaded) or len(indices) < self.batch_size
        self._bar.update(len(batch))
        return batch

    def exhausted(self, results: Sequence[Any] = ()) -> bool:
        """Whether the end was reached, or stands among `results`."""
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
    """Let `func` be indexed, with a `len()` if `length` is given.

    >>> make_indexable(lambda i: i * i, 10)[3]
    9
    """
    return _IndexableWrap(func) if length is None else _IndexableLengthWrap(func, length)


def as_indexable(indexable: Any) -> Any:
    """`indexable` itself, or a wrapper of a function."""
    return indexable if hasattr(indexable, "__getitem__") else make_indexable(indexable)


def length_of(indexable: Any) -> int | None:
    """The number of samples; None where it shows only at the end."""
    return len(indexable) if hasattr(indexable, "__len__") else None


def ranges(start: int, stop: int | None, step: int) -> Iterator[range]:
    """Consecutive ranges that end at multiples of `step`, without end where `stop` is None."""
    while stop is None or start < stop:
        end = start - start % step + step
        yield range(start, end if stop is None else min(end, stop))
        start = end


def shares(start: int, stop: int | None, step: int, workers: int) -> Iterator[range]:
    """The same, cut smaller towards the end, so that all workers end together."""
    for batch in ranges(start, stop, step):
        while batch:
            share = len(batch) if stop is None else max((stop - batch.start) // (2 * workers), LEAST)
            yield batch[:share]
            batch = batch[share:]


def samples(indexable: Any, start: int = 0) -> Iterator[Any]:
    """The samples from an index on."""
    length = length_of(indexable)
    _check_length(length, start)
    load = partial(_load, as_indexable(indexable), length)
    for index in count(start) if length is None else range(start, length):
        sample = load(index)
        if sample is EXHAUSTED:
            return
        yield sample


def _check_length(length: int | None, stored: int) -> None:
    """Refuse to resume a build with an indexable that is too short to be the one it is from."""
    if length is not None and length < stored:
        raise ValueError(
            f"there are {length} samples, but {stored} are stored already; resume the build they are from"
        )


def _load(indexable: Any, length: int | None, index: int) -> Any:
    """The sample at `index`; `EXHAUSTED` where an indexable without a length has none."""
    try:
        return indexable[index]
    except StopIteration as error:  # Which would end whatever iterates over the samples.
        raise RuntimeError(f"loading the sample at index {index} raised StopIteration") from error
    except BaseException as error:
        if length is None and isinstance(error, IndexError):
            return EXHAUSTED
        _build.note(error, f"while the sample at index {index} was loaded")
        raise


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
    """Build a map from an indexable beside `out_dir` and put it in place; return whether there were samples.

    Args:
        recipe: how such a dataset is built.
        deciding: the first samples, which decide how all of them are stored; by default those of a batch.
    """
    ParallelBatchCollector.verify(indexable, batch_size)
    run = ParallelBatchCollector.begin(n_jobs, return_as="generator")
    length = length_of(indexable)
    if run is None:
        samples_from = partial(samples, indexable)
        return _build.build(out_dir, samples_from, batch_size, recipe, verbose, length, resume, overwrite)
    with recipe.session(out_dir, resume, overwrite) as built:
        folder = built.scratch()
        _check_length(length, built.stored)
        if not built.stored:
            first = islice(samples(indexable), min(deciding or batch_size, batch_size))
            with _results(run, _starts(run, length), folder):
                built.extend(first, batch_size)
        if built.stored:
            work = _write_shards(run, built, indexable, batch_size, folder, recipe.write_shard(built.memmap))
            with closing(work) as shards, _build.Counter(verbose, length, built.stored) as bar:
                for shard, stored in shards:
                    recipe.join_shard(built.memmap, shard)
                    built.stored += stored
                    bar.show_written(built.partial)
                    bar.update(stored)
                bar.show_written(built.partial)
    return built.stored > 0


@contextmanager
def _results(run: Any, tasks: Iterable[Any], folder: Path) -> Iterator[Iterator[Any]]:
    """What comes back from worker processes, which stop at the next sample once their `folder` is gone.

    To wait for that is better than to kill them, which may leave their pool broken. A child that was forked meanwhile
    has no part in it.
    """
    results, caller = run(tasks), os.getpid()
    try:
        yield results
    except BaseException:
        if os.getpid() == caller:
            _build.discard(folder)
        raise
    finally:
        if os.getpid() == caller:
            with suppress(Exception):
                deque(results, 0)
            results.close()
        else:
            _OF_PARENTS.append(results)


def _starts(run: Any, length: int | None) -> Iterator[Any]:
    """Tasks that let worker processes start, if there will be any work."""
    from joblib import delayed, effective_n_jobs

    return (delayed(_start)() for _ in range(0 if length == 0 else effective_n_jobs(run.n_jobs)))


def _start() -> None:
    """The worker imports this module, which takes longer than what it does here."""


def _write_shards(
    run: Any,
    built: _build.BuildSession,
    indexable: Any,
    batch_size: int,
    folder: Path,
    write_shard: Callable[[Path, list[Any]], Any],
) -> Generator[tuple[Path, int], None, None]:
    """The rest of an indexable as directories, in the order of the indices, and how many samples are in each.

    Worker processes load the samples and write them; only counts come back.
    """
    from joblib import delayed, effective_n_jobs

    length, workers = length_of(indexable), effective_n_jobs(run.n_jobs)
    work = partial(_write_shard, Once((as_indexable(indexable), write_shard), folder), length, folder)
    parts = shares(built.stored, length, batch_size, workers)
    # Where the end is not known, workers do not run far ahead of it.
    for wave in iter(lambda: list(islice(parts, 4 * workers if length is None else None)), []):
        # Counts come in the order of the ranges, while workers are ahead.
        tasks = (delayed(work)(part) for part in wave if folder.is_dir())
        with _results(run, tasks, folder) as counts:
            for indices, stored in zip(wave, counts, strict=True):
                if isinstance(stored, Failure):
                    raise stored.error
                before, shard = built.stored, folder / str(indices.start)
                if stored is None:
                    built.extend(islice(samples(indexable, indices.start), len(indices)), batch_size)
                elif stored:
                    yield shard, stored
                _build.discard(shard)
                if built.stored - before < len(indices):
                    # What others have loaded beyond the first missing sample does not count.
                    _build.discard(folder)
                    return


def _write_shard(once: Once, length: int | None, folder: Path, indices: range) -> "int | None | Failure":
    """The number of samples that were there; None where they could not be stored.

    They are loaded and stored again in the caller's process then, whose error names the sample and the map.
    """
    worker = os.getpid()
    try:
        if not folder.is_dir():
            return 0
        indexable, write_shard = once.get()
        loaded = _loaded(indexable, length, folder, indices)
        if isinstance(loaded, Failure):
            return loaded
        with suppress(BaseException):  # The caller finds it again.
            if loaded:
                write_shard(folder / str(indices.start), loaded)
            return len(loaded)
        return None
    finally:
        if os.getpid() != worker:
            os._exit(1)  # A child that was forked by a loader must not answer in its parent's place.


def _loaded(indexable: Any, length: int | None, folder: Path, indices: range) -> "list[Any] | Failure":
    """The samples that are there; none once the build has ended."""
    loaded: list[Any] = []
    for index in indices:
        if not folder.is_dir():
            return []
        try:
            sample = _load(indexable, length, index)
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            return Failure(error, f"the sample at index {index}")
        if sample is EXHAUSTED:
            break
        loaded.append(sample)
    return loaded
