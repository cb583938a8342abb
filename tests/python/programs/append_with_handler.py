"""Waits to append, and closes the map in the handler of a signal that arrives during the wait.

append_with_handler.py PATH ragged|string
"""

import os
import signal
import sys
import threading

from mmap_ninja import RaggedMmap, StringsMmap

path, kind = sys.argv[1:]
memmap = (RaggedMmap if kind == "ragged" else StringsMmap)(path, timeout=600)


def close(*_):
    _ = memmap[0]
    memmap.close()


signal.signal(signal.SIGTERM, close)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
memmap.append([1] if kind == "ragged" else "a")
