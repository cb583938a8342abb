"""Opening a directory whatever it holds."""

import errno
import os
from collections.abc import Callable
from os import PathLike

import numpy as np

from mmap_ninja import _core
from mmap_ninja import numpy as np_ninja
from mmap_ninja.base import Wrapped
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.string import StringsMmap


def open_existing(
    out_dir: str | PathLike, wrapper_fn: Callable | None = None, mode: str = "r+b"
) -> RaggedMmap | StringsMmap | np.memmap | Wrapped:
    """Open the data set in `out_dir`, of any kind.

    Args:
        out_dir: the directory.
        wrapper_fn: called with each item.
        mode: for texts, 'rb' or 'r+b'. Arrays are opened for reading by 'r+b', and otherwise take 'r', 'r+' and 'c'.

    Returns:
        A `RaggedMmap`, a `StringsMmap` or an `np.memmap`; the last two in a `Wrapped` where a `wrapper_fn` is given.

    Raises:
        FileNotFoundError: there is no data set.
        CorruptDatasetError: its files contradict each other.
    """
    kind = _core.kind(out_dir)
    if kind is None:
        raise FileNotFoundError(errno.ENOENT, "No data set in this directory", os.fspath(out_dir))
    array_mode = "r" if mode == "r+b" else mode
    if kind == "ragged":
        return RaggedMmap(out_dir, wrapper_fn=wrapper_fn, mode=array_mode)
    data = (
        StringsMmap(out_dir, mode=mode)
        if kind == "string"
        else np_ninja.open_existing(out_dir, mode=array_mode)
    )
    return data if wrapper_fn is None else Wrapped(data, wrapper_fn)
