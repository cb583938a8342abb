"""Uses the library for the first time in a thread, and forks a child that does the same at each of its imports.

Prints how many children there were.

fork_during_imports.py FOLDER
"""

import builtins
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
from mmap_ninja import RaggedMmap, StringsMmap, verify
from mmap_ninja import numpy as np_ninja

import_module = builtins.__import__
inside, forked, done = threading.Event(), threading.Event(), threading.Event()


def use(folder):
    ragged = RaggedMmap.from_lists(folder / "r", [np.arange(3), [1, 2]])
    ragged.append([4])
    ragged.extend(iter([np.ones((2, 2), int)]))
    strings = StringsMmap.from_generator(folder / "s", iter(["a", "b"]), 1, zstd_level=1)
    for memmap in ragged, strings:
        _ = list(memmap), memmap[[0, 1]], memmap[np.array([1])], memmap[::2], memmap.out_dir
        _ = memmap.gather([0]), memmap.prefetch(range(2)), memmap.lengths
    ragged.padded(np.array([0, 1]))
    verify(folder / "r")
    np_ninja.from_ndarray(folder / "d", [[1, 2]])
    np_ninja.extend_dir(folder / "d", [[3, 4]])


def import_after_fork(*args, **options):
    if threading.current_thread() is not threading.main_thread():
        inside.set()
        forked.wait()
        forked.clear()
    return import_module(*args, **options)


def use_and_end():
    try:
        use(Path(sys.argv[1], "first"))
    finally:
        done.set()
        inside.set()


builtins.__import__ = import_after_fork
threading.Thread(target=use_and_end, daemon=True).start()
number = 0
while True:
    inside.wait()
    inside.clear()
    if done.is_set():
        break
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        use(Path(sys.argv[1], str(number)))
        os._exit(0)
    number += 1
    assert os.waitpid(child, 0)[1] == 0
    forked.set()
print(number)
