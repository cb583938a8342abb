"""Building any store in batches, conversions for small files, and `Wrapped`."""

import struct
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from mmap_ninja import _build, _paths
from mmap_ninja._typing import AnyPath
from mmap_ninja.parallel import ParallelBatchCollector


def _bytes_to_int(inp: bytes, fmt: str = "<i") -> int:
    return int(struct.unpack(fmt, inp)[0])


def _int_to_bytes(inp: int, fmt: str = "<i") -> bytes:
    return struct.pack(fmt, inp)


def _bytes_to_str(inp: bytes, encoding: str = "utf-8") -> str:
    return inp.decode(encoding)


def _str_to_bytes(inp: str, encoding: str = "utf-8") -> bytes:
    return inp.encode(encoding)


def _int_to_file(inp: int, file: str | PathLike[str], *args: Any, **kwargs: Any) -> None:
    Path(file).write_bytes(_int_to_bytes(inp, *args, **kwargs))


def _file_to_int(file: str | PathLike[str], *args: Any, **kwargs: Any) -> int:
    return _bytes_to_int(Path(file).read_bytes(), *args, **kwargs)


def _str_to_file(inp: str, file: str | PathLike[str], *args: Any, **kwargs: Any) -> None:
    Path(file).write_bytes(_str_to_bytes(inp, *args, **kwargs))


def _file_to_str(file: str | PathLike[str], *args: Any, **kwargs: Any) -> str:
    return _bytes_to_str(Path(file).read_bytes(), *args, **kwargs)


def _shape_to_bytes(shape: Sequence[int], fmt: str = "<Q") -> bytes:
    return b"".join(struct.pack(fmt, axis) for axis in shape)


def _bytes_to_shape(inp: bytes, step: int = 8, fmt: str = "<Q") -> Sequence[int]:
    return tuple(struct.unpack(fmt, inp[at : at + step])[0] for at in range(0, len(inp), step))


def _shape_to_file(shape: Sequence[int], file: str | PathLike[str]) -> None:
    Path(file).write_bytes(_shape_to_bytes(shape))


def _file_to_shape(file: str | PathLike[str]) -> Sequence[int]:
    return _bytes_to_shape(Path(file).read_bytes())


@dataclass
class BytesSlices:
    """Strings one after another in `buffer`, the first byte of each and one past the last."""

    buffer: bytes
    starts: list[int]
    ends: list[int]


def from_generator_base(
    out_dir: AnyPath,
    sample_generator: Iterable[Any],
    batch_size: int,
    batch_ctor: Callable[..., Any],
    extend_fn: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Store samples batch by batch, in any store.

    Args:
        out_dir: the directory, passed to `batch_ctor`.
        sample_generator: yields the samples.
        batch_size: samples to hold in memory before they are written.
        batch_ctor: called as `batch_ctor(out_dir, samples, **kwargs)` with the first batch; returns the map.
        extend_fn: called as `extend_fn(map, samples)` with each other batch; by default the map's `extend`.
        **kwargs: `verbose` shows a progress bar, whose total is `n` or else the `len()` of the samples; others are passed
            to `batch_ctor`.

    Returns:
        The result of `batch_ctor`, or None if there were no samples.

    >>> from_generator_base(out_dir, "abcde", 2, lambda out_dir, samples: samples, list.extend)
    ['a', 'b', 'c', 'd', 'e']
    """
    verbose, n = kwargs.pop("verbose", False), kwargs.pop("n", None)
    batches = _build.batches(_build.progress(sample_generator, verbose, n), batch_size)
    return _store(Path(_paths.local(out_dir)), batches, batch_ctor, extend_fn, kwargs)


def from_indexable_base(
    out_dir: AnyPath,
    indexable: Any,
    batch_size: int,
    batch_ctor: Callable[..., Any],
    extend_fn: Callable[..., Any] | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    **kwargs: Any,
) -> Any:
    """Store the samples of anything that can be indexed, batch by batch, in any store.

    Args:
        indexable: has `__getitem__`, or is called with the index; ends at its `len()` or at the first IndexError.
        n_jobs: number of processes that load samples (needs joblib); None uses this process.

    For the other arguments and the result, see `from_generator_base`.

    >>> from_indexable_base(out_dir, "abc", 2, lambda out_dir, samples: samples)
    ['a', 'b', 'c']
    """
    kwargs.pop("n", None)
    batches = ParallelBatchCollector(indexable, batch_size, n_jobs, verbose).batches()
    return _store(Path(_paths.local(out_dir)), batches, batch_ctor, extend_fn, kwargs)


def _store(
    out_dir: Path,
    batches: Iterable[list[Any]],
    batch_ctor: Callable[..., Any],
    extend_fn: Callable[..., Any] | None,
    options: dict[str, Any],
) -> Any:
    """Create a map from the first batch and extend it with the others."""
    memmap = None
    for batch in batches:
        if memmap is None:
            memmap = batch_ctor(out_dir, batch, **options)
        elif extend_fn is None:
            memmap.extend(batch)
        else:
            extend_fn(memmap, batch)
    return memmap


class Wrapped:
    """A sequence whose items pass through a function.

    Args:
        data: anything that can be indexed.
        wrapper_fn: called with each item.
        copy_before_wrapper_fn: pass it a copy, which it may change or keep.

    >>> Wrapped(["a", "b"], str.upper)[1]
    'B'
    """

    def __init__(self, data: Any, wrapper_fn: Callable[..., Any], copy_before_wrapper_fn: bool = True):
        self.data = data
        self.wrapper_fn = wrapper_fn
        self.copy_before_wrapper_fn = copy_before_wrapper_fn

    def __getitem__(self, item: Any) -> Any:
        sample = self.data[item]
        return self.wrapper_fn(copy(sample) if self.copy_before_wrapper_fn else sample)

    def __len__(self) -> int:
        return len(self.data)
