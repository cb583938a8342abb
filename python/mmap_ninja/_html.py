"""What a notebook shows of a map: a few samples, read with bounded effort whatever the files hold."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from mmap_ninja import _core
from mmap_ninja._image import is_image, png, thumbnail
from mmap_ninja._show import LARGEST_VALUE, clean, values

_IMAGES, _ROWS = 8, 5
_SIDE, _CHARACTERS = 96, 200
# Texts of more bytes than this are not read.
_LARGEST = 64 << 20

# Colours are the notebook's own, so that this suits light and dark ones.
_BOX = "font-size:13px;line-height:1.5"
_MUTED = "opacity:.65"
_CELL = "font-size:13px;text-align:left;vertical-align:top;padding:1px 14px 1px 0;border:0;background:none"
_VALUE = f"{_CELL};font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere"
_STRIP = "display:flex;flex-wrap:wrap;gap:10px;align-items:flex-end;margin-top:6px"


def html(memmap: Any) -> str:
    """The map as HTML."""
    name = escape(type(memmap).__name__)
    place = escape(_clipped(str(memmap.out_dir)))
    facts = escape(" · ".join(memmap._summary()))
    head = f"<div><b>{name}</b> <code>{place}</code><br><span style='{_MUTED}'>{facts}</span></div>"
    shown = _texts(memmap) if isinstance(memmap, _core.Strings) else _arrays(memmap)
    return f"<div style='{_BOX}'>{head}{shown}</div>"


def _texts(memmap: _core.Strings) -> str:
    return _table([(index, _text(memmap, index)) for index in range(min(_ROWS, len(memmap)))], len(memmap))


def _text(memmap: _core.Strings, index: int) -> str:
    try:
        if memmap._length(index) > _LARGEST:
            return "(a long text)"
        return _clipped(_core.Strings.__getitem__(memmap, index))
    except ValueError as error:
        return _clipped(f"({error})")


def _arrays(memmap: _core.Ragged) -> str:
    samples = [_array(memmap, index) for index in range(min(_IMAGES, len(memmap)))]
    images = [sample for sample in samples if not isinstance(sample, str) and is_image(sample)]
    if images and len(images) == len(samples):
        return _strip(images, len(memmap))
    rows = [(index, *_columns(sample)) for index, sample in enumerate(samples[:_ROWS])]
    return _table(rows, len(memmap))


def _array(memmap: _core.Ragged, index: int) -> np.ndarray | str:
    """A stored sample, or why there is none to see."""
    if memmap.dtype is not None and memmap.dtype.itemsize > LARGEST_VALUE:
        return "(large elements)"
    try:
        return np.asarray(memmap._stored(index), memmap.dtype)
    except ValueError as error:
        return _clipped(f"({error})")


def _columns(sample: np.ndarray | str) -> tuple[str, str]:
    if isinstance(sample, str):
        return "", sample
    return _clipped(str(sample.shape)), _clipped(values(sample))


def _strip(images: list[np.ndarray], total: int) -> str:
    """Thumbnails side by side, each with its index and shape."""
    figures = "".join(_figure(index, image) for index, image in enumerate(images))
    return f"<div style='{_STRIP}'>{figures}{_more(total - len(images))}</div>"


def _figure(index: int, image: np.ndarray) -> str:
    label = f"{index}: {'×'.join(map(str, image.shape))}"
    return f"<div>{_picture(image)}<div style='{_MUTED};font-size:11px'>{label}</div></div>"


def _picture(image: np.ndarray) -> str:
    pixels = thumbnail(image, _SIDE)
    data = b64encode(png(pixels)).decode()
    # Small images are shown larger, pixel by pixel.
    zoom = max(1, _SIDE // (2 * max(pixels.shape[:2])))
    height, width = (zoom * length for length in pixels.shape[:2])
    style = "display:block;margin:0;image-rendering:pixelated"
    return f"<img src='data:image/png;base64,{data}' width={width} height={height} style='{style}'>"


def _table(rows: Sequence[tuple[Any, ...]], total: int) -> str:
    lines = "".join(f"<tr style='background:none'>{''.join(map(_cell, row))}</tr>" for row in rows)
    table = f"<table style='margin:6px 0 0;border-collapse:collapse;border:0'>{lines}</table>" if rows else ""
    return table + _more(total - len(rows))


def _cell(content: Any) -> str:
    if isinstance(content, int):
        return f"<td style='{_CELL};{_MUTED}'>{content}</td>"
    return f"<td style='{_VALUE}'>{escape(content)}</td>"


def _more(number: int) -> str:
    return f"<div style='{_MUTED}'>and {number:,} more</div>" if number else ""


def _clipped(text: str) -> str:
    if len(text) <= _CHARACTERS:
        return clean(text)
    return clean(text[:_CHARACTERS]) + "…"
