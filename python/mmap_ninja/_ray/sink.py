"""The sink of a Ray dataset: every task writes a shard, which the driver joins."""

import errno
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ray.data.block import BlockAccessor
from ray.data.datasource import Datasink

from mmap_ninja._fields import Declared
from mmap_ninja._ray.columns import Layout, Samples, decode
from mmap_ninja.records import RecordsMmap


@dataclass(frozen=True)
class Part:
    """Records that a task has written. Those of a shard are stored in the same way.

    Attributes:
        place: their directory.
        rows: how many there are.
        layouts: how each field is stored.
        node: the host that wrote them.
    """

    place: Path
    rows: int
    layouts: tuple[Layout, ...]
    node: str


@dataclass(frozen=True)
class Shard:
    """What one task has written: a part for every run of blocks whose columns are stored in the same way."""

    task: int
    parts: tuple[Part, ...]


class MmapNinjaDatasink(Datasink):  # type: ignore[misc]  # Ray may not be installed where types are checked.
    """Writes blocks to shards in a directory that all nodes share.

    Args:
        scratch: the directory, which exists until all is written or something fails.
        wanted: the columns to write, in that order; None for all.
        declared: the kinds and shapes of some of them.
        options: of `RecordsMmap`.

    Attributes:
        schema: the schema of the first blocks, if there are any.
        shards: those of all tasks that succeeded, in the order of the dataset.
    """

    def __init__(
        self, scratch: Path, wanted: list[str] | None, declared: dict[str, Declared], options: dict[str, Any]
    ):
        self._scratch, self._wanted, self._declared, self._options = scratch, wanted, declared, options
        self.schema: Any = None
        self.shards: list[Shard] = []

    def on_write_start(self, schema: Any = None) -> None:
        """Keep the schema, in case that there are no rows."""
        self.schema = schema

    def write(self, blocks: Iterable[Any], ctx: Any) -> Shard:
        """Write the blocks of one task to a directory of its own; another attempt has another one."""
        check_shared(self._scratch)
        place = self._scratch / uuid4().hex
        place.mkdir()
        try:
            writer = _ShardWriter(place, self._options)
            first = 0
            for block in blocks:
                for batch in BlockAccessor.for_block(block).to_arrow().combine_chunks().to_batches():
                    if batch.num_rows:
                        writer.append(self._samples(batch, first, f"task {ctx.task_idx}"), batch.num_rows)
                        first += batch.num_rows
            return Shard(ctx.task_idx, tuple(writer.parts()))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def on_write_complete(self, write_result: Any) -> None:
        """Sort the shards. The tasks have the order of their blocks in the dataset, whichever ended first."""
        self.shards = sorted(write_result.write_returns, key=lambda shard: shard.task)

    def _samples(self, batch: Any, first: int, source: str) -> list[Samples]:
        names = check_names(self._wanted, batch.schema.names, source)
        return [decode(name, batch.column(name), self._declared.get(name), first, source) for name in names]


class _ShardWriter:
    """Writes the blocks of one task, and begins a new part wherever the blocks are stored in another way."""

    def __init__(self, place: Path, options: dict[str, Any]):
        self._place, self._options = place, options
        self._written: list[tuple[RecordsMmap[Any], tuple[Layout, ...]]] = []

    def append(self, samples: list[Samples], rows: int) -> None:
        """Write one batch."""
        layouts = tuple(each.layout for each in samples)
        if not self._written or self._written[-1][1] != layouts:
            records = create_part(self._place / str(len(self._written)), self._options)
            self._written.append((records, layouts))
        check_shared(self._place)
        self._written[-1][0]._extend_columns([each.column for each in samples])

    def parts(self) -> Iterator[Part]:
        """What was written."""
        for records, layouts in self._written:
            yield Part(Path(records.out_dir), len(records), layouts, socket.gethostname())


def create_part(place: Path, options: dict[str, Any]) -> RecordsMmap[Any]:
    """A new directory of records, without any so far."""
    return RecordsMmap(place, mode="r+", **options)


def check_names(wanted: list[str] | None, found: list[str], source: str) -> list[str]:
    """The columns to write. Raise ValueError if one of them is not there."""
    names = found if wanted is None else wanted
    if missing := [name for name in names if name not in found]:
        raise ValueError(
            f"{source}: there is no column '{missing[0]}'; there are {', '.join(found) or 'none'}"
        )
    if not names:
        raise ValueError(f"{source}: there are no columns")
    return names


def check_shared(place: Path) -> None:
    """Raise FileNotFoundError if this node does not have the directory, which another one or the driver has made."""
    if not place.is_dir():
        reason = (
            f"The node {socket.gethostname()} does not see this directory of the write: either the write has ended, or "
            "the place is not on a file system that all nodes share"
        )
        raise FileNotFoundError(errno.ENOENT, reason, os.fspath(place))
