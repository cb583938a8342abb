"""The compiled module: what the package's classes and functions are made of."""

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
    "Construction",
    "CorruptDatasetError",
    "Finding",
    "Owner",
    "Ragged",
    "Repair",
    "Report",
    "Stream",
    "Strings",
    "__version__",
    "check_options",
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
    """The files of a data set contradict each other or the format; the message names the file."""

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
        wrapper_fn: Callable[[Any], Any] | None,
        mode: str,
        starts_key: str,
        ends_key: str,
        shapes_key: str,
        flattened_shapes_key: str,
        copy_before_wrapper_fn: bool,
        access: str,
        durability: str,
        timeout: float,
    ) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: Index, /) -> ItemT: ...
    @overload
    def __getitem__(self, index: Indices, /) -> list[ItemT]: ...
    def __setitem__(self, index: Index | Indices, value: Any, /) -> None: ...
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

@disjoint_base
class Strings:
    """UTF-8 strings."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _open(
        self,
        out_dir: str | PathLike[str],
        mode: str,
        starts_key: str,
        ends_key: str,
        access: str,
        durability: str,
        timeout: float,
    ) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: Index, /) -> str: ...
    @overload
    def __getitem__(self, index: Indices, /) -> list[str]: ...
    def __setitem__(self, index: Index | Indices, value: str | Iterable[str], /) -> None: ...
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
class Construction:
    """A data set under construction, by one builder at a time."""

    def __new__(cls, out_dir: str | PathLike[str], resume: bool, durability: str, timeout: float) -> Self: ...
    @property
    def partial(self) -> Path: ...
    def scratch(self) -> Path: ...
    def finish(self) -> None: ...
    def abandon(self, keep: bool) -> None: ...

@final
class Stream:
    """A data set that grows by what an iterator yields."""

    @staticmethod
    def ragged(
        out_dir: str | PathLike[str],
        dtype: Any,
        starts_key: str,
        ends_key: str,
        shapes_key: str,
        flattened_shapes_key: str,
        durability: str,
        timeout: float,
    ) -> Stream: ...
    @staticmethod
    def strings(
        out_dir: str | PathLike[str],
        starts_key: str,
        ends_key: str,
        zstd_level: int | None,
        zstd_train_dictionary_size: int | None,
        durability: str,
        timeout: float,
    ) -> Stream: ...
    @staticmethod
    def dense(out_dir: str | PathLike[str], durability: str, timeout: float) -> Stream: ...
    @property
    def stored(self) -> int: ...
    def extend(self, samples: Iterable[Any], batch_size: int) -> None: ...

@final
class Finding:
    """Something about one place in a data set."""

    @property
    def file(self) -> Path:
        """The file or directory, relative to the data set's."""
    @property
    def offset(self) -> int | None:
        """The first byte concerned, where that is known."""
    @property
    def samples(self) -> range | None:
        """The indices of the samples concerned, where that is known."""
    @property
    def message(self) -> str:
        """What is the matter."""

@final
class Report:
    """What a verification has found."""

    @property
    def ok(self) -> bool:
        """Whether there is no damage."""
    @property
    def kind(self) -> str | None:
        """ "numpy", "ragged" or "string"; None where that cannot be told."""
    @property
    def samples(self) -> int:
        """Committed samples: strings, or rows of a dense array."""
    @property
    def bytes(self) -> int:
        """Bytes of all members."""
    @property
    def checked(self) -> int:
        """Bytes that agree with their checksums."""
    @property
    def findings(self) -> tuple[Finding, ...]:
        """Damage; at most a thousand findings are listed."""
    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is no damage but may be of interest."""
    @property
    def unlisted(self) -> int:
        """Findings beyond those that are listed."""

@final
class Repair:
    """What a repair did, or would do."""

    @property
    def ok(self) -> bool:
        """Whether no damage stays."""
    @property
    def actions(self) -> tuple[Finding, ...]:
        """What is cut or overwritten, file by file."""
    @property
    def problems(self) -> tuple[Finding, ...]:
        """Damage that stays, and why nothing is done where nothing is safe to do."""
    @property
    def kept(self) -> list[Path]:
        """Directories that hold the bytes that were cut or overwritten."""
    @property
    def applied(self) -> bool:
        """Whether it was done."""

def verify(
    out_dir: str | PathLike[str], keys: tuple[str, str, str, str], progress: Callable[[int, int], None] | None
) -> Report: ...
def repair(out_dir: str | PathLike[str], keys: tuple[str, str, str, str], apply: bool) -> Repair: ...
def write_checksums(
    out_dir: str | PathLike[str], keys: tuple[str, str, str, str], progress: Callable[[int, int], None] | None
) -> None: ...
def create_ragged(
    out_dir: str | PathLike[str],
    samples: Iterable[Any],
    dtype: Any,
    starts_key: str,
    ends_key: str,
    shapes_key: str,
    flattened_shapes_key: str,
    durability: str,
    timeout: float,
) -> None: ...
def create_strings(
    out_dir: str | PathLike[str],
    strings: Iterable[str],
    starts_key: str,
    ends_key: str,
    zstd_level: int | None,
    zstd_train_dictionary_size: int | None,
    durability: str,
    timeout: float,
) -> None: ...
def create_strings_like(
    out_dir: str | PathLike[str],
    strings: Iterable[str],
    like: str | PathLike[str],
    starts_key: str,
    ends_key: str,
) -> None: ...
def create_dense(out_dir: str | PathLike[str], array: ArrayLike, durability: str, timeout: float) -> None: ...
def create_zeros(out_dir: str | PathLike[str], dtype: Any, shape: Iterable[int], order: str) -> None: ...
def extend_dense(out_dir: str | PathLike[str], array: ArrayLike, durability: str, timeout: float) -> None: ...
def join_dense(out_dir: str | PathLike[str], source: str | PathLike[str]) -> None: ...
def read_dense(
    out_dir: str | PathLike[str],
) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"], Owner]: ...
def kind(out_dir: str | PathLike[str]) -> Literal["numpy", "ragged", "string"] | None: ...
def numpy_mode(mode: str) -> Literal["r", "r+", "c"]: ...
def check_options(mode: str, access: str, durability: str, timeout: float) -> None: ...
