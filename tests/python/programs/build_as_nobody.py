"""Builds a dataset without the rights of root, and prints the class and the text of what that raised.

build_as_nobody.py PATH
"""

import os
import sys

from mmap_ninja import RaggedMmap

if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    RaggedMmap.from_lists(sys.argv[1], [[1]])
except OSError as error:
    print(type(error).__name__, error)
