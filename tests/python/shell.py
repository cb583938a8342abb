"""The command line, as a shell and as a person at a terminal run it."""

import errno
import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from mmap_ninja import StringsMmap
from mmap_ninja.cli import main
from PIL import Image

COMMANDS = ["info", "head", "verify", "repair", "checksum", "concat", "subset", "convert", "export", "card"]
PROGRAM = [sys.executable, "-m", "mmap_ninja"]


@pytest.fixture
def run(capsys):
    """Run a command in this process; return its status, output and errors."""

    def run(*argv):
        status = main([str(argument) for argument in argv])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def fails(run):
    """Run a command that must fail with one line on standard error; return the line."""

    def fails(*argv, status=1):
        found, out, err = run(*argv)
        assert (found, out) == (status, "")
        assert re.fullmatch(r"mmap-ninja: [^\n]+\n", err)
        return err

    return fails


@pytest.fixture
def folder(tmp_path):
    """Where the files to convert are."""
    return tmp_path / "folder"


@pytest.fixture
def out(tmp_path):
    """Where a conversion or an export puts its result."""
    return tmp_path / "out"


def at_terminal(*argv, columns, **environment):
    """Run a command on a terminal with `columns` columns; return its status and what the terminal shows."""
    # Imported here, since the module also loads on Windows, which lacks them.
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
    """Read what the terminal shows next; nothing after the program has ended."""
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


def names_in(out):
    """The names that a conversion has stored."""
    return StringsMmap(out / "name")[:]
