"""What all handles of maps share: builds, names of the original for indexing, members as arrays, and pickles."""

import inspect
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mmap_ninja import _build, _core, parallel
from mmap_ninja._typing import Mode
from mmap_ninja.numpy import open_existing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from typing_extensions import Self

    from mmap_ninja._typing import Batch, Indices, Items, T


class Handle:
    """The half of a map that does not depend on what its samples are.

    A class over it has `_stream`, `_opened`, `_reopened` and `_write_shard`, beside the methods of its compiled half; and
    for people `_ITEM`, what a sample is called, and `_facts`, what else is said of the map.
    """

    if TYPE_CHECKING:
        out_dir: Path
        mode: Mode
        _place: Path
        _ITEM: str
        _is_closed: bool

        def __len__(self) -> int: ...
        # Python iterates by `__getitem__`, which type checkers do not know.
        def __iter__(self: "Items[T]") -> Iterator[T]: ...
        def _facts(self) -> list[str]: ...
        def _prefetch(self, indices: Any) -> None: ...
        def _join(self, source: str | PathLike[str]) -> None: ...

        _stream: ClassVar[Callable[..., _core.Stream]]

        @classmethod
        def _opened(cls, out_dir: str | PathLike[str], **options: Any) -> Self: ...
        @classmethod
        def _reopened(cls, out_dir: Path, **options: Any) -> Self: ...
        @staticmethod
        def _write_shard(memmap: Any) -> Callable[[Path, list[Any]], Any]: ...

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self)

    @property
    def range(self) -> "NDArray[np.int64]":
        """The indices of all samples, int64 of shape (n,)."""
        return np.arange(len(self))

    def __getitems__(self: "Items[T]", indices: "Batch") -> "list[T]":
        """The samples at `indices`: what PyTorch's DataLoader calls. A subclass's own `__getitem__` is respected."""
        if getattr(type(self).__getitem__, "__objclass__", None) is not None:
            return self[list(indices)]
        return [self[index] for index in indices]

    def prefetch(self, indices: "Indices") -> None:
        """Ask the kernel to read samples from the disk, and return at once.

        Batches do this by themselves where the samples are not in memory. It helps to announce the next batch while this
        one is used.

        Raises:
            IndexError: there is no such sample.
        """
        self._prefetch(indices)

    def get_single(self: "Items[T]", item: int) -> "T":
        """The sample at the index `item`; the same as `self[item]`."""
        return self[item]

    def get_multiple(self: "Items[T]", item: "Indices") -> "list[T]":
        """The samples at the indices `item`; the same as `self[item]`."""
        return self[item]

    def __repr__(self) -> str:
        facts = [repr(str(self.out_dir)), *self._summary(separator=""), f"mode={self.mode!r}"]
        return f"{type(self).__name__}({', '.join(facts)})"

    def _summary(self, separator: str = ",") -> list[str]:
        """What is said of the map, in a few words each."""
        if self._is_closed:
            return ["closed"]
        from mmap_ninja._display.format import pluralize

        return [pluralize(len(self), self._ITEM, separator), *self._facts()]

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None leaves it to the text."""
        from mmap_ninja._display import html

        with suppress(Exception):  # A look at the data must not stop a notebook, whatever the files hold.
            return html.render(self)
        return None

    @classmethod
    def from_generator(
        cls,
        out_dir: str | PathLike[str],
        sample_generator: Iterable[Any],
        batch_size: int,
        verbose: bool = False,
        n: int | None = None,
        resume: bool = False,
        overwrite: bool = True,
        **kwargs: Any,
    ) -> "Self | None":
        """Store samples batch by batch, so that they need not fit into memory.

        Args:
            out_dir: the directory; parents are created. A data set that is there stays until the new one is whole.
            sample_generator: yields the samples; a list will do.
            batch_size: samples to hold in memory before they are written. A zstd dictionary is trained on the first batch.
            verbose: show a progress bar.
            n: the expected number of samples, for the bar.
            resume: go on with what an interrupted build has left in `<out_dir>.partial`, after skipping as many items of
                the generator.
            overwrite: False raises FileExistsError where `out_dir` holds a data set already.
            **kwargs: as for `from_lists` and `from_strings`.

        Returns:
            The map; None where there were no samples.

        For the errors, see `from_lists` and `from_strings`.
        """
        place = _build.same_place(out_dir)
        samples_from = partial(_build.rest, sample_generator)
        options: dict[str, Any] = {
            "verbose": verbose,
            "n": n,
            "resume": resume,
            "overwrite": overwrite,
            **_commit(kwargs),
        }
        is_built = _build.build(
            out_dir, samples_from, batch_size, *cls._stages("from_generator", kwargs), **options
        )
        return cls._opened(place(), **kwargs) if is_built else None

    @classmethod
    def from_indexable(
        cls,
        out_dir: str | PathLike[str],
        indexable: Any,
        batch_size: int,
        n_jobs: int | None = None,
        verbose: bool = False,
        resume: bool = False,
        overwrite: bool = True,
        **kwargs: Any,
    ) -> "Self | None":
        """Store the samples of anything that can be indexed, batch by batch.

        Args:
            indexable: has `__getitem__`, or is called with the index. It ends at its `len()`, or, where it has none, by
                the first IndexError; any other error of its own reaches the caller.
            n_jobs: processes that load and write samples (needs joblib, the extra `parallel`); None does it here. What
                they write is joined in the order of the indices: the files are the same.

        For the others, and what is returned, see `from_generator`.
        """
        place = _build.same_place(out_dir)
        stages = (*cls._stages("from_indexable", kwargs), cls._write_shard, cls._join_shard)
        # A dictionary is trained on a whole batch; anything else is decided by the first sample.
        deciding = None if kwargs.get("zstd_train_dictionary_size") else parallel.LEAST
        options: dict[str, Any] = {"verbose": verbose, "resume": resume, "overwrite": overwrite}
        options |= {"deciding": deciding, **_commit(kwargs)}
        is_built = parallel.build(out_dir, indexable, batch_size, n_jobs, *stages, **options)
        return cls._opened(place(), **kwargs) if is_built else None

    @classmethod
    def _stages(cls, method: str, options: dict[str, Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """How a build writes its samples, and how it opens the map that an interrupted one has left."""
        known = inspect.signature(cls._stream).parameters
        if unknown := [name for name in options if name not in known]:
            raise TypeError(f"{cls.__name__}.{method}() got an unexpected keyword argument '{unknown[0]}'")
        return partial(cls._stream, **options), partial(cls._reopened, **options)

    def _join_shard(self, shard: Path) -> None:
        self._join(shard)


def _commit(options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that putting a build in place heeds as well."""
    return {name: options[name] for name in ("durability", "timeout") if name in options}


