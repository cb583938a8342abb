"""Opening a directory whatever it holds."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, overload

import numpy as np

from mmap_ninja import _build, _core
from mmap_ninja import numpy as np_ninja
from mmap_ninja._typing import Durability, Mode
from mmap_ninja.base import Wrapped
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.string import StringsMmap


@overload
def open_existing(
    out_dir: str | PathLike[str], wrapper_fn: None = None, mode: Mode = "r+b"
) -> RaggedMmap | StringsMmap | np.memmap: ...
@overload
def open_existing(
    out_dir: str | PathLike[str], wrapper_fn: Callable[[Any], Any], mode: Mode = "r+b"
) -> RaggedMmap[Any, Any] | Wrapped: ...
def open_existing(
    out_dir: str | PathLike[str], wrapper_fn: Callable[..., Any] | None = None, mode: Mode = "r+b"
) -> RaggedMmap[Any, Any] | StringsMmap | np.memmap | Wrapped:
    """Open the data set in `out_dir`, of any kind.

    Args:
        out_dir: the directory.
        wrapper_fn: called with each item.
        mode: for texts, 'rb' or 'r+b'. Arrays are opened for reading by 'r+b', and otherwise take 'r', 'r+' and 'c'.

    Returns:
        A `RaggedMmap`, a `StringsMmap` or an `np.memmap`; the last two in a `Wrapped` where a `wrapper_fn` is given.

    Raises:
        FileNotFoundError: there is no data set.
        CorruptDatasetError: its files contradict each other.
    """
    kind = _kind(out_dir)
    array_mode = "r" if mode == "r+b" else mode
    if kind == "ragged":
        return RaggedMmap(out_dir, wrapper_fn=wrapper_fn, mode=array_mode)
    data = (
        StringsMmap(out_dir, mode=mode)
        if kind == "string"
        else np_ninja.open_existing(out_dir, mode=array_mode)
    )
    return data if wrapper_fn is None else Wrapped(data, wrapper_fn)


def concatenate(
    out_dir: str | PathLike[str],
    dirs: Iterable[str | PathLike[str]],
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    **keys: str,
) -> RaggedMmap | StringsMmap | np.memmap:
    """Join data sets of one kind, sample after sample, as one build of all of them would have been.

    The bytes are copied within the kernel, which shares them where the file system can. Tasks of a cluster can write a
    directory each, and one call joins them.

    Args:
        out_dir: the directory; parents are created. A data set that is there stays until the new one is whole.
        dirs: at least one directory.
        verbose: show a progress bar.
        overwrite: False raises FileExistsError where `out_dir` holds a data set already.
        durability: 'process' lets what is stored survive a killed process; 'full' also a power failure.
        timeout: seconds to wait while another writer is at work.
        **keys: `starts_key` and others, where all of `dirs` have sub-directories of other names; see `RaggedMmap` and
            `StringsMmap`.

    Returns:
        The joined data set, opened for writing.

    Raises:
        FileNotFoundError: a directory holds no data set.
        TypeError: the dtypes differ.
        ValueError: the kinds differ, or the shapes of dense arrays but for the first axis; there are no directories.

    >>> first = RaggedMmap.from_lists(out_dir / "first", [[1, 2], [3]])
    >>> second = RaggedMmap.from_lists(out_dir / "second", [[[4, 5]]])
    >>> concatenate(out_dir / "both", [first.out_dir, second.out_dir])[:]
    [array([1, 2]), array([3]), array([[4, 5]])]
    """
    with joining(out_dir, dirs, verbose, overwrite, durability, timeout, **keys) as (kind, _):
        pass
    commit = {} if kind == "numpy" else {"durability": durability, "timeout": timeout}
    joined: RaggedMmap | StringsMmap | np.memmap = _opened(kind, out_dir, "r+", keys | commit)
    return joined


@contextmanager
def joining(
    out_dir: str | PathLike[str],
    dirs: Iterable[str | PathLike[str]],
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    **keys: str,
) -> Iterator[tuple[str, Path]]:
    """The kind of joined data sets, and the directory in which they are one, which then takes the place of `out_dir`.

    For the arguments, see `concatenate`.
    """
    dirs = [Path(directory) for directory in dirs]
    if not dirs:
        raise ValueError("at least one directory is needed to concatenate")
    kind = _kind(dirs[0])
    _opened(kind, dirs[0], "r", keys)
    partial = os.path.realpath(out_dir) + ".partial"
    if any(os.path.realpath(directory) == partial for directory in dirs):
        raise ValueError(f"{partial}: this is where the joined data set is built; rename it first")
    commit: dict[str, Any] = {"durability": durability, "timeout": timeout}
    with _build.construction(out_dir, None, None, overwrite=overwrite, keep=False, **commit) as built:
        for directory in _build.progress(dirs, verbose, unit="map"):
            if _kind(directory) != kind:
                raise ValueError(
                    f"{directory}: this is of kind '{_kind(directory)}', the first one of '{kind}'"
                )
            _join(kind, built.partial, directory, keys)
        yield kind, built.partial


def _opened(kind: str, out_dir: str | PathLike[str], mode: str, options: dict[str, Any]) -> Any:
    stores: dict[str, Callable[..., Any]] = {
        "ragged": RaggedMmap,
        "string": StringsMmap,
        "numpy": np_ninja.open_existing,
    }
    return stores[kind](out_dir, mode=mode, **options)


def _join(kind: str, out_dir: Path, directory: Path, keys: dict[str, str]) -> None:
    if kind == "numpy":
        _core.join_dense(out_dir, directory)
    else:
        _opened(kind, out_dir, "r", keys)._join(directory)


def _kind(directory: str | PathLike[str]) -> str:
    kind = _core.kind(directory)
    if kind is None:
        is_there = os.path.lexists(directory)
        reason = "No data set in this directory" if is_there else os.strerror(errno.ENOENT)
        raise FileNotFoundError(errno.ENOENT, reason, os.fspath(directory))
    return kind
