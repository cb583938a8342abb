"""What an unfinished build is made of, recorded beside its samples, so that it is not resumed from anything else."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmap_ninja._replacing import replacing

_NAME = ".origin.json"
_AGAIN = "start again without resuming"


class Origin:
    """The options and the files that decide what a dataset holds.

    Args:
        options: what was asked for, as JSON can hold it.
        files: the paths of the files, in the order in which they are read.
    """

    _path: Path

    def __init__(self, options: Mapping[str, Any], files: Sequence[str]):
        self._options, self._files = dict(options), files
        self._stamps: list[list[Any]] = []
        self._stopped: str | None = None

    def begin(self, partial: Path, has_samples: bool, last: str | None = None) -> None:
        """Record what the build in `partial` is made of. If it holds samples, compare it with what they were made of.

        Args:
            last: the file of the last sample, if each file is one.

        Raises:
            ValueError: other options, or other files; the message says which.
        """
        self._path = partial / _NAME
        self._stamps = list(map(_stamp, self._files))
        if has_samples:
            self._compare(partial, last)
        self.write()

    def stopped(self, error: BaseException) -> None:
        """Record the file that an error is about. It may be mended before the build is resumed, and so may those behind it."""
        named = getattr(error, "filename", None) or str(error)
        self._stopped = next((file for file in self._files if _is_about(named, file)), None)
        self.write()

    def write(self) -> None:
        """Record it again."""
        stopped = None if self._stopped is None else os.path.abspath(self._stopped)
        record = {"options": self._options, "files": self._stamps, "stopped": stopped}
        with replacing(self._path) as temporary:
            temporary.write_text(json.dumps(record), encoding="ascii")

    def forget(self) -> None:
        """Remove the record: the dataset is complete."""
        self._path.unlink(missing_ok=True)

    def _compare(self, partial: Path, last: str | None) -> None:
        try:
            record = json.loads(self._path.read_text(encoding="ascii"))
            options, files, stopped = record["options"], record["files"], record["stopped"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{partial}: it does not tell what it was made of; {_AGAIN}") from error
        for name, value in self._options.items():
            if (before := options.get(name)) != value:
                raise ValueError(
                    f"{partial}: it was begun with {name}={before!r}, not {name}={value!r}; give what it was begun with, or "
                    f"{_AGAIN}"
                )
        paths = [path for path, *_ in files]
        if last is not None and os.path.abspath(last) in paths:
            read = named = paths.index(os.path.abspath(last)) + 1
        else:
            read = paths.index(stopped) if stopped in paths else len(paths)
            named = min(read + 1, len(paths))
        for place, (path, *stamp) in enumerate(files[:named]):
            now, *stamp_now = self._stamps[place] if place < len(self._stamps) else ("nothing", None)
            if now != path:
                raise ValueError(
                    f"{partial}: file {place + 1} of the source was {path}, and is {now} now; {_AGAIN}"
                )
            if place < read and stamp != stamp_now:
                raise ValueError(
                    f"{partial}: {path} has changed since it was read; restore it, with its time of modification, or {_AGAIN}"
                )


def _stamp(file: str) -> list[Any]:
    """The absolute path, the size in bytes, and the time of modification in nanoseconds."""
    try:
        found = os.stat(file)
    except OSError:
        return [os.path.abspath(file), None, None]
    return [os.path.abspath(file), found.st_size, found.st_mtime_ns]


def _is_about(named: str, file: str) -> bool:
    return named.startswith(file) and not named.removeprefix(file)[:1].strip(":, ")
