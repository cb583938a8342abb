"""Gathers, pads and builds where the system gives no thread; prints what came of each.

work_without_threads.py FOLDER, whose dataset `map` has 10 MB
"""

import os
import resource
import sys
from pathlib import Path

from mmap_ninja import RaggedMmap, StringsMmap

folder = Path(sys.argv[1])
ragged = RaggedMmap(folder / "map")
if os.getuid() == 0:  # Limits of processes do not hold for root.
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
print(ragged.gather(slice(None))[0].sum(), ragged.padded(slice(None))[0].sum())
built = RaggedMmap.from_generator(folder / "built", iter(ragged), 10)
print(built is not None and built.gather(slice(None))[0].sum())
StringsMmap.from_strings(folder / "texts", ["text " * 1000] * 1000, zstd_level=1)
print(len(StringsMmap(folder / "texts")))
