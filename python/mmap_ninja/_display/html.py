"""The HTML of a dataset in a notebook: a few samples, read with bounded effort whatever the files hold."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape as escape_html
from typing import Any

import numpy as np

from mmap_ninja import _core
from mmap_ninja._display.format import MAX_ELEMENT_BYTES, escape, pluralize, preview
from mmap_ninja._display.image import is_image, png, thumbnail

_MAX_IMAGES, _MAX_ROWS, _MAX_FIELDS, _MAX_CHARACTERS = 8, 5, 12, 200
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
    """Render a `RaggedMmap`, a `StringsMmap` or a `RecordsMmap` as HTML."""
    name = escape_html(type(memmap).__name__)
    path = escape_html(_truncate(str(memmap.out_dir)))
    facts = escape_html(_truncate(" · ".join(memmap._summary())))
    head = f"<div><b>{name}</b> <code>{path}</code><br><span style='{_MUTED}'>{facts}</span></div>"
    samples = "" if memmap._is_closed else _samples(memmap)
    return f"<div style='{_BOX}'>{head}{samples}</div>"


def _samples(memmap: Any) -> str:
    if isinstance(memmap, _core.Records):
        return _records(memmap)
    return _texts(memmap) if isinstance(memmap, _core.Strings) else _arrays(memmap)


def _records(records: Any) -> str:
    """Show records as rows, each field in a column."""
    names = records.fields[:_MAX_FIELDS]
    columns = [_field(records, name) for name in names]
    rows = [(index, *(_value(column, index) for column in columns)) for index in range(_shown(records))]
    hidden = len(records.fields) - len(names)
    more = f"<div style='{_MUTED}'>and {pluralize(hidden, 'more field')}</div>" if hidden else ""
    header = ("", *map(_truncate, names))
    return (_table([header, *rows], len(records) + 1) if rows else "") + more


def _shown(memmap: Any) -> int:
    """The number of samples of a table."""
    return min(_MAX_ROWS, len(memmap))


def _field(records: Any, name: str) -> Any:
    """The map of a field, or a text that says why it cannot be opened."""
    try:
        return records.field(name)
    except (OSError, ValueError) as error:
        return _truncate(f"({error})")


def _value(column: Any, index: int) -> "str | _Html":
    """A value of a field as a thumbnail or a text."""
    if isinstance(column, str):
        return column
    if isinstance(column, _core.Strings):
        return _text(column, index)
    sample = _array(column, index)
    if isinstance(sample, str):
        return sample
    if is_image(sample):
        return _Html(_picture(sample))
    return _truncate(preview(sample) if sample.ndim == 0 else f"{sample.shape} {preview(sample)}")


def _texts(memmap: _core.Strings) -> str:
    return _table([(index, _text(memmap, index)) for index in range(_shown(memmap))], len(memmap))


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


def _array(memmap: Any, index: int) -> np.ndarray | str:
    """A stored sample of a `RaggedMmap` or a dense array, or a text that says why it is not shown."""
    if memmap.dtype is not None and memmap.dtype.itemsize > MAX_ELEMENT_BYTES:
        return "(large elements)"
    try:
        stored = memmap._stored(index) if isinstance(memmap, _core.Ragged) else memmap[index]
        return np.asarray(stored, memmap.dtype)
    except ValueError as error:
        return _truncate(f"({error})")


def _columns(sample: np.ndarray | str) -> tuple[str, str]:
    if isinstance(sample, str):
        return "", sample
    shape = escape_html(_truncate(str(sample.shape)))
    return _Html(f"<code style='white-space:nowrap'>{shape}</code>"), _truncate(preview(sample))


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


class _Html(str):
    """Text that is HTML already."""


def _cell(content: Any) -> str:
    if isinstance(content, _Html):
        return f"<td style='{_CELL}'>{content}</td>"
    if isinstance(content, int):
        return f"<td style='{_CELL};{_MUTED}'>{content}</td>"
    return f"<td style='{_VALUE}'>{escape_html(content)}</td>"


def _more(number: int) -> str:
    return f"<div style='{_MUTED}'>and {number:,} more</div>" if number else ""


def _truncate(text: str) -> str:
    return escape(text[:_MAX_CHARACTERS]) + ("…" if len(text) > _MAX_CHARACTERS else "")
