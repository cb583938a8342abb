"""Forks children that append while a thread appends with the same handle; prints how many ended well.

append_while_forking.py PATH
"""

import os
import sys
import threading

import numpy as np
from mmap_ninja import RaggedMmap

ragged, stop = RaggedMmap(sys.argv[1]), threading.Event()


def append():
    while not stop.is_set():
        ragged.append(np.arange(3))


def append_in_child():
    try:
        ragged.append(np.arange(5))
    except ValueError as error:
        assert "forked" in str(error)
    os._exit(0)


writer = threading.Thread(target=append)
writer.start()
children = []
for _ in range(20):
    if child := os.fork():
        children.append(child)
    else:
        append_in_child()
statuses = [os.waitpid(child, 0)[1] for child in children]
stop.set()
writer.join()
RaggedMmap(sys.argv[1]).append(np.arange(5))
print(statuses.count(0))
