"""The source of a Ray dataset: ranges of the samples of a dataset."""

from collections.abc import Iterator
from functools import partial
from math import ceil
from os import PathLike, fspath
from typing import Any

from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from mmap_ninja._ray.fields import number_of_axes, open_fields, ranges, size_until, table

# The most bytes of samples in one block: Ray's own size of blocks.
_BLOCK_BYTES = 128 << 20


class MmapNinjaDatasource(Datasource):  # type: ignore[misc]  # Ray may not be installed where types are checked.
    """Reads a dataset in ranges of samples. All but the blocks follows from the index.

    Args:
        path: the directory, by an absolute path.
        wanted: the names of the fields; None for all.
    """

    def __init__(self, path: str | PathLike[str], wanted: list[str] | None):
        super().__init__()
        self._path, self._wanted = fspath(path), wanted
        fields = open_fields(path, wanted)
        self._axes = {name: number_of_axes(field) for name, field in fields.items()}
        self._schema = table(fields, self._axes, 0, 0).schema
        self._len = min((len(field) for field in fields.values()), default=0)

    def estimate_inmemory_data_size(self) -> int:
        """The bytes of all samples; of compressed texts, as they are stored."""
        return size_until(open_fields(self._path, self._wanted).values())(self._len)

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """A task for each of `parallelism` ranges, which take about as many bytes each."""
        size = size_until(open_fields(self._path, self._wanted).values())
        # Without samples, one task gives the schema.
        parts = list(ranges(size, 0, self._len, parallelism)) or [(0, 0)]
        return [
            ReadTask(
                partial(_blocks, self._path, self._wanted, self._axes, start, stop),
                BlockMetadata(
                    num_rows=stop - start,
                    size_bytes=size(stop) - size(start),
                    exec_stats=None,
                    input_files=(self._path,),
                ),
                schema=self._schema,
                per_task_row_limit=per_task_row_limit,
            )
            for start, stop in parts
        ]


def _blocks(
    path: str, wanted: list[str] | None, axes: dict[str, int], start: int, stop: int
) -> Iterator[Any]:
    """The blocks of one task."""
    fields = open_fields(path, wanted)
    size = size_until(fields.values())
    if start == stop:
        yield table(fields, axes, start, stop)
    count = ceil((size(stop) - size(start)) / _BLOCK_BYTES)
    for low, high in ranges(size, start, stop, max(count, 1)):
        yield table(fields, axes, low, high)
