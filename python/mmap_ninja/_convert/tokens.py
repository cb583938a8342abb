"""Files of tokens: the pairs of Megatron, and flat files."""

import os
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmap_ninja import _bulk
from mmap_ninja._convert.conversion import BulkConversion
from mmap_ninja._convert.request import Request

# The layout of `IndexedDataset` in Megatron Core: the magic bytes, the version, the code of the dtype, the number of
# sequences and of document bounds; then the length of each sequence (int32), its first byte in the other file (int64),
# the first sequence of each document and the number of all (int64), and perhaps the mode of each sequence (int8).
_HEADER = struct.Struct("<9sQBQQ")
_MAGIC = b"MMIDIDX\x00\x00"
_DTYPES = dict(enumerate(("u1", "i1", "<i2", "<i4", "<i8", "<f8", "<f4", "<u2"), 1))
_SEQUENCES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class _Column:
    name: str
    kind: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    trailing: tuple[int, ...] | None = None


class MegatronConversion(BulkConversion):
    """A pair of Megatron: its sequences, and the number of the document of each if documents have several."""

    def __init__(self, request: Request, files: Sequence[str]):
        if list(files) != pair_of(files[0]):
            raise ValueError(f"{request.source}: it is several pairs; give one")
        index = _Index(*files)
        columns = [_Column("tokens", "ragged", index.dtype)]
        if index.has_documents:
            columns.append(_Column("document", "numpy", np.dtype(np.int64)))
        if index.modes is not None:
            columns.append(_Column("mode", "numpy", np.dtype(np.int8)))
        source = _bulk.Columns(
            columns, len(columns) > 1, len(index.lengths), index.pieces(), lambda: index.piece(0, 0)
        )
        super().__init__(request, source)


def pair_of(path: str) -> list[str]:
    """The index and the data of a pair, of which one is at this path, or both begin with it."""
    root, extension = os.path.splitext(path)
    prefix = root if extension in (".bin", ".idx") else path
    return [prefix + ".idx", prefix + ".bin"]


def is_pair(path: str) -> bool:
    """Whether there is such a index."""
    return all(map(os.path.isfile, pair_of(path)))


