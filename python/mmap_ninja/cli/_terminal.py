"""Lines that fit where they are shown."""

import shutil
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

# Characters in a column, of which some may combine with others: more are not looked at.
MOST = 4
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def width() -> int | None:
    """Columns of the terminal; None where the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_watched() -> bool:
    """Whether somebody watches, whom a progress bar tells something."""
    return sys.stderr.isatty()


def cut(line: str, columns: int | None) -> str:
    """A line of at most so many columns of a terminal; a cut one ends in an ellipsis."""
    if columns is None:
        return line
    ends = list(accumulate(map(_columns_of, line[: MOST * columns])))
    if len(ends) == len(line) and (not ends or ends[-1] <= columns):
        return line
    return line[: bisect_right(ends, columns - 1)] + or_else("…", "~")


def or_else(text: str, plain: str) -> str:
    """`text`; `plain` where the output has not its characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return plain
    return text


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def bars(labels: Sequence[str], numbers: Sequence[int], columns: int) -> Iterator[str]:
    """A horizontal bar for every number, between its label and itself."""
    left = max(map(len, labels))
    right = max(len(f"{number:,}") for number in numbers)
    room = max(1, columns - left - right - 4)
    most = max(1, *numbers)
    for label, number in zip(labels, numbers, strict=True):
        bar = _bar(number / most, room)
        yield f"{label:>{left}}  {bar:<{room}}  {number:>{right},}"


def _bar(share: float, room: int) -> str:
    """A bar of eighths of columns; whatever is more than nothing is seen."""
    eighths = round(share * room * 8) or (share > 0)
    bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return or_else(bar, "#" * (-(-eighths // 8)))