def member(memmap: Any, key: str, mode: Mode, mapping: _core.Owner, rows: int) -> "np.memmap[Any, Any]":
    """The first rows of a member, opened once for as long as the handle shows so many of the data in `mapping`."""
    opened: dict[str, Any] = vars(memmap).setdefault("_members", {})
    known = opened.get(key)
    if known is None or known[0] != mapping or len(known[1]) != rows:
        with unreplaced(memmap, mapping):
            known = opened[key] = mapping, open_existing(memmap._place / key, mode)[:rows]
    return cast("np.memmap[Any, Any]", known[1])


@contextmanager
def unreplaced(memmap: Any, mapping: _core.Owner) -> "Iterator[None]":
    """Refuse what was opened of another data set than the one in `mapping`, which the handle shows."""
    try:
        yield
    finally:
        if not mapping.is_at(memmap._place / "data.ninja"):
            raise ValueError(
                f"{memmap.out_dir}: the data set was replaced since this map was opened; open it anew"
            )


def reopen(cls: Any, base: Any, options: dict[str, Any]) -> Any:
    """Open a pickled map, without the constructor of a subclass, whose arguments nobody knows here."""
    memmap = cls.__new__(cls)
    base.__init__(memmap, **options)
    return memmap


def state_of(memmap: Any, own: frozenset[str]) -> dict[str, Any]:
    """The attributes that a subclass has added to its `own`."""
    return {name: value for name, value in vars(memmap).items() if name not in own}
