"""Plans: which samples, or pieces of samples, make up each batch. They follow from the lengths of the samples alone.

- `budget`: batches of samples of like length, whose padded size stays within a budget;
- `pack`: rows of a fixed length, packed with samples, for attention of variable length;
- `windows`: windows of a fixed length, within samples or across their ends.

A plan is a sequence, which its `read` reads from any map with these lengths. It is held in flat arrays. The same lengths and
arguments always give the same plan.
"""

import operator
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmap_ninja import _core
from mmap_ninja._pieces import Packed, Pieces, Slices

if TYPE_CHECKING:
    from mmap_ninja._typing import Index, Indices

__all__ = [
    "Budget",
    "Count",
    "Pack",
    "Packed",
    "Pieces",
    "Plan",
    "Report",
    "Slices",
    "Windows",
    "budget",
    "pack",
    "windows",
]

_ItemT_co = TypeVar("_ItemT_co", covariant=True)

# More elements than this are in no file.
_MOST = 2**62
# Lengths that are hashed at a time, between which interrupts arrive.
_HASHED = 1 << 22


class Count(NamedTuple):
    """A number of samples, and of elements in them."""

    samples: int
    elements: int


class Report(NamedTuple):
    """What became of every sample and element.

    `given.elements` is the sum of `placed`, `cut.elements`, `dropped.elements` and `left_out.elements`.

    Attributes:
        batches: the length of the plan: batches, rows or windows.
        given: all samples, and their elements.
        placed: elements that are in at least one batch.
        room: the room for elements in all batches, padding included.
        repeated: further places of elements that are in several windows.
        split: samples that `pack` split into pieces, and their elements. All of these are placed.
        cut: samples that `pack` cut to the length of a row, and the elements that this removed.
        dropped: samples that `pack` dropped because they are longer than a row, and their elements.
        left_out: samples of which no window has an element, and all elements that are in no window.
    """

    batches: int
    given: Count
    placed: int
    room: int
    repeated: int
    split: Count
    cut: Count
    dropped: Count
    left_out: Count

    @property
    def fill(self) -> float:
        """The part of the room that elements fill; 1.0 if there is no room."""
        return (self.placed + self.repeated) / self.room if self.room else 1.0

    def __str__(self) -> str:
        facts = [f"{self.batches:,} batches, {self.fill:.2%} filled"]
        for name in ("split", "cut", "dropped", "left_out"):
            samples, elements = getattr(self, name)
            if elements:
                facts.append(f"{name.replace('_', ' ')}: {samples:,} samples, {elements:,} elements")
        return "; ".join(facts)


