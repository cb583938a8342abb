"""Files of tables: Parquet, Arrow's IPC and JSON lines, read batch by batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from mmap_ninja._arrow.package import pyarrow

# The most bytes, as the file encodes them, and the most rows that are read from a Parquet file at once. More would be
# slower, since their memory would be new each time.
_BYTES_AT_ONCE = 16 << 20
_ROWS_AT_ONCE = 1 << 16


class TableFile(Protocol):
    """A file of rows, which is opened while it is read.

    Attributes:
        schema: the `pyarrow.Schema` of its columns.
        rows: the number of rows, if the file tells.
    """

    path: str
    schema: Any
    rows: int | None

    def batches(self, names: Sequence[str], schema: Any) -> Iterator[Any]:
        """Its rows as `pyarrow.RecordBatch`es of these columns.

        Args:
            schema: that of all files that are read together.

        Raises:
            ValueError: the file is damaged; the message names it.
        """


class ParquetTable:
    """A Parquet file."""

    def __init__(self, path: str):
        self.path = path
        with self._opened() as file:
            self.schema = file.schema_arrow
            self.rows: int | None = int(file.metadata.num_rows)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        from pyarrow import parquet  # A native library of its own.

        with naming(self.path), parquet.ParquetFile(self.path, memory_map=True) as file:
            yield file

    def batches(self, names: Sequence[str], schema: Any) -> Iterator[Any]:
        with self._opened() as file:
            yield from file.iter_batches(batch_size=_batch_size(file.metadata), columns=list(names))


def _batch_size(metadata: Any) -> int:
    """How many rows to read at once: as many as their uncompressed bytes allow."""
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    rows: int = metadata.num_rows
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * rows // max(size, 1)))


class IpcTable:
    """A file of Arrow's IPC: with a footer, or a stream, as Hugging Face's `datasets` keeps."""

    def __init__(self, path: str):
        self.path = path
        self.rows: int | None = None
        with self._opened() as reader:
            self.schema = reader.schema

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        pa = pyarrow()
        with naming(self.path), pa.memory_map(self.path) as mapped:
            has_footer = mapped.read(6) == b"ARROW1"
            mapped.seek(0)
            with (pa.ipc.open_file if has_footer else pa.ipc.open_stream)(mapped) as reader:
                yield reader

    def batches(self, names: Sequence[str], schema: Any) -> Iterator[Any]:
        with self._opened() as reader:
            has_footer = hasattr(reader, "num_record_batches")
            found = map(reader.get_batch, range(reader.num_record_batches)) if has_footer else reader
            for batch in found:
                batch.validate(full=True)  # Offsets of a damaged file could lead anywhere.
                yield batch.select(list(names))


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Name the file in errors of Arrow, some of which are an OSError without a number."""
    try:
        yield
    except (pyarrow().ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path}: {error}") from error
