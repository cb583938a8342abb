"""Where a text of JSON has integers that float64 may round."""

import re
from collections.abc import Iterator

import numpy as np

# The fewest digits of such an integer, 2**53 + 1.
_DIGITS = 16
# Only every fourth byte is looked at: a run of 16 digits covers four of them.
_STRIDE = 4
_LONG = re.compile(rb"(?<=[\[:,\s-])[0-9]{16,}(?![0-9.eE])")


def long_integers(block: bytes) -> Iterator[int]:
    """The positions of the first digits of integers of 16 digits and more, of which some may lie in texts.

    Few bytes are looked at: a run of 16 digits holds four positions that are multiples of four.
    """
    characters = np.frombuffer(block, np.uint8)
    is_digit = characters[::_STRIDE] - ord("0") < 10
    wide = len(is_digit) - _DIGITS // _STRIDE + 1
    if wide <= 0:
        return
    is_long = is_digit[:wide].copy()
    for step in range(1, _DIGITS // _STRIDE):
        is_long &= is_digit[step : step + wide]
    starts = np.flatnonzero(is_long) * _STRIDE
    for _ in range(_STRIDE - 1):
        starts -= (starts > 0) & (characters[starts - 1] - ord("0") < 10)
    # Most are digits behind the point of a float; others are not the first ones of their run.
    before = characters[starts - 1]
    for start in starts[(before != ord(".")) & (before - ord("0") >= 10)].tolist():
        if _LONG.match(block, start):
            yield start
