"""Where columns come from: objects with Arrow's C interface, and Parquet files. Rows stream through."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmap_ninja import _build
from mmap_ninja._arrow.package import pyarrow

# The most bytes, as the file encodes them, and the most rows that are read from a Parquet file at once. More would be
# slower, since their memory would be new each time.
_BYTES_AT_ONCE = 16 << 20
_ROWS_AT_ONCE = 1 << 16
# Columns that pandas makes of its index.
_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Piece:
    """Some rows.

    Attributes:
        arrays: a `pyarrow.Array` of each column, of one length.
        first: the number of the first row in the source, or in the file if there is one.
        file: the Parquet file.
    """

    arrays: list[Any]
    first: int
    file: str = ""


@dataclass(frozen=True)
class Source:
    """Columns, piece by piece.

    Attributes:
        names: their names.
        types: their Arrow types.
        rows: the number of rows, if it is known beforehand.
        pieces: the rows in order, to be read once.
    """

    names: list[str]
    types: list[Any]
    rows: int | None
    pieces: Iterator[Piece]


def open_columns(source: Any, wanted: Sequence[str] | None) -> Source:
    """The columns of these names, or all but those that pandas made of its index."""
    if isinstance(source, (str, bytes, os.PathLike)):
        return _parquet(_files(os.fsdecode(source)), wanted)
    pa = pyarrow()
    if isinstance(source, pa.Table):
        rows, batches = source.num_rows, source.to_reader()
    else:
        rows, batches = None, _reader(source)
    names = _chosen(batches.schema.names, wanted)
    types = [batches.schema.field(name).type for name in names]
    return Source(names, types, rows, _pieces(batches, names, file=""))


def _reader(source: Any) -> Any:
    """A `pyarrow.RecordBatchReader` over an object with Arrow's C interface."""
    pa = pyarrow()
    if hasattr(source, "__arrow_c_stream__"):
        try:
            return pa.RecordBatchReader.from_stream(source)
        except pa.ArrowInvalid as error:
            if "non-struct" not in str(error):
                raise
        return pa.table({getattr(source, "name", None) or "values": pa.chunked_array(source)}).to_reader()
    if hasattr(source, "__arrow_c_array__"):
        array = pa.array(source)
        batch = pa.RecordBatch.from_struct_array(array) if pa.types.is_struct(array.type) else None
        table = pa.table({"values": array}) if batch is None else pa.Table.from_batches([batch])
        return table.to_reader()
    raise TypeError(
        f"from_arrow reads objects with __arrow_c_stream__ (tables, DataFrames, record batches) and the paths of "
        f"Parquet files, not {type(source).__name__}"
    )


def _files(pattern: str) -> list[str]:
    """The Parquet files that a path or a glob names, in the order of their names."""
    if os.path.lexists(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise FileNotFoundError(2, "No Parquet file at this path, and none that matches it", pattern)
    return found


def _parquet(files: list[str], wanted: Sequence[str] | None) -> Source:
    with _opened(files[0]) as first:
        schema = first.schema_arrow
    names = _chosen(schema.names, wanted)
    rows = sum(_rows(file) for file in files)
    return Source(names, [schema.field(name).type for name in names], rows, _parquet_pieces(files, names))


def _rows(path: str) -> int:
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _parquet_pieces(files: list[str], names: list[str]) -> Iterator[Piece]:
    for path in files:
        with _opened(path) as file:
            found = file.schema_arrow.names
            if missing := [name for name in names if name not in found]:
                raise ValueError(f"{path}: there is no column '{missing[0]}'")
            try:
                batches = file.iter_batches(batch_size=_batch_size(file.metadata), columns=names)
                yield from _pieces(batches, names, path)
            except pyarrow().ArrowException as error:
                _build.note(error, f"while {path} was read")
                raise


def _opened(path: str) -> Any:
    """A Parquet file; what is wrong with it names it."""
    pa = pyarrow()
    from pyarrow import parquet  # A native library of its own.

    try:
        return parquet.ParquetFile(path, memory_map=True)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: {error}") from error


def _batch_size(metadata: Any) -> int:
    """How many rows to read at once: as many as their uncompressed bytes allow."""
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    rows: int = metadata.num_rows
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * rows // max(size, 1)))


def _pieces(batches: Any, names: list[str], file: str) -> Iterator[Piece]:
    first = 0
    for batch in batches:
        yield Piece([batch.column(name) for name in names], first, file)
        first += len(batch)


def _chosen(names: list[str], wanted: Sequence[str] | None) -> list[str]:
    """The columns to read, of each of which there is one."""
    chosen = [name for name in names if not _INDEX.fullmatch(name)] if wanted is None else list(wanted)
    if not chosen:
        raise ValueError(f"there is no column to read; the source has {_listed(names)}")
    for name in chosen:
        if (count := names.count(name)) != 1:
            raise ValueError(f"there are {count} columns '{name}'; the source has {_listed(names)}")
    return chosen


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
