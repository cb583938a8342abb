"""Reads and appends with little address space left; prints the class of what each call raised.

read_short_of_memory.py FOLDER, which holds large texts in `zstd` and `plain`, and small samples in `ragged`
"""

import resource
import sys
from pathlib import Path

from mmap_ninja import RaggedMmap, StringsMmap, verify

folder = Path(sys.argv[1])
packed, plain = StringsMmap(folder / "zstd"), StringsMmap(folder / "plain")
ragged, large = RaggedMmap(folder / "ragged"), "x" * (150 << 20)
indices = [0] * 10_000_000
used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), resource.RLIM_INFINITY))
for call in (
    lambda: packed[0],
    lambda: plain[0],
    lambda: packed.gather([0]),
    lambda: ragged.gather(indices),
    lambda: ragged.padded(indices),
    lambda: packed.append(large),
    lambda: verify(folder / "zstd"),
):
    try:
        call()
    except Exception as raised:  # noqa: BLE001 - whatever is raised is printed
        print(type(raised).__name__)
    else:
        print("done")
