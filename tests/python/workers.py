"""Functions that tests run in other processes, which need not import the test modules."""

import os
import signal
import sys

import mmap_ninja
import numpy as np


def report(maps, connection):
    """Send what this process reads from each map."""
    connection.send([(type(each).__name__, len(each), each[1]) for each in maps])
    connection.close()


def append_forever(path):
    """Append samples of increasing numbers, and write a dot to the standard output after each."""
    ragged = mmap_ninja.RaggedMmap(path)
    while True:
        number = len(ragged)
        ragged.append(np.full((number % 7, 2), number))
        os.write(1, b".")


def append_many(path, number, count):
    ragged = mmap_ninja.RaggedMmap(path)
    strings = mmap_ninja.StringsMmap(path + ".strings")
    for _ in range(count):
        ragged.append(np.full(3, number))
        strings.append(f"from {number}")


def append_beyond_the_limit(path):
    """Append more than the 64 KiB to which this process limits its files; print which file was full."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        mmap_ninja.RaggedMmap(path).append(np.zeros(1 << 16))
    except OSError as error:
        print(error.filename)


def print_items(path):
    """Print the bytes of every item, in a process that has imported nothing but the library."""
    data = mmap_ninja.open_existing(path)
    assert "ml_dtypes" not in sys.modules or data.dtype.isbuiltin == 2
    for item in data:
        print(item.dtype, item.shape, item.tobytes().hex())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:3], *map(int, sys.argv[3:]))
