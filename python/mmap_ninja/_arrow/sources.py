"""Where columns come from: objects with Arrow's C interface, and files. Rows stream through."""

import glob
import os
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from mmap_ninja._arrow.files import IpcTable, ParquetTable, TableFile
from mmap_ninja._arrow.json_lines import JsonLines
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._display.format import describe, pluralize

# Columns that pandas makes of its index.
_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Piece:
    """Some rows.

    Attributes:
        arrays: a `pyarrow.Array` of each column, of one length.
        first: the number of the first row in the source, or in the file if there is one.
        file: the file.
    """

    arrays: list[Any]
    first: int
    file: str = ""

    def slice(self, start: int, count: int | None = None) -> "Piece":
        """These rows."""
        return Piece([array.slice(start, count) for array in self.arrays], self.first + start, self.file)


@dataclass(frozen=True)
class Source:
    """Columns, piece by piece.

    Attributes:
        names: their names.
        types: their Arrow types.
        rows: the number of rows, if it is known beforehand.
        pieces: the rows in order, to be read once.
        place: the first file, for messages.
    """

    names: list[str]
    types: list[Any]
    rows: int | None
    pieces: Generator[Piece, None, None]
    place: str = ""


def open_columns(source: Any, wanted: Sequence[str] | None) -> Source:
    """The columns of these names, or all but those that pandas made of its index."""
    pa = pyarrow()
    if isinstance(source, (str, bytes, os.PathLike)):
        files = _files(os.fsdecode(source))
        return open_files(files, os.path.splitext(files[0])[1], wanted)
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
        f"files, not {type(source).__name__}"
    )


def _files(pattern: str) -> list[str]:
    """The files that a path or a glob names, in the order of their names."""
    if os.path.lexists(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise FileNotFoundError(2, "No file at this path, and none that matches it", pattern)
    return found


def open_files(
    paths: Sequence[str], extension: str, wanted: Sequence[str] | None, skipped: list[str] | None = None
) -> Source:
    """The columns of files of one format.

    Args:
        extension: that of the format: '.jsonl', '.arrow', or any other for Parquet.
        skipped: takes a message about each file, or rest of a file, that is damaged; without it, damage is an error.
    """
    files = []
    for path in paths:
        try:
            files.append(_opened(path, extension, skipped))
        except (OSError, ValueError) as error:
            if skipped is None:
                raise
            skipped.append(describe(error))
    if not files:
        raise ValueError(f"no file could be read: {(skipped or paths)[0]}")
    schema = _common_schema(files)
    names = _chosen(schema.names, wanted, f"{files[0].path}: ")
    for file in files:
        if isinstance(file, JsonLines):
            file.check_integers(names, schema)
    known = [file.rows for file in files if file.rows is not None]
    pieces = _file_pieces(files, names, schema, skipped)
    types = [schema.field(name).type for name in names]
    return Source(names, types, sum(known) if len(known) == len(files) else None, pieces, files[0].path)


def _opened(path: str, extension: str, skipped: list[str] | None) -> TableFile:
    if extension == ".jsonl":
        return JsonLines(path, skipped)
    return IpcTable(path) if extension == ".arrow" else ParquetTable(path)


def _common_schema(files: list[TableFile]) -> Any:
    """The schema of the first file, to which all others must conform; of JSON lines, that of all together."""
    if not isinstance(files[0], JsonLines):
        return files[0].schema
    pa = pyarrow()
    try:
        return pa.unify_schemas([file.schema for file in files], promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"{files[0].path} and the files that are read with it: {error}") from error


def _file_pieces(
    files: list[TableFile], names: list[str], schema: Any, skipped: list[str] | None
) -> Generator[Piece, None, None]:
    for file in files:
        first = 0
        try:
            if missing := [
                name for name in names if name not in file.schema.names and not isinstance(file, JsonLines)
            ]:
                raise ValueError(f"{file.path}: there is no column '{missing[0]}'")
            for piece in _pieces(file.batches(names, schema), names, file.path):
                yield piece
                first += len(piece.arrays[0])
        except (OSError, ValueError) as error:
            where = f"{describe(error)} (after {pluralize(first, 'row')})" if first else describe(error)
            if skipped is None:
                raise ValueError(where) from error
            skipped.append(where)


def _pieces(batches: Any, names: list[str], file: str) -> Generator[Piece, None, None]:
    first = 0
    for batch in batches:
        yield Piece([batch.column(name) for name in names], first, file)
        first += len(batch)


def _chosen(names: list[str], wanted: Sequence[str] | None, place: str = "") -> list[str]:
    """The columns to read, of each of which there is one."""
    chosen = [name for name in names if not _INDEX.fullmatch(name)] if wanted is None else list(wanted)
    if not chosen:
        raise ValueError(f"{place}there is no column to read; the source has {_listed(names)}")
    for name in chosen:
        if (count := names.count(name)) != 1:
            found = f"there are {count} columns" if count else "there is no column"
            raise ValueError(f"{place}{found} '{name}'; the source has {_listed(names)}")
    return chosen


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
