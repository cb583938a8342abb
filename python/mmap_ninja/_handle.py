"""What both kinds of handles share: their members as arrays, and their pickles."""

from pathlib import Path
from typing import Any

import numpy as np


def member(memmap: Any, directory: Path, mode: str, rows: int) -> np.memmap:
    """The first rows of a member, opened once for as long as the handle shows so many."""
    from mmap_ninja.numpy import open_existing

    opened = vars(memmap).setdefault("_members", {})
    known = opened.get(directory)
    if known is None or len(known) != rows:
        known = opened[directory] = open_existing(directory, mode)[:rows]
    return known


def reopen(cls: type, base: type, options: dict) -> Any:
    """Open a pickled map, without the constructor of a subclass, whose arguments nobody knows here."""
    memmap = cls.__new__(cls)
    base.__init__(memmap, **options)
    return memmap


def state_of(memmap: Any, own: frozenset) -> dict:
    """The attributes that a subclass has added to its `own`."""
    return {name: value for name, value in vars(memmap).items() if name not in own}
