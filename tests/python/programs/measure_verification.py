"""Verifies a dataset; prints its first finding, and by how many bytes that has grown the process.

measure_verification.py PATH
"""

import resource
import sys

from mmap_ninja import verify


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


before = peak()
print(verify(sys.argv[1]).findings[0].message)
print(peak() - before)
