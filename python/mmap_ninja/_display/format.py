"""Samples and sizes as one line of text of bounded length."""

import os

import numpy as np

MAX_ELEMENTS, MAX_ELEMENT_BYTES = 12, 256


def human_size(n_bytes: int) -> str:
    """Format a number of bytes in decimal units.

    >>> human_size(102_400_000)
    '102.4 MB'
    """
    if n_bytes < 1000:
        return f"{n_bytes} B"
    amount, unit = n_bytes / 1000, "kB"
    for larger in ("MB", "GB", "TB", "PB", "EB"):
        if amount < 999.95:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}"


def pluralize(number: int, noun: str, separator: str = ",") -> str:
    """Format a number with its noun.

    >>> pluralize(1, "sample"), pluralize(2000, "sample")
    ('1 sample', '2,000 samples')
    """
    return f"{number:{separator}} {noun}{'' if number == 1 else 's'}"


def describe(error: Exception) -> str:
    """Format an error like Unix commands: the file first.

    >>> describe(FileNotFoundError(2, "No such file or directory", "a.txt"))
    'a.txt: No such file or directory'
    """
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error) or type(error).__name__
    return error.strerror if error.filename is None else f"{os.fsdecode(error.filename)}: {error.strerror}"


def escape(text: str) -> str:
    r"""Escape unprintable characters, so that text cannot move the cursor, hide anything or end the line.

    >>> escape("two\nlines, \x1b[31mred")
    'two\\nlines, \\x1b[31mred'
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def preview(array: np.ndarray) -> str:
    """Format the first elements of an array, in C order.

    >>> preview(np.arange(40).reshape(4, 10))
    '[ 0  1  2  3  4  5  6  7  8  9 10 11 ...]'
    """
    if array.dtype.itemsize > MAX_ELEMENT_BYTES:
        return "..."
    if array.ndim == 0:
        return escape(str(array))
    first = np.asarray(array.flat[:MAX_ELEMENTS])
    text = np.array2string(first, max_line_width=10**6, threshold=MAX_ELEMENTS)
    return escape(text if len(first) == array.size else f"{text[:-1]} ...]")
