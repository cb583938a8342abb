"""Datasets as Parquet files."""

import os
from collections.abc import Callable
from errno import EEXIST
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmap_ninja import _build, _paths
from mmap_ninja import numpy as np_ninja
from mmap_ninja._arrow import export as arrow
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._replacing import replacing
from mmap_ninja._typing import AnyPath
from mmap_ninja.generic import open_existing
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

if TYPE_CHECKING:
    from mmap_ninja._bulk import Stored

# The bytes of a row group, and the most rows; compressed texts that tell how large all are.
_BYTES_AT_ONCE, _ROWS_AT_ONCE, _LOOKED_AT = 32 << 20, 1 << 20, 64


def export(
    directory: "AnyPath | Stored", path: AnyPath, verbose: bool = False, overwrite: bool = True
) -> None:
    """Write a dataset to a Parquet file, row group by row group: the way back from `convert` and `from_arrow`.

    Records have a column for each field, texts the column `text`, and samples of other datasets the column `sample`. The types
    are those by which other packages read a map; see `RaggedMmap.to_arrow`.

    Args:
        directory: the directory of the dataset, or an open one.
        path: the file, whose name ends in `.parquet`. It is in place when it is complete.
        verbose: show a progress bar.
        overwrite: False raises FileExistsError if there is such a file.

    Raises:
        TypeError: Arrow has no type for a dtype.
        ValueError: the name of the file ends otherwise, or rows have no elements.
        ImportError: pyarrow is not installed: `pip install "mmap_ninja[arrow]>=1"`.

    >>> texts = StringsMmap.from_strings(out_dir, ["one", "two"])
    >>> export(out_dir, "texts.parquet")
    """
    place = Path(os.fsdecode(_paths.local(path)))
    if place.suffix.lower() != ".parquet":
        raise ValueError(f"{place}: datasets are exported to Parquet; the name must end in .parquet")
    if not overwrite and os.path.lexists(place):
        raise FileExistsError(EEXIST, os.strerror(EEXIST), str(place))
    pa = pyarrow()
    dataset, source = _opened(directory)
    from pyarrow import parquet  # A native library of its own.

    columns = _columns(dataset, source)
    schema = pa.schema([(name, read(0, 0).type) for name, read in columns.items()])
    rows, step = len(dataset), _rows_at_once(dataset)
    with (
        replacing(place) as temporary,
        _build.Counter(verbose, rows) as bar,
        parquet.ParquetWriter(temporary, schema) as writer,
    ):
        for start in range(0, rows, step):
            end = min(start + step, rows)
            arrays = [read(start, end) for read in columns.values()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=step)
            bar.update(end - start)


def _opened(dataset: "AnyPath | Stored") -> tuple[Any, str]:
    """A dataset, opened for reading, and its directory."""
    if isinstance(dataset, np.memmap):
        return dataset, os.fsdecode(np_ninja._directory(dataset))
    if isinstance(dataset, (RaggedMmap, StringsMmap, RecordsMmap)):
        return dataset, os.fsdecode(dataset.out_dir)
    return open_existing(dataset, mode="r"), os.fsdecode(dataset)


def _rows_at_once(dataset: Any) -> int:
    rows: int = min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * len(dataset) // max(_size(dataset), 1))
    return max(1, rows)


def _size(dataset: Any) -> int:
    """The bytes of all samples, compressed texts decompressed, of which a few are looked at."""
    if isinstance(dataset, RecordsMmap):
        return sum(_size(dataset.field(name)) for name in dataset.fields)
    if isinstance(dataset, StringsMmap) and dataset.zstd_level is not None and len(dataset):
        few = range(0, len(dataset), -(-len(dataset) // _LOOKED_AT))
        return int(dataset.gather(few)[1][-1]) * len(dataset) // len(few)
    return int(dataset.nbytes)


def _columns(dataset: Any, place: str) -> dict[str, Callable[[int, int], Any]]:
    """Functions that give a range of rows of each column."""
    if isinstance(dataset, RecordsMmap):
        return {
            name: column
            for name in dataset.fields
            for column in _columns(dataset.field(name), f"{place}: the field '{name}'").values()
        }
    if isinstance(dataset, np.memmap):
        if not dataset.ndim:
            raise ValueError(f"{place}: an array without axes has no rows")
        return {"sample": _slices(arrow.dense(dataset, place, has_tensors=False))}
    if isinstance(dataset, StringsMmap) and dataset.zstd_level is not None:
        return {"text": lambda start, end: arrow.texts(*dataset.gather(range(start, end)))}
    return {name: _slices(array) for name, array in dataset._columns(has_tensors=False).items()}


def _slices(array: Any) -> Callable[[int, int], Any]:
    return lambda start, end: array.slice(start, end - start)
