"""A sample of another dtype is stored if its values survive, and refused before anything is written if not."""

import re

import ml_dtypes
import numpy as np
import pytest
from conftest import assert_identical, tree
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja

LOSSY = [
    (1.9, "int64", TypeError),
    (300, "int8", OverflowError),
    (300.0, "uint8", OverflowError),
    (-1, "uint64", OverflowError),
    (2**63, "int64", OverflowError),
    (np.nan, "int32", TypeError),
    (np.inf, "int32", (TypeError, OverflowError)),
    (np.nan, "bool", TypeError),
    (2, "bool", (TypeError, OverflowError)),
    (1e300, "float32", OverflowError),
    (-1e6, "float16", OverflowError),
    (2**53 + 1, "float64", TypeError),
    (1j, "float64", TypeError),
    ("text", "float64", TypeError),
    ("long text", "U4", TypeError),
    (b"long text", "S4", TypeError),
    ("é", "S4", TypeError),
    (np.datetime64("2020-01-01T12"), "M8[D]", TypeError),
    (np.datetime64(10**13, "D"), "M8[ns]", (TypeError, OverflowError)),
    (np.timedelta64(10**15, "s"), "m8[ns]", (TypeError, OverflowError)),
    (5, "M8[D]", TypeError),
    (b"long bytes", "V4", TypeError),
    (1e9, "float8_e4m3fn", (TypeError, OverflowError)),
    (9, "int4", (TypeError, OverflowError)),
    (257, "bfloat16", TypeError),
    (np.timedelta64(5, "s"), "int64", TypeError),
]
LOSSLESS = [
    (0.1, "float32"),
    (1 / 3, "float16"),
    (np.nan, "float16"),
    (np.inf, "float32"),
    (7.0, "int8"),
    (2**53, "float64"),
    (True, "float32"),
    (1, "bool"),
    (1 + 0j, "float64"),
    (1.5, "complex64"),
    ("ab", "U4"),
    (np.datetime64("2020-01-01"), "M8[ns]"),
    (np.datetime64("NaT"), "M8[s]"),
    (0.1, "bfloat16"),
    (7, "int4"),
]


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name, name))


@pytest.mark.parametrize(("value", "dtype", "error"), LOSSY)
def test_a_lossy_cast_names_the_sample_and_writes_nothing(path, value, dtype, error):
    dtype = dtype_of(dtype)
    good, bad = np.zeros(2, dtype), np.asarray([value])
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 1\b"):
        RaggedMmap.from_lists(path, [good, bad], dtype=dtype)
    assert tree(path.parent) == {}
    ragged = RaggedMmap.from_lists(path, [good, np.zeros(1, dtype)])
    np_ninja.from_ndarray(dense := path.parent / "dense", good)
    before = tree(path.parent)
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 3\b"):
        ragged.extend([good, bad])
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 2\b"):
        ragged.append(bad)
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 1\b"):
        ragged[:] = [good, bad]
    with pytest.raises(error, match=re.escape(str(dense))):
        np_ninja.extend_dir(dense, bad)
    assert tree(path.parent) == before


@pytest.mark.parametrize(("value", "dtype"), LOSSLESS)
def test_a_cast_that_keeps_the_values_passes(path, value, dtype):
    dtype = dtype_of(dtype)
    ragged = RaggedMmap.from_lists(path, [np.zeros(1, dtype)])
    ragged.append(np.asarray([value]))
    ragged[0] = np.asarray([value])
    expected = np.real_if_close([value]) if dtype.kind != "c" else np.asarray([value])
    for index in 0, 1:
        assert_identical(ragged[index], expected.astype(dtype))


def test_fields_are_never_stored_under_another_name(path):
    ragged = RaggedMmap.from_lists(path, [np.zeros(1, [("a", "i4"), ("b", "i4")])])
    swapped = np.array([(1, 2)], [("b", "i4"), ("a", "i4")])
    try:
        ragged.append(swapped)
    except TypeError:
        return
    assert (ragged[1]["a"].tolist(), ragged[1]["b"].tolist()) == ([2], [1])
