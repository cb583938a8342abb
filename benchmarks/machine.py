"""What the measurements were made on."""

import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from benchmarks.settings import WORK, Settings


def facts(settings: Settings) -> dict[str, str]:
    """The machine, by what a reader may want to know of it, and what it was asked to do."""
    return {
        "run": settings.name,
        "date": date.today().isoformat(),
        "processor": f"{_first('/proc/cpuinfo', 'model name') or platform.processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "file system": _file_system(),
        "read-ahead of the disk": _shown_read_ahead(),
        "Python": platform.python_version(),
    }


def _first(file: str, name: str) -> str | None:
    """The value behind a name in a file of the kernel's."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _file_system() -> str:
    """The kind of the one that the data lie on."""
    mounted = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return max((len(place), kind) for place, kind in mounted if WORK.is_relative_to(place))[1]


def _shown_read_ahead() -> str:
    file = _read_ahead()
    return f"{int(file.read_text())} kB" if file else "unknown"


def _read_ahead() -> Path | None:
    """The kernel's file with the read-ahead, in kB, of the disk that the data lie on; None if that is not one disk."""
    device = WORK.stat().st_dev
    found = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    # A partition is below its disk, which has the queue.
    files = [place / "queue" / "read_ahead_kb" for place in (found, found.parent)]
    return next((file for file in files if file.exists()), None)


@contextmanager
def read_ahead_of(size: int) -> Iterator[str | None]:
    """Set the read-ahead of the disk to `size` kB, for files that are opened inside of the block. Only root may do that.

    Yields:
        The reason if it cannot be set, else None.
    """
    file = _read_ahead()
    if file is None or not os.access(file, os.W_OK):
        yield "the read-ahead of the disk cannot be set here"
        return
    before = file.read_text()
    # A run that is terminated must not leave the setting behind.
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        file.write_text(str(size))
        yield None
    finally:
        file.write_text(before)
        signal.signal(signal.SIGTERM, previous)
