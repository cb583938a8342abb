"""Files on their way to records: their names and labels, reading them in parallel, and what is skipped."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmap_ninja import RecordsMmap
from mmap_ninja._handle import equal
from mmap_ninja.cli import one_line
from mmap_ninja.cli._files import Kind
from mmap_ninja.cli._labels import Labels


@dataclass
class Conversion:
    """The files on their way to records.

    Attributes:
        kind: what they are.
        skips: whether files that cannot be read or have no label are left out.
        chosen: each file with its name and labels.
        skipped: why files were left out.
    """

    kind: Kind
    skips: bool
    chosen: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def choose(self, files: Sequence[Path], labels: Labels, folder: Path) -> None:
        """Find the labels of all files, before any is read."""
        for file in files:
            try:
                name = name_of(file, folder)
                self.chosen.append((file, {"name": name, **labels.of(name)}))
            except ValueError as error:
                self._skip(error)

    def records(self, jobs: int) -> Generator[dict[str, Any], None, None]:
        """The records of the chosen files, in order. They are read when they are asked for."""
        files = [file for file, _ in self.chosen]
        with closing(_load_all(self.kind.load, files, jobs)) as samples:
            for (_, others), loading in zip(self.chosen, samples, strict=True):
                try:
                    sample = loading.result()
                except (OSError, ValueError) as error:
                    self._skip(error)
                else:
                    yield {self.kind.field: sample, **others}

    def resume(self, partial: Path) -> None:
        """Drop the files whose records are stored in `partial`, or were skipped before."""
        others = [name for name in RecordsMmap(partial).fields if name != self.kind.field]
        place = 0
        for index, record in enumerate(RecordsMmap(partial, others)):
            while self.skips and place < len(self.chosen) and self._is_before(place, record):
                self.skipped.append(f"{self.chosen[place][0]}: it was skipped before the interruption")
                place += 1
            if place == len(self.chosen) or not equal(self.chosen[place][1], record):
                what = "is not that of the file and labels which follow there now"
                raise ValueError(f"{partial}: record {index} {what}; start again without --resume")
            place += 1
        del self.chosen[:place]

    def _is_before(self, place: int, record: dict[str, Any]) -> bool:
        return bool(self.chosen[place][1]["name"] != record.get("name"))

    def _skip(self, error: OSError | ValueError) -> None:
        if not self.skips:
            raise error
        self.skipped.append(one_line(error))


def name_of(file: Path, folder: Path) -> str:
    """The name of a file within a folder, with `/` between its parts."""
    name = file.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{file}: the file name is not valid UTF-8; rename the file") from error
    return name


def known_names(files: Sequence[Path], folder: Path) -> list[str]:
    """The names of all files that have one in UTF-8."""
    names = []
    for file in files:
        with suppress(ValueError):
            names.append(name_of(file, folder))
    return names


def _load_all(
    load: Callable[[Path], Any], files: Sequence[Path], jobs: int
) -> Generator[Future[Any], None, None]:
    """Yield the samples in order while threads read ahead; Pillow decodes images without holding the GIL."""
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for file in files:
                pending.append(pool.submit(load, file))
                if len(pending) > 2 * jobs:
                    yield pending.popleft()
            while pending:
                yield pending.popleft()
        finally:
            pool.shutdown(cancel_futures=True)
