"""Columns that come in bulk, stored as one dataset: no Python object is made for a sample."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from mmap_ninja import _build, _core
from mmap_ninja import numpy as np_ninja
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

Stored: TypeAlias = RaggedMmap | StringsMmap | RecordsMmap[dict[str, Any]] | np.memmap
# Of dense columns, the rows; of ragged ones, values, offsets and shapes or None; of texts, UTF-8 bytes and offsets.
Samples: TypeAlias = tuple[Any, ...]

_STORES: dict[str, Callable[..., Any]] = {"ragged": RaggedMmap, "string": StringsMmap, "records": RecordsMmap}


class Column(Protocol):
    """What is known of a column before its samples.

    Attributes:
        kind: 'string', 'ragged' or 'numpy'.
        dtype: that of the elements; uint8 of texts.
        shape: the axes of a sample, of kind 'numpy'.
        trailing: the axes behind the first one, of kind 'ragged', if they are fixed.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def trailing(self) -> tuple[int, ...] | None: ...


@dataclass(frozen=True)
class Columns:
    """Columns of one length, piece by piece.

    Attributes:
        columns: what they are.
        are_records: whether they become records; a single column can become a dataset of its own.
        rows: the number of samples, if it is known beforehand.
        pieces: for each piece, the samples of all columns; to be read once.
        empty: the samples of all columns where there are none.
    """

    columns: Sequence[Column]
    are_records: bool
    rows: int | None
    pieces: Generator[list[Samples], None, None]
    empty: Callable[[], list[Samples]]

    @property
    def kind(self) -> str:
        """The kind of the dataset."""
        return "records" if self.are_records else self.columns[0].kind


def store(
    out_dir: str | PathLike[str],
    source: Columns,
    options: _core.Options,
    verbose: bool = False,
    overwrite: bool = True,
    resume: bool = False,
    keep: bool = False,
    origin: _build.Origin | None = None,
) -> Stored:
    """Store columns, piece by piece, and open the dataset for writing.

    Args:
        resume: continue what an interrupted call has left in `<out_dir>.partial`: that many samples of the source are
            skipped.
        keep: keep there what is stored after an error.
        origin: what the columns are read from, which must be the same when it is resumed.
    """
    resolved = _build.resolve_later(out_dir)
    session = _build.BuildSession(out_dir, options, resume=resume, overwrite=overwrite, keep=keep)
    with session, closing(source.pieces):
        session.stored = stored_in(session.partial, source.kind)
        if origin is not None:
            session.record(origin)
        with _build.Counter(verbose, source.rows, session.stored) as bar:
            append = _appender(source, session.partial, options)
            for samples in _skipped(source.pieces, session.stored, session.partial):
                append(samples)
                session.stored += length(samples)
                if bar.update(length(samples)):
                    bar.show_written(session.partial)
            if _core.kind(session.partial) is None:
                append(source.empty())
    stored: Stored = _open(source.kind, resolved(), options)
    return stored


def stored_in(partial: Path, kind: str) -> int:
    """The number of samples that an interrupted build has left, which must be of this kind."""
    found = _core.kind(partial)
    if found is None:
        return 0
    if found != kind:
        raise ValueError(f"{partial}: it holds {found}, not {kind}; start again without resuming")
    return len(_open(kind, partial, _core.Options()))


def length(samples: list[Samples]) -> int:
    """The number of samples of a piece."""
    first = samples[0]
    return len(first[0]) if len(first) == 1 else len(first[1]) - 1


def _skipped(pieces: Iterator[list[Samples]], stored: int, partial: Path) -> Iterator[list[Samples]]:
    """The pieces without the first samples, which are stored."""
    for samples in pieces:
        skipped = min(stored, length(samples))
        stored -= skipped
        if skipped < length(samples):
            yield [_without(column, skipped) for column in samples] if skipped else samples
    if stored:
        raise ValueError(
            f"{partial}: {stored} more samples are stored than there are; start again without resuming"
        )


def _without(samples: Samples, skipped: int) -> Samples:
    """The samples of one column without the first ones."""
    if len(samples) == 1:
        return (samples[0][skipped:],)
    values, *columns = samples
    return values, *(None if column is None else column[skipped:] for column in columns)


def _appender(source: Columns, out_dir: Path, options: _core.Options) -> Callable[[list[Samples]], None]:
    """A function that appends the samples of all columns to the dataset in `out_dir`, or creates it."""
    if source.kind == "numpy":
        return lambda samples: _append_rows(out_dir, options, *samples[0])
    memmap = _open(source.kind, out_dir, options)
    if source.kind != "records":
        return lambda samples: memmap.extend_gathered(*samples[0])

    def append(samples: list[Samples]) -> None:
        fields = zip(source.columns, samples, strict=True)
        memmap._extend_columns(
            [(column.name, column.kind, arrays, column.trailing) for column, arrays in fields]
        )

    return append


def _append_rows(out_dir: Path, options: _core.Options, rows: np.ndarray) -> None:
    if _core.kind(out_dir) is None:
        _core.create_dense(out_dir, rows, options)
    else:
        _core.extend_dense(out_dir, rows, options)


def _open(kind: str, out_dir: str | PathLike[str], options: _core.Options) -> Any:
    if kind == "numpy":
        return np_ninja.open_existing(out_dir, mode="r+")
    store = _STORES[kind]
    return store(out_dir, **{"mode": "r+", **options.keywords()})
