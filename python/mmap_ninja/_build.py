"""What all builds share: the progress bar, batches, and a directory that is put in place when it is whole."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import length_hint
from os import PathLike
from pathlib import Path
from typing import Any

from mmap_ninja import _core


def progress(samples: Iterable, verbose: bool, total: int | None = None) -> Iterable:
    """Show a bar while `samples` are iterated over, if `verbose`."""
    if not verbose:
        return samples
    from tqdm.auto import tqdm

    return tqdm(samples, total=total if total is not None else length_hint(samples) or None, unit=" samples")


def batches(samples: Iterable, batch_size: int) -> Iterator[list]:
    """Lists of `batch_size` samples; the last may be shorter."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    iterator = iter(samples)
    while batch := list(islice(iterator, batch_size)):
        yield batch


def store(
    out_dir: Path, batches: Iterable[list], batch_ctor: Callable, extend_fn: Callable | None, options: dict
) -> Any:
    """Create a map from the first batch and extend it by the others."""
    memmap = None
    for batch in batches:
        if memmap is None:
            memmap = batch_ctor(out_dir, batch, **options)
        elif extend_fn is None:
            memmap.extend(batch)
        else:
            extend_fn(memmap, batch)
    return memmap


@contextmanager
def in_place_of(out_dir: str | PathLike) -> Iterator[Path]:
    """A directory to build in, which takes the place of `out_dir` at the end if anything was built."""
    partial = Path(f"{Path(out_dir)}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    yield partial
    if partial.exists():
        _core.publish(partial, out_dir)


def reopen(cls: type, base: type, options: dict) -> Any:
    """Open a pickled map, without the constructor of a subclass, whose arguments nobody knows here."""
    memmap = cls.__new__(cls)
    base.__init__(memmap, **options)
    return memmap
