"""Opening and joining datasets of any kind."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, overload

import numpy as np

from mmap_ninja import _build, _core, _paths
from mmap_ninja import numpy as np_ninja
from mmap_ninja._typing import AnyPath, Durability, Mode
from mmap_ninja.base import Wrapped
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap


@overload
def open_existing(
    out_dir: AnyPath, wrapper_fn: None = None, mode: Mode = "r+b"
) -> RaggedMmap | StringsMmap | RecordsMmap | np.memmap: ...
@overload
def open_existing(
    out_dir: AnyPath, wrapper_fn: Callable[[Any], Any], mode: Mode = "r+b"
) -> RaggedMmap[Any, Any] | RecordsMmap[Any] | Wrapped: ...
def open_existing(
    out_dir: AnyPath, wrapper_fn: Callable[..., Any] | None = None, mode: Mode = "r+b"
) -> RaggedMmap[Any, Any] | RecordsMmap[Any] | StringsMmap | np.memmap | Wrapped:
    """Open the dataset in `out_dir`, of any kind.

    Args:
        out_dir: the directory.
        wrapper_fn: called with each item.
        mode: 'r', 'r+' or 'c' for arrays, which 'r+b' opens for reading; 'rb' or 'r+b' for texts.

    Returns:
        A `RaggedMmap`, a `RecordsMmap`, a `StringsMmap` or an `np.memmap`; the last two in a `Wrapped` if there is a
        `wrapper_fn`.

    Raises:
        FileNotFoundError: there is no dataset.
        CorruptDatasetError: the files contradict each other.

    >>> open_existing(StringsMmap.from_strings(out_dir, ["one", "two"]).out_dir)[1]
    'two'
    """
    out_dir = _paths.existing(out_dir)
    kind = _kind(out_dir)
    array_mode = "r" if mode == "r+b" else mode
    if kind == "ragged":
        return RaggedMmap(out_dir, wrapper_fn=wrapper_fn, mode=array_mode)
    if kind == "records":
        return RecordsMmap(out_dir, wrapper_fn=wrapper_fn, mode=array_mode)
    data = (
        StringsMmap(out_dir, mode=mode)
        if kind == "string"
        else np_ninja.open_existing(out_dir, mode=array_mode)
    )
    return data if wrapper_fn is None else Wrapped(data, wrapper_fn)


def concatenate(
    out_dir: AnyPath,
    dirs: Iterable[AnyPath],
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
    **keys: str,
) -> RaggedMmap | StringsMmap | RecordsMmap | np.memmap:
    """Join datasets of one kind, sample after sample. The result is the same as that of a single build.

    The kernel copies the bytes, or shares them on file systems that can. The tasks of a cluster can write a directory each,
    which one call then joins.

    Args:
        out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
        dirs: at least one directory.
        verbose: show a progress bar.
        overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.
        **keys: `starts_key` and others, if the sub-directories of all `dirs` have other names; see `RaggedMmap` and
            `StringsMmap`.

    Returns:
        The joined dataset, opened for writing.

    Raises:
        FileNotFoundError: a directory holds no dataset.
        TypeError: the dtypes differ.
        ValueError: the kinds differ; the shapes of dense arrays differ, apart from the first axis; `dirs` is empty.

    >>> first = RaggedMmap.from_lists(out_dir / "first", [[1, 2], [3]])
    >>> second = RaggedMmap.from_lists(out_dir / "second", [[[4, 5]]])
    >>> concatenate(out_dir / "both", [first.out_dir, second.out_dir])[:]
    [array([1, 2]), array([3]), array([[4, 5]])]
    """
    out_dir = _paths.local(out_dir)
    with joining(out_dir, dirs, verbose, overwrite, durability, timeout, locking, **keys) as (kind, _):
        pass
    options: dict[str, Any] = (
        {} if kind == "numpy" else {"durability": durability, "timeout": timeout, "locking": locking, **keys}
    )
    joined: RaggedMmap | StringsMmap | RecordsMmap | np.memmap = _open(kind, out_dir, mode="r+", **options)
    return joined


@contextmanager
def joining(
    out_dir: AnyPath,
    dirs: Iterable[AnyPath],
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
    **keys: str,
) -> Iterator[tuple[str, Path]]:
    """Yield the kind of the datasets, and the directory that holds them joined. It then takes the place of `out_dir`.

    For the arguments, see `concatenate`.
    """
    out_dir = _paths.local(out_dir)
    sources = [Path(_paths.existing(directory)) for directory in dirs]
    if not sources:
        raise ValueError("at least one directory is needed to concatenate")
    kind = _kind(sources[0])
    _open(kind, sources[0], mode="r", **keys)
    partial = os.path.realpath(out_dir) + ".partial"
    if any(os.path.realpath(directory) == partial for directory in sources):
        raise ValueError(f"{partial}: the joined dataset is built in this directory; rename it first")
    options = _core.Options(durability=durability, timeout=timeout, locking=locking, **keys)
    with _build.BuildSession(out_dir, options, overwrite=overwrite, keep=False) as session:
        for directory in _build.progress(sources, verbose, unit="map"):
            if _kind(directory) != kind:
                raise ValueError(
                    f"{directory}: this is of kind '{_kind(directory)}', the first one of '{kind}'"
                )
            with _naming(directory, session.partial):
                if kind == "numpy":
                    _core.join_dense(session.partial, directory, _core.Options(locking=locking))
                else:
                    _open(kind, session.partial, mode="r", locking=locking, **keys)._join(directory)
        yield kind, session.partial


@contextmanager
def _naming(source: Path, partial: Path) -> Iterator[None]:
    """Name `source` in an error about what it holds, instead of the directory that it is joined into."""
    try:
        yield
    except (TypeError, ValueError) as error:
        found, message = f"{partial}: ", str(error)
        if not message.startswith(found):
            raise
        raise type(error)(f"{source}: {message.removeprefix(found)}") from error


def _open(kind: str, out_dir: str | PathLike[str], **options: Any) -> Any:
    stores: dict[str, Callable[..., Any]] = {
        "ragged": RaggedMmap,
        "string": StringsMmap,
        "numpy": np_ninja.open_existing,
        "records": RecordsMmap,
    }
    return stores[kind](out_dir, **options)


def _kind(directory: str | PathLike[str]) -> str:
    kind = _core.kind(directory)
    if kind is None and _core.has_fields(directory):
        return "records"
    if kind is None:
        raise _paths.missing(directory)
    return kind
