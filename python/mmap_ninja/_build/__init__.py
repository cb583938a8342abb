"""What all builds share: a session, progress bars, and the samples on their way."""

from mmap_ninja._build.errors import note
from mmap_ninja._build.origin import Origin
from mmap_ninja._build.paths import discard, refuse_existing, resolve_later
from mmap_ninja._build.progress import Counter, expected, progress
from mmap_ninja._build.recipe import Recipe, build
from mmap_ninja._build.samples import batches, check_batch_size, skip_stored
from mmap_ninja._build.session import BuildSession

__all__ = [
    "BuildSession",
    "Counter",
    "Origin",
    "Recipe",
    "batches",
    "build",
    "check_batch_size",
    "discard",
    "expected",
    "note",
    "progress",
    "refuse_existing",
    "resolve_later",
    "skip_stored",
]
