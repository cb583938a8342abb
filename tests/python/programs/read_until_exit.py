"""Ends while daemon threads read through a wrapper.

read_until_exit.py PATH
"""

import sys
import threading

import numpy as np
from mmap_ninja import RaggedMmap

ragged = RaggedMmap.from_lists(sys.argv[1], [np.zeros(1000)] * 100, wrapper_fn=lambda x: sum([i for i in x]))
was_read = threading.Event()


def read():
    while True:
        list(ragged)
        was_read.set()


for _ in range(3):
    threading.Thread(target=read, daemon=True).start()
was_read.wait()
