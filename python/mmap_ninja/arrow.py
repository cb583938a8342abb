"""Maps from Arrow: Parquet files, DataFrames of polars and pandas, results of DuckDB, datasets of Hugging Face."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mmap_ninja import _build, _core, _fields, _paths
from mmap_ninja import numpy as np_ninja
from mmap_ninja._arrow.columns import Column
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._arrow.sources import open_columns
from mmap_ninja._typing import AnyPath, Durability
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

__all__ = ["from_arrow"]

Stored: TypeAlias = RaggedMmap | StringsMmap | RecordsMmap[dict[str, Any]] | np.memmap

_STORES: dict[str, Callable[..., Any]] = {"ragged": RaggedMmap, "string": StringsMmap, "records": RecordsMmap}


def from_arrow(
    out_dir: AnyPath,
    source: Any,
    field: str | None = None,
    fields: Iterable[str] | None = None,
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> Stored:
    """Store Arrow data, which streams through: no Python object is made for a row.

    Several columns become a `RecordsMmap` with a field for each. A single one becomes a map of its own.

    What becomes of a column follows from its type, never from its values: texts become a `StringsMmap`; lists, also nested
    ones, and bytes a `RaggedMmap`; numbers, bools, times, lists of a fixed size and tensors a dense array. Dictionaries are
    decoded. Times are datetime64, in UTC, and null times are NaT.

    Args:
        out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
        source: anything with `__arrow_c_stream__`, such as a `pyarrow.Table`, a polars or pandas DataFrame, a result of
            DuckDB or another map; or the path of a Parquet file, or a glob of several, read in the order of their names.
        field: the column to store as a map of its own.
        fields: the columns to store as records, in that order, even if it is one; by default all, if there are several.
        verbose: show a progress bar.
        overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Returns:
        The dataset, opened for writing.

    Raises:
        ValueError: a null, or lists in a row that form no array, with the column and the row; there is no such column, or
            its name cannot be that of a field; both `field` and `fields` are given.
        TypeError: no map can hold a column's type (structs, unions, decimals, lists of texts).
        FileNotFoundError: there is no such file.
        ImportError: pyarrow is not installed: `pip install "mmap_ninja[arrow]>=1"`.

    >>> import pyarrow as pa
    >>> table = pa.table({"text": ["one", "two"], "label": [3, 5]})
    >>> from_arrow(out_dir, table)[1]
    {'text': 'two', 'label': np.int64(5)}
    >>> from_arrow(out_dir, table, field="text")[1]
    'two'
    """
    if field is not None and fields is not None:
        raise ValueError("field stores a column as a map, fields stores columns as records; give one of them")
    out_dir = _paths.local(out_dir)
    resolved = _build.resolve_later(out_dir)
    wanted = None if fields is None else _fields.names(fields)
    found = open_columns(source, wanted if field is None else [field])
    columns = [Column(name, arrow_type) for name, arrow_type in zip(found.names, found.types, strict=True)]
    kind = columns[0].kind if len(columns) == 1 and fields is None else "records"
    options = _core.Options(durability=durability, timeout=timeout, locking=locking)
    session = _build.BuildSession(out_dir, options, overwrite=overwrite, keep=False)
    with session, _build.Counter(verbose, found.rows) as bar:
        append = _appender(kind, columns, session.partial, options)
        for piece in found.pieces:
            decoded = zip(columns, piece.arrays, strict=True)
            append([column.decode(array, piece.first, piece.file) for column, array in decoded])
            if bar.update(len(piece.arrays[0])):
                bar.show_written(session.partial)
        if _core.kind(session.partial) is None:
            append([column.decode(pyarrow().nulls(0, column.type)) for column in columns])
    stored: Stored = _open(kind, resolved(), options)
    return stored


def _appender(
    kind: str, columns: list[Column], out_dir: Path, options: _core.Options
) -> Callable[[list[tuple[Any, ...]]], None]:
    """A function that appends what `Column.decode` returns for each column to the dataset in `out_dir`, or creates it."""
    if kind == "numpy":
        return lambda decoded: _append_rows(out_dir, options, *decoded[0])
    memmap = _open(kind, out_dir, options)
    if kind != "records":
        return lambda decoded: memmap.extend_gathered(*decoded[0])

    def append(decoded: list[tuple[Any, ...]]) -> None:
        fields = zip(columns, decoded, strict=True)
        memmap._extend_columns(
            [(column.name, column.kind, arrays, column.trailing) for column, arrays in fields]
        )

    return append


def _append_rows(out_dir: Path, options: _core.Options, rows: np.ndarray) -> None:
    if _core.kind(out_dir) is None:
        _core.create_dense(out_dir, rows, options)
    else:
        _core.extend_dense(out_dir, rows, options)


def _open(kind: str, out_dir: AnyPath, options: _core.Options) -> Any:
    if kind == "numpy":
        return np_ninja.open_existing(out_dir, mode="r+")
    store = _STORES[kind]
    return store(out_dir, **{"mode": "r+", **options.keywords()})
