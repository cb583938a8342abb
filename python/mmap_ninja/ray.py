"""Datasets in Ray Data: read in ranges of samples, written by all tasks of a cluster at once."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmap_ninja import _build, _core, _fields, _paths, generic
from mmap_ninja._ray.package import ray_data
from mmap_ninja._typing import AnyPath, Durability

if TYPE_CHECKING:
    import numpy as np
    import ray.data

    from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
    from mmap_ninja._typing import FieldDeclaration

__all__ = ["read", "write"]


def read(path: AnyPath, fields: Iterable[str] | None = None, **options: Any) -> "ray.data.Dataset":
    """A Ray dataset of the samples, in their order. Its schema and its count are known without reading samples.

    Every task reads a range of samples, and all ranges have about as many bytes. The directory must be reached by the same
    path from all nodes, and must not be replaced while it is read. Samples that are appended later are not read.

    Args:
        path: the directory of a dataset of any kind.
        fields: the names of the fields of records to read, in that order; all by default. No other file is opened.
        **options: of `ray.data.read_datasource`, such as `override_num_blocks`, `concurrency`, `num_cpus` and `memory`.

    Returns:
        A `ray.data.Dataset`: of records, with a column for each field; otherwise with the column "text" or "sample". Samples
        of one axis are Arrow lists, numbers are numbers, and all samples of more axes and rows of arrays are tensors of Ray.

    Raises:
        FileNotFoundError: there is no dataset.
        ValueError: there is no field of a name, or the dataset has no fields.
        TypeError: Arrow has no type for a dtype.
        ImportError: Ray is not installed: `pip install "mmap_ninja[ray]>=1"`.

    >>> train = RecordsMmap.from_columns(out_dir, {"label": [3, 5], "text": ["a", "b"]})
    >>> read(train.out_dir, fields=["label"]).take_all()
    [{'label': 3}, {'label': 5}]
    """
    ray_data()
    from mmap_ninja._ray.source import MmapNinjaDatasource

    place = os.path.abspath(_paths.existing(path))
    wanted = None if fields is None else _fields.names(fields)
    dataset: ray.data.Dataset = ray_data().read_datasource(MmapNinjaDatasource(place, wanted), **options)
    return dataset


def write(
    dataset: "ray.data.Dataset",
    out_dir: AnyPath,
    fields: "Iterable[str] | Mapping[str, FieldDeclaration] | None" = None,
    overwrite: bool = False,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
    **options: Any,
) -> "RaggedMmap | StringsMmap | RecordsMmap | np.memmap":
    """Store a Ray dataset: every task writes a shard beside `out_dir`, and this process joins them at the end.

    `out_dir` must be on a file system that all nodes share by the same path. The dataset appears there whole, or not at all:
    whatever failed and repeated tasks have written is removed. Samples have the order of the dataset, whichever task of the
    write ends first, wherever Ray keeps it: with `preserve_order` in its execution options, also behind steps of their own.

    Several columns become a `RecordsMmap` with a field for each. A single one becomes a map of its own. Columns become what
    `from_arrow` makes of their types. Those of tensors, which include arrays that `map_batches` returns, become a dense array
    if all have one shape, otherwise ragged.

    Args:
        dataset: a `ray.data.Dataset`.
        out_dir: the directory; parents are created.
        fields: the columns to store as records, in that order, even if it is one; by default all, if there are several. As a
            dict, with the kind of each, "ragged", "dense" or "strings", or its shape, such as `{"boxes": {"shape": (-1, 4)}}`.
        overwrite: replace a dataset in `out_dir`, which stays until the new one is complete.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.
        **options: of `ray.data.Dataset.write_datasink`, such as `concurrency` and `ray_remote_args`.

    Returns:
        The dataset, opened for writing.

    Raises:
        FileExistsError: `out_dir` holds a dataset; nothing has been computed.
        FileNotFoundError: a node does not see the directory in which the shards are written.
        ValueError: a null, or lists in a row that form no array; there is no such column; there are neither rows nor columns.
        TypeError: no map can hold a column's type, or it differs from block to block; `dataset` is not one of Ray.
        ImportError: Ray is not installed: `pip install "mmap_ninja[ray]>=1"`.

        An error in a task is a `ray.exceptions.RayTaskError` that also is of these classes.

    >>> import ray
    >>> write(ray.data.range(4), out_dir).tolist()
    [0, 1, 2, 3]
    """
    if not isinstance(dataset, ray_data().Dataset):
        raise TypeError(f"write stores a ray.data.Dataset, not {type(dataset).__name__}")
    from mmap_ninja._ray import join
    from mmap_ninja._ray.sink import MmapNinjaDatasink

    out_dir = Path(os.path.abspath(_paths.local(out_dir)))
    wanted = None if fields is None else _fields.names(fields)
    declared = _declared(fields) if isinstance(fields, Mapping) else {}
    files: dict[str, Any] = {"timeout": timeout, "locking": locking}
    build = _core.Options(durability=durability, **files)
    with _build.BuildSession(out_dir, build, overwrite=overwrite, keep=False) as session:
        scratch = session.scratch()
        with _removed_after_errors(scratch):
            sink = MmapNinjaDatasink(scratch, wanted, declared, files)
            dataset.write_datasink(sink, **options)
            shards = sink.shards
            if not any(shard.parts for shard in shards):
                schema = sink.schema or getattr(dataset.schema(), "base_schema", None)
                if schema is None:
                    raise ValueError("the dataset has neither rows nor columns")
                shards = [join.empty_shard(schema, wanted, declared, scratch / "empty", files)]
            kind = join.join(shards, session.partial, wanted is not None, files)
    stored: RaggedMmap | StringsMmap | RecordsMmap | np.memmap
    stored = generic._open_new(kind, out_dir, durability=durability, **files)
    return stored


def _declared(fields: "Mapping[str, FieldDeclaration]") -> dict[str, _fields.Declared]:
    """The kinds and shapes that a user wants. Raise ValueError if there is more."""
    declared = _fields.declared(fields)
    for name, (kind, dtype, _, zstd) in declared.items():
        if kind is None or dtype is not None or zstd != (None, None):
            raise ValueError(
                f"the field '{name}': a write takes kinds and shapes; choose the dtype in `map_batches`, and compress "
                "texts when they are built"
            )
    return declared


@contextmanager
def _removed_after_errors(scratch: Path) -> Iterator[None]:
    """Remove the directory of the shards after an error, also from under tasks that do not know yet."""
    try:
        yield
    except BaseException:
        # A task that finds its place gone makes no other.
        doomed = scratch.with_name(f"{scratch.name}-failed")
        with suppress(OSError):
            os.rename(scratch, doomed)
        for _ in range(10):
            shutil.rmtree(doomed, ignore_errors=True)
            if not doomed.exists():
                break
            time.sleep(0.1)
        raise
