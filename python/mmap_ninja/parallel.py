"""Loading samples of an indexable in several processes, through joblib."""

import math
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
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
        self.indexable = indexable if hasattr(indexable, "__getitem__") else make_indexable(indexable)
        self.batch_size = batch_size
        self.verbose = verbose
        self._length = len(indexable) if hasattr(indexable, "__len__") else None
        self._parallel = self.begin(n_jobs, **kwargs)

    @staticmethod
    def verify(indexable, batch_size: int) -> None:
        """Refuse what cannot be indexed, or batches of nothing."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
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
        return _build.batches(_build.progress(self._samples(), self.verbose, self._length), self.batch_size)

    def _samples(self) -> Iterator:
        end = math.inf if self._length is None else self._length
        start = 0
        while start < end:
            stop = min(start + self.batch_size, end)
            for sample in self._load(range(start, stop)):
                if sample is EXHAUSTED:
                    return
                yield sample
            start = stop

    def _load(self, indices: range) -> Iterator:
        load = partial(_get_from_indexable, self.indexable, length=self._length)
        if self._parallel is None:
            return map(load, indices)
        from joblib import delayed

        return iter(self._parallel(delayed(load)(index) for index in indices))


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


def _get_from_indexable(indexable, item: int, length: int | None = None) -> Any:
    """The sample at `item`; `EXHAUSTED` where an indexable without a length has none."""
    try:
        return indexable[item]
    except IndexError:
        if length is None:
            return EXHAUSTED
        raise
