"""Maps from Arrow: Parquet files, DataFrames of polars and pandas, results of DuckDB, datasets of Hugging Face."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmap_ninja import _build, _core, _paths
from mmap_ninja import numpy as np_ninja
from mmap_ninja._arrow.columns import Column
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._arrow.sources import open_column
from mmap_ninja._typing import AnyPath, Durability
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.string import StringsMmap

__all__ = ["from_arrow"]


def from_arrow(
    out_dir: AnyPath,
    source: Any,
    field: str | None = None,
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> RaggedMmap | StringsMmap | np.memmap:
    """Store a column of Arrow data, which streams through: no Python object is made for a row.

    What becomes of it follows from its type, never from its values: texts become a `StringsMmap`; lists, also nested ones,
    and bytes a `RaggedMmap`; numbers, bools, times, lists of a fixed size and tensors a dense array. Dictionaries are
    decoded. Times are datetime64, in UTC, and null times are NaT.

    Args:
        out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
        source: anything with `__arrow_c_stream__`, such as a `pyarrow.Table`, a polars or pandas DataFrame, a result of
            DuckDB or another map; or the path of a Parquet file, or a glob of several, read in the order of their names.
        field: the column, if there are several.
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
            more than one to choose from.
        TypeError: no map can hold the column's type (structs, unions, decimals, lists of texts).
        FileNotFoundError: there is no such file.
        ImportError: pyarrow is not installed: `pip install "mmap_ninja[arrow]>=1"`.

    >>> import pyarrow as pa
    >>> from_arrow(out_dir, pa.table({"text": ["one", "two"]}))[1]
    'two'
    """
    out_dir = _paths.local(out_dir)
    resolved = _build.resolve_later(out_dir)
    found = open_column(source, field)
    column = Column(found.name, found.type)
    options = _core.Options(durability=durability, timeout=timeout, locking=locking)
    session = _build.BuildSession(out_dir, options, overwrite=overwrite, keep=False)
    with session, _build.Counter(verbose, found.rows) as bar:
        append = _appender(column.kind, session.partial, options)
        for piece in found.pieces:
            append(*column.decode(piece.array, piece.first, piece.file))
            if bar.update(len(piece.array)):
                bar.show_written(session.partial)
        if _core.kind(session.partial) is None:
            append(*column.decode(pyarrow().nulls(0, found.type)))
    stored: RaggedMmap | StringsMmap | np.memmap = _open(column.kind, resolved(), options)
    return stored


def _appender(kind: str, out_dir: Path, options: _core.Options) -> Callable[..., None]:
    """A function that appends what `Column.decode` returns to the dataset in `out_dir`, or creates it."""
    if kind == "numpy":
        return partial(_append_rows, out_dir, options)
    memmap: RaggedMmap | StringsMmap = _open(kind, out_dir, options)
    return memmap.extend_gathered


def _append_rows(out_dir: Path, options: _core.Options, rows: np.ndarray) -> None:
    if _core.kind(out_dir) is None:
        _core.create_dense(out_dir, rows, options)
    else:
        _core.extend_dense(out_dir, rows, options)


def _open(kind: str, out_dir: AnyPath, options: _core.Options) -> Any:
    if kind == "numpy":
        return np_ninja.open_existing(out_dir, mode="r+")
    store = RaggedMmap if kind == "ragged" else StringsMmap
    return store(out_dir, **{"mode": "r+", **options.keywords()})
