"""Samples that look like images, as thumbnails and PNG files, without a package for images."""

import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
_GAP = 4
# Of an image of more pixels along a side than this, so many are looked at.
_LARGE = 512


def is_image(array: np.ndarray) -> bool:
    """Whether this is uint8 or bool of shape (height, width), or of shape (height, width, channels).

    There are 1, 3 or 4 channels then, and they may be uint16, or floats from 0 to 1, as well.
    """
    if array.size == 0 or array.ndim not in (2, 3):
        return False
    is_plain = array.dtype in (np.uint8, np.bool_)
    if array.ndim == 2:
        return is_plain
    return array.shape[2] in _COLOR_TYPES and (is_plain or _is_light(array))


def _is_light(array: np.ndarray) -> bool:
    """Whether the channels are uint16, or floats from 0 to 1."""
    if array.dtype.kind != "f":
        return array.dtype.newbyteorder("=") == np.uint16
    seen = _thinned(array, _LARGE)
    return bool(seen.min() >= 0 and seen.max() <= 1)


def _thinned(image: np.ndarray, most: int) -> np.ndarray:
    """Every so many pixels, so that a side has `most` to twice as many of them."""
    step = max(1, max(image.shape[:2]) // most)
    return image[::step, ::step]


def _as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Pixels as uint8. The lightest of uint16 becomes white, since few cameras use all 16 bits."""
    if pixels.dtype == np.uint8:
        return pixels
    white = max(1, int(pixels.max())) if pixels.dtype.kind == "u" else 1
    return np.asarray(np.nan_to_num(pixels * (255 / white)).clip(0, 255).round(), np.uint8)


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """An image of at most `side` times `side` pixels, uint8 of shape (height, width, channels).

    A large image is read at every so many pixels; these are averaged.
    """
    pixels = image if image.ndim == 3 else image[..., np.newaxis]
    longest = max(side, *pixels.shape[:2])
    height, width = (max(1, length * side // longest) for length in pixels.shape[:2])
    return _averaged(_averaged(_as_bytes(_thinned(pixels, 4 * side)), height, 0), width, 1)


def _averaged(pixels: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The means of `length` parts along an axis."""
    before = pixels.shape[axis]
    if length >= before:
        return np.asarray(pixels)
    starts = np.arange(length) * before // length
    counts = np.diff(starts, append=before)
    sums = np.add.reduceat(pixels, starts, axis, dtype=np.uint32)
    means = sums / np.expand_dims(counts, tuple({0, 1, 2} - {axis}))
    return np.asarray(means.round(), np.uint8)


def sheet(images: Sequence[np.ndarray], side: int) -> np.ndarray:
    """Thumbnails in rows on white, uint8 of shape (height, width, 3)."""
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    cell = side + _GAP
    page = np.full((rows * cell + _GAP, columns * cell + _GAP, 3), 255, np.uint8)
    for place, image in enumerate(images):
        pixels = _on_white(thumbnail(image, side))
        height, width = pixels.shape[:2]
        top = place // columns * cell + _GAP + (side - height) // 2
        left = place % columns * cell + _GAP + (side - width) // 2
        page[top : top + height, left : left + width] = pixels
    return page


def _on_white(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2] < 4:
        return pixels
    opacity = pixels[..., 3:] / 255
    return np.asarray((pixels[..., :3] * opacity + 255 * (1 - opacity)).round(), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 pixels of shape (height, width, channels)."""
    height, width, channels = pixels.shape
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # Each line begins with its filter: none.
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(lines.tobytes()), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks.items())


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
