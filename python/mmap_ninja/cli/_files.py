"""Files that are written whole, and folders in an order that people expect."""

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any


def write(path: Path, content: bytes) -> None:
    """Put a file in its place when it is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def below(folder: Path, patterns: Iterable[str], without: Path) -> list[Path]:
    """The files in a folder and its folders whose names match one of the patterns, in natural order: `2.png` before `10.png`.

    Hidden ones are left out, and links to folders are not followed.

    Args:
        without: a directory that is left out.
    """
    found = (
        path for path in _walk(folder, without) if any(fnmatch(path.name, pattern) for pattern in patterns)
    )
    return sorted(found, key=lambda path: (natural_key(path.relative_to(folder)), str(path)))


def _walk(folder: Path, without: Path) -> Iterator[Path]:
    left_out = os.path.realpath(without)
    for parent, folders, files in os.walk(folder, onerror=_raise):
        here = [name for name in folders if not name.startswith(".")]
        folders[:] = [name for name in here if os.path.realpath(os.path.join(parent, name)) != left_out]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _raise(error: OSError) -> None:
    raise error


def natural_key(path: Path) -> tuple[Any, ...]:
    """Compares names part by part: digits as numbers, letters whatever their case."""
    return tuple(
        tuple(int(part) if place % 2 else part.casefold() for place, part in enumerate(parts))
        for parts in (re.split("([0-9]+)", name) for name in path.parts)
    )
