"""Files of tables: Parquet, Arrow and JSON lines. Images in them, as `datasets` stores them, are decoded."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

import numpy as np

from mmap_ninja import _bulk
from mmap_ninja._arrow.columns import Column
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._arrow.sources import Piece, Source, open_files
from mmap_ninja._convert import images
from mmap_ninja._convert.conversion import BulkConversion
from mmap_ninja._convert.request import Request
from mmap_ninja._convert.threads import load_all
from mmap_ninja.arrow import decoded

# Rows whose images are in memory together.
_ROWS_AT_ONCE = 64


class TablesConversion(BulkConversion):
    """The columns of tables."""

    def __init__(self, request: Request, files: Sequence[str], extension: str):
        skipped: list[str] = []
        found = open_files(files, extension, request.fields, skipped if request.skips else None)
        has_images = any(map(_holds_images, found.types))
        if not has_images and (request.mode or request.size):
            raise ValueError(
                f"{request.source}: 'mode' and 'size' are for images, and it has no column of images"
            )
        columns = (
            self._with_images(found, request)
            if has_images
            else decoded(found, request.fields is not None, self.skip if request.skips else None)
        )
        super().__init__(request, columns)
        self.skipped = skipped

    def _with_images(self, found: Source, request: Request) -> _bulk.Columns:
        decoder = images.Decoder(request.mode, request.size)
        columns = [
            ImageColumn(name, decoder) if _holds_images(arrow_type) else Column(name, arrow_type, found.place)
            for name, arrow_type in zip(found.names, found.types, strict=True)
        ]

        def pieces() -> Generator[list[_bulk.Samples], None, None]:
            with closing(found.pieces):
                for piece in found.pieces:
                    for rows in _slices(piece):
                        yield from _decoded(columns, rows, request.jobs, self.skip)

        def empty() -> list[_bulk.Samples]:
            none = Piece([pyarrow().nulls(0, arrow_type) for arrow_type in found.types], 0)
            return _samples(columns, none, [], {name: {} for name in found.names})

        return _bulk.Columns(
            columns, request.fields is not None or len(columns) > 1, found.rows, pieces(), empty
        )


class ImageColumn:
    """A column of structs of the bytes of an image file, and its path.

    For the attributes, see `_bulk.Column`.
    """

    def __init__(self, name: str, decoder: images.Decoder):
        self.name, self.decoder = name, decoder
        declared = decoder.declaration
        is_dense = isinstance(declared, np.dtype)
        self.kind = "numpy" if is_dense else "ragged"
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)
        self.shape: tuple[int, ...] = declared.shape if is_dense else ()
        self.trailing: tuple[int, ...] | None = None

    def gather(self, pixels: Sequence[np.ndarray]) -> _bulk.Samples:
        """Images of one number of axes as the dataset takes them."""
        if self.kind == "numpy":
            return (np.array(pixels, np.uint8).reshape(len(pixels), *self.shape),)
        offsets = np.append(0, np.cumsum([image.size for image in pixels], dtype=np.int64))
        values = np.concatenate([np.empty(0, np.uint8), *(image.reshape(-1) for image in pixels)])
        return values, offsets, np.array([image.shape for image in pixels], np.int64).reshape(len(pixels), -1)


def _holds_images(arrow_type: Any) -> bool:
    """Whether a type is that of images in `datasets`."""
    types = pyarrow().types
    if not types.is_struct(arrow_type) or {field.name for field in arrow_type} != {"bytes", "path"}:
        return False
    content = arrow_type.field("bytes").type
    return bool(types.is_binary(content) or types.is_large_binary(content))


def _slices(piece: Piece) -> Iterator[Piece]:
    for start in range(0, len(piece.arrays[0]), _ROWS_AT_ONCE):
        yield piece.slice(start, _ROWS_AT_ONCE)


def _decoded(
    columns: Sequence[Column | ImageColumn], piece: Piece, jobs: int, skip: Callable[[Exception], None]
) -> Iterator[list[_bulk.Samples]]:
    """The rows of a piece whose images can be read: together as long as their images have one number of axes."""
    pixels: dict[str, dict[int, np.ndarray]] = {column.name: {} for column in columns}
    rows = list(range(len(piece.arrays[0])))
    for column, array in zip(columns, piece.arrays, strict=True):
        if isinstance(column, ImageColumn):
            pixels[column.name] = _pixels(column, array, piece, jobs, skip)
            rows = [row for row in rows if row in pixels[column.name]]

    def axes(row: int) -> list[int]:
        return [found[row].ndim for found in pixels.values() if row in found]

    for _, together in groupby(rows, axes):
        yield from _sound(columns, piece, list(together), pixels, skip)


def _sound(
    columns: Sequence[Column | ImageColumn],
    piece: Piece,
    rows: list[int],
    pixels: dict[str, dict[int, np.ndarray]],
    skip: Callable[[Exception], None],
) -> Iterator[list[_bulk.Samples]]:
    """The samples of these rows without those that are skipped, which halving finds."""
    try:
        samples = _samples(columns, piece, rows, pixels)
    except ValueError as error:
        if len(rows) == 1:
            skip(error)
            return
        half = len(rows) // 2
        yield from _sound(columns, piece, rows[:half], pixels, skip)
        yield from _sound(columns, piece, rows[half:], pixels, skip)
    else:
        yield samples


def _pixels(
    column: ImageColumn, array: Any, piece: Piece, jobs: int, skip: Callable[[Exception], None]
) -> dict[int, np.ndarray]:
    """The images of a column that can be read, by their rows."""
    found = {}
    contents = (
        array.field("bytes") if not array.null_count else array.flatten()[array.type.get_field_index("bytes")]
    )

    def decode(row: int) -> np.ndarray:
        place = f"{piece.file}: column '{column.name}', row {piece.first + row}"
        if (content := contents[row].as_py()) is None:
            raise ValueError(f"{place}: there are no bytes of an image")
        return column.decoder.decode(content, place)

    with closing(load_all(decode, range(len(array)), jobs)) as loaded:
        for row, loading in loaded:
            try:
                found[row] = loading.result()
            except ValueError as error:
                skip(error)
    return found


def _samples(
    columns: Sequence[Column | ImageColumn],
    piece: Piece,
    rows: list[int],
    pixels: dict[str, dict[int, np.ndarray]],
) -> list[_bulk.Samples]:
    """The samples of these rows, of all columns."""
    places = pyarrow().array(rows, pyarrow().int64())
    return [
        column.gather([pixels[column.name][row] for row in rows])
        if isinstance(column, ImageColumn)
        else column.decode(array.take(places), piece.first + (rows[0] if rows else 0), piece.file)
        for column, array in zip(columns, piece.arrays, strict=True)
    ]
