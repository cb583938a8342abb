"""What all builds share: progress, batches, a thread that writes, and a directory that is put in place when whole."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from errno import EEXIST
from itertools import islice
from operator import length_hint
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from mmap_ninja import _core

# Samples that are waiting and samples that are being written have at most so many bytes each.
AT_ONCE = 32 << 20


def progress(samples: Iterable[Any], verbose: bool, total: int | None = None, initial: int = 0) -> Any:
    """Show a bar while `samples` are iterated over, if `verbose`."""
    if not verbose:
        return samples
    from tqdm.auto import tqdm

    total = total if total is not None else (initial + length_hint(samples)) or None
    return tqdm(samples, total=total, initial=initial, unit=" samples")


def counter(verbose: bool, total: int | None, initial: int = 0) -> Any:
    """A bar that is moved by hand, if `verbose`; a context manager with `update`."""
    if not verbose:
        return _Silent()
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=initial, unit=" samples")


class _Silent(AbstractContextManager[Any]):
    """Takes a bar's place."""

    def __exit__(self, *exc_info: object) -> None:
        pass

    def update(self, n: int) -> None:
        pass


def show_written(samples: Iterable[Any], size: int) -> None:
    """Show the bytes that were written, where `samples` are shown by a bar."""
    if hasattr(samples, "set_postfix_str"):
        samples.set_postfix_str(f"{size / 1e6:.1f} MB written", refresh=False)


def batches(samples: Iterable[Any], batch_size: int) -> Iterator[list[Any]]:
    """Lists of `batch_size` samples; the last may be shorter."""
    check_batch_size(batch_size)
    iterator = iter(samples)
    while batch := list(islice(iterator, batch_size)):
        yield batch


