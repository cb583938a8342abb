"""Thumbnails and PNG files of samples that look like images, with NumPy alone."""

import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from mmap_ninja._display import font

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
_GAP = 4
# Pixels along a side that are enough to find the range of an image's values.
_ENOUGH = 512


def is_image(array: np.ndarray) -> bool:
    """Whether an array looks like an image.

    That is uint8 or bool of shape (height, width); or uint8, bool, uint16 or floats from 0 to 1 of shape
    (height, width, channels), with 1, 3 or 4 channels.
    """
    if array.size == 0 or array.ndim not in (2, 3):
        return False
    is_8_bit = array.dtype in (np.uint8, np.bool_)
    if array.ndim == 2:
        return is_8_bit
    return array.shape[2] in _COLOR_TYPES and (is_8_bit or _is_uint16_or_unit_float(array))


def _is_uint16_or_unit_float(array: np.ndarray) -> bool:
    """Whether the channels are uint16, or floats from 0 to 1."""
    if array.dtype.kind != "f":
        return array.dtype.newbyteorder("=") == np.uint16
    pixels = _subsample(array, _ENOUGH)
    return bool(pixels.min() >= 0 and pixels.max() <= 1)


def _subsample(image: np.ndarray, side: int) -> np.ndarray:
    """Take every k-th pixel, which leaves fewer than `2 * side` along each axis."""
    step = max(1, max(image.shape[:2]) // side)
    return image[::step, ::step]


def _to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Convert pixels to uint8. The largest uint16 value becomes white, since few cameras use all 16 bits."""
    if pixels.dtype == np.uint8:
        return pixels
    white = max(1, int(pixels.max())) if pixels.dtype.kind == "u" else 1
    return np.asarray(np.nan_to_num(pixels * (255 / white)).clip(0, 255).round(), np.uint8)


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """Shrink an image to at most `side` by `side` pixels, uint8 of shape (height, width, channels).

    A large image is subsampled before it is averaged, so that little of it is read.
    """
    pixels = image if image.ndim == 3 else image[..., np.newaxis]
    longest = max(side, *pixels.shape[:2])
    height, width = (max(1, length * side // longest) for length in pixels.shape[:2])
    pixels = _to_uint8(_subsample(pixels, 4 * side))
    return _average(_average(pixels, height, 0), width, 1)


def _average(pixels: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Shrink an axis to `length` by averaging neighbours."""
    old_length = pixels.shape[axis]
    if length >= old_length:
        return pixels
    starts = np.arange(length) * old_length // length
    counts = np.diff(starts, append=old_length)
    sums = np.add.reduceat(pixels, starts, axis, dtype=np.uint32)
    means = sums / np.expand_dims(counts, tuple({0, 1, 2} - {axis}))
    return np.asarray(means.round(), np.uint8)


def sheet(images: Sequence[np.ndarray], side: int, captions: Sequence[Sequence[str]] = ()) -> np.ndarray:
    """Arrange thumbnails in rows on white, uint8 of shape (height, width, 3).

    Args:
        captions: the lines below each image, of which as many characters are drawn as fit.
    """
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    cell_width = side + _GAP
    cell_height = cell_width + font.HEIGHT * max(map(len, captions), default=0)
    page = np.full((rows * cell_height + _GAP, columns * cell_width + _GAP, 3), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * cell_height + _GAP, index % columns * cell_width + _GAP
        pixels = _blend_with_white(thumbnail(image, side))
        _put(page, pixels, top + (side - pixels.shape[0]) // 2, left + (side - pixels.shape[1]) // 2)
        for number, line in enumerate(captions[index] if captions else ()):
            black_on_white = np.where(font.draw(line[: side // font.WIDTH]), 0, 255)[..., np.newaxis]
            _put(page, black_on_white, top + side + number * font.HEIGHT + 1, left)
    return page


def _put(page: np.ndarray, pixels: np.ndarray, top: int, left: int) -> None:
    height, width = pixels.shape[:2]
    page[top : top + height, left : left + width] = pixels


def _blend_with_white(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2] < 4:
        return pixels
    opacity = pixels[..., 3:] / 255
    return np.asarray((pixels[..., :3] * opacity + 255 * (1 - opacity)).round(), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """Encode uint8 pixels of shape (height, width, channels) as a PNG file."""
    height, width, channels = pixels.shape
    # Each line begins with its filter type, 0 for none.
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(lines.tobytes()), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks.items())


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
