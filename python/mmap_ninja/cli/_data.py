"""Data sets of any kind, as the commands look at them."""

from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmap_ninja import RaggedMmap, StringsMmap, open_existing

Data: TypeAlias = RaggedMmap | StringsMmap | np.memmap


def opened(directory: str | Path) -> Data:
    """The data set in a directory, to be read only."""
    return open_existing(directory, mode="r")


def samples_in(data: Data) -> int:
    """The number of samples; an array without axes is one."""
    return 1 if isinstance(data, np.memmap) and not data.ndim else len(data)
