"""The values that options may have, and type variables.

The defaults of type variables are for type checkers: at run time, `typing` has them only from Python 3.13 on.
"""

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

Mode: TypeAlias = Literal["r", "rb", "readonly", "r+", "r+b", "rb+", "readwrite", "c", "copyonwrite"]
Access: TypeAlias = Literal["normal", "random", "sequential"]
Durability: TypeAlias = Literal["process", "full"]
Side: TypeAlias = Literal["right", "left"]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol, overload

    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    T = TypeVar("T")
    ScalarT = TypeVar("ScalarT", bound=np.generic, default=Any)
    # Written out: mypy does not find the variable in a default of `NDArray[ScalarT]`.
    ItemT = TypeVar("ItemT", default=np.ndarray[tuple[Any, ...], np.dtype[ScalarT]])

    Index: TypeAlias = int | np.integer[Any]
    Batch: TypeAlias = range | Sequence[Index] | NDArray[np.integer[Any] | np.bool_]
    Indices: TypeAlias = slice | Batch

    class Items(Protocol[T]):
        """Anything that is indexed like a map."""

        def __len__(self) -> int: ...
        @overload
        def __getitem__(self, index: Index, /) -> T: ...
        @overload
        def __getitem__(self, index: Indices, /) -> list[T]: ...
else:
    from typing import TypeVar

    ScalarT, ItemT = TypeVar("ScalarT"), TypeVar("ItemT")
