"""The compiled module behind the package."""

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from types import GenericAlias
from typing import Any, Generic, Literal, final, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self, disjoint_base

from mmap_ninja._typing import Index, Indices, ItemT, ScalarT

__all__ = [
    "BuildSession",
    "CorruptDatasetError",
    "Finding",
    "Options",
    "Owner",
    "Ragged",
    "Repair",
    "Report",
    "Stream",
    "Strings",
    "__version__",
    "create_dense",
    "create_ragged",
    "create_strings",
    "create_strings_like",
    "create_zeros",
    "extend_dense",
    "join_dense",
    "kind",
    "numpy_mode",
    "read_dense",
    "repair",
    "verify",
    "write_checksums",
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
    def _join(self, source: str | PathLike[str]) -> None: ...
    def _gather(self, indices: Any) -> tuple[NDArray[ScalarT], NDArray[np.int64]]: ...
    def _padded(
        self, indices: Any, value: Any, side: str, max_length: int | None, out: NDArray[Any] | None
    ) -> tuple[NDArray[ScalarT], NDArray[np.int64]]: ...
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
    def _join(self, source: str | PathLike[str]) -> None: ...
    def _gather(self, indices: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
    def _prefetch(self, indices: Any) -> None: ...
    def _length(self, index: int) -> int: ...
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

@final
class BuildSession:
    """A dataset that is being built, by one builder at a time."""

    def __new__(cls, out_dir: str | PathLike[str], options: Options, resume: bool) -> Self: ...
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
        """ "numpy", "ragged" or "string"; None if unknown."""
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
def create_ragged(
    out_dir: str | PathLike[str], samples: Iterable[Any], options: Options, dtype: Any
) -> None: ...
def create_strings(
    out_dir: str | PathLike[str],
    strings: Iterable[str],
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
def read_dense(
    out_dir: str | PathLike[str],
) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"], Owner]: ...
def kind(out_dir: str | PathLike[str]) -> Literal["numpy", "ragged", "string"] | None: ...
def numpy_mode(mode: str) -> Literal["r", "r+", "c"]: ...
