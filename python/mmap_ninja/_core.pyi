"""The compiled module behind the package."""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from types import GenericAlias
from typing import Any, Generic, Literal, final, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self, disjoint_base

from mmap_ninja._fields import Declared
from mmap_ninja._typing import Index, Indices, ItemT, RecordT, ScalarT

__all__ = [
    "BuildSession",
    "CorruptDatasetError",
    "Finding",
    "Options",
    "Order",
    "Owner",
    "Plan",
    "Prefetcher",
    "Ragged",
    "Records",
    "Repair",
    "Report",
    "Rows",
    "Source",
    "Stream",
    "Strings",
    "__version__",
    "check_field_names",
    "create_dense",
    "create_ragged",
    "create_ragged_gathered",
    "create_strings",
    "create_strings_gathered",
    "create_strings_like",
    "create_zeros",
    "extend_dense",
    "gather_rows",
    "has_fields",
    "join_dense",
    "kind",
    "numpy_mode",
    "plan_budget",
    "plan_pack",
    "plan_windows",
    "positions",
    "prefetch_rows",
    "read_attrs",
    "read_dense",
    "repair",
    "verify",
    "write_attrs",
    "write_checksums",
    "write_index",
]

__version__: str

class CorruptDatasetError(ValueError):
    """The files of a dataset contradict each other or the format; the message names the file."""

@final
class Options:
    """How a dataset is opened and written. It is checked once, when it is made."""

    def __new__(
        cls,
        *,
        mode: str = "r",
        starts_key: str = "starts",
        ends_key: str = "ends",
        shapes_key: str = "shapes",
        flattened_shapes_key: str = "flattened_shapes",
        access: str = "normal",
        durability: str = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ) -> Self: ...
    def keywords(self) -> dict[str, Any]: ...
    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]: ...

@final
class Owner:
    """Keeps a mapping alive as the base of the arrays that show it."""

    def __eq__(self, other: object, /) -> bool: ...
    def is_at(self, path: str | PathLike[str]) -> bool: ...

