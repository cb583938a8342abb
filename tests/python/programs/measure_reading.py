"""Opens a map, reads samples, then all lengths; prints by how many bytes each step has grown the process.

measure_reading.py PATH WARM INDICES, where WARM is a small map of the same kind and INDICES is JSON
"""

import json
import os
import sys

import mmap_ninja


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


warm = mmap_ninja.open_existing(sys.argv[2])
_ = warm[-1], warm.gather([-1]), warm.lengths
indices = json.loads(sys.argv[3])
before = resident()
memmap = mmap_ninja.open_existing(sys.argv[1])
opened = resident()
_ = memmap[-1], memmap.gather(indices), memmap.prefetch(indices)
read = resident()
if isinstance(memmap, mmap_ninja.RaggedMmap):
    assert memmap.lengths[-1] == 3
    assert len(memmap.lengths) == len(memmap)
print(json.dumps([opened - before, read - opened, resident() - read]))
