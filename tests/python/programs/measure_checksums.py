"""Writes and verifies checksums; prints by how many KiB that has grown the process.

measure_checksums.py SMALL PATH...
"""

import resource
import sys

from mmap_ninja import verify, write_checksums

small, *paths = sys.argv[1:]
verify(small)  # Allocates what any verification needs.
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in paths:
    write_checksums(path)
    assert verify(path).ok
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
