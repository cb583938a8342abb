"""What the measurements were made on."""

import os
import platform
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