@disjoint_base
class Ragged(Generic[ScalarT, ItemT]):
    """Samples of any shape and one dtype."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _open(
        self,
        out_dir: str | PathLike[str],
        options: Options,
        wrapper_fn: Callable[[Any], Any] | None,
        copy_before_wrapper_fn: bool,
    ) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: Index, /) -> ItemT: ...
    @overload
    def __getitem__(self, index: Indices, /) -> list[ItemT]: ...
    def __setitem__(self, index: Index | Indices, value: Any, /) -> None: ...
    def _get(self, index: Any) -> Any: ...
    def _set(self, index: Any, value: Any) -> None: ...
    def _positions(self, indices: Any) -> list[int]: ...
    def _extend(self, arrays: Iterable[Any]) -> None: ...
    def _extend_gathered(self, values: Any, offsets: Any, shapes: Any) -> None: ...
    def _whole(self) -> tuple[NDArray[ScalarT], NDArray[np.int64], NDArray[np.int64] | None]: ...
    def _join(self, source: str | PathLike[str]) -> None: ...
    def _extend_from(self, source: Ragged[Any, Any], indices: Any) -> None: ...
    def _gather(
        self, indices: Any, dtype: Any, out: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def _padded(
        self,
        indices: Any,
        value: Any,
        side: str,
        max_length: int | None,
        out: NDArray[Any] | None,
        start: Any,
        dtype: Any,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def _packed(
        self,
        samples: Any,
        starts: ArrayLike | None,
        lengths: ArrayLike | None,
        across: bool,
        dtype: Any,
    ) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.int64]]: ...
    def _slices(
        self, samples: Any, starts: ArrayLike, length: int, across: bool, dtype: Any
    ) -> NDArray[Any]: ...
    def _prefetch(self, indices: Any) -> None: ...
    def _stored(self, index: int) -> Any: ...
    def _expect_few_reads(self) -> None: ...
    def _shown(self) -> tuple[Owner, int, int]: ...
    def _limit(self, len: int) -> None: ...
    def refresh(self) -> None: ...
    def close(self) -> None: ...
    @property
    def _is_closed(self) -> bool: ...
    @property
    def dtype(self) -> np.dtype[ScalarT] | None: ...
    @property
    def lengths(self) -> NDArray[np.int64]: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def shapes_are_flat(self) -> bool: ...
    @property
    def wrapper_fn(self) -> Callable[[Any], Any] | None: ...
    @wrapper_fn.setter
    def wrapper_fn(self, function: Callable[[Any], Any] | None) -> None: ...
    @property
    def copy_before_wrapper_fn(self) -> bool: ...
    @copy_before_wrapper_fn.setter
    def copy_before_wrapper_fn(self, copy: bool) -> None: ...

@disjoint_base
class Strings:
    """UTF-8 strings."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _open(self, out_dir: str | PathLike[str], options: Options) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: Index, /) -> str: ...
    @overload
    def __getitem__(self, index: Indices, /) -> list[str]: ...
    def __setitem__(self, index: Index | Indices, value: str | Iterable[str], /) -> None: ...
    def _get(self, index: Any) -> Any: ...
    def _set(self, index: Any, value: Any) -> None: ...
    def _positions(self, indices: Any) -> list[int]: ...
    def _extend(self, strings: Iterable[str]) -> None: ...
    def _extend_gathered(self, values: Any, offsets: Any) -> None: ...
    def _whole(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
    def _join(self, source: str | PathLike[str]) -> None: ...
    def _extend_from(self, source: Strings, indices: Any) -> None: ...
    def _gather(
        self, indices: Any, dtype: Any, out: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def _prefetch(self, indices: Any) -> None: ...
    def _length(self, index: int) -> int: ...
    def _contains(self, value: object) -> bool: ...
    def _find(self, value: object, start: int, stop: int | None) -> int | None: ...
    def _expect_few_reads(self) -> None: ...
    def _shown(self) -> tuple[Owner, int]: ...
    def refresh(self) -> None: ...
    def close(self) -> None: ...
    @property
    def _is_closed(self) -> bool: ...
    @property
    def zstd_level(self) -> int | None: ...
    @property
    def lengths(self) -> NDArray[np.int64]: ...
    @property
    def nbytes(self) -> int: ...

@disjoint_base
class Records(Generic[RecordT]):
    """Records of several fields."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _open(
        self,
        out_dir: str | PathLike[str],
        options: Options,
        fields: list[str] | None,
        wrapper: tuple[Callable[[Any], Any] | None, dict[str, Any] | None, bool],
    ) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: Index, /) -> RecordT: ...
    @overload
    def __getitem__(self, index: Indices, /) -> list[RecordT]: ...
    @overload
    def __getitem__(self, index: str, /) -> Any: ...
    def _get(self, index: Any) -> Any: ...
    def _positions(self, indices: Any) -> list[int]: ...
    def _batch(self, indices: Any, pad: dict[str, Any]) -> dict[str, Any]: ...
    def _extend(self, records: Iterable[Any], fields: dict[str, Declared]) -> None: ...
    def _extend_columns(
        self, columns: list[tuple[str, str, tuple[Any, ...], tuple[int, ...] | None]]
    ) -> None: ...
    def _join(self, source: str | PathLike[str]) -> None: ...
    def _extend_from(self, source: Records[Any], indices: Any) -> None: ...
    def _check_whole(self) -> None: ...
    def _remove_field(self, name: str) -> None: ...
    def _specs(self) -> list[tuple[str, str, list[int] | None]]: ...
    def _mapping(self, place: int) -> Owner: ...
    def _show_field(self, place: int, map: Any, options: Options) -> None: ...
    def _array(self, place: int) -> Any: ...
    def _shown(self) -> tuple[None, int]: ...
    def refresh(self) -> None: ...
    def close(self) -> None: ...
    @property
    def _is_closed(self) -> bool: ...
    @property
    def nbytes(self) -> int: ...

@final
class Order:
    """The order of samples from one or several sources: of each its length, the selected indices or None, its weight."""

    def __new__(
        cls, sources: Sequence[tuple[int, Indices | None, float]], seed: int, shuffle: bool
    ) -> Self: ...
    def with_seed(self, seed: int) -> Order: ...
    def __len__(self) -> int: ...
    def reach(self, source: int) -> int:
        """The number of first samples of a source that holds all that are selected."""
    def fingerprint(self, source: int) -> int:
        """A number that tells what is selected of a source from other selections."""
    def draws(self, epoch: int, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The source and the index of the samples at positions of an epoch."""

@final
class Source:
    """Maps or arrays of one kind and dtype.

    Batches are cast to `dtype`. `pad` is the value to pad samples of a ragged map with; `axes` are those behind the first
    one, if the samples of a ragged map have fixed ones.
    """

    def __new__(cls, sources: Sequence[Any], pad: Any, dtype: Any, axes: Sequence[int]) -> Self: ...
    @staticmethod
    def of_fields(fields: Sequence[tuple[str, Source]]) -> Source:
        """Fields of the same samples, by name."""
    def fingerprint(self, number: int, len: int) -> int:
        """A number that tells the first `len` samples of a source from other samples."""

@final
class Prefetcher:
    """Threads that fill batches. They end when it is closed or dropped."""

    def __new__(cls, source: Source, order: Order, threads: int, ahead: int) -> Self: ...
    def request(self, selected: tuple[int, int, int] | Indices) -> None:
        """Request a batch: positions of an epoch, or indices."""
    def take(self) -> Any:
        """The first batch that was requested and not taken yet."""
    def close(self) -> None:
        """End the threads."""

@final
class BuildSession:
    """A dataset that is being built, by one builder at a time."""

    def __new__(cls, out_dir: str | PathLike[str], options: Options, resume: bool) -> Self: ...
    @staticmethod
    def field(
        out_dir: str | PathLike[str],
        name: str,
        shape: tuple[int, ...] | None,
        options: Options,
        resume: bool,
    ) -> BuildSession: ...
    @property
    def partial(self) -> Path: ...
    @property
    def is_owner(self) -> bool: ...
    def scratch(self) -> Path: ...
    def check_exclusive(self, stored: int) -> None: ...
    def finish(self) -> None: ...
    def suspend(self) -> None: ...
    def discard(self) -> None: ...

@final
class Stream:
    """A dataset that grows by the samples of an iterable."""

    @staticmethod
    def ragged(out_dir: str | PathLike[str], options: Options, dtype: Any) -> Stream: ...
    @staticmethod
    def strings(
        out_dir: str | PathLike[str], options: Options, zstd: tuple[int | None, int | None]
    ) -> Stream: ...
    @staticmethod
    def dense(out_dir: str | PathLike[str], options: Options) -> Stream: ...
    @staticmethod
    def field(
        out_dir: str | PathLike[str], options: Options, sample: Any, declared: Declared | None
    ) -> Stream: ...
    @staticmethod
    def records(out_dir: str | PathLike[str], options: Options, fields: dict[str, Declared]) -> Stream: ...
    @property
    def stored(self) -> int: ...
    def extend(self, samples: Iterable[Any], batch_size: int) -> None: ...

@final
class Finding:
    """A statement about one place in a dataset."""

    @property
    def file(self) -> Path:
        """The file or directory, relative to the dataset's."""
    @property
    def offset(self) -> int | None:
        """The first byte concerned, if known."""
    @property
    def samples(self) -> range | None:
        """The indices of the samples concerned, if known."""
    @property
    def message(self) -> str:
        """What was found."""

@final
class Report:
    """The result of a verification."""

    @property
    def ok(self) -> bool:
        """Whether there is no damage."""
    @property
    def kind(self) -> str | None:
        """ "numpy", "ragged", "string" or "records"; None if unknown."""
    @property
    def samples(self) -> int:
        """The number of committed samples, texts or rows."""
    @property
    def bytes(self) -> int:
        """The size of all members, in bytes."""
    @property
    def checked(self) -> int:
        """The number of bytes that match their checksums."""
    @property
    def findings(self) -> tuple[Finding, ...]:
        """Damage; at most a thousand findings are listed."""
    @property
    def notes(self) -> tuple[Finding, ...]:
        """Observations that are not damage."""
    @property
    def unlisted(self) -> int:
        """The number of findings that are not listed."""

@final
class Repair:
    """The result of a repair, or its plan."""

    @property
    def ok(self) -> bool:
        """Whether no damage remains."""
    @property
    def actions(self) -> tuple[Finding, ...]:
        """What is cut or overwritten, file by file."""
    @property
    def problems(self) -> tuple[Finding, ...]:
        """Damage that remains, and the reason if nothing is safe to do."""
    @property
    def kept(self) -> list[Path]:
        """Directories with the bytes that were cut or overwritten."""
    @property
    def applied(self) -> bool:
        """Whether the repair was carried out."""

def verify(
    out_dir: str | PathLike[str], options: Options, progress: Callable[[int, int], None] | None
) -> Report: ...
def repair(out_dir: str | PathLike[str], options: Options, apply: bool) -> Repair: ...
def write_checksums(
    out_dir: str | PathLike[str], options: Options, progress: Callable[[int, int], None] | None
) -> None: ...
def write_index(out_dir: str | PathLike[str], options: Options) -> None: ...
def create_ragged(
    out_dir: str | PathLike[str], samples: Iterable[Any], options: Options, dtype: Any
) -> None: ...
def create_strings(
    out_dir: str | PathLike[str],
    strings: Iterable[str],
    options: Options,
    zstd: tuple[int | None, int | None],
) -> None: ...
def create_ragged_gathered(
    out_dir: str | PathLike[str], values: Any, offsets: Any, shapes: Any, options: Options
) -> None: ...
def create_strings_gathered(
    out_dir: str | PathLike[str],
    values: Any,
    offsets: Any,
    options: Options,
    zstd: tuple[int | None, int | None],
) -> None: ...
def create_strings_like(
    out_dir: str | PathLike[str], strings: Iterable[str], options: Options, like: str | PathLike[str]
) -> None: ...
def create_dense(out_dir: str | PathLike[str], array: ArrayLike, options: Options) -> None: ...
def create_zeros(out_dir: str | PathLike[str], dtype: Any, shape: Iterable[int], order: str) -> None: ...
def extend_dense(out_dir: str | PathLike[str], array: ArrayLike, options: Options) -> None: ...
def join_dense(out_dir: str | PathLike[str], source: str | PathLike[str], options: Options) -> None: ...

@final
class Rows:
    """The rows of a stored array, as they were when it was opened."""

    def __new__(cls, out_dir: str | PathLike[str]) -> Self: ...
    def __len__(self) -> int: ...
    def copy_to(self, out_dir: str | PathLike[str], indices: Any, options: Options) -> None: ...

def positions(out_dir: str | PathLike[str], len: int, indices: Any) -> NDArray[np.int64]: ...
def check_field_names(names: list[str]) -> None: ...
def read_attrs(out_dir: str | PathLike[str]) -> str | None: ...
def write_attrs(out_dir: str | PathLike[str], text: str, options: Options) -> None: ...
def read_dense(
    out_dir: str | PathLike[str],
) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"], Owner]: ...
def has_fields(out_dir: str | PathLike[str]) -> bool: ...
def gather_rows(array: NDArray[Any], indices: Any, dtype: Any, out: NDArray[Any] | None) -> NDArray[Any]: ...
def prefetch_rows(array: NDArray[Any], indices: Any) -> None: ...
def kind(out_dir: str | PathLike[str]) -> Literal["numpy", "ragged", "string"] | None: ...
def numpy_mode(mode: str) -> Literal["r", "r+", "c"]: ...

@final
class Plan:
    """Batches, rows or windows."""

    def __len__(self) -> int: ...
    def pieces(self, indices: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
    def report(
        self,
    ) -> tuple[
        int,
        tuple[int, int],
        int,
        int,
        int,
        tuple[int, int],
        tuple[int, int],
        tuple[int, int],
        tuple[int, int],
    ]: ...
    @property
    def nbytes(self) -> int: ...

def plan_budget(lengths: NDArray[np.int64], max_elements: int, multiple_of: int) -> Plan: ...
def plan_pack(lengths: NDArray[np.int64], length: int, long: str) -> Plan: ...
def plan_windows(lengths: NDArray[np.int64], length: int, stride: int, across: bool) -> Plan: ...
