"""The command line: `mmap-ninja`, or `python -m mmap_ninja`."""

import os
import sys
from collections.abc import Sequence

from mmap_ninja._display.format import describe, escape

# Errors that data, files or arguments can cause. Any other error is a bug, and keeps its traceback.
EXPECTED = (ImportError, MemoryError, OSError, OverflowError, TypeError, ValueError)
_INTERRUPTED, _PIPE_CLOSED = 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status.

    Args:
        argv: the arguments; by default, those of the process.

    Returns:
        0 on success, 1 if something is wrong with a dataset or a file, 2 if the arguments are wrong, 130 after Ctrl-C,
        141 if the reader of the output has closed it.
    """
    _replace_closed_streams()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        status = _PIPE_CLOSED
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except EXPECTED as error:
        print_error(error)
        status = 1
    if status in (1, _PIPE_CLOSED):
        _drop_output()
    return status


def _replace_closed_streams() -> None:
    """Discard what is written to streams that the shell has closed, as `>&-` does."""
    for name in "stdout", "stderr":
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - it stays open for the process


def _run(argv: Sequence[str] | None) -> int:
    # Imported here, so that `main` handles Ctrl-C during the import.
    from mmap_ninja.cli._parser import build_parser

    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    status: int = arguments.run(arguments)
    return status


def print_error(error: Exception) -> None:
    """Print an expected error as one line on standard error."""
    print(f"mmap-ninja: {escape(describe(error))}", file=sys.stderr)


def _drop_output() -> None:
    """Drop output that could not be written, so that the interpreter does not flush it again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
