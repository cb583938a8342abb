"""Says that it waits, then writes a dataset in place of another one.

replace.py PATH WRITE
"""

import sys

import numpy as np
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

WRITES = {
    "from_strings": lambda path: StringsMmap.from_strings(path, ["b"], timeout=float("inf")),
    "from_lists": lambda path: RaggedMmap.from_lists(path, [np.arange(3)]),
    "from_ndarray": lambda path: np_ninja.from_ndarray(path, np.arange(3)),
    "from_generator": lambda path: RaggedMmap.from_generator(path, [np.arange(3)], 1),
}

if __name__ == "__main__":
    print("waiting", flush=True)
    WRITES[sys.argv[2]](sys.argv[1])