class _Index:
    """The two files, mapped, and checked against their sizes.

    Attributes:
        lengths, pointers: the tokens of each sequence, and its first byte.
        modes: the mode of each sequence, if there are modes.
    """

    def __init__(self, index: str, data: str):
        self._index, self._data = index, data
        size = os.path.getsize(self._index)
        with open(self._index, "rb") as file:
            header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_MAGIC):
            raise ValueError(f"{self._index}: not an index of Megatron")
        _, version, code, sequences, bounds = _HEADER.unpack(header)
        if version != 1 or code not in _DTYPES:
            raise ValueError(f"{self._index}: version {version} with the dtype code {code} is unknown")
        self.dtype = np.dtype(_DTYPES[code])
        needed = _HEADER.size + 12 * sequences + 8 * bounds
        if size not in (needed, needed + sequences):
            found = f"{sequences:,} sequences and {bounds:,} bounds of documents"
            raise ValueError(f"{self._index}: {found} take {needed:,} bytes, but it has {size:,}")
        ends = np.cumsum([_HEADER.size, 4 * sequences, 8 * sequences, 8 * bounds]).tolist()
        self.lengths = _mapped(self._index, "<i4", ends[0], sequences)
        self._pointers = _mapped(self._index, "<i8", ends[1], sequences)
        self._bounds = _mapped(self._index, "<i8", ends[2], bounds)
        self.modes = _mapped(self._index, "i1", ends[3], sequences) if size > needed else None
        self._bytes = os.path.getsize(self._data)
        self._tokens = _mapped(self._data, self.dtype, 0, self._bytes // self.dtype.itemsize)
        self.has_documents = self._check_bounds()

    def _check_bounds(self) -> bool:
        """Whether documents are anything but one sequence each."""
        count = len(self.lengths)
        if not len(self._bounds) or self._bounds[0] != 0 or self._bounds[-1] != count:
            raise ValueError(f"{self._index}: its documents do not cover its {count:,} sequences")
        is_trivial = len(self._bounds) == count + 1
        for start in range(0, len(self._bounds), _SEQUENCES_AT_ONCE):
            steps = np.diff(self._bounds[start : start + _SEQUENCES_AT_ONCE + 1])
            if (steps < 0).any():
                raise ValueError(f"{self._index}: its documents are out of order")
            is_trivial = is_trivial and bool((steps == 1).all())
        return not is_trivial

    def pieces(self) -> Generator[list[_bulk.Samples], None, None]:
        """The sequences, many at once."""
        for start in range(0, len(self.lengths), _SEQUENCES_AT_ONCE):
            yield self.piece(start, min(start + _SEQUENCES_AT_ONCE, len(self.lengths)))

    def piece(self, start: int, end: int) -> list[_bulk.Samples]:
        """The sequences from `start` to `end`, with their documents and modes."""
        samples: list[_bulk.Samples] = [(*self._sequences(start, end), None)]
        if self.has_documents:
            positions = np.arange(start, end)
            samples.append((np.searchsorted(self._bounds, positions, side="right") - 1,))
        if self.modes is not None:
            samples.append((self.modes[start:end],))
        return samples

    def _sequences(self, start: int, end: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Their tokens, and where each begins among them."""
        lengths = self.lengths[start:end].astype(np.int64)
        pointers, width = self._pointers[start:end], self.dtype.itemsize
        wrong = (
            (lengths < 0)
            | (pointers < 0)
            | (pointers % width != 0)
            | (pointers > self._bytes - lengths * width)
        )
        if wrong.any():
            sequence = start + int(np.flatnonzero(wrong)[0])
            raise ValueError(f"{self._index}: sequence {sequence:,} lies outside of {self._data}")
        offsets = np.append(0, np.cumsum(lengths))
        firsts = pointers // width
        if (firsts - (firsts[0] if len(firsts) else 0) == offsets[:-1]).all():
            first = int(firsts[0]) if len(firsts) else 0
            return self._tokens[first : first + int(offsets[-1])], offsets
        found = [self._tokens[first : first + length] for first, length in zip(firsts, lengths, strict=True)]
        return np.concatenate(found), offsets


class FlatConversion(BulkConversion):
    """Flat files of tokens, each of which becomes one sample."""

    def __init__(self, request: Request, files: Sequence[str]):
        if request.dtype is None:
            raise ValueError(
                f"{files[0]}: 'dtype' is needed for a flat file of tokens, such as uint16; a pair of Megatron has "
                f"{pair_of(files[0])[0]} as well"
            )
        try:
            dtype = np.dtype(request.dtype)
        except TypeError as error:
            raise ValueError(
                f"{files[0]}: there is no dtype {request.dtype!r}; tokens are often uint16"
            ) from error
        if dtype.kind not in "iufb":
            raise ValueError(f"{files[0]}: tokens are numbers, not {dtype}")
        for file in files:
            if (size := os.path.getsize(file)) % dtype.itemsize:
                raise ValueError(f"{file}: {size:,} bytes are no whole number of {dtype}")

        def pieces() -> Generator[list[_bulk.Samples], None, None]:
            for file in files:
                tokens = _mapped(file, dtype, 0, os.path.getsize(file) // dtype.itemsize)
                yield [(tokens, np.array([0, len(tokens)]), None)]

        columns = _bulk.Columns([_Column("tokens", "ragged", dtype)], False, len(files), pieces(), list)
        super().__init__(request, columns)


def _mapped(path: str, dtype: Any, offset: int, count: int) -> NDArray[Any]:
    return np.memmap(path, dtype, "r", offset, (count,)) if count else np.empty(0, dtype)
