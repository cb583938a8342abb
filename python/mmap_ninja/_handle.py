"""What `RaggedMmap` and `StringsMmap` share: options, builds, names of 0.9 for indexing, members as arrays, pickles."""

import inspect
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from functools import cache, partial
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mmap_ninja import _build, _core, parallel
from mmap_ninja._build.workers import MIN_SHARE
from mmap_ninja._typing import Access, Durability, Mode
from mmap_ninja.numpy import open_existing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from typing_extensions import Self

    from mmap_ninja._typing import Batch, Indices, Items, T


class Handle:
    """The half of a map that does not depend on the kind of its samples.

    A subclass sets `_ITEM`, what users call a sample, and defines `_facts`, what its repr says, `_recipe`, how it is
    built, and `_BASE`, itself.
    """

    out_dir: Path
    mode: Mode
    starts_key: str
    ends_key: str
    access: Access
    durability: Durability
    timeout: float
    _place: Path

    _ITEM: ClassVar[str]
    _BASE: "ClassVar[type[Any]]"

    if TYPE_CHECKING:
        _is_closed: bool

        def __len__(self) -> int: ...
        # Python iterates by `__getitem__`, which type checkers do not know.
        def __iter__(self: "Items[T]") -> Iterator[T]: ...
        def _facts(self) -> list[str]: ...
        def _prefetch(self, indices: Any) -> None: ...
        def _join(self, source: str | PathLike[str]) -> None: ...

        @classmethod
        def _recipe(cls, **given: Any) -> _build.Recipe: ...

    def _keep_attributes(
        self, place: Path, out_dir: str | PathLike[str], options: _core.Options, **others: Any
    ) -> None:
        """Set the attributes that the constructor's arguments become. `place` is `out_dir`, made absolute early."""
        self.out_dir = out_dir if isinstance(out_dir, Path) else Path(out_dir)
        self._place = place
        vars(self).update(options.keywords(), **others)

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

        Batches do this by themselves if their samples are not in memory. Call it for the next batch while this one is
        in use.

        Raises:
            IndexError: an index is out of range.

        >>> StringsMmap.from_strings(out_dir, ["one", "two"]).prefetch([1, 0])
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
        """Short facts about the map."""
        if self._is_closed:
            return ["closed"]
        from mmap_ninja._display.format import pluralize

        return [pluralize(len(self), self._ITEM, separator), *self._facts()]

    def _repr_html_(self) -> str | None:
        """HTML for notebooks; None falls back to the repr."""
        from mmap_ninja._display import html

        with suppress(Exception):  # Showing a map must never stop a notebook, whatever the files hold.
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
        """Store samples batch by batch, so that they need not fit in memory.

        Args:
            out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
            sample_generator: an iterable of samples, such as a generator or a list.
            batch_size: samples to hold in memory before they are written. A zstd dictionary is trained on the first batch.
            verbose: show a progress bar.
            n: the expected number of samples, for the bar.
            resume: continue what an interrupted build has left in `<out_dir>.partial`; that many items of the generator
                are skipped. All options must be the same as before.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
            **kwargs: as for `from_lists` and `from_strings`.

        Returns:
            The map, or None if there were no samples.

        For the errors, see `from_lists` and `from_strings`.

        >>> StringsMmap.from_generator(out_dir, (str(n) for n in range(5)), batch_size=2)[:]
        ['0', '1', '2', '3', '4']
        """
        recipe, resolved = cls._checked("from_generator", kwargs), _build.resolve_later(out_dir)
        samples_from = partial(_build.skip_stored, sample_generator)
        is_built = _build.build(out_dir, samples_from, batch_size, recipe, verbose, n, resume, overwrite)
        return recipe.open(resolved()) if is_built else None

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
            indexable: has `__getitem__`, or is called with the index. It ends at its `len()` or, without one, at the
                first IndexError; any other error reaches the caller.
            n_jobs: number of processes that load and write samples (needs joblib, the extra `parallel`); None uses this
                process. The files are the same.

        For the other arguments and the result, see `from_generator`.

        >>> StringsMmap.from_indexable(out_dir, ["one", "two"], batch_size=2)[1]
        'two'
        """
        recipe, resolved = cls._checked("from_indexable", kwargs), _build.resolve_later(out_dir)
        # A dictionary is trained on a whole batch; anything else is decided by the first sample.
        deciding = None if kwargs.get("zstd_train_dictionary_size") else MIN_SHARE
        is_built = parallel.build(
            out_dir, indexable, batch_size, n_jobs, recipe, verbose, resume, overwrite, deciding
        )
        return recipe.open(resolved()) if is_built else None

    @classmethod
    def _checked(cls, method: str, given: dict[str, Any]) -> _build.Recipe:
        """The recipe for the keyword arguments of a method."""
        known = {*_parameters(cls._BASE.__init__), *_parameters(cls._recipe)} - {"self", "out_dir", "given"}
        if unknown := [name for name in given if name not in known]:
            raise TypeError(f"{cls.__name__}.{method}() got an unexpected keyword argument '{unknown[0]}'")
        return cls._recipe(**given)

    def _join_shard(self, shard: Path) -> None:
        self._join(shard)

    def __reduce__(self) -> tuple[Any, ...]:
        names = _parameters(self._BASE.__init__)[1:]
        arguments = {name: getattr(self, name) for name in names} | {"out_dir": fspath(self._place)}
        added = {name: value for name, value in vars(self).items() if name not in {*names, *_INTERNAL}}
        return reopen, (type(self), self._BASE, arguments), added


# Attributes that the constructor sets again when a pickle is opened, besides those that its arguments become.
_INTERNAL = frozenset(("_place", "_members"))


def names_in(options: dict[str, Any]) -> dict[str, Any]:
    """The names of sub-directories among `options`: all that the shards of a parallel build need."""
    return {name: value for name, value in options.items() if name.endswith("_key")}


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def member(memmap: Any, key: str, mode: Mode, mapping: _core.Owner, rows: int) -> "np.memmap[Any, Any]":
    """The first rows of a member. It is opened once, as long as the handle shows that many rows of `mapping`."""
    opened: dict[str, Any] = vars(memmap).setdefault("_members", {})
    known = opened.get(key)
    if known is None or known[0] != mapping or len(known[1]) != rows:
        with unreplaced(memmap, mapping):
            known = opened[key] = mapping, open_existing(memmap._place / key, mode)[:rows]
    return cast("np.memmap[Any, Any]", known[1])


@contextmanager
def unreplaced(memmap: Any, mapping: _core.Owner) -> "Iterator[None]":
    """Raise ValueError if the dataset in `mapping`, which the handle shows, was replaced during the block."""
    try:
        yield
    finally:
        if not mapping.is_at(memmap._place / "data.ninja"):
            raise ValueError(
                f"{memmap.out_dir}: the dataset was replaced since this map was opened; open it again"
            )


def reopen(cls: Any, base: Any, options: dict[str, Any]) -> Any:
    """Open a pickled map without the constructor of its subclass, whose arguments are unknown."""
    memmap = cls.__new__(cls)
    base.__init__(memmap, **options)
    return memmap
