"""Directories before and after a build."""

import os
import shutil
from collections.abc import Callable
from errno import EEXIST
from os import PathLike, fspath
from pathlib import Path

from mmap_ninja import _core


def resolve_later(out_dir: str | PathLike[str]) -> Callable[[], str | PathLike[str]]:
    """Return a function that gives `out_dir`, made absolute if the working directory has changed since."""
    before = os.path.abspath(out_dir)
    return lambda: out_dir if os.path.abspath(out_dir) == before else before


def refuse_existing(out_dir: str | PathLike[str]) -> None:
    """Raise FileExistsError if there is a dataset in `out_dir`."""
    if _core.kind(out_dir) is not None or _core.has_fields(out_dir):
        raise FileExistsError(EEXIST, "A dataset is there already", fspath(out_dir))


def discard(directory: Path) -> None:
    """Remove a directory that is no longer needed."""
    shutil.rmtree(directory, ignore_errors=True)