class Plan(Sequence[_ItemT_co]):
    """A sequence of batches, rows or windows.

    Attributes:
        report: what became of every sample and element.
        fingerprint: 64 hexadecimal digits that follow from the kind of the plan, its arguments and all lengths. A loader
            that resumes compares it.
    """

    report: Report
    fingerprint: str

    def __init__(self, core: _core.Plan, arguments: dict[str, Any], lengths: NDArray[np.int64]):
        batches, given, placed, room, repeated, *counts = core.report()
        split, cut, dropped, left_out = (Count(*pair) for pair in counts)
        self.report = Report(batches, Count(*given), placed, room, repeated, split, cut, dropped, left_out)
        self.fingerprint = _fingerprint(arguments, lengths)
        self._core, self._arguments = core, arguments

    @abstractmethod
    def take(self, indices: "Index | Indices") -> _ItemT_co:
        """The items at `indices` joined into one, of the same type as a single item.

        Args:
            indices: an integer, or anything that selects several items, such as a list, a range or a slice.

        Raises:
            IndexError: an index is out of range.
        """

    @abstractmethod
    def read(self, source: Any, indices: "Index | Indices", **options: Any) -> Any:
        """Read the items at `indices` from a map, in one batch.

        Args:
            source: a map whose samples have the lengths that the plan was made from.
            indices: as for `take`.
            **options: for the method of the map that reads the kind of plan.

        Raises:
            IndexError: an index is out of range, or the map has fewer samples.
            ValueError: a sample of the map is shorter than the plan expects.
        """

    def _fits(self, lengths: NDArray[np.int64]) -> bool:
        """Whether what the plan promises holds for samples of these lengths, as many as it was made for."""
        return self._is_of(lengths)

    def _is_of(self, lengths: NDArray[np.int64]) -> bool:
        return _fingerprint(self._arguments, lengths) == self.fingerprint

    @property
    def nbytes(self) -> int:
        """The size of the plan in memory, in bytes."""
        return self._core.nbytes

    def __len__(self) -> int:
        return self.report.batches

    @overload
    def __getitem__(self, index: int, /) -> _ItemT_co: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[_ItemT_co]: ...
    def __getitem__(self, index: int | slice, /) -> _ItemT_co | list[_ItemT_co]:
        if isinstance(index, slice):
            return [self.take(position) for position in range(*index.indices(len(self)))]
        return self.take(operator.index(index))

    def __iter__(self) -> Iterator[_ItemT_co]:
        return map(self.take, range(len(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.report}>"


class Budget(Plan[NDArray[np.int64]]):
    """Batches of samples of like length. An item is an array of indices, int64 of shape (samples,)."""

    def take(self, indices: "Index | Indices") -> NDArray[np.int64]:
        samples, _, _ = self._core.pieces(indices)
        return samples

    def _fits(self, lengths: NDArray[np.int64]) -> bool:
        return self._is_of(lengths) or all(self._padded(lengths[batch]) for batch in self)

    def _padded(self, lengths: NDArray[np.int64]) -> bool:
        """Whether a batch of samples of these lengths stays within the budget."""
        multiple: int = self._arguments["multiple_of"]
        longest = -(-int(lengths.max(initial=0)) // multiple) * multiple
        return bool(longest * len(lengths) <= self._arguments["max_elements"])

    def read(self, source: Any, indices: "Index | Indices", **options: Any) -> Any:
        """Read batches with `source.padded`, which takes the `options`."""
        return source.padded(self.take(indices), **options)


class Pack(Plan[Pieces]):
    """Rows of a fixed length, packed with samples. An item is `Pieces`."""

    def take(self, indices: "Index | Indices") -> Pieces:
        return Pieces(*self._core.pieces(indices))

    def read(self, source: Any, indices: "Index | Indices", **options: Any) -> Packed:
        """Read rows with `source.packed`, which takes the `options`."""
        packed: Packed = source.packed(self.take(indices), **options)
        return packed


class Windows(Plan[Slices]):
    """Windows of a fixed length. An item is `Slices`."""

    def take(self, indices: "Index | Indices") -> Slices:
        samples, starts, _ = self._core.pieces(indices)
        return Slices(samples, starts, self._arguments["length"], self._arguments["across"])

    def read(self, source: Any, indices: "Index | Indices", **options: Any) -> NDArray[Any]:
        """Read windows with `source.slices`, which takes the `options`."""
        slices: NDArray[Any] = source.slices(*self.take(indices), **options)
        return slices


def budget(lengths: Any, max_elements: int, multiple_of: int = 1) -> Budget:
    """Plan batches of samples of like length, whose padded size stays within a budget.

    Samples are sorted by length, and cut into as few batches as possible. The first batch has the longest samples, so that
    it shows whether the memory suffices. Samples of one length keep their order.

    Args:
        lengths: the length of each sample, integers of shape (n,), such as `tokens.lengths`; or a map itself.
        max_elements: the most elements of a batch with its padding: its longest sample, rounded up, times its samples.
        multiple_of: round the longest sample up to a multiple of this.

    Returns:
        A plan whose items are arrays of indices, for `tokens.padded(plan[k])`, `gather` or `m[plan[k]]`.

    Raises:
        ValueError: a sample exceeds the budget alone, a length is negative, `lengths` does not have one axis, or another
            argument is less than 1.
        TypeError: the lengths are not integers.

    >>> batches = budget([5, 1, 4, 2], max_elements=10)
    >>> [batch.tolist() for batch in batches]
    [[0, 2], [3, 1]]
    >>> print(batches.report)
    2 batches, 85.71% filled
    """
    lengths = _lengths(lengths)
    given = {
        "max_elements": _positive("max_elements", max_elements),
        "multiple_of": _positive("multiple_of", multiple_of),
    }
    return Budget(_core.plan_budget(lengths, **given), {"plan": "budget", **given}, lengths)


def pack(lengths: Any, length: int, long: Literal["error", "split", "cut", "drop"] = "error") -> Pack:
    """Plan rows of a fixed length, each packed with as many samples as fit.

    Samples are packed best-fit decreasing: from the longest to the shortest, each goes into the fullest row that has room
    for it (Johnson, 1973; Ding et al., "Fewer truncations improve language modeling", 2024). Neighbouring rows are
    alike, so read them in random order. Samples without elements are in no row.

    Args:
        lengths: the length of each sample, integers of shape (n,), such as `tokens.lengths`; or a map itself.
        length: the elements of a row.
        long: what to do with samples longer than a row. 'error' raises ValueError; 'split' lets pieces of `length` elements
            fill rows by themselves, and packs the rest; 'cut' keeps the first `length` elements; 'drop' leaves the
            sample out. The report counts each.

    Returns:
        A plan whose items are the `Pieces` of a row, for `tokens.packed(plan[k])`.

    Raises:
        ValueError: a sample is longer than a row, a length is negative, `lengths` does not have one axis, `length` is less
            than 1, or `long` is unknown.
        TypeError: the lengths are not integers.

    >>> rows = pack([5, 3, 2, 6, 11], length=8, long="split")
    >>> [row.samples.tolist() for row in rows]
    [[3, 2], [0, 1], [4], [4]]
    >>> print(rows.report)
    4 batches, 84.38% filled; split: 1 samples, 11 elements
    """
    lengths = _lengths(lengths)
    given = {"length": _positive("length", length), "long": long}
    core = _core.plan_pack(lengths, _positive("length", length), long)
    return Pack(core, {"plan": "pack", **given}, lengths)


def windows(lengths: Any, length: int, stride: int | None = None, across: bool = False) -> Windows:
    """Plan windows of a fixed length, whose starts are `stride` elements apart.

    Elements behind the last window are left out, and counted in the report. No window is stored: its place follows from the
    lengths by arithmetic.

    Args:
        lengths: the length of each sample, integers of shape (n,), such as `tokens.lengths`; or a map itself.
        length: the elements of a window.
        stride: elements from the start of a window to that of the next; `length` by default. If it is less, windows
            overlap; with 1 and `across`, there is a window at every element, as in nanoGPT.
        across: windows run across the ends of samples, as if all were one. Otherwise each sample has windows of its own,
            from its first element on.

    Returns:
        A plan whose items are `Slices`, for `tokens.slices(*plan[k])`, or `tokens.slices(*plan.take([3, 1, 4]))`.

    Raises:
        ValueError: a length is negative, `lengths` does not have one axis, or `length` or `stride` is less than 1.
        TypeError: the lengths are not integers.

    >>> inside = windows([5, 1, 4], length=2)
    >>> inside.take(range(4)).samples.tolist()
    [0, 0, 2, 2]
    >>> print(inside.report)
    4 batches, 100.00% filled; left out: 1 samples, 2 elements
    >>> len(windows([5, 1, 4], length=2, across=True))
    5
    """
    lengths = _lengths(lengths)
    length = _positive("length", length)
    stride = length if stride is None else _positive("stride", stride)
    given = {"length": length, "stride": stride, "across": bool(across)}
    core = _core.plan_windows(lengths, length, stride, bool(across))
    return Windows(core, {"plan": "windows", **given}, lengths)


def _lengths(lengths: "ArrayLike | Any") -> NDArray[np.int64]:
    """The lengths of a map or in an array, contiguous int64 of shape (n,)."""
    array = np.asarray(lengths.lengths if hasattr(lengths, "lengths") else lengths)
    if array.ndim != 1:
        raise ValueError(f"lengths must have one axis, not {array.ndim}")
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"lengths must be integers, not {array.dtype}")
    if array.dtype == np.uint64 and array.size and int(array.max()) > _MOST:
        raise ValueError(f"sample {int(array.argmax())}: the length {int(array.max())} exceeds 2**62")
    return np.ascontiguousarray(array, np.int64)


def _positive(name: str, value: int) -> int:
    """Check a number of elements."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None
    if not 1 <= number <= _MOST:
        raise ValueError(f"{name} must be from 1 to 2**62, not {number}")
    return number


def _fingerprint(arguments: dict[str, Any], lengths: NDArray[np.int64]) -> str:
    """The SHA-256 of all that a plan follows from: JSON of the arguments, and the lengths as little-endian int64."""
    import hashlib
    import json

    digest = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode())
    for start in range(0, len(lengths), _HASHED):
        digest.update(lengths[start : start + _HASHED].astype("<i8", copy=False).data)
    return digest.hexdigest()
