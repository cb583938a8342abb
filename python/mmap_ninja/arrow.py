"""Maps from Arrow: Parquet files, DataFrames of polars and pandas, results of DuckDB, datasets of Hugging Face."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from mmap_ninja import _bulk, _core, _fields, _paths
from mmap_ninja._arrow.columns import Column
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._typing import AnyPath, Durability

if TYPE_CHECKING:
    from mmap_ninja._arrow.sources import Piece, Source

__all__ = ["from_arrow"]


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
) -> _bulk.Stored:
    """Store Arrow data, which streams through: no Python object is made for a row.

    Several columns become a `RecordsMmap` with a field for each. A single one becomes a map of its own.

    What becomes of a column follows from its type, never from its values: texts become a `StringsMmap`; lists, also nested
    ones, and bytes a `RaggedMmap`; numbers, bools, times, lists of a fixed size and tensors a dense array. Dictionaries are
    decoded. Times are datetime64, in UTC, and null times are NaT.

    Args:
        out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
        source: anything with `__arrow_c_stream__`, such as a `pyarrow.Table`, a polars or pandas DataFrame, a result of
            DuckDB or another map; or the path of a file of Parquet, Arrow (`.arrow`) or JSON lines (`.jsonl`), or a glob of
            several, read in the order of their names.
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
    wanted = None if fields is None else _fields.names(fields)
    from mmap_ninja._arrow.sources import open_columns

    found = open_columns(source, wanted if field is None else [field])
    options = _core.Options(durability=durability, timeout=timeout, locking=locking)
    return _bulk.store(out_dir, decoded(found, fields is not None), options, verbose, overwrite)


def decoded(
    source: "Source", are_records: bool, skip: Callable[[Exception], None] | None = None
) -> _bulk.Columns:
    """The columns of Arrow as datasets take them. Several are records; a single one is if it is asked for.

    Args:
        skip: takes the error about each row that no map can hold; without it, such a row is an error.
    """
    columns = [
        Column(name, arrow_type, source.place)
        for name, arrow_type in zip(source.names, source.types, strict=True)
    ]

    def pieces() -> Generator[list[_bulk.Samples], None, None]:
        with closing(source.pieces):
            for piece in source.pieces:
                yield from _sound(columns, piece, skip)

    def empty() -> list[_bulk.Samples]:
        return [column.decode(pyarrow().nulls(0, column.type)) for column in columns]

    return _bulk.Columns(columns, are_records or len(columns) > 1, source.rows, pieces(), empty)


def _sound(
    columns: Sequence[Column], piece: "Piece", skip: Callable[[Exception], None] | None
) -> Iterator[list[_bulk.Samples]]:
    """The samples of a piece without the rows that are skipped, which halving finds."""
    try:
        arrays = zip(columns, piece.arrays, strict=True)
        samples = [column.decode(array, piece.first, piece.file) for column, array in arrays]
    except ValueError as error:
        if skip is None:
            raise
        if len(piece.arrays[0]) == 1:
            skip(error)
            return
        half = len(piece.arrays[0]) // 2
        yield from _sound(columns, piece.slice(0, half), skip)
        yield from _sound(columns, piece.slice(half), skip)
    else:
        yield samples
