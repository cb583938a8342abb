"""What this process uses, as Linux tells."""

import os
import re
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes in memory now, its own and those of mapped files."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def forget_peak() -> None:
    """Let the peak begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most bytes that were in memory at once since `forget_peak`."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


def read_from_disk() -> int:
    """Bytes that were fetched from the disk for this process."""
    return int(re.search(r"^read_bytes: (\d+)", Path("/proc/self/io").read_text(), re.MULTILINE)[1])


def open_files() -> int:
    """Descriptors that are open."""
    return len(os.listdir("/proc/self/fd"))
