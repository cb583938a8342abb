"""Ends while loaders fill batches, one of them in a daemon thread.

load_until_exit.py FOLDER, whose dataset `map` has many samples
"""

import atexit
import sys
import threading
import time
from pathlib import Path

# Functions that are registered later run earlier: whatever the library registers has run when this waits.
atexit.register(time.sleep, 0.1)

from mmap_ninja import Loader, RaggedMmap

ragged = RaggedMmap(Path(sys.argv[1]) / "map")
kept = [iter(Loader(ragged, 8, pad=0, shuffle=True, ahead=8)) for _ in range(3)]
for batches in kept:
    next(batches)


def read(started):
    for _ in range(1000):
        for _ in Loader(ragged, 8, pad=0):
            started.set()


begun = threading.Event()
threading.Thread(target=read, args=(begun,), daemon=True).start()
begun.wait()
print("ends")
