"""Says that it waits, then appends a string.

append_string.py PATH
"""

import sys

from mmap_ninja import StringsMmap

print("waiting", flush=True)
StringsMmap(sys.argv[1]).append("x")
