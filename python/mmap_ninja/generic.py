"""Opening and joining datasets of any kind, and copying chosen samples of one."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from mmap_ninja import _build, _core, _paths
from mmap_ninja import numpy as np_ninja
from mmap_ninja._attrs import read_attrs, write_attrs
from mmap_ninja._typing import AnyPath, Durability, Mode
from mmap_ninja.base import Wrapped
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

if TYPE_CHECKING:
    from mmap_ninja._typing import Indices

# Samples that are copied between two updates of the progress bar.
_COPIED_AT_ONCE = 1 << 14


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
        The joined dataset, opened for writing. It has the attributes of the inputs if those are all the same.

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
    sources = [Path(_paths.existing(directory)) for directory in dirs]
    if not sources:
        raise ValueError("at least one directory is needed to concatenate")
    kind = _kind(sources[0])
    _open(kind, sources[0], mode="r", **keys)
    _refuse_partial(out_dir, sources)
    attrs = _common_attrs(sources)
    options = _core.Options(durability=durability, timeout=timeout, locking=locking, **keys)
    with _build.BuildSession(out_dir, options, overwrite=overwrite, keep=False) as session:
        _join_into(session.partial, kind, _build.progress(sources, verbose, unit="map"), locking, **keys)
        if attrs:
            write_attrs(session.partial, attrs, timeout, locking)
    joined: RaggedMmap | StringsMmap | RecordsMmap | np.memmap = _open_new(
        kind, out_dir, durability=durability, timeout=timeout, locking=locking, **keys
    )
    return joined


def _join_into(partial: Path, kind: str, sources: Iterable[Path], locking: bool, **keys: str) -> None:
    """Append the samples of all datasets, which must be of this kind, to the one in the directory `partial`."""
    for directory in sources:
        if _kind(directory) != kind:
            raise ValueError(f"{directory}: this is of kind '{_kind(directory)}', the first one of '{kind}'")
        with _naming(directory, partial):
            if kind == "numpy":
                _core.join_dense(partial, directory, _core.Options(locking=locking))
            else:
                _open(kind, partial, mode="r", locking=locking, **keys)._join(directory)


def subset(
    out_dir: AnyPath,
    source: "AnyPath | RaggedMmap[Any, Any] | StringsMmap | RecordsMmap[Any] | np.memmap | Wrapped",
    indices: "Indices",
    verbose: bool = False,
    overwrite: bool = True,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
    **keys: str,
) -> RaggedMmap | StringsMmap | RecordsMmap | np.memmap:
    """Copy chosen samples of a dataset to a new one: a part of a split, what a filter selects, a shuffled copy.

    The files are the same as those of a single build from these samples, but texts stay compressed as they are. The kernel
    copies samples that are long or lie one after another, or shares their bytes on file systems that can. The samples are not
    held in memory.

    Args:
        out_dir: the directory; parents are created. An existing dataset stays until the new one is complete. It may be
            `source` itself.
        source: the directory of a dataset of any kind, or the dataset. A map is copied as it shows the samples, without its
            `wrapper_fn`, and records with the fields that are open; of an array, the stored rows are.
        indices: anything that `m[indices]` takes but a single integer: a slice, a mask, an array or a list of indices,
            in any order. Negative ones count from the end; each may repeat. Rows of a dense array count as samples.
        verbose: show a progress bar.
        overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.
        **keys: `starts_key` and others, if `source` is a directory whose sub-directories have other names.

    Returns:
        The new dataset, opened for writing, with the attributes of `source`. Without indices, it is empty, of the same
        dtype.

    Raises:
        FileNotFoundError: there is no dataset.
        IndexError: an index is out of range; nothing was written.
        TypeError: `indices` are not indices; nothing was written.
        ValueError: the array has no axes, is part of another one, or is open in mode 'c'; nothing was written.

    >>> words = StringsMmap.from_strings(out_dir / "words", ["one", "two", "three", "four"])
    >>> subset(out_dir / "long", words, words.lengths > 3)[:]
    ['three', 'four']
    >>> subset(out_dir / "shuffled", words, [3, 0, 2, 1])[:]
    ['four', 'one', 'three', 'two']
    """
    out_dir = _paths.local(out_dir)
    chosen = _Source(source, keys)
    positions = chosen.positions(indices)
    attrs = read_attrs(chosen.place)
    _refuse_partial(out_dir, [chosen.place])
    options = _core.Options(durability=durability, timeout=timeout, locking=locking, **chosen.keys)
    session = _build.BuildSession(out_dir, options, overwrite=overwrite, keep=False)
    with session, _build.Counter(verbose, len(positions)) as counter:
        chosen.copy_to(session.partial, positions, locking, counter)
        if attrs:
            write_attrs(session.partial, attrs, timeout, locking)
    copied: RaggedMmap | StringsMmap | RecordsMmap | np.memmap = _open_new(
        chosen.kind, out_dir, durability=durability, timeout=timeout, locking=locking, **chosen.keys
    )
    return copied


class _Source:
    """A dataset, from which samples are copied to another directory.

    Attributes:
        kind: "numpy", "ragged", "string" or "records".
        place: its directory.
        keys: the names of its sub-directories.
    """

    def __init__(self, source: Any, keys: dict[str, str]):
        source = source.data if isinstance(source, Wrapped) else source
        is_map, is_array = (
            isinstance(source, (RaggedMmap, StringsMmap, RecordsMmap)),
            isinstance(source, np.memmap),
        )
        if keys and (is_map or is_array):
            raise TypeError(
                f"{next(iter(keys))}: an open dataset has the names of its sub-directories already"
            )
        if is_map:
            self.place, self.keys = source._place, source._names()
            len(source)  # Raises ValueError if the map is closed.
        else:
            self.place = np_ninja._directory(source) if is_array else Path(_paths.existing(source))
            self.keys = keys
        self.kind = _kind(self.place)
        opened = source if is_map or is_array else _open(self.kind, self.place, mode="r", **keys)
        if self.kind == "numpy":
            _check_whole(self.place, opened)
        self._samples: Any = _core.Rows(self.place) if self.kind == "numpy" else opened
        self._len = len(opened)

    def positions(self, indices: "Indices") -> Sequence[int]:
        """The positions that `indices` selects, which are checked."""
        if isinstance(indices, slice):
            return range(*indices.indices(self._len))
        if isinstance(indices, range):
            _core.positions(self.place, self._len, [*indices[:1], *indices[-1:]])
            return indices
        positions: Any = _core.positions(self.place, self._len, indices)
        return positions  # type: ignore[no-any-return]  # an array is a sequence here

    def copy_to(
        self, partial: Path, positions: Sequence[int], locking: bool, counter: _build.Counter
    ) -> None:
        """Copy the samples at `positions` to a directory, which holds a dataset afterwards even if there are none."""
        options = _core.Options(locking=locking)
        target = (
            None
            if self.kind == "numpy"
            else _open(self.kind, partial, mode="r", locking=locking, **self.keys)
        )
        for start in range(0, max(len(positions), 1), _COPIED_AT_ONCE):
            block = positions[start : start + _COPIED_AT_ONCE]
            if target is None:
                self._samples.copy_to(partial, block, options)
            else:
                target._extend_from(self._samples, block)
            counter.update(len(block))


def _check_whole(place: Path, array: np.memmap) -> None:
    """Raise ValueError if an array does not show the rows of the one that is stored at `place`, from the first on."""
    root = array
    while isinstance(root.base, np.memmap):
        root = root.base
    shows = [(shown.ctypes.data, shown.dtype, shown.strides, shown.shape[1:]) for shown in (array, root)]
    if not array.ndim:
        reason = "has no axes, and so no rows to choose from"
    elif array.mode == "c" and array.flags.writeable:
        reason = "may hold changes that are in memory only; use `from_ndarray(out_dir, array[indices])`"
    elif shows[0] != shows[1]:
        reason = "is part of the stored one; use `from_ndarray(out_dir, array[indices])`"
    else:
        return
    raise ValueError(f"{place}: this array {reason}")


def _refuse_partial(out_dir: str | PathLike[str], sources: Iterable[Path]) -> None:
    """Raise ValueError if a source lies where the new dataset is built."""
    partial = os.path.realpath(out_dir) + ".partial"
    if any(os.path.realpath(directory) == partial for directory in sources):
        raise ValueError(f"{partial}: the new dataset is built in this directory; rename it first")


def _common_attrs(sources: Sequence[Path]) -> dict[str, Any]:
    """The attributes of datasets that all have the same."""
    first = read_attrs(sources[0])
    return first if first and all(read_attrs(source) == first for source in sources[1:]) else {}


@contextmanager
def _naming(source: Path, partial: Path) -> Iterator[None]:
    """Name `source` in an error about what it holds, instead of the directory that it is joined into."""
    try:
        yield
    except (TypeError, ValueError) as error:
        found, message = str(partial), str(error)
        # The path of a field goes on behind that of its records.
        if not message.startswith((f"{found}: ", f"{found}{os.sep}")):
            raise
        raise type(error)(f"{source}{message.removeprefix(found)}") from error


def _open_new(kind: str, out_dir: str | PathLike[str], **options: Any) -> Any:
    """Open a dataset that was just written."""
    return _open(kind, out_dir, mode="r+", **({} if kind == "numpy" else options))


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
