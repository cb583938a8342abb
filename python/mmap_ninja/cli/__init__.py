"""The command line: `mmap-ninja`, or `python -m mmap_ninja`."""

import os
import sys
from collections.abc import Sequence

from mmap_ninja._show import clean

# What data, files and arguments can be blamed for. Anything else is a mistake of this program, and shows where.
_EXPECTED = (ImportError, MemoryError, OSError, OverflowError, TypeError, ValueError)
_INTERRUPTED, _PIPE_CLOSED = 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status.

    Args:
        argv: the arguments; by default those of the process.

    Returns:
        0 where all is well, 1 where something is wrong with a data set or a file, 2 for wrong usage, 130 after Ctrl-C,
        141 where nobody reads the output any more.
    """
    _open_closed_streams()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        status = _PIPE_CLOSED
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except _EXPECTED as error:
        print(f"mmap-ninja: {_in_one_line(error)}", file=sys.stderr)
        status = 1
    if status in (1, _PIPE_CLOSED):
        _drop_output()
    return status


def _open_closed_streams() -> None:
    """Let what is written to a stream that is closed, as `>&-` does, go nowhere."""
    for name in "stdout", "stderr":
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - it stays open


def _run(argv: Sequence[str] | None) -> int:
    # Here, where Ctrl-C is heeded.
    from mmap_ninja.cli._parser import parser

    try:
        arguments = parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    status: int = arguments.run(arguments)
    return status


def _in_one_line(error: Exception) -> str:
    """What went wrong, beginning with the file, as other commands say it."""
    if not isinstance(error, OSError) or error.strerror is None:
        return clean(str(error) or type(error).__name__)
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return clean(where + error.strerror)


def _drop_output() -> None:
    """Give up what could not be written, so that the interpreter does not try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
