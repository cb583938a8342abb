"""What all builds share: progress, batches, and a directory that is put in place when whole."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from errno import EEXIST
from functools import cached_property
from itertools import islice
from operator import length_hint
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from mmap_ninja import _core


def progress(samples: Iterable[Any], verbose: bool, total: int | None = None, unit: str = "sample") -> Any:
    """Show a bar while `samples` are iterated over, if `verbose`."""
    if not verbose:
        return samples
    from tqdm.auto import tqdm

    return tqdm(samples, total=total if total is not None else expected(samples), unit=f" {unit}s")


def expected(samples: Iterable[Any], initial: int = 0) -> int | None:
    """The number of samples after `initial` others, if `samples` tells theirs."""
    hint = length_hint(samples)
    return initial + hint if hint else None


class Counter(AbstractContextManager[Any]):
    """A bar that is moved by hand, if `verbose`."""

    def __init__(self, verbose: bool, total: int | None = None, initial: int = 0):
        self._bar: Any = None
        if verbose:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, initial=initial, unit=" samples")

    def update(self, n: int) -> bool:
        """Count samples; return whether that was shown."""
        return self._bar is not None and bool(self._bar.update(n))

    def show_written(self, partial: Path) -> None:
        """Show the size of what is stored in a directory, next time that anything is shown."""
        if self._bar is not None:
            size = os.path.getsize(data) if (data := partial / "data.ninja").exists() else 0
            self._bar.set_postfix_str(f"{size / 1e6:.1f} MB written", refresh=False)

    def over(self, samples: Iterable[Any], partial: Path) -> Iterable[Any]:
        """Samples that are counted as they go into a directory."""
        return samples if self._bar is None else self._over(samples, partial)

    def _over(self, samples: Iterable[Any], partial: Path) -> Iterator[Any]:
        for sample in samples:
            yield sample
            if self.update(1):
                self.show_written(partial)

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.close()


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


class Build:
    """A map that grows in a directory of its own.

    Args:
        partial: the directory.
        stream: opens the directory for samples that come one after another.
        reopen: opens the map that is there.

    Attributes:
        stored: samples that are safe there.
        scratch: gives a hidden directory that goes with the build.
    """

    def __init__(
        self,
        partial: Path,
        stream: Callable[[Path], _core.Stream] | None,
        reopen: Callable[[Path], Any] | None,
        scratch: Callable[[], Path],
    ):
        self.partial = partial
        self.scratch = scratch
        self.stored = 0
        self._stream: Any = stream
        self._reopen = reopen

    def check_alone(self) -> None:
        """Refuse a build that others have written to."""
        if self._stream is None:
            return
        found = self._stream(self.partial).stored if _core.kind(self.partial) is not None else 0
        if found != self.stored:
            what = f"it holds {found} samples, not {self.stored}; begin it anew"
            raise ValueError(f"{self.partial}: others have written to this build: {what}")

    @cached_property
    def memmap(self) -> Any:
        """The map as it is when it is first asked for; None where nobody says how to open it."""
        return self._reopen and self._reopen(self.partial)

    def extend(self, samples: Iterable[Any], batch_size: int) -> None:
        """Write all samples, each batch while the next one is being made."""
        if self._stream is None:
            raise TypeError("this build takes no samples")
        stream = self._stream(self.partial)
        try:
            stream.extend(samples, batch_size)
        finally:
            self.stored = stream.stored


def build(
    out_dir: str | PathLike[str],
    samples_from: Callable[[int], Iterable[Any]],
    batch_size: int,
    stream: Callable[[Path], _core.Stream],
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
        stream: opens a directory for samples that come one after another.
        reopen: opens what an interrupted build has left; what it returns has `len()`.
    """
    check_batch_size(batch_size)
    with construction(
        out_dir, stream, reopen, resume, overwrite, durability=durability, timeout=timeout
    ) as built:
        samples = samples_from(built.stored)
        total = n if n is not None or not verbose else expected(samples, built.stored)
        with Counter(verbose, total, built.stored) as bar:
            built.extend(bar.over(samples, built.partial), batch_size)
            bar.show_written(built.partial)
    return built.stored > 0


def same_place(out_dir: str | PathLike[str]) -> Callable[[], str | PathLike[str]]:
    """What `out_dir` is called later: absolute, if the working directory has changed since."""
    before = os.path.abspath(out_dir)
    return lambda: out_dir if os.path.abspath(out_dir) == before else before


@contextmanager
def construction(
    out_dir: str | PathLike[str],
    stream: Callable[[Path], _core.Stream] | None,
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
    work, builder = _core.Construction(out_dir, resume, durability, timeout), os.getpid()
    built = Build(work.partial, stream, reopen, work.scratch)
    try:
        if resume and reopen and _core.kind(built.partial) is not None:
            built.stored = len(built.memmap)
        yield built
        built.check_alone()
        if not overwrite:
            refuse_existing(out_dir)
    except BaseException as error:
        if os.getpid() != builder:
            raise  # A child that was forked meanwhile: the build is not its own.
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
    """Say what an interrupted build has left, if that is its own."""
    with suppress(Exception):
        from mmap_ninja._display.format import pluralize

        built.check_alone()
        if built.stored:
            what = f"{pluralize(built.stored, 'sample')} {'is' if built.stored == 1 else 'are'} safe"
            note(error, f"{what} in {built.partial}; resume=True goes on from there")


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


def check_members(out_dir: Path, *names: str) -> None:
    """Refuse to resume a build with other names of sub-directories."""
    for name in names:
        if not (out_dir / name).is_dir():
            raise ValueError(
                f"{out_dir}: the interrupted build has no sub-directory {name!r}; resume it with the same names"
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
