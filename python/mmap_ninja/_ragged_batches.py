"""Batches of a ragged map: many samples, or pieces of them, copied into few arrays."""

from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mmap_ninja import _core
from mmap_ninja._pieces import Packed, Pieces, Slices
from mmap_ninja._typing import ItemT, ScalarT, Side

if TYPE_CHECKING:
    from mmap_ninja._typing import CastT, DtypeOf, Indices, Starts


class RaggedBatches(_core.Ragged[ScalarT, ItemT]):
    """The methods of `RaggedMmap` that copy batches."""

    @overload
    def gather(
        self, indices: "Indices", *, dtype: None = None, out: NDArray[ScalarT] | None = None
    ) -> tuple[NDArray[ScalarT], NDArray[np.int64]]: ...
    @overload
    def gather(
        self, indices: "Indices", *, dtype: "DtypeOf[CastT]", out: "NDArray[CastT] | None" = None
    ) -> "tuple[NDArray[CastT], NDArray[np.int64]]": ...
    @overload
    def gather(
        self, indices: "Indices", *, dtype: DTypeLike | None, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def gather(
        self, indices: "Indices", *, dtype: DTypeLike | None = None, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The elements of samples one after another, and where each begins and ends.

        Args:
            indices: anything that `m[indices]` takes but a single integer; indices may repeat.
            dtype: the dtype of the values instead of the map's. Elements are cast while they are copied, between booleans,
                integers and floats, wherever `np.can_cast(..., "safe")` is true. So is int64 to float64, which rounds
                beyond 2**53.
            out: an array to write the values to instead of a new one: 1-D, of the dtype of the values, C-contiguous, with room
                for at least all of them.

        Returns:
            Two arrays, in the layout of Arrow's list arrays and of PyTorch's jagged tensors.

            - The values, of shape (elements,): sample k of the batch is `values[offsets[k] : offsets[k + 1]]`, its elements
              in C order. If `out` is given, a view of its beginning.
            - The offsets, int64 of shape (len(indices) + 1,).

        Raises:
            IndexError: an index is out of range.
            TypeError: the cast could change a value, or `out` has another dtype.
            ValueError: `out` is too short, read-only, has gaps, or lies in the map.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> tokens.gather([2, 0])
        (array([5, 6, 1, 2, 3]), array([0, 2, 5]))
        >>> tokens.gather([2, 0], dtype=np.float64)[0]
        array([5., 6., 1., 2., 3.])
        """
        return self._gather(indices, dtype, out)

    @overload
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[ScalarT] | None = None,
        *,
        start: "Starts" = 0,
        dtype: None = None,
    ) -> tuple[NDArray[ScalarT], NDArray[np.int64]]: ...
    @overload
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: "NDArray[CastT] | None" = None,
        *,
        start: "Starts" = 0,
        dtype: "DtypeOf[CastT]",
    ) -> "tuple[NDArray[CastT], NDArray[np.int64]]": ...
    @overload
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[Any] | None = None,
        *,
        start: "Starts" = 0,
        dtype: DTypeLike | None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def padded(
        self,
        indices: "Indices",
        padding_value: Any = 0,
        padding_side: Side = "right",
        max_length: int | None = None,
        out: NDArray[Any] | None = None,
        *,
        start: "Starts" = 0,
        dtype: DTypeLike | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Samples in one dense array, padded to the longest of them, like `torch.nn.utils.rnn.pad_sequence`.

        Args:
            indices: anything that `m[indices]` takes but a single integer; indices may repeat.
            padding_value: a scalar that the dtype of the batch can hold.
            padding_side: 'right' pads after the elements of every axis, 'left' before them.
            max_length: keep at most that many entries of every axis, from `start` on.
            out: an array to fill instead of a new one: of the dtype of the batch, C-contiguous, of shape (len(indices), ...),
                its other axes at least as long as those of the longest sample.
            start: the first entry to keep, so that each sample is cropped to `sample[start : start + max_length]`: one integer
                for every axis of every sample, or an array of the shape of the lengths, one for each axis of each sample.
                A sample that ends before its start is all padding.
            dtype: the dtype of the batch instead of the map's. Elements are cast while they are copied, between booleans,
                integers and floats, wherever `np.can_cast(..., "safe")` is true. So is int64 to float64, which rounds
                beyond 2**53.

        Returns:
            Two arrays.

            - The batch, of shape (len(indices), longest, ...), every axis of N-D samples padded; `out`, if given.
            - The unpadded lengths after cropping, int64 of shape (len(indices),), or (len(indices), ndim) if the samples
              have several axes.

        Raises:
            IndexError: an index is out of range.
            ValueError: the samples have different numbers of axes, `out` or the shape of `start` does not fit, or a start is
                negative.
            TypeError, OverflowError: the cast could change a value, `out` has another dtype, or the dtype of the batch cannot
                hold `padding_value`.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> batch, lengths = tokens.padded([0, 1], padding_value=-1)
        >>> batch.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, -1, -1]], [3, 1])
        >>> tokens.padded([0, 2], max_length=2, start=[1, 0], dtype=np.float64)[0]
        array([[2., 3.],
               [5., 6.]])
        """
        return self._padded(indices, padding_value, padding_side, max_length, out, start, dtype)

    def packed(self, pieces: "Pieces | Slices | Indices", *, dtype: DTypeLike | None = None) -> Packed:
        """Pieces of samples one after another, as attention of variable length takes them.

        Args:
            pieces: an item of a plan of `mmap_ninja.plans`, or anything that selects whole samples: `gather` takes the same.
            dtype: the dtype of the values instead of the map's, as in `gather`.

        Returns:
            Three arrays.

            - `values`, of shape (elements,): piece k is `values[offsets[k] : offsets[k + 1]]`, its
              elements in C order.
            - `offsets`, int32 of shape (pieces + 1,), since FlashAttention takes its `cu_seqlens` so.
            - `positions`, int64 of shape (elements,): that of each element in its piece, counted from 0.

        Raises:
            IndexError: a sample does not exist.
            ValueError: a piece reaches behind the end of its sample, or the batch has 2**31 elements or more.
            TypeError: the cast could change a value.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> values, offsets, positions = tokens.packed([2, 0])
        >>> values.tolist(), offsets.tolist(), positions.tolist()
        ([5, 6, 1, 2, 3], [0, 2, 5], [0, 1, 0, 1, 2])
        """
        if isinstance(pieces, Slices):
            return Packed(*self._packed(*pieces, dtype))
        if isinstance(pieces, Pieces):
            return Packed(*self._packed(*pieces, False, dtype))
        return Packed(*self._packed(pieces, None, None, False, dtype))

    @overload
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: None = None,
    ) -> NDArray[ScalarT]: ...
    @overload
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: "DtypeOf[CastT]",
    ) -> "NDArray[CastT]": ...
    @overload
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: DTypeLike | None,
    ) -> NDArray[Any]: ...
    def slices(
        self,
        samples: "Indices",
        starts: ArrayLike,
        length: int,
        across: bool = False,
        *,
        dtype: DTypeLike | None = None,
    ) -> NDArray[Any]:
        """Slices of one length in a dense array.

        Args:
            samples: the sample in which each slice starts: anything that `m[samples]` takes but a single integer.
            starts: the first element of each slice, counted from the beginning of its sample, integers of shape
                (len(samples),).
            length: the number of elements of every slice.
            across: a slice that reaches the end of its sample runs on into the samples that follow. Otherwise it is an
                error.
            dtype: the dtype of the slices instead of the map's, as in `gather`.

        Returns:
            An array of shape (len(samples), length).

        Raises:
            IndexError: a sample does not exist.
            ValueError: a slice reaches behind the end of its sample, or with `across` behind that of the last one;
                `starts` does not fit `samples`, or a number is negative.
            TypeError: the cast could change a value.

        >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
        >>> tokens.slices([0, 2], [1, 0], 2).tolist()
        [[2, 3], [5, 6]]
        >>> tokens.slices([0], [1], 4, across=True).tolist()
        [[2, 3, 4, 5]]
        """
        return self._slices(samples, starts, length, across, dtype)
