"""A sample of another dtype is stored if its values survive, and refused before anything is written if not."""

import math
import re

import ml_dtypes
import numpy as np
import pytest
from conftest import assert_identical, tree
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja
from numpy.lib.recfunctions import repack_fields

LOSSY = [
    (1.9, "int64", TypeError),
    (300, "int8", OverflowError),
    (300.0, "uint8", OverflowError),
    (-1, "uint64", OverflowError),
    (2**63, "int64", OverflowError),
    (np.nan, "int32", TypeError),
    (np.inf, "int32", TypeError),
    (np.nan, "bool", TypeError),
    (2, "bool", OverflowError),
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
    (1e9, "float8_e4m3fn", OverflowError),
    (1e9, "float4_e2m1fn", OverflowError),
    (np.nan, "float6_e3m2fn", TypeError),
    (70000, "float16", OverflowError),
    (9, "int4", OverflowError),
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


FLOATS = [
    name for name in dir(ml_dtypes) if name.startswith(("float", "bfloat")) and hasattr(ml_dtypes, name)
]
INTEGERS = ["int1", "int2", "int4", "uint1", "uint2", "uint4"]
# No infinity; no NaN either.
FINITE = ["float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"]
HAS_INFINITY = ["bfloat16", "float8_e3m4", "float8_e4m3", "float8_e5m2"]


@pytest.fixture(params=["float64", "float32", "float16"])
def source(request):
    return request.param


@pytest.mark.parametrize("name", FLOATS)
def test_the_limits_of_a_float_of_ml_dtypes_are_stored_and_numbers_beyond_them_are_not(path, name):
    dtype, limits = dtype_of(name), ml_dtypes.finfo(dtype_of(name))
    largest, least = float(limits.max), float(limits.smallest_subnormal)
    low = least if name == "float8_e8m0fnu" else -largest
    ragged = RaggedMmap.from_lists(path, [[largest, low, least, 1.0]], dtype=dtype)
    assert ragged[0].astype(float).tolist() == [largest, low, least, 1.0]
    # Halfway to the next number of this precision, which is beyond the range.
    halfway = largest * (1 + float(limits.eps)) if name != "float8_e8m0fnu" else largest * 2
    for beyond in halfway, 2 * largest, 1e300, -2 * largest, -1e300:
        with pytest.raises(OverflowError, match="sample 1"):
            ragged.append(np.array([1.0, beyond]))
    assert len(ragged) == 1


@pytest.mark.parametrize("name", FLOATS)
def test_a_float_of_ml_dtypes_stores_nan_and_infinity_only_if_it_has_them(path, source, name):
    ragged = RaggedMmap.from_lists(path, [[1.0]], dtype=dtype_of(name))
    nan = np.array([np.nan], source)
    if name in FINITE:
        with pytest.raises(TypeError, match="nan"):
            ragged.append(nan)
    else:
        ragged.append(nan)
        assert np.isnan(ragged[-1].astype(float)).all()
    for infinity in np.inf, -np.inf:
        sample = np.array([infinity], source)
        if name in HAS_INFINITY:
            ragged.append(sample)
            assert ragged[-1].astype(float).tolist() == [infinity]
        else:
            with pytest.raises(TypeError, match="inf"):
                ragged.append(sample)


def test_a_dtype_without_zero_or_sign_stores_neither(path, source):
    ragged = RaggedMmap.from_lists(path, [[1.0]], dtype=dtype_of("float8_e8m0fnu"))
    for outside in 0.0, -0.0, -1.0:
        with pytest.raises(OverflowError):
            ragged.append(np.array([outside], source))
    ragged.append(np.array([3.0], source))
    assert ragged[-1].astype(float).tolist() == [4.0]
    with pytest.raises(OverflowError):
        ragged.append([1e-300])


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("source", ["int64", "int8", "float64", "float32"])
def test_an_integer_of_ml_dtypes_stores_its_range_and_nothing_else(path, name, source):
    dtype, limits = dtype_of(name), ml_dtypes.iinfo(dtype_of(name))
    values = list(range(int(limits.min), int(limits.max) + 1))
    ragged = RaggedMmap.from_lists(path, [np.array(values, source)], dtype=dtype)
    assert ragged[0].astype(int).tolist() == values
    for outside in limits.min - 1, limits.max + 1, 100:
        with pytest.raises(OverflowError):
            ragged.append(np.array([outside], source))
    for changed in 0.5 + limits.min, np.nan, np.inf:
        with pytest.raises(TypeError):
            ragged.append([changed])


@pytest.mark.parametrize("name", ["complex32", "bcomplex32"])
def test_a_complex_dtype_of_ml_dtypes_stores_both_parts_or_neither(path, name):
    ragged = RaggedMmap.from_lists(path, [[1 + 2j, complex(np.inf, np.nan)]], dtype=dtype_of(name))
    assert repr(ragged[0].astype("c8").tolist()) == repr([1 + 2j, complex(np.inf, np.nan)])
    for outside in 1e300, 1e300j:
        with pytest.raises(OverflowError):
            ragged.append([1j, outside])


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("target", FLOATS)
def test_numbers_of_one_float_of_ml_dtypes_lose_only_digits_in_another(path, name, target):
    source, target = dtype_of(name), dtype_of(target)
    bits = np.arange(1 << (6 if "float6" in name else 4 if "float4" in name else 8), dtype="u1")
    values = bits.view(source) if source.itemsize == 1 else np.array([1.5, 0.1, -257], source)
    exact, limits = values.astype(float), ml_dtypes.finfo(target)
    inside = np.abs(exact) <= float(limits.max)
    if target.name == "float8_e8m0fnu":
        inside &= exact > 0
    stored = RaggedMmap.from_lists(path, [values[inside]], dtype=target)[0].astype(float)
    digits = float(limits.eps) * (1 if target.name == "float8_e8m0fnu" else 0.5)
    tolerance = np.maximum(np.abs(exact[inside]) * digits, float(limits.smallest_subnormal) / 2)
    assert (np.abs(stored - exact[inside]) <= tolerance).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_integers_become_complex_without_a_warning(path, dtype):
    ragged = RaggedMmap.from_lists(path, [[1, -2], [True]], dtype=dtype)
    assert [sample.tolist() for sample in ragged] == [[1, -2], [1]]
    with pytest.raises(TypeError, match="9007199254740993"):
        ragged.append([2**53 + 1])


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_the_largest_integers_do_not_survive_in_floats(path, dtype):
    largest = np.iinfo(dtype).max
    for target in "float64", "float32", "complex128":
        with pytest.raises(TypeError, match=str(largest)):
            RaggedMmap.from_lists(path, [np.array([largest], dtype)], dtype=target)
    with pytest.raises(OverflowError):
        RaggedMmap.from_lists(path, [[float(largest)]], dtype=dtype)


def test_rows_of_several_dtypes_are_cast_without_loss(path):
    assert np_ninja.from_generator(path, [[1], [0.5], [True]], 3).tolist() == [[1], [0.5], [1]]
    with pytest.raises(TypeError, match="9007199254740993"):
        np_ninja.from_generator(path, [[2**53 + 1], [0.5]], 2)
    with pytest.raises(TypeError, match="sample 0"):
        np_ninja.from_generator(path, [[1], ["text"]], 2)
    with pytest.raises(TypeError, match="no common dtype"):
        np_ninja.from_generator(path, [[1], [np.datetime64("2020-01-01")]], 2)


@pytest.mark.parametrize(
    "sample", [[2**53 + 1, 2.0], (2.0, -(2**63)), [[2**63 - 1, 1.0], (3, 4.0)], [2**60 + 1, np.float32(2)]]
)
def test_integers_beside_floats_in_a_list_are_stored_as_they_are(tmp_path, sample):
    m = RaggedMmap.from_lists(tmp_path / "m", [np.int64([1])])
    m.append(sample)
    assert m[1].tolist() == np.array(sample, dtype=object).astype(np.int64).tolist()


@pytest.mark.parametrize(
    ("sample", "error"),
    [([2**60, 1.5], TypeError), ([2**60, math.nan], TypeError), ([2**63, 1.0], OverflowError)],
)
def test_a_list_of_integers_and_floats_that_does_not_fit_is_refused(tmp_path, sample, error):
    m = RaggedMmap.from_lists(tmp_path / "m", [np.int64([1])])
    with pytest.raises(error, match="sample 1"):
        m.append(sample)
    assert len(m) == 1


@pytest.mark.parametrize("offsets", [[0, 2], [4, 0]])
def test_fields_that_numpy_cannot_describe_are_refused_with_a_way_out(tmp_path, offsets):
    sample = np.zeros(3, {"names": ["a", "b"], "formats": ["<i4", "<i2"], "offsets": offsets})
    with pytest.raises(TypeError, match="sample 0.*repack_fields"):
        RaggedMmap.from_lists(tmp_path / "m", [sample])
    assert RaggedMmap.from_lists(tmp_path / "m", [repack_fields(sample)])[0].tolist() == sample.tolist()
