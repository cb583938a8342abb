"""Samples and sizes as people read them, in one line of bounded length."""

import numpy as np

# Elements of an array that are shown. Larger elements than this many bytes are not.
VALUES, LARGEST_VALUE = 12, 256


def size(n_bytes: int) -> str:
    """Bytes in the decimal units that disks are sold by.

    >>> size(102_400_000)
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


def count(number: int, what: str, separator: str = ",") -> str:
    """
    >>> count(1, "sample"), count(2000, "sample")
    ('1 sample', '2,000 samples')
    """
    return f"{number:{separator}} {what}{'' if number == 1 else 's'}"


def clean(text: str) -> str:
    r"""Text in which nothing moves the cursor, hides, or ends the line: what cannot be printed is escaped.

    >>> clean("two\nlines, \x1b[31mred")
    'two\\nlines, \\x1b[31mred'
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def values(array: np.ndarray) -> str:
    """The first elements of an array, in C order.

    >>> values(np.arange(40).reshape(4, 10))
    '[ 0  1  2  3  4  5  6  7  8  9 10 11 ...]'
    """
    if array.dtype.itemsize > LARGEST_VALUE:
        return "..."
    if array.ndim == 0:
        return clean(str(array))
    first = np.asarray(array.flat[:VALUES])
    text = np.array2string(first, max_line_width=10**6, threshold=VALUES)
    return clean(text if len(first) == array.size else f"{text[:-1]} ...]")
