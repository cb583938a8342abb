"""Builds a dataset in worker processes: they load samples and write shards, which the caller joins in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from errno import ENOENT
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from mmap_ninja._build.broadcast import Broadcast
from mmap_ninja._build.indexable import EXHAUSTED, length_of, load, ranges, samples
from mmap_ninja._build.paths import discard
from mmap_ninja._build.progress import Counter
from mmap_ninja._build.samples import batches
from mmap_ninja._build.session import BuildSession
from mmap_ninja._build.worker_error import WorkerError

# Shares of fewer samples cost more to send than they gain.
MIN_SHARE = 32
# What forked children inherit of a build. To close it, they would wait for threads that only their parent has.
_INHERITED: list[Any] = []


class Workers:
    """Worker processes that load the samples of an indexable and write them as shards.

    Workers stop at the next sample once the directory of the shards is gone. Killing them could break the pool that
    joblib keeps.

    Args:
        parallel: a `joblib.Parallel` that returns a generator.
        built: the build that the samples are for.
        indexable: has `__getitem__`.
    """

    def __init__(self, parallel: Any, built: BuildSession, indexable: Any, batch_size: int):
        from joblib import effective_n_jobs

        self._parallel = parallel
        self._count = effective_n_jobs(parallel.n_jobs)
        self._built = built
        self._folder = built.scratch()
        self._indexable = indexable
        self._length = length_of(indexable)
        self._batch_size = batch_size

    def starting(self) -> AbstractContextManager[Any]:
        """Start the worker processes while the caller does something else."""
        return self._run(_import_this_module, range(0 if self._length == 0 else self._count))

    def store(
        self,
        write_shard: Callable[[Path, list[Any]], Any],
        join_shard: Callable[[Path], Any],
        bar: Counter,
    ) -> None:
        """Store the samples that the build does not have yet.

        Args:
            write_shard: writes samples to a directory, in a worker.
            join_shard: appends such a directory to the dataset.
        """
        broadcast = Broadcast((self._indexable, self._length, write_shard), self._folder)
        task = partial(_write_shard, broadcast, self._folder)
        for sent, expected in self._waves():
            with self._run(task, sent) as results:
                for share, result in zip(expected, results, strict=True):
                    before = self._built.stored
                    self._append(share, result, join_shard)
                    appended = self._built.stored - before
                    bar.show_written(self._built.partial)
                    bar.update(appended)
                    if appended < len(share):
                        if self._length is not None and not self._folder.is_dir():
                            raise FileNotFoundError(ENOENT, "The shards of the build are gone", str(self._folder))
                        # The first missing sample is the end, whatever workers have loaded beyond it.
                        discard(self._folder)
                        return

    def _waves(self) -> Iterator[tuple[Iterable[range], Iterable[range]]]:
        """The remaining shares twice: those to send to workers, and the same for their results.

        There is one wave of any number of shares, and they are never listed, where the length is known. Where it is not,
        workers wait after each wave, so that they do not run far past the end.
        """
        remaining = partial(shares, self._built.stored, self._length, self._batch_size, self._count)
        if self._length is not None:
            yield remaining(), remaining()
        else:
            yield from ((wave, wave) for wave in batches(remaining(), 4 * self._count))

    def _append(
        self, share: range, result: int | WorkerError | None, join_shard: Callable[[Path], Any]
    ) -> None:
        """Append the samples of a share, given what `_write_shard` returned for it."""
        shard = self._folder / str(share.start)
        if isinstance(result, WorkerError):
            raise result.error
        if result is None:
            self._built.extend(islice(samples(self._indexable, share.start), len(share)), self._batch_size)
        elif result:
            join_shard(shard)
            self._built.stored += result
        discard(shard)

    @contextmanager
    def _run(self, task: Callable[[Any], Any], arguments: Iterable[Any]) -> Iterator[Iterator[Any]]:
        """The results of `task` for each argument, in order, while workers are ahead.

        At the end, this waits until all workers are idle. In a child that was forked in between, it leaves them alone.
        """
        from joblib import delayed

        caller = os.getpid()
        # Drops the remaining tasks once the build has failed.
        results = self._parallel(delayed(task)(each) for each in arguments if self._folder.is_dir())
        try:
            yield results
        except BaseException:
            if os.getpid() == caller:
                discard(self._folder)
            raise
        finally:
            if os.getpid() == caller:
                with suppress(Exception):
                    deque(results, 0)
                results.close()
            else:
                _INHERITED.append(results)


def shares(start: int, stop: int | None, batch_size: int, workers: int) -> Iterator[range]:
    """Batches of indices, cut smaller towards the end, so that all workers finish at the same time."""
    for batch in ranges(start, stop, batch_size):
        while batch:
            size = len(batch) if stop is None else max((stop - batch.start) // (2 * workers), MIN_SHARE)
            yield batch[:size]
            batch = batch[size:]


def _import_this_module(_: int) -> None:
    """A worker has imported this module once it has unpickled this function."""


def _write_shard(broadcast: Callable[[], Any], folder: Path, share: range) -> int | WorkerError | None:
    """Load the samples of a share and write them to a directory; return how many there are.

    Returns None if they cannot be stored. The caller then loads and stores them itself, so that the error names the
    sample and the dataset.
    """
    worker = os.getpid()
    try:
        if not folder.is_dir():
            return 0
        indexable, length, write_shard = broadcast()
        loaded = _load_share(indexable, length, folder, share)
        if isinstance(loaded, WorkerError):
            return loaded
        with suppress(BaseException):
            if loaded:
                write_shard(folder / str(share.start), loaded)
            return len(loaded)
        return None
    finally:
        if os.getpid() != worker:
            os._exit(1)  # A child that a loader has forked must not answer in place of the worker.


def _load_share(indexable: Any, length: int | None, folder: Path, share: range) -> list[Any] | WorkerError:
    """The samples that exist; none if the build ends in between."""
    loaded: list[Any] = []
    for index in share:
        if not folder.is_dir():
            return []
        try:
            sample = load(indexable, length, index)
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            return WorkerError(error, f"the sample at index {index}")
        if sample is EXHAUSTED:
            break
        loaded.append(sample)
    return loaded
