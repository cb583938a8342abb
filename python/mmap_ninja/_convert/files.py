"""Files of a folder, in natural order."""

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any


def find_files(folder: Path, patterns: Sequence[str], exclude: Path) -> list[Path]:
    """Find files in a folder and its subfolders, in natural order: `2.png` before `10.png`.

    Hidden files and folders are skipped, and links to folders are not followed.

    Args:
        patterns: globs, of which a file's name must match one.
        exclude: a directory to skip.
    """
    files, excluded = [], os.path.realpath(exclude)
    for parent, folders, names in os.walk(folder, onerror=_raise):
        visible = [name for name in folders if not name.startswith(".")]
        folders[:] = [name for name in visible if os.path.realpath(os.path.join(parent, name)) != excluded]
        matching = (name for name in names if any(fnmatch(name, pattern) for pattern in patterns))
        files += [Path(parent, name) for name in matching if not name.startswith(".")]
    return sorted(files, key=lambda file: (natural_key(file.relative_to(folder)), str(file)))


def _raise(error: OSError) -> None:
    raise error


def natural_key(path: Path) -> tuple[Any, ...]:
    """The sort key that compares digits as numbers and ignores the case of letters."""
    return tuple(
        tuple(int(part) if index % 2 else part.casefold() for index, part in enumerate(parts))
        for parts in (re.split("([0-9]+)", name) for name in path.parts)
    )
