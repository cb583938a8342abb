"""Machine-learning datasets in memory-mapped files: written once, then every sample is read at the speed of memory.

- `RaggedMmap`: samples of any shape and one dtype, such as images or token sequences;
- `StringsMmap`: texts, optionally compressed;
- `mmap_ninja.numpy`: one dense array, as an `np.memmap`;
- `RecordsMmap`: samples of several fields, such as an image with its label;
- `mmap_ninja.plans`: batches, packed rows and windows, planned from the lengths of samples;
- `Loader`: their batches, shuffled, sharded and resumed.
"""

from mmap_ninja import plans
from mmap_ninja._attrs import read_attrs, write_attrs
from mmap_ninja._convert import convert
from mmap_ninja._core import CorruptDatasetError, __version__
from mmap_ninja._export import export
from mmap_ninja._index import write_index
from mmap_ninja._split import split
from mmap_ninja._verify import repair, verify, write_checksums
from mmap_ninja.arrow import from_arrow
from mmap_ninja.base import Wrapped
from mmap_ninja.generic import concatenate, open_existing, subset
from mmap_ninja.loader import ArraySpec, Loader
from mmap_ninja.numpy import append as np_append
from mmap_ninja.numpy import extend as np_extend
from mmap_ninja.numpy import extend_dir as np_extend_dir
from mmap_ninja.numpy import from_generator as np_from_generator
from mmap_ninja.numpy import from_ndarray as np_from_ndarray
from mmap_ninja.numpy import open_existing as np_open_existing
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.records import RecordsMmap
from mmap_ninja.string import StringsMmap

__all__ = [
    "ArraySpec",
    "CorruptDatasetError",
    "Loader",
    "RaggedMmap",
    "RecordsMmap",
    "StringsMmap",
    "Wrapped",
    "__version__",
    "concatenate",
    "convert",
    "export",
    "from_arrow",
    "np_append",
    "np_extend",
    "np_extend_dir",
    "np_from_generator",
    "np_from_ndarray",
    "np_open_existing",
    "open_existing",
    "plans",
    "read_attrs",
    "repair",
    "split",
    "subset",
    "verify",
    "write_attrs",
    "write_checksums",
    "write_index",
]
