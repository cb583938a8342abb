"""Creates, appends and builds while a system call fails; prints what each of them raised.

write_where_calls_are_denied.py FOLDER CALL ERROR, for example flock ENOSYS
"""

import errno
import os
import sys

from denied import deny
from mmap_ninja import RaggedMmap, concatenate, write_checksums

folder, call, error = sys.argv[1:]
os.chdir(folder)
deny(call, getattr(errno, error))
for write in (
    lambda: RaggedMmap.from_lists("map", [[1]]),
    lambda: RaggedMmap("map").append([2]),
    lambda: RaggedMmap.from_lists("map", [[1], [2]]),
    lambda: RaggedMmap.from_generator("built", iter([[1]]), 1),
    lambda: concatenate("joined", ["map", "built"]),
    lambda: write_checksums("map"),
):
    try:
        write()
    except OSError as raised:
        print(raised)
    else:
        print("done")
