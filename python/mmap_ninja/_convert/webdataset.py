"""Shards of WebDataset: tars whose files with one name, apart from the extension, are one sample. Nothing is extracted."""

import json
import os
import re
import tarfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmap_ninja._convert import arrays, images, labels, samples
from mmap_ninja._convert.conversion import RecordsConversion
from mmap_ninja._convert.request import Request
from mmap_ninja._convert.threads import load_all
from mmap_ninja._exact import first_rounded
from mmap_ninja.string import StringsMmap

# The key and the extension, as WebDataset divides them: at the first dot behind the folders.
_NAME = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)
KEY = "__key__"
# Blocks of zeros, or nothing at all. The types of `tarfile` leave these out.
_ENDS: tuple[type[Exception], ...] = tuple(
    vars(tarfile)[name] for name in ("EOFHeaderError", "EmptyHeaderError")
)


class _Member(tarfile.TarInfo):
    """A member whose header must be sound: `tarfile` takes a broken one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "_Member":
        try:
            member = super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if isinstance(error, _ENDS):
                raise
            raise tarfile.ReadError(f"a broken header at byte {tar.offset:,}") from error
        if member.size < 0:
            raise tarfile.ReadError(f"a negative size at byte {member.offset:,}")
        return member


@dataclass
class RawSample:
    """The members of one sample, by their extensions."""

    tar: str
    key: str
    parts: dict[str, bytes] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.tar}: sample '{self.key}'"


def raw_samples(path: str, wanted: frozenset[str] | None) -> Iterator[RawSample]:
    """The samples of a tar, in order. Members with other extensions than those `wanted` are not read.

    Raises:
        ValueError: the tar is damaged; the message names it and the last member that was read.
    """
    sample, last = None, ""
    try:
        for key, extension, member, tar in _members(path):
            if sample is None or key != sample.key:
                if sample is not None:
                    yield sample
                sample = RawSample(path, key)
            if extension in sample.parts:
                raise ValueError(f"sample '{key}' has two members .{extension}")
            if wanted is None or extension in wanted:
                content = tar.extractfile(member)
                sample.parts[extension] = b"" if content is None else content.read()
            last = member.name
    except (tarfile.TarError, EOFError, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"{path}: {error}{f', after the member {last!r}' if last else ''}") from error
    if sample is not None:
        yield sample


def _members(path: str) -> Iterator[tuple[str, str, tarfile.TarInfo, tarfile.TarFile]]:
    """The regular files that belong to samples: their key, extension and header."""
    size = os.path.getsize(path)
    with tarfile.open(path, "r:", tarinfo=_Member) as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # It would keep all headers.
            if member.isreg() and member.offset_data + member.size > size:
                raise ValueError(f"the member '{member.name}' has {member.size:,} bytes, more than there are")
            found = _NAME.fullmatch(member.name)
            if member.isreg() and found and not re.fullmatch("__.*__", member.name):
                yield found[1], found[2].lower(), member, tar


class WebDatasetConversion(RecordsConversion):
    """Samples on their way to records. The first sample that can be read decides the fields."""

    def __init__(self, request: Request, files: Sequence[str]):
        super().__init__(request)
        self._files, self._wanted = files, request.fields
        self._decoder = images.Decoder(request.mode, request.size)
        self._stored: Iterable[str] = ()
        self.attrs = {}
        first = self._first()
        self.declared = {name: self._declaration(name, value) for name, value in first.items()}
        self._types = {name: _type_of(value) for name, value in first.items()}

    def _first(self) -> dict[str, Any]:
        with closing(self._raw()) as raw:
            for sample in raw:
                try:
                    return self._decoded(sample)
                except ValueError as error:
                    self.skip(error)
        raise ValueError(
            f"{self._request.source}: there is no sample" + "".join(f"; {each}" for each in self.skipped[:1])
        )

    def _raw(self) -> Generator[RawSample, None, None]:
        """The samples of all tars as they stand there."""
        wanted = None if self._wanted is None else frozenset(_extension(name) for name in self._wanted)
        for path in self._files:
            try:
                yield from raw_samples(path, wanted)
            except (OSError, ValueError) as error:
                self.skip(error)

    def records(self) -> Generator[dict[str, Any], None, None]:
        self.skipped.clear()  # Those that were met on the way to the first sample are met again.
        with closing(load_all(self._decoded, self._not_stored(), self._request.jobs)) as loaded:
            for sample, loading in loaded:
                try:
                    record = loading.result()
                    self._check(sample, record)
                except ValueError as error:
                    self.skip(error)
                else:
                    yield record

    def resume(self, partial: Path) -> None:
        self._stored = StringsMmap(partial / KEY)

    def _not_stored(self) -> Iterator[RawSample]:
        """The samples behind those that are stored."""
        stored = list(self._stored)
        position = 0
        for sample in self._raw():
            if position == len(stored):
                yield sample
            elif sample.key == stored[position]:
                position += 1
            elif self._request.skips:
                self.skipped.append(f"{sample.place}: it was skipped before the interruption")
            else:
                break
        if position < len(stored):
            what = f"sample '{stored[position]}' is stored, but does not follow there now"
            raise ValueError(f"{self._request.source}: {what}; start again without resuming")

    def _decoded(self, sample: RawSample) -> dict[str, Any]:
        record: dict[str, Any] = {KEY: sample.key}
        if any("\udc80" <= character <= "\udcff" for character in sample.key):
            raise ValueError(f"{sample.place}: the name is not valid UTF-8")
        for name in sample.parts if self._wanted is None else self._wanted:
            if (content := sample.parts.get(_extension(name))) is None:
                raise ValueError(f"{sample.place} has no .{_extension(name)}")
            record[name] = self._value(name, content, f"{sample.place}, .{name}")
        return record

    def _value(self, name: str, content: bytes, place: str) -> Any:
        """What a member holds: by the last part of its extension."""
        extension = _extension(name)
        kind = "." + extension.rpartition(".")[2]
        if kind in images.EXTENSIONS:
            return self._decoder.decode(content, place)
        if kind == ".npy":
            return arrays.decode(content, place)
        if kind not in (".txt", ".json", ".cls"):
            return np.frombuffer(content, np.uint8)
        text = samples.text(content, place)
        if kind == ".cls":
            return _class(text, place)
        return text if name == extension else _of_json(text, name.removeprefix(extension + "."), place)

    def _declaration(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return str
        if isinstance(value, np.ndarray):
            is_image = "." + _extension(name).rpartition(".")[2] in images.EXTENSIONS
            return self._decoder.declaration if is_image else {"kind": "ragged", "dtype": value.dtype}
        return _type_of(value)

    def _check(self, sample: RawSample, record: dict[str, Any]) -> None:
        """Raise ValueError if a record has not the fields of the first one, or their types."""
        if differing := record.keys() ^ self._types.keys():
            name = min(differing)
            what = f"has no .{name}" if name in self._types else f"has .{name}"
            raise ValueError(
                f"{sample.place} {what}, unlike the first sample; choose the fields of all by 'fields'"
            )
        for name, value in record.items():
            found, expected = _type_of(value), self._types[name]
            if found != expected and (found, expected) != (np.int64, np.float64):
                raise ValueError(
                    f"{sample.place}: .{name} is of the type {found}, but {expected} in the first sample"
                )
            if expected == np.float64 and (rounded := first_rounded(value)) is not None:
                raise ValueError(
                    f"{sample.place}, .{name} is the integer {rounded}, which would be rounded among floats"
                )


def _extension(name: str) -> str:
    """The extension of the member that a field is read from: `json` for `json.label`."""
    head, dot, _ = name.partition(".json.")
    if dot:
        return head + ".json"
    return "json" if name.startswith("json.") else name


def _class(text: str, place: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise ValueError(f"{place} is not an integer: {text[:20]!r}") from error
    return _in_range(number, place)


def _in_range(number: int, place: str) -> int:
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{place} is an integer beyond int64")
    return number


def _of_json(text: str, key: str, place: str) -> Any:
    """A text, a number, a truth value or an array of the object that a member holds."""
    try:
        value = json.loads(text)[key]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise ValueError(f"{place}: there is no object with this key ({error})") from error
    if isinstance(value, list):
        return labels.array_of(place, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _in_range(value, place)
    if not isinstance(value, (str, float, bool)):
        what = f"{place} is {json.dumps(value)[:20]}, which no field can hold"
        raise ValueError(what)  # noqa: TRY004 - a file is at fault
    return value


def _type_of(value: Any) -> Any:
    """The dtype of numbers and arrays, or str."""
    if isinstance(value, str):
        return str
    return value.dtype if isinstance(value, np.ndarray) else np.asarray(value).dtype
