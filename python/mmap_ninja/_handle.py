"""What the classes of maps share: options, names of 0.9 for indexing, members as arrays, pickles."""

import inspect
import os
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mmap_ninja import _core, _paths
from mmap_ninja._arguments import parameters
from mmap_ninja._attrs import WithAttrs, check_unreplaced
from mmap_ninja._fixed import check_assignable
from mmap_ninja._typing import Access, Durability, Mode
from mmap_ninja.numpy import open_existing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from mmap_ninja._typing import Batch, Indices, Items, T


class Handle(WithAttrs):
    """The half of a map that does not depend on the kind of its samples.

    A subclass sets `_ITEM`, what users call a sample, and `_CREATE`, the name of the method that stores samples in memory;
    `publish` sets `_BASE`, which is the class itself. It defines `_facts`, what its repr says, and `_columns`, its Arrow arrays. How it is built is known to
    `_building.py`.
    """

    out_dir: Path
    mode: Mode
    starts_key: str
    ends_key: str
    access: Access
    durability: Durability
    timeout: float
    locking: bool
    _place: Path

    _ITEM: ClassVar[str]
    _CREATE: ClassVar[str]
    _BASE: "ClassVar[type[Any]]"

    # Whether a class overrides methods through which 0.9 reads, writes or builds.
    _overrides_reads: ClassVar[bool] = False
    _overrides_writes: ClassVar[bool] = False
    _overrides_builds: ClassVar[bool] = False

    if TYPE_CHECKING:
        _is_closed: bool

        def __len__(self) -> int: ...
        def _get(self, index: Any) -> Any: ...
        def _set(self, index: Any, value: Any) -> None: ...
        def _positions(self, indices: Any) -> list[int]: ...
        def _shown(self) -> tuple[Any, ...]: ...
        def _facts(self) -> list[str]: ...
        def _columns(self, has_tensors: bool) -> dict[str, Any]: ...
        def close(self) -> None: ...
        def _prefetch(self, indices: Any) -> None: ...
        def _join(self, source: str | PathLike[str]) -> None: ...

    def __init_subclass__(cls, **others: Any) -> None:
        """Find out once per class which methods are overridden, so that other classes pay nothing."""
        super().__init_subclass__(**others)
        base = getattr(cls, "_BASE", None)
        if base is None:
            return

        def overrides(*names: str) -> bool:
            return any(
                inspect.getattr_static(cls, name, None) is not inspect.getattr_static(base, name, None)
                for name in names
            )

        cls._overrides_reads = overrides("get_single", "get_multiple")
        cls._overrides_writes = overrides("set_single", "set_multiple")
        cls._overrides_builds = overrides(cls._CREATE, "extend")

    def _keep_attributes(self, out_dir: str | PathLike[str], options: _core.Options) -> None:
        """Set the attributes that the constructor's arguments become, once the map is open."""
        place = Path(os.path.abspath(out_dir))
        if not self._shown()[1]:
            _paths.check_purpose(place)
        out_dir = out_dir if isinstance(out_dir, Path) else Path(out_dir)
        vars(self).update(options.keywords(), out_dir=out_dir, _place=place)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_place" in vars(self):
            check_assignable(type(self), self._BASE, name)
        super().__setattr__(name, value)

    def __enter__(self) -> "Self":
        self._shown()  # Raises ValueError if the map is closed.
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
        /,
    ) -> None:
        self.close()

    def __contains__(self, value: object) -> bool:
        return any(equal(value, item) for item in cast("Any", self))

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The first index of an item that equals `value`: arrays by shape and elements.

        Raises:
            ValueError: no item equals it.
        """
        for index in range(*slice(start, stop).indices(len(self))):
            if equal(value, cast("Any", self)[index]):
                return index
        raise ValueError(f"{self.out_dir}: no {self._ITEM} equals the value")

    def count(self, value: Any) -> int:
        """The number of items that equal `value`: arrays by shape and elements."""
        return sum(equal(value, item) for item in cast("Any", self))

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self)

    @property
    def range(self) -> "NDArray[np.int64]":
        """The indices of all samples, int64 of shape (n,)."""
        return np.arange(len(self))

    def _names(self) -> dict[str, str]:
        """The names of the sub-directories, by the arguments that set them."""
        return {
            name: getattr(self, name) for name in parameters(self._BASE.__init__) if name.endswith("_key")
        }

    def __getitems__(self: "Items[T]", indices: "Batch") -> "list[T]":
        """The samples at `indices`: what PyTorch's DataLoader calls. A subclass that reads items otherwise is respected."""
        if isinstance(indices, tuple) and all(isinstance(index, (int, np.integer)) for index in indices):
            indices = list(cast("tuple[int, ...]", indices))
        memmap = cast("Any", self)
        if _reads_by_core(type(memmap)):
            return cast("list[T]", memmap._get(indices))
        return [self[index] for index in memmap._positions(indices)]

    def prefetch(self, indices: "Indices") -> None:
        """Ask the kernel to read samples from the disk, and return at once.

        Batches do this by themselves if their samples are not in memory. Call it for the next batch while this one is
        in use.

        Raises:
            IndexError: an index is out of range.

        >>> StringsMmap.from_strings(out_dir, ["one", "two"]).prefetch([1, 0])
        """
        self._prefetch(indices)

    def to_arrow(self) -> Any:
        """All samples as a `pyarrow.Array` on the mapped bytes, which it keeps alive.

        `pyarrow.table(m)`, `pandas.DataFrame.from_arrow(m)` and DuckDB read a map as it stands, as a table of one column:
        "text" of a `StringsMmap`, "sample" of a `RaggedMmap`. For the types, and for what is copied, see the page "In and
        out". The samples are those that are stored: `wrapper_fn` is not called.

        Raises:
            TypeError: Arrow has no type for the dtype.
            ValueError: the samples have different numbers of axes, or there is nothing yet to tell the dtype.
            CorruptDatasetError: a sample is damaged.
            ImportError: pyarrow is not installed: `pip install "mmap_ninja[arrow]>=1"`.

        >>> StringsMmap.from_strings(out_dir, ["one", "two"]).to_arrow().to_pylist()
        ['one', 'two']
        """
        return self._columns(has_tensors=True)[self._ITEM]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A table for other packages, by Arrow's C stream interface; see `to_arrow`."""
        from mmap_ninja._arrow import export

        # Most packages that read streams know lists, but no tensors.
        return export.table(self._columns(has_tensors=False)).__arrow_c_stream__(requested_schema)

    def get_single(self: "Items[T]", item: int) -> "T":
        """The sample at the index `item`. `self[item]` calls it if a subclass overrides it."""
        return cast("T", cast("Any", self)._get(item))

    def get_multiple(self: "Items[T]", item: "Indices") -> "list[T]":
        """The samples at the indices `item`. `self[item]` calls it if a subclass overrides it."""
        memmap = cast("Any", self)
        if _reads_by_core(type(memmap)):
            return cast("list[T]", memmap._get(item))
        return [self[index] for index in memmap._positions(item)]

    def _set_multiple(self, item: "Indices", values: Any) -> None:
        """Overwrite samples, each by `set_single` if a subclass overrides it."""
        if not self._overrides_writes:
            self._set(item, values)
            return
        for index, value in zip(self._positions(item), values, strict=True):
            cast("Any", self).set_single(index, value)

    def __repr__(self) -> str:
        facts = [repr(str(self.out_dir)), *self._summary(separator=""), f"mode={self.mode!r}"]
        return f"{type(self).__name__}({', '.join(facts)})"

    def _summary(self, separator: str = ",") -> list[str]:
        """Short facts about the map."""
        if self._is_closed:
            return ["closed"]
        from mmap_ninja._display.format import pluralize

        facts = [pluralize(len(self), self._ITEM, separator), *self._facts()]
        return facts if len(self) or os.path.lexists(self._place) else [*facts, "nothing at this path"]

    def _repr_html_(self) -> str | None:
        """HTML for notebooks; None falls back to the repr."""
        from mmap_ninja._display import html

        with suppress(Exception):  # Showing a map must never stop a notebook, whatever the files hold.
            return html.render(self)
        return None

    def _join_shard(self, shard: Path) -> None:
        self._join(shard)

    def _argument(self, name: str) -> Any:
        """The argument `name` of the constructor."""
        return getattr(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        names = parameters(self._BASE.__init__)[1:]
        arguments = {name: self._argument(name) for name in names} | {"out_dir": fspath(self._place)}
        added = {name: value for name, value in vars(self).items() if name not in {*names, *_INTERNAL}}
        may_be_missing = not self._is_closed and not self._shown()[1]
        return reopen, (type(self), self._BASE, arguments, may_be_missing), added


# Attributes that the constructor sets again when a pickle is opened, besides those that its arguments become.
_INTERNAL = frozenset(("_place", "_members", "_given"))


def equal(value: Any, item: Any) -> bool:
    """Whether two items are equal; arrays are if their shapes and all their elements are, records if all fields are."""
    if isinstance(item, dict):
        is_record = isinstance(value, Mapping) and value.keys() == item.keys()
        return is_record and all(equal(cast("Any", value)[name], item[name]) for name in item)
    if isinstance(item, str):
        return isinstance(value, str) and value == item
    return bool(np.array_equal(value, item))


def _reads_by_core(map_class: Any) -> bool:
    """Whether the compiled class alone reads items: the class has no `__getitem__` or `get_single` of its own."""
    return not map_class._overrides_reads and hasattr(map_class.__getitem__, "__objclass__")


def member(memmap: Any, key: str, mode: Mode, mapping: _core.Owner, rows: int) -> "np.memmap[Any, Any]":
    """The first rows of a member. It is opened once, as long as the handle shows that many rows of `mapping`."""
    opened: dict[str, Any] = vars(memmap).setdefault("_members", {})
    known = opened.get(key)
    if known is None or known[0] != mapping or len(known[1]) != rows:
        with unreplaced(memmap, mapping):
            known = mapping, open_existing(memmap._place / key, mode)[:rows]
        opened[key] = known
    return cast("np.memmap[Any, Any]", known[1])


def publish(cls: "type[Handle]") -> None:
    """Make this the class of a kind of maps, whose name also error messages and help give to what its private bases define."""
    cls._BASE = cls
    for base in cls.__bases__:
        if base is not Handle and base.__module__.startswith("mmap_ninja._"):
            for member in vars(base).values():
                function = getattr(member, "__func__", member)
                if inspect.isfunction(function):
                    function.__qualname__ = f"{cls.__name__}.{function.__name__}"


@contextmanager
def unreplaced(memmap: Any, mapping: _core.Owner, field: str = "") -> "Iterator[None]":
    """Raise ValueError if the dataset, or the field, in `mapping`, which the handle shows, was replaced during the block."""
    try:
        yield
    finally:
        check_unreplaced(memmap, mapping, field)


def reopen(cls: Any, base: Any, options: dict[str, Any], may_be_missing: bool) -> Any:
    """Open a pickled map without the constructor of its subclass, whose arguments are unknown.

    Raises:
        FileNotFoundError: the dataset is gone.
    """
    memmap = cls.__new__(cls)
    base.__init__(memmap, **options)
    if not may_be_missing and not memmap._shown()[1] and _core.kind(memmap._place) is None:
        raise _paths.missing(memmap._place)
    return memmap
