"""What `verify` and `repair` say, safe to print."""

from collections.abc import Iterable

from mmap_ninja._core import Repair, Report
from mmap_ninja._show import clean


def printable(outcome: Report | Repair, parts: Iterable[object]) -> str:
    """The text of an outcome; its parts name files, and so can hold anything."""
    text = str(outcome)
    for part in map(str, parts):
        if not part.isprintable():
            text = text.replace(part, clean(part))
    return text
