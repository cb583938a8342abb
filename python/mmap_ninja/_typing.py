"""The values that options may have, and type variables.

The defaults of type variables are for type checkers: at run time, `typing` has them only from Python 3.13 on.
"""

from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

AnyPath: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
# None where a build had no samples. Type checkers let it pass as a map, so that the usual case needs no check.
MaybeNone: TypeAlias = Any

Mode: TypeAlias = Literal["r", "rb", "readonly", "r+", "r+b", "rb+", "readwrite", "c", "copyonwrite"]
Access: TypeAlias = Literal["normal", "random", "sequential"]
Durability: TypeAlias = Literal["process", "full"]
Side: TypeAlias = Literal["right", "left"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import EllipsisType
    from typing import Protocol, overload

    from numpy.typing import DTypeLike, NDArray
    from typing_extensions import TypeVar

    T = TypeVar("T")
    ScalarT = TypeVar("ScalarT", bound=np.generic, default=Any)
    # What an item of records is; a TypedDict names the fields.
    RecordT = TypeVar("RecordT", default=dict[str, Any])
    # Written out: mypy does not find the variable in a default of `NDArray[ScalarT]`.
    ItemT = TypeVar("ItemT", default=np.ndarray[tuple[Any, ...], np.dtype[ScalarT]])

    CastT = TypeVar("CastT", bound=np.generic)
    # What names the dtype of an array whose scalars type checkers know.
    DtypeOf: TypeAlias = type[CastT] | np.dtype[CastT]

    class HasArray(Protocol):
        """Anything that NumPy makes an array of: tensors, Series, Arrow arrays."""

        def __array__(self) -> np.ndarray: ...

    Index: TypeAlias = int | np.integer[Any]
    Selected: TypeAlias = NDArray[np.integer[Any] | np.bool_]
    Batch: TypeAlias = Iterable[Index] | Selected | tuple[Selected, ...] | HasArray
    Indices: TypeAlias = slice | EllipsisType | Batch

    # What a field of records is declared as: a dtype, `str`, the name of a kind, or options.
    FieldDeclaration: TypeAlias = DTypeLike | type[str] | str | Mapping[str, Any]
    # The function that each record passes through, or functions for some fields.
    Wrapper: TypeAlias = Callable[[Any], Any] | Mapping[str, Callable[[Any], Any]]
    # The values to pad ragged fields with, by field.
    PadValues: TypeAlias = Mapping[str, Any]
    Starts: TypeAlias = Index | NDArray[np.integer[Any]] | Sequence[Index] | Sequence[Sequence[Index]]

    class Items(Protocol[T]):
        """Anything that is indexed like a map."""

        def __len__(self) -> int: ...
        @overload
        def __getitem__(self, index: Index, /) -> T: ...
        @overload
        def __getitem__(self, index: Indices, /) -> list[T]: ...
else:
    from typing import TypeVar

    ScalarT, ItemT, RecordT = TypeVar("ScalarT"), TypeVar("ItemT"), TypeVar("RecordT")
