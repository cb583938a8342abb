"""A conversion that is ready to run: its fields are known, and nothing is written."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmap_ninja import _build, _bulk, _fields
from mmap_ninja._attrs import write_attrs
from mmap_ninja._convert.request import Destination, Request
from mmap_ninja._display.format import describe
from mmap_ninja.records import RecordsMmap

# Records that come one by one are written in batches of that many: images are large.
_BATCH_SIZE = 16


@dataclass(frozen=True)
class Field:
    """A field, or a dataset of its own without a name.

    Attributes:
        dtype: that of the elements, as text; empty if it is texts, or known only when they are read.
        shape: of a dense field the shape of a sample; of a ragged one -1 and the fixed axes, if there are any.
    """

    name: str
    kind: str
    dtype: str = ""
    shape: tuple[int, ...] | None = None


class Conversion(ABC):
    """What a source becomes.

    Attributes:
        skipped: a message about each file, sample or line that was left out, if these are skipped.
        origin: what decides the content of the dataset.
    """

    origin: _build.Origin

    def __init__(self, request: Request):
        self.skipped: list[str] = []
        self._request = request

    @property
    @abstractmethod
    def fields(self) -> Sequence[Field]:
        """The fields of the dataset."""

    @property
    def samples(self) -> int | None:
        """The number of samples, if it is known beforehand."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know after the conversion."""
        return [f"skipped {reason}" for reason in self.skipped]

    @abstractmethod
    def store(self, destination: Destination) -> None:
        """Make the dataset."""

    def skip(self, error: Exception) -> None:
        """Leave out what is broken, or raise the error."""
        if not self._request.skips:
            raise error
        self.skipped.append(describe(error))


class BulkConversion(Conversion):
    """Columns that are copied in bulk."""

    def __init__(self, request: Request, columns: _bulk.Columns):
        super().__init__(request)
        self._columns = columns

    @property
    def fields(self) -> Sequence[Field]:
        return list(map(_field, self._columns.columns))

    @property
    def samples(self) -> int | None:
        return self._columns.rows

    def store(self, destination: Destination) -> None:
        _bulk.store(
            destination.out_dir,
            self._columns,
            destination.options,
            destination.verbose,
            destination.overwrite,
            destination.resume,
            keep=True,
            origin=self.origin,
        )


def _field(column: _bulk.Column) -> Field:
    if column.kind == "string":
        return Field(column.name, "string")
    shape = column.shape if column.kind == "numpy" else column.trailing and (-1, *column.trailing)
    return Field(column.name, column.kind, str(column.dtype), shape)


class RecordsConversion(Conversion):
    """Records that are read one by one.

    Attributes:
        declared: the declarations of all fields.
        attrs: the attributes of the dataset.
    """

    declared: dict[str, Any]
    attrs: dict[str, Any]

    @property
    def fields(self) -> Sequence[Field]:
        declared = _fields.declared(self.declared).items()
        return [
            Field(name, kind or "numpy", "" if dtype is None else str(dtype), shape if kind else ())
            for name, (kind, dtype, shape, _) in declared
        ]

    @abstractmethod
    def records(self) -> Generator[dict[str, Any], None, None]:
        """The records, read when they are asked for."""

    def last(self, partial: Path) -> str | None:
        """The file of the last record that is stored in `partial`, if each file is a record."""
        return None

    @abstractmethod
    def resume(self, partial: Path) -> None:
        """Leave out the records that are stored in `partial`, or were skipped before."""

    def store(self, destination: Destination) -> None:
        recipe = RecordsMmap._recipe(self.declared, **destination.options.keywords())
        session = recipe.session(destination.out_dir, destination.resume, destination.overwrite)
        with session as built:
            built.record(self.origin, self.last(built.partial) if built.stored else None)
            if built.stored:
                self.resume(built.partial)
            total = None if self.samples is None else built.stored + self.samples
            with _build.Counter(destination.verbose, total, built.stored) as bar:
                with closing(self.records()) as records:
                    built.extend(bar.over(records, built.partial), _BATCH_SIZE)
                bar.show_written(built.partial)
            if not built.stored:
                raise ValueError(f"{self._request.source}: nothing could be converted")
            if self.attrs:
                write_attrs(built.partial, self.attrs)
