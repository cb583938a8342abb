"""Folders of files that are a sample each: their names and labels, reading them in parallel, and what is skipped."""

import os
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from mmap_ninja._convert import labels as _labels
from mmap_ninja._convert.conversion import RecordsConversion
from mmap_ninja._convert.request import Request
from mmap_ninja._convert.samples import SampleKind
from mmap_ninja._convert.threads import load_all
from mmap_ninja._display.format import pluralize
from mmap_ninja._handle import equal
from mmap_ninja.records import RecordsMmap

# Extensions of tables of labels.
TABLES = (".csv", ".jsonl")


class FolderConversion(RecordsConversion):
    """Files on their way to records."""

    def __init__(self, request: Request, files: Sequence[Path], kind: SampleKind):
        super().__init__(request)
        self._kind, self._folder = kind, Path(request.source)
        self._names = _known_names(files, self._folder)
        self._labels = self._find_labels()
        self.declared = {kind.field: kind.declaration, "name": str, **self._labels.fields}
        self.attrs = self._labels.attrs
        self._found = len(files)
        self._chosen: list[tuple[Path, dict[str, Any]]] = []
        for file in files:  # All labels are found before any file is read.
            try:
                name = _name_of(file, self._folder)
                self._chosen.append((file, {"name": name, **self._labels.of(name)}))
            except ValueError as error:
                self.skip(error)

    def _find_labels(self) -> _labels.Labels:
        source = self._request.labels
        if source is None:
            return _labels.NO_LABELS
        if source == _labels.FOLDERS:
            return _labels.from_folders(self._folder, self._names)
        return _labels.from_file(Path(source), self._kind.field)

    @property
    def samples(self) -> int:
        return len(self._chosen)

    @property
    def notes(self) -> Sequence[str]:
        notes = list(super().notes)
        if notes:
            notes.append(f"skipped {len(self.skipped):,} of {pluralize(self._found, 'file')}")
        if unused := self._labels.unused(self._names):
            notes.append(unused)
        return notes

    def records(self) -> Generator[dict[str, Any], None, None]:
        with closing(
            load_all(lambda chosen: self._kind.load(chosen[0]), self._chosen, self._request.jobs)
        ) as loaded:
            for (_, others), loading in loaded:
                try:
                    sample = loading.result()
                except (OSError, ValueError) as error:
                    self.skip(error)
                else:
                    yield {self._kind.field: sample, **others}

    def last(self, partial: Path) -> str | None:
        names = RecordsMmap(partial, ["name"])["name"]
        return os.path.join(self._folder, names[-1]) if len(names) else None

    def resume(self, partial: Path) -> None:
        others = [name for name in RecordsMmap(partial).fields if name != self._kind.field]
        place = 0
        for index, record in enumerate(RecordsMmap(partial, others)):
            while self._request.skips and place < len(self._chosen) and self._is_before(place, record):
                self.skipped.append(f"{self._chosen[place][0]}: it was skipped before the interruption")
                place += 1
            if place == len(self._chosen) or not equal(self._chosen[place][1], record):
                what = "is not that of the file and labels which follow there now"
                raise ValueError(f"{partial}: record {index} {what}; start again without resuming")
            place += 1
        del self._chosen[:place]

    def _is_before(self, place: int, record: dict[str, Any]) -> bool:
        return bool(self._chosen[place][1]["name"] != record.get("name"))


def _name_of(file: Path, folder: Path) -> str:
    """The name of a file within a folder, with `/` between its parts."""
    name = file.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{os.fspath(file)}: the file name is not valid UTF-8; rename the file") from error
    return name


def _known_names(files: Sequence[Path], folder: Path) -> list[str]:
    """The names of all files that have one in UTF-8."""
    names = []
    for file in files:
        with suppress(ValueError):
            names.append(_name_of(file, folder))
    return names
