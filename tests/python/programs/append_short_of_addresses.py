"""Appends more than the address space has room to map; prints the class of the error and the length of the map.

append_short_of_addresses.py PATH, of bytes or strings
"""

import resource
import sys
from pathlib import Path

import numpy as np
from mmap_ninja import RaggedMmap, open_existing

memmap = open_existing(sys.argv[1])
sample = np.zeros(40 << 20, "uint8") if isinstance(memmap, RaggedMmap) else "a" * (40 << 20)
used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20), resource.RLIM_INFINITY))
try:
    memmap.append(sample)
except MemoryError as error:
    print(type(error).__name__, len(memmap))
