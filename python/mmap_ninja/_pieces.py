"""What an item of a plan selects, and what `RaggedMmap.packed` reads of it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Pieces(NamedTuple):
    """Pieces of samples, one after another; `RaggedMmap.packed(pieces)` reads them.

    Attributes:
        samples: the sample of each piece, int64 of shape (pieces,).
        starts: the first element of each piece, counted from the beginning of its sample, int64 of shape (pieces,).
        lengths: the number of elements of each piece, int64 of shape (pieces,).
    """

    samples: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


class Slices(NamedTuple):
    """Slices of one length; `RaggedMmap.slices(*slices)` reads them.

    Attributes:
        samples: the sample in which each slice starts, int64 of shape (slices,).
        starts: the first element of each slice, counted from the beginning of its sample, int64 of shape (slices,).
        length: the number of elements of every slice.
        across: whether a slice that reaches the end of its sample runs on into the samples that follow.
    """

    samples: NDArray[np.int64]
    starts: NDArray[np.int64]
    length: int
    across: bool


class Packed(NamedTuple):
    """Pieces of samples, one after another, as attention of variable length takes them.

    Attributes:
        values: the elements, of the map's dtype and shape (elements,).
        offsets: where each piece begins and ends, int32 of shape (pieces + 1,): the `cu_seqlens` of FlashAttention.
        positions: the position of each element in its piece, counted from 0, int64 of shape (elements,): the
            `position_ids` of language models.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int32]
    positions: NDArray[np.int64]
