"""Ends while a daemon thread builds a map of samples without end.

build_until_exit.py PATH
"""

import itertools
import sys
import threading

import numpy as np
from mmap_ninja import RaggedMmap

are_many = threading.Event()


def samples():
    for number in itertools.count():
        if number == 1000:
            are_many.set()
        yield np.zeros(1000)


threading.Thread(target=RaggedMmap.from_generator, args=(sys.argv[1], samples(), 10), daemon=True).start()
are_many.wait()
