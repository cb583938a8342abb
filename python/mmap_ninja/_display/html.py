"""The HTML of a dataset in a notebook: a few samples, read with bounded effort whatever the files hold."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape as escape_html
from typing import Any

import numpy as np

from mmap_ninja import _core
from mmap_ninja._display.format import MAX_ELEMENT_BYTES, escape, preview
from mmap_ninja._display.image import is_image, png, thumbnail

_MAX_IMAGES, _MAX_ROWS, _MAX_CHARACTERS = 8, 5, 200
_THUMBNAIL_SIDE = 96
# Longer texts are not read.
_MAX_TEXT_BYTES = 64 << 20

# The notebook's own colours suit light and dark themes.
_BOX = "font-size:13px;line-height:1.5"
_MUTED = "opacity:.65"
_CELL = "font-size:13px;text-align:left;vertical-align:top;padding:1px 14px 1px 0;border:0;background:none"
_VALUE = f"{_CELL};font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere"
_STRIP = "display:flex;flex-wrap:wrap;gap:10px;align-items:flex-end;margin-top:6px"


def render(memmap: Any) -> str:
    """Render a `RaggedMmap` or a `StringsMmap` as HTML."""
    name = escape_html(type(memmap).__name__)
    path = escape_html(_truncate(str(memmap.out_dir)))
    facts = escape_html(" · ".join(memmap._summary()))
    head = f"<div><b>{name}</b> <code>{path}</code><br><span style='{_MUTED}'>{facts}</span></div>"
    show = _texts if isinstance(memmap, _core.Strings) else _arrays
    samples = "" if memmap._is_closed else show(memmap)
    return f"<div style='{_BOX}'>{head}{samples}</div>"


def _texts(memmap: _core.Strings) -> str:
    return _table(
        [(index, _text(memmap, index)) for index in range(min(_MAX_ROWS, len(memmap)))], len(memmap)
    )


def _text(memmap: _core.Strings, index: int) -> str:
    try:
        if memmap._length(index) > _MAX_TEXT_BYTES:
            return "(a long text)"
        return _truncate(memmap._get(index))
    except ValueError as error:
        return _truncate(f"({error})")


def _arrays(memmap: _core.Ragged) -> str:
    samples = [_array(memmap, index) for index in range(min(_MAX_IMAGES, len(memmap)))]
    images = [sample for sample in samples if not isinstance(sample, str) and is_image(sample)]
    if images and len(images) == len(samples):
        return _strip(images, len(memmap))
    rows = [(index, *_columns(sample)) for index, sample in enumerate(samples[:_MAX_ROWS])]
    return _table(rows, len(memmap))


def _array(memmap: _core.Ragged, index: int) -> np.ndarray | str:
    """A stored sample, or a text that says why it is not shown."""
    if memmap.dtype is not None and memmap.dtype.itemsize > MAX_ELEMENT_BYTES:
        return "(large elements)"
    try:
        return np.asarray(memmap._stored(index), memmap.dtype)
    except ValueError as error:
        return _truncate(f"({error})")


def _columns(sample: np.ndarray | str) -> tuple[str, str]:
    if isinstance(sample, str):
        return "", sample
    return _truncate(str(sample.shape)), _truncate(preview(sample))


def _strip(images: list[np.ndarray], total: int) -> str:
    """Show thumbnails side by side, each with its index and shape."""
    figures = "".join(_figure(index, image) for index, image in enumerate(images))
    return f"<div style='{_STRIP}'>{figures}{_more(total - len(images))}</div>"


def _figure(index: int, image: np.ndarray) -> str:
    label = f"{index}: {'×'.join(map(str, image.shape))}"
    return f"<div>{_picture(image)}<div style='{_MUTED};font-size:11px'>{label}</div></div>"


def _picture(image: np.ndarray) -> str:
    pixels = thumbnail(image, _THUMBNAIL_SIDE)
    data = b64encode(png(pixels)).decode()
    # Enlarge small images without smoothing.
    zoom = max(1, _THUMBNAIL_SIDE // (2 * max(pixels.shape[:2])))
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
    return f"<td style='{_VALUE}'>{escape_html(content)}</td>"


def _more(number: int) -> str:
    return f"<div style='{_MUTED}'>and {number:,} more</div>" if number else ""


def _truncate(text: str) -> str:
    return escape(text[:_MAX_CHARACTERS]) + ("…" if len(text) > _MAX_CHARACTERS else "")