def check_batch_size(batch_size: int) -> None:
    """Refuse batches of nothing."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")


def bounded(samples: Iterable[Any], batch_size: int) -> Iterator[tuple[list[Any], int]]:
    """Batches and their sizes in bytes: the first of `batch_size` samples, the others cut where they grow large."""
    check_batch_size(batch_size)
    batch, size, is_first = [], 0, True
    for sample in samples:
        batch.append(sample)
        size += size_of(sample)
        if len(batch) == batch_size or (size >= AT_ONCE and not is_first):
            yield batch, size
            batch, size, is_first = [], 0, False
    if batch:
        yield batch, size


def snapshot(sample: Any) -> Any:
    """A sample that stays as it is while its maker goes on, who may fill the same buffer again."""
    if isinstance(sample, np.ndarray):
        return sample.copy()
    if isinstance(sample, (str, int, float)):
        return sample
    try:
        return np.array(sample)
    except ValueError:
        return sample  # What is no array is refused where it is stored, by name.


def size_of(sample: Any) -> int:
    """Bytes of a sample, as far as it tells."""
    size = getattr(sample, "nbytes", None)
    return size if isinstance(size, int) else length_hint(sample)


class Build:
    """A map that grows in a directory of its own.

    Attributes:
        partial: the directory.
        memmap: the map; None until there are samples.
        stored: samples that are safe there.
        scratch: gives a hidden directory that goes with the build.
    """

    def __init__(
        self,
        partial: Path,
        create: Callable[[Path, list[Any]], Any] | None,
        scratch: Callable[[], Path] | None = None,
    ):
        self.partial = partial
        self.scratch = scratch
        self.memmap: Any = None
        self.stored = 0
        self._create: Any = create

    def extend(self, samples: list[Any]) -> None:
        """Write a batch."""
        if self.memmap is None:
            self.memmap = self._create(self.partial, samples)
        else:
            self.memmap.extend(samples)
        self.stored += len(samples)

    def extend_all(self, samples: Iterable[Any], batch_size: int) -> None:
        """Write all samples, each batch while the next one is being made."""
        from concurrent.futures import ThreadPoolExecutor

        written = 0
        with ThreadPoolExecutor(1, "mmap_ninja") as writer:
            writing = None
            for batch, size in bounded(samples, batch_size):
                if writing is not None:
                    writing.result()
                    show_written(samples, written)
                writing = writer.submit(self.extend, [snapshot(sample) for sample in batch])
                written += size
                del batch
            if writing is not None:
                writing.result()
                show_written(samples, written)


def build(
    out_dir: str | PathLike[str],
    samples_from: Callable[[int], Iterable[Any]],
    batch_size: int,
    create: Callable[[Path, list[Any]], Any],
    reopen: Callable[[Path], Any],
    *,
    verbose: bool = False,
    n: int | None = None,
    resume: bool = False,
    overwrite: bool = True,
    durability: str = "process",
    timeout: float = 60.0,
) -> bool:
    """Build a map beside `out_dir` and put it in place; return whether there were samples.

    Args:
        samples_from: gives the samples from an index on.
        create: stores the first batch; what it returns has `extend`.
        reopen: opens what an interrupted build has left; what it returns has `extend` and `len()`.
    """
    check_batch_size(batch_size)
    with construction(
        out_dir, create, reopen, resume, overwrite, durability=durability, timeout=timeout
    ) as built:
        samples = progress(samples_from(built.stored), verbose, n, built.stored)
        built.extend_all(samples, batch_size)
    return built.stored > 0


def same_place(out_dir: str | PathLike[str]) -> Callable[[], str | PathLike[str]]:
    """What `out_dir` is called later: absolute, if the working directory has changed since."""
    before = os.path.abspath(out_dir)
    return lambda: out_dir if os.path.abspath(out_dir) == before else before


@contextmanager
def construction(
    out_dir: str | PathLike[str],
    create: Callable[[Path, list[Any]], Any] | None,
    reopen: Callable[[Path], Any] | None,
    resume: bool = False,
    overwrite: bool = True,
    keep: bool = True,
    durability: str = "process",
    timeout: float = 60.0,
) -> Iterator[Build]:
    """A build that takes the place of `out_dir` at the end.

    If something goes wrong, what is stored stays in the directory of its own, or goes if it is not to `keep`.
    """
    if not overwrite:
        refuse_existing(out_dir)
    work = _core.Construction(out_dir, resume, durability, timeout)
    built = Build(work.partial, create, work.scratch)
    try:
        if resume and reopen and _core.kind(built.partial) is not None:
            built.memmap = reopen(built.partial)
            built.stored = len(built.memmap)
        yield built
        if not overwrite:
            refuse_existing(out_dir)
    except BaseException as error:
        work.abandon(keep)
        if keep:
            note_safe(error, built)
        raise
    try:
        work.finish()
    except BaseException as error:
        note_safe(error, built)
        raise


def note_safe(error: BaseException, built: Build) -> None:
    """Say what an interrupted build has left."""
    if built.stored:
        note(error, f"{built.stored} samples are safe in {built.partial}; resume=True goes on from there")


def rest(sample_generator: Iterable[Any], start: int) -> Iterable[Any]:
    """The items of a generator after the first `start`, which an interrupted build has stored."""
    if not start:
        return sample_generator
    iterator = iter(sample_generator)
    skipped = sum(1 for _ in islice(iterator, start))
    if skipped < start:
        raise ValueError(
            f"the generator has {skipped} items, but {start} are stored already; resume the build they are from"
        )
    return iterator


def check_same(out_dir: str | PathLike[str], what: str, asked: Any, stored: Any) -> None:
    """Refuse to resume a build with other options."""
    if asked != stored:
        raise ValueError(
            f"{out_dir}: the interrupted build has {what} {stored}, not {asked}; resume it with the same"
        )


def refuse_existing(out_dir: str | PathLike[str]) -> None:
    """Raise FileExistsError where there is a data set."""
    if _core.kind(out_dir) is not None:
        raise FileExistsError(EEXIST, "A data set is there already", fspath(out_dir))


def note(error: BaseException, text: str) -> None:
    """Add a line to the message of an exception on its way."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    else:  # Python 3.10
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def discard(directory: Path) -> None:
    """Remove a directory that nobody needs any more."""
    shutil.rmtree(directory, ignore_errors=True)
