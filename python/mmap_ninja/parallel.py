"""Samples of anything that can be indexed, loaded here or in several processes through joblib."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from enum import Enum
from functools import partial
from itertools import count, islice
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmap_ninja import _build


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
        self, indexable, batch_size: int, n_jobs: int | None = None, verbose: bool = False, **kwargs
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
    def verify(indexable, batch_size: int) -> None:
        """Refuse what cannot be indexed, or batches of nothing."""
        _build.check_batch_size(batch_size)
        if not hasattr(indexable, "__getitem__") and not callable(indexable):
            raise TypeError(
                "indexable must implement __getitem__ or be callable and take one integer argument."
            )

    @staticmethod
    def begin(n_jobs: int | None, **kwargs) -> Any:
        """The `joblib.Parallel` for `n_jobs`; None where samples are loaded here."""
        if n_jobs in (None, 1):
            return None
        try:
            from joblib import Parallel
        except ImportError as error:
            raise ImportError("n_jobs needs joblib: pip install mmap_ninja[parallel]") from error
        return Parallel(n_jobs=n_jobs, **kwargs)

    def batches(self) -> Iterator[list]:
        """The batches, one after another."""
        with self._bar:
            while not self.completed_batches():
                if batch := self.collect_batch():
                    yield batch

    def collect_batch(self) -> list:
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

    def exhausted(self, results: Sequence = ()) -> bool:
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
    """Consecutive ranges of `step` indices, without end where `stop` is None."""
    starts = count(start, step) if stop is None else range(start, stop, step)
    return (range(first, first + step if stop is None else min(first + step, stop)) for first in starts)


def samples(indexable: Any, start: int = 0) -> Iterator:
    """The samples from an index on."""
    length = length_of(indexable)
    if length is not None and length < start:
        raise ValueError(
            f"there are {length} samples, but {start} are stored already; resume the build they are from"
        )
    load = partial(_load, as_indexable(indexable), length)
    for index in count(start) if length is None else range(start, length):
        sample = load(index)
        if sample is EXHAUSTED:
            return
        yield sample


def _load(indexable: Any, length: int | None, index: int) -> Any:
    """The sample at `index`; `EXHAUSTED` where an indexable without a length has none."""
    try:
        return indexable[index]
    except Exception as error:
        if length is None and isinstance(error, IndexError):
            return EXHAUSTED
        _build.note(error, f"while the sample at index {index} was loaded")
        raise


def build(
    out_dir: str | PathLike,
    indexable: Any,
    batch_size: int,
    n_jobs: int | None,
    stream: Callable[[Path], Any],
    reopen: Callable[[Path], Any],
    write_shard: Callable[[Any], Callable[[Path, list], Any]],
    join_shard: Callable[[Any, Path], Any],
    *,
    verbose: bool = False,
    resume: bool = False,
    overwrite: bool = True,
    durability: str = "process",
    timeout: float = 60.0,
) -> bool:
    """Build a map from an indexable beside `out_dir` and put it in place; return whether there were samples.

    Args:
        stream, reopen: see `_build.build`.
        write_shard: makes, of the map, what a worker does with a directory and its samples.
        join_shard: appends such a directory to the map.
    """
    ParallelBatchCollector.verify(indexable, batch_size)
    run = ParallelBatchCollector.begin(n_jobs, return_as="generator")
    length = length_of(indexable)
    if run is None:
        options = {"verbose": verbose, "n": length, "resume": resume, "overwrite": overwrite}
        options |= {"durability": durability, "timeout": timeout}
        return _build.build(out_dir, partial(samples, indexable), batch_size, stream, reopen, **options)
    with _build.construction(
        out_dir, stream, reopen, resume, overwrite, durability=durability, timeout=timeout
    ) as built:
        if not built.stored:
            # The first batch settles the dtype and the dictionary for all.
            built.extend(islice(samples(indexable), batch_size), batch_size)
        if built.stored:
            work = _write_shards(run, built, indexable, batch_size, write_shard(built.memmap))
            with closing(work) as shards, _build.Counter(verbose, length, built.stored) as bar:
                for shard, stored in shards:
                    join_shard(built.memmap, shard)
                    built.stored += stored
                    bar.update(stored)
                bar.show_written(built.partial)
    return built.stored > 0


def _write_shards(
    run: Callable,
    built: _build.Build,
    indexable: Any,
    batch_size: int,
    write_shard: Callable[[Path, list], Any],
) -> Iterator[tuple[Path, int]]:
    """The rest of an indexable as directories, in the order of the indices, and how many samples are in each.

    Worker processes load the samples and write them; only counts come back.
    """
    from joblib import delayed, effective_n_jobs

    length, workers = length_of(indexable), effective_n_jobs(run.n_jobs)
    with TemporaryDirectory(prefix=f".{built.partial.name}.", dir=built.partial.parent) as folder:
        work = partial(_write_shard, as_indexable(indexable), length, Path(folder), write_shard)
        parts, is_ended = ranges(built.stored, length, batch_size), False
        # Where the end is not known, workers do not run far ahead of it.
        for wave in iter(lambda: list(islice(parts, 4 * workers if length is None else None)), []):
            # Counts come in the order of the ranges, while workers are ahead.
            with _quiet(run(delayed(work)(part) for part in wave)) as counts:
                for indices, stored in zip(wave, counts, strict=True):
                    shard = Path(folder) / str(indices.start)
                    if stored and not is_ended:
                        yield shard, stored
                    _build.discard(shard)
                    # What others have loaded beyond the first missing sample does not count.
                    is_ended = is_ended or stored < len(indices)
            if is_ended:
                return


@contextmanager
def _quiet(counts: Iterator) -> Iterator[Iterator]:
    """Results of joblib, which warns of those that nobody asks for any more, as is right after an error."""
    try:
        yield counts
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            counts.close()


def _write_shard(
    indexable: Any, length: int | None, folder: Path, write_shard: Callable[[Path, list], Any], indices: range
) -> int:
    """The number of samples that were there."""
    loaded = []
    for index in indices:
        sample = _load(indexable, length, index)
        if sample is EXHAUSTED:
            break
        loaded.append(sample)
    if loaded:
        write_shard(folder / str(indices.start), loaded)
    return len(loaded)
