"""How much of each test is run: a share in every run of the suite, all of it with `SOAK=1`."""

import os

SOAK = bool(os.environ.get("SOAK"))


def scaled(share, full):
    """`full` in a soak, otherwise `share`."""
    return full if SOAK else share
