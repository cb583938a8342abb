"""Arrays in NumPy's files, of which none is unpickled: the rows of .npz and .npy files."""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

from mmap_ninja import _bulk
from mmap_ninja._convert.conversion import BulkConversion
from mmap_ninja._convert.request import Request

_BYTES_AT_ONCE = 16 << 20
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Header:
    """What the header of an .npy file says.

    Attributes:
        begin: the bytes of the header.
    """

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]
    begin: int

    @property
    def nbytes(self) -> int:
        """The bytes of the elements."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes], size: int, place: str) -> Header:
    """Read the header of an .npy file of `size` bytes, which must hold all elements.

    Raises:
        ValueError: it is not such a file, it needs pickle, or it is too short.
    """
    with naming(place):
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"version {version} of the format is unknown")
        shape, is_fortran, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError("its elements are Python objects, which only pickle could read")
        header = Header(shape, is_fortran, dtype, file.tell())
        if header.nbytes > size - header.begin:
            raise ValueError(
                f"an array of {header.nbytes:,} bytes, of which {size - header.begin:,} are there"
            )
        return header


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Name the place in errors of NumPy and zipfile, which has two of its own for unknown compression and for encryption."""
    try:
        yield
    except (ValueError, EOFError, BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{place}: cannot read this array ({error})") from error


def mapped(file: Path) -> np.ndarray:
    """The array of an .npy file, mapped."""
    with file.open("rb") as opened:
        header = read_header(opened, os.path.getsize(file), str(file))
    order: Any = "F" if header.is_fortran else "C"
    if not header.nbytes:
        return np.empty(header.shape, header.dtype, order)
    return np.memmap(file, header.dtype, "r", header.begin, header.shape, order)


def decode(content: bytes, place: str) -> np.ndarray:
    """The array of the bytes of an .npy file."""
    from io import BytesIO

    header = read_header(BytesIO(content), len(content), place)
    flat = np.frombuffer(content, header.dtype, prod(header.shape), header.begin)
    return flat.reshape(header.shape, order="F" if header.is_fortran else "C")


@dataclass(frozen=True)
class Rows:
    """An array whose rows are samples.

    Attributes:
        place: its file, or its file and its name in this file.
        stream: the file behind its header.
    """

    name: str
    place: str
    header: Header
    stream: IO[bytes]
    trailing: tuple[int, ...] | None = None

    @property
    def kind(self) -> str:
        """Texts are not padded to the longest one, as NumPy's are."""
        return "string" if self.header.dtype.kind == "U" and len(self.header.shape) == 1 else "numpy"

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the elements."""
        return np.dtype(np.uint8) if self.kind == "string" else self.header.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a row."""
        return self.header.shape[1:]

    @property
    def width(self) -> int:
        """The bytes of a row in the file."""
        return self.header.dtype.itemsize * prod(self.shape)

    def samples(self, rows: int) -> Iterator[_bulk.Samples]:
        """The rows as a dataset takes them, as many at once."""
        for first, piece in zip(range(0, self.header.shape[0], rows), self.pieces(rows), strict=True):
            yield self._encoded(piece, first) if self.kind == "string" else (piece,)

    def empty(self) -> _bulk.Samples:
        """No rows, as a dataset takes them."""
        rows = np.empty((0, *self.shape), self.header.dtype)
        return self._encoded(rows, 0) if self.kind == "string" else (rows,)

    def pieces(self, rows: int) -> Iterator[np.ndarray]:
        """The rows, as many at once."""
        shape = self.header.shape
        if self.header.is_fortran and len(shape) > 1:
            whole = self._read(prod(shape)).reshape(shape, order="F")
            yield from (
                np.ascontiguousarray(whole[start : start + rows]) for start in range(0, shape[0], rows)
            )
            return
        width = prod(shape[1:])
        for start in range(0, shape[0], rows):
            count = min(rows, shape[0] - start)
            yield self._read(count * width).reshape(count, *shape[1:])

    def _encoded(self, texts: np.ndarray, first: int) -> _bulk.Samples:
        """The UTF-8 bytes of texts, and their offsets."""
        encoded = []
        for row, text in enumerate(texts.tolist(), first):
            try:
                encoded.append(text.encode())
            except UnicodeEncodeError as error:
                raise ValueError(f"{self.place}: row {row} is no text in Unicode ({error.reason})") from error
        offsets = np.append(0, np.cumsum(list(map(len, encoded)), dtype=np.int64))
        return np.frombuffer(b"".join(encoded), np.uint8), offsets

    def _read(self, count: int) -> np.ndarray:
        """The next elements."""
        with naming(self.place):
            content = self.stream.read(count * self.header.dtype.itemsize)
            return (
                np.frombuffer(content, self.header.dtype, count)
                if content
                else np.empty(count, self.header.dtype)
            )


class ArraysConversion(BulkConversion):
    """The arrays of an .npz file, or that of an .npy file: a field each, of one length."""

    def __init__(self, request: Request, files: Sequence[str]):
        if len(files) > 1:
            raise ValueError(
                f"{request.source}: it is several files; give one of arrays whose rows are samples, or a folder "
                "of .npy files that are a sample each"
            )
        self._file = files[0]
        with ExitStack() as stack:
            arrays = _arrays(self._file, request.fields, stack)
        lengths = {array.name: array.header.shape[0] for array in arrays}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"'{name}' has {length:,}" for name, length in lengths.items())
            raise ValueError(
                f"{self._file}: its arrays have different numbers of rows: {found}; choose some by 'fields'"
            )
        columns = _bulk.Columns(
            arrays,
            request.fields is not None or len(arrays) > 1,
            min(lengths.values()),
            self._pieces(request.fields),
            lambda: [array.empty() for array in arrays],
        )
        super().__init__(request, columns)

    def _pieces(self, fields: Sequence[str] | None) -> Generator[list[_bulk.Samples], None, None]:
        with ExitStack() as stack:
            arrays = _arrays(self._file, fields, stack)
            width = sum(array.width for array in arrays)
            rows = max(1, _BYTES_AT_ONCE // max(width, 1))
            for samples in zip(*(array.samples(rows) for array in arrays), strict=True):
                yield list(samples)


def _arrays(path: str, fields: Sequence[str] | None, stack: ExitStack) -> list[Rows]:
    if path.lower().endswith(".npy"):
        if fields is not None:
            raise ValueError(f"{path}: 'fields' means nothing for an array without a name")
        return [_rows("array", path, stack.enter_context(open(path, "rb")), os.path.getsize(path))]
    with naming(path):
        archive = stack.enter_context(ZipFile(path))
        sizes = {
            entry.filename.removesuffix(".npy"): entry.file_size
            for entry in archive.infolist()
            if entry.filename.endswith(".npy")
        }
    if unknown := [name for name in fields or () if name not in sizes]:
        raise ValueError(f"{path}: there is no array '{unknown[0]}'; it has {', '.join(map(repr, sizes))}")
    found = []
    for name in sizes if fields is None else fields:
        place = f"{path}: '{name}'"
        with naming(place):
            stream = stack.enter_context(archive.open(f"{name}.npy"))
        found.append(_rows(name, place, stream, sizes[name]))
    if not found:
        raise ValueError(f"{path}: there is no array")
    return found


def _rows(name: str, place: str, stream: IO[bytes], size: int) -> Rows:
    header = read_header(stream, size, place)
    if not header.shape:
        raise ValueError(f"{place}: an array without axes has no rows; choose others by 'fields'")
    return Rows(name, place, header, stream)
