"""Parts of pictures, as SVG. The pictures are narrow, so that a phone shows their words."""

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

ORANGE, BLUE, GREY, PALE, TEXT = "#e4792b", "#4b8bbe", "#b3bdc7", "#f1f3f5", "#333a42"


def text(
    x: float,
    y: float,
    words: str,
    size: int = 14,
    weight: str = "normal",
    anchor: str = "middle",
    halo: bool = False,
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
    outline = 'stroke="white" stroke-width="3" paint-order="stroke"' if halo else ""
    return f'<text x="{x}" y="{y}" {style} {outline} fill="{TEXT}">{escape(words)}</text>'


def box(
    x: float, y: float, width: float, height: float, fill: str = PALE, stroke: str = GREY
) -> str:
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'<rect {place} rx="5" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'


def arrow(points: Iterable[tuple[float, float]], colour: str = TEXT) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" marker-end="url(#head)"/>'


def picture(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """A picture with a background of its own: pages may be dark."""
    head = '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>text { font-family: sans-serif }</style>",
        f'<defs>{head}<path d="M0,0 L8,4 L0,8 z" fill="{TEXT}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" rx="8" fill="white"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def write(pictures: dict[str, Callable[[], str]]) -> None:
    """Write pictures beside this file."""
    for name, draw in pictures.items():
        Path(__file__).with_name(name).write_text(draw(), encoding="utf-8")
