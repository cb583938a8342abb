"""Maps that batches are read from, and what batches are asked for."""

import ml_dtypes
import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap

SAMPLES = [np.arange(3), np.arange(10, 11), np.arange(0), np.arange(20, 22)]
IMAGES = [np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(1, 4), np.zeros((0, 2))]
TEXTS = ["one", "zwei", "", "três"]
DTYPES = [
    *["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32"],
    *["float64", "longdouble", "complex64", "complex128", "clongdouble", ">i2", ">u8", ">f4", ">c16"],
    *["M8[D]", "m8[ns]", ">M8[us]", "U3", ">U1", "S5", "V7", [("x", "i2"), ("y", ">f8", (2,))]],
    *[ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn],
]
# The batch calls; each takes indices.
CALLS = ["gather", "padded", "prefetch"]
OUT_OF_RANGE = [4, -5, 2**40, 2**62, -(2**62)]
NO_INDICES = [["a"], [None], [0.5], np.array([0.0]), [[0, 1]], np.zeros((1, 1), int), None, "0", 1.0, {0}]


@pytest.fixture
def ragged(path):
    return RaggedMmap.from_lists(path, SAMPLES)


@pytest.fixture
def images(path):
    return RaggedMmap.from_lists(path.parent / "images", IMAGES)


@pytest.fixture
def strings(path):
    return StringsMmap.from_strings(path.parent / "strings", TEXTS)


def lists(arrays):
    return [array.tolist() for array in arrays]


def calls(*maps):
    """Every batch call of every map."""
    return [getattr(each, name) for each in maps for name in CALLS if hasattr(each, name)]
