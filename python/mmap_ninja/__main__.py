"""`python -m mmap_ninja`: the same as `mmap-ninja`."""

import sys

from mmap_ninja.cli import main

sys.exit(main())
