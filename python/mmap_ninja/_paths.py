"""Paths that users give."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from mmap_ninja import _core

if TYPE_CHECKING:
    from mmap_ninja._typing import AnyPath

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# `Path` makes one slash of two.
_URL_IN_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:)/")
_ARCHIVES = {
    (".zip",): "unzip",
    (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"): "tar -xf",
}

# What a build or an append keeps in a directory beside the dataset.
_MARKERS = frozenset(("building.ninja", "append.ninja"))


def local(path: "AnyPath") -> str | PathLike[str]:
    """Return `path` as text or a path object.

    Raises:
        ValueError: it is a URL.
    """
    text = os.fsdecode(path)
    if _is_url(path, text):
        scheme = text.split(":")[0].lower()
        raise ValueError(
            f"{text}: a dataset is mapped from a local directory, not from a URL; {_advice(scheme)}"
        )
    return path if isinstance(path, PurePath) else text


def existing(path: "AnyPath") -> str | PathLike[str]:
    """Like `local`, for a path that a dataset is expected at.

    Raises:
        ValueError: it is a URL, or an archive that must be unpacked first.
    """
    place = local(path)
    text = os.fspath(place)
    for suffixes, command in _ARCHIVES.items():
        if text.lower().endswith(suffixes) and os.path.isfile(text):
            raise ValueError(
                f"{text}: this is an archive; unpack it first, for example with `{command} {text}`"
            )
    return place


# Whether a map is opened that was made a moment ago, without samples.
_is_new: ContextVar[bool] = ContextVar("_is_new", default=False)


@contextmanager
def opening_new() -> Iterator[None]:
    """Within the block, a map without samples may lie beside foreign files."""
    token = _is_new.set(True)
    try:
        yield
    finally:
        _is_new.reset(token)


def check_purpose(place: Path) -> None:
    """Raise ValueError if a directory holds other things and no dataset. Hidden files do not count."""
    if not _is_new.get():
        _refuse_foreign(place, "open the directory of a dataset, or create one")


def check_vacant(place: str | PathLike[str]) -> None:
    """Raise ValueError if a dataset would be made among other things. Hidden files do not count."""
    if not _core.has_fields(place):
        _refuse_foreign(Path(place), "choose another directory for the dataset")


def _refuse_foreign(place: Path, advice: str) -> None:
    if not place.is_dir() or _core.kind(place) is not None:
        return
    foreign = sorted(name for name in os.listdir(place) if not name.startswith(".") and name not in _MARKERS)
    if foreign:
        raise ValueError(f"{place}: this directory holds no dataset, but {_listed(foreign)}; {advice}")


def missing(place: str | PathLike[str]) -> FileNotFoundError:
    """The error for a path that leads to no dataset."""
    reason = "No dataset in this directory" if os.path.lexists(place) else os.strerror(errno.ENOENT)
    return FileNotFoundError(errno.ENOENT, reason, os.fspath(place))


def _is_url(path: "AnyPath", text: str) -> bool:
    if _URL.match(text):
        return True
    found = _URL_IN_PATH.match(text)
    return found is not None and isinstance(path, PurePath) and not os.path.lexists(found[1])


def _advice(scheme: str) -> str:
    if scheme == "file":
        return "give the path alone"
    if scheme == "hf":
        return (
            "fetch it first, with `huggingface_hub.snapshot_download`, and open the directory that it returns"
        )
    if scheme in {"http", "https", "ftp"}:
        return "download and unpack it first"
    return "fetch it first, with `fsspec.filesystem(...).get(..., recursive=True)` or `rclone copy`"


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
