"""A build, from its start until the dataset is in place."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from mmap_ninja import _core
from mmap_ninja._build.errors import note
from mmap_ninja._build.origin import Origin
from mmap_ninja._build.paths import refuse_existing


class BuildSession(AbstractContextManager["BuildSession"]):
    """A dataset that grows in `<out_dir>.partial`, and takes the place of `out_dir` when the block ends.

    After an error, what is stored stays there to be resumed.

    Args:
        out_dir: the directory of the dataset.
        options: names of sub-directories, durability, timeout.
        stream: opens a directory for samples; None if the build takes none.
        open_dataset: opens the dataset in a directory; None if nobody asks for it.
        resume: continue what an interrupted build has left.
        overwrite: False raises FileExistsError if `out_dir` holds a dataset, at the start or at the end.
        keep: False removes what is stored after an error.
        begin: begins the build; by default that of a dataset at `out_dir`.

    Attributes:
        stored: the number of samples that are stored; whoever writes without a stream counts them here.
    """

    _work: _core.BuildSession

    def __init__(
        self,
        out_dir: str | PathLike[str],
        options: _core.Options,
        stream: Callable[[Path, _core.Options], _core.Stream] | None = None,
        open_dataset: Callable[[str | PathLike[str]], Any] | None = None,
        resume: bool = False,
        overwrite: bool = True,
        keep: bool = True,
        begin: Callable[[], _core.BuildSession] | None = None,
    ):
        self.stored = 0
        self._origin: Origin | None = None
        self._begin = begin or (lambda: _core.BuildSession(out_dir, options, resume))
        self._out_dir = out_dir
        self._options = options
        self._stream_factory = stream
        self._open_dataset = open_dataset
        self._resume = resume
        self._overwrite = overwrite
        self._keep = keep

    @property
    def partial(self) -> Path:
        """The directory in which the dataset grows."""
        return self._work.partial

    def scratch(self) -> Path:
        """A hidden directory for shards, which is removed when the build ends."""
        return self._work.scratch()

    @cached_property
    def memmap(self) -> Any:
        """The dataset, opened when it is first asked for."""
        if self._open_dataset is None:
            raise TypeError("this build cannot open its dataset")
        return self._open_dataset(self.partial)

    def record(self, origin: Origin, last: str | None = None) -> None:
        """Keep what the dataset is made of beside its samples until it is complete; see `Origin.begin`."""
        origin.begin(self.partial, self.stored > 0, last)
        self._origin = origin

    def extend(self, samples: Iterable[Any], batch_size: int) -> None:
        """Store all samples, each batch while the next one is being made."""
        stream = self._stream()
        try:
            stream.extend(samples, batch_size)
        finally:
            self.stored = stream.stored

    def __enter__(self) -> "BuildSession":
        if not self._overwrite:
            refuse_existing(self._out_dir)
        self._work = self._begin()
        try:
            if self._resume and self._stream_factory is not None and _core.kind(self.partial) is not None:
                self.stored = self._stream().stored
        except BaseException as error:
            self._stop(error)
            raise
        return self

    def __exit__(self, _type: Any, error: BaseException | None, _traceback: Any) -> None:
        if error is not None:
            self._stop(error)
            return
        try:
            self._check_exclusive()
            if not self._overwrite:
                refuse_existing(self._out_dir)
        except BaseException as raised:
            self._stop(raised)
            raise
        try:
            if self._origin is not None:
                self._origin.forget()
            self._work.finish()
        except BaseException as raised:
            with suppress(OSError):
                self._record_stop(raised)
            self._add_resume_hint(raised)
            raise

    def _stream(self) -> _core.Stream:
        if self._stream_factory is None:
            raise TypeError("this build takes no samples")
        return self._stream_factory(self.partial, self._options)

    def _check_exclusive(self) -> None:
        """Raise ValueError if others have written to the build."""
        if self._stream_factory is not None:
            self._work.check_exclusive(self.stored)

    def _stop(self, error: BaseException) -> None:
        if not self._work.is_owner:
            return  # A child that was forked during the build, which belongs to its parent.
        try:
            if self._keep:
                self._record_stop(error)
                self._work.suspend()
                self._add_resume_hint(error)
            else:
                self._work.discard()
        except Exception as raised:  # noqa: BLE001 - the error of the build says more
            note(error, f"{self.partial} could not be cleaned up: {raised}")

    def _record_stop(self, error: BaseException) -> None:
        if self._origin is not None and self.partial.is_dir():
            self._origin.stopped(error)

    def _add_resume_hint(self, error: BaseException) -> None:
        """Note on the error how many samples are stored, unless others have written to the build."""
        from mmap_ninja._display.format import pluralize

        with suppress(Exception):
            self._check_exclusive()
            if self.stored:
                what = f"{pluralize(self.stored, 'sample')} {'is' if self.stored == 1 else 'are'} safe"
                note(error, f"{what} in {self.partial}; resume=True goes on from there")
