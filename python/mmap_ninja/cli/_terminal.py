"""Lines and bars that fit the terminal."""

import shutil
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

# Combining characters share a column with their base. At most this many are expected in one column, and the rest of a
# longer line is ignored.
MAX_CHARACTERS_PER_COLUMN = 4
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def width() -> int | None:
    """The number of columns; None if the output does not go to a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def shows_progress() -> bool:
    """Whether to show progress bars: only on a terminal."""
    return sys.stderr.isatty()


def truncate(line: str, columns: int | None) -> str:
    """Shorten a line to at most `columns` columns, with an ellipsis at the end."""
    if columns is None:
        return line
    ends = list(accumulate(map(_columns_of, line[: MAX_CHARACTERS_PER_COLUMN * columns])))
    if len(ends) == len(line) and (not ends or ends[-1] <= columns):
        return line
    return line[: bisect_right(ends, columns - 1)] + with_fallback("…", "~")


def with_fallback(text: str, fallback: str) -> str:
    """Return `text`, or `fallback` if the output cannot encode it."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return fallback
    return text


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def bar_chart(labels: Sequence[str], values: Sequence[int], columns: int) -> Iterator[str]:
    """Draw each value as a horizontal bar between its label and its digits."""
    label_width = max(map(len, labels))
    value_width = max(len(f"{value:,}") for value in values)
    bar_width = max(1, columns - label_width - value_width - 4)
    largest = max(1, *values)
    for label, value in zip(labels, values, strict=True):
        bar = _bar(value / largest, bar_width)
        yield f"{label:>{label_width}}  {bar:<{bar_width}}  {value:>{value_width},}"


def _bar(fraction: float, columns: int) -> str:
    """Draw a bar in eighths of a column; at least one, unless the fraction is 0."""
    eighths = round(fraction * columns * 8) or (fraction > 0)
    bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return with_fallback(bar, "#" * (-(-eighths // 8)))
