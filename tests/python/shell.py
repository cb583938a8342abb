"""The command line, as a shell and as a person at a terminal run it."""

import errno
import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from mmap_ninja.cli import main
from PIL import Image

COMMANDS = ["info", "head", "verify", "repair", "checksum", "concat", "convert"]
PROGRAM = [sys.executable, "-m", "mmap_ninja"]


@pytest.fixture
def run(capsys):
    """Runs a command here; returns its status, output and errors."""

    def run(*argv):
        status = main([str(argument) for argument in argv])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def fails(run):
    """Runs a command that prints nothing but one line of error; returns it."""

    def fails(*argv, status=1):
        found, out, err = run(*argv)
        assert (found, out) == (status, "")
        assert re.fullmatch(r"mmap-ninja: [^\n]+\n", err)
        return err

    return fails


def at_terminal(*argv, columns, **environment):
    """Runs a command at a terminal of so many columns; returns its status and what is seen."""
    # Not on Windows, which loads this module as well.
    import fcntl
    import pty
    import termios

    main_end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**known, "TERM": "xterm", "PYTHONUTF8": "1", **environment}
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    with subprocess.Popen([*PROGRAM, *map(str, argv)], env=environment, **streams) as process:
        os.close(terminal)
        seen = b""
        while block := read(main_end):
            seen += block
        os.close(main_end)
    return process.returncode, seen.decode().replace("\r\n", "\n")


def read(descriptor):
    """What a terminal shows next; nothing when the program has ended."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError as error:
        assert error.errno == errno.EIO
        return b""


def image(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def write(text, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
