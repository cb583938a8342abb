"""Batches in another dtype than that of the map are what NumPy casts them to."""

import itertools
import re
from functools import partial

import ml_dtypes
import numpy as np
import pytest
from catalogue import values
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

NUMBERS = [
    np.dtype(name)
    for name in [
        *["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"],
        *["float16", "float32", "float64", ml_dtypes.bfloat16],
    ]
]
OTHERS = ["complex64", "longdouble", "M8[s]", "U2", "S2", "V3", ml_dtypes.float8_e4m3fn, [("x", "u1")]]
PAIRS = [pair for pair in itertools.permutations(NUMBERS, 2) if np.can_cast(*pair, "safe")]
REFUSED = [
    *[pair for pair in itertools.permutations(NUMBERS, 2) if pair not in PAIRS],
    *[(np.dtype(number), np.dtype(other)) for number in ["bool", "uint8"] for other in OTHERS],
    *[(np.dtype(other), np.dtype("float64")) for other in OTHERS],
    (np.dtype("int16"), np.dtype(">i8")),
    (np.dtype("uint8"), np.dtype(object)),
]


def edges(dtype):
    """Numbers of a dtype: its limits, what lies around them, and many others of all bits."""
    if dtype.kind == "b":
        return np.array([False, True] * 40)
    rng = np.random.default_rng(5)
    others = np.frombuffer(rng.bytes(dtype.itemsize * 501), dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.concatenate([np.array([limits.min, limits.max, 0, 1, limits.max - 1], dtype), others])
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2.0, 1e-7, 6e-8]
    return np.concatenate([np.array(special).astype(dtype), others])


def same(found, expected):
    """Equal with the same dtype, bit for bit but for the payload of NaN."""
    assert found.dtype == expected.dtype
    nothing = np.not_equal(expected, expected)
    assert_identical(np.not_equal(found, found), nothing)
    assert found[~nothing].tobytes() == expected[~nothing].tobytes()


@pytest.mark.parametrize("order", "=>")
@pytest.mark.parametrize("source", dict.fromkeys(source for source, _ in PAIRS), ids=str)
def test_batches_are_cast_as_numpy_casts_them(path, source, order):
    if order == ">" and source.itemsize == 1:
        pytest.skip("one byte has one order")
    numbers = edges(source)
    stored = numbers if source.isbuiltin == 2 else numbers.astype(source.newbyteorder(order))
    ragged = RaggedMmap.from_lists(path, [stored[:7], stored[7:7], stored[7:]])
    rows = np_ninja.from_ndarray(path.parent / "rows", stored[:60].reshape(20, 3))
    for target in [target for known, target in PAIRS if known == source]:
        with np.errstate(invalid="ignore"):
            expected = numbers.astype(target)
        found, offsets = ragged.gather([2, 1, 0], dtype=target)
        same(found, np.concatenate([expected[7:], expected[:7]]))
        assert offsets.tolist() == [0, len(numbers) - 7, len(numbers) - 7, len(numbers)]
        batch, _ = ragged.padded([0, 1, 2], 1, "left", dtype=target)
        same(batch[0, -7:], expected[:7])
        same(batch[2], expected[7:])
        same(batch[1], np.ones(len(numbers) - 7, target))
        found = np_ninja.gather(rows, [19, 0], dtype=target)
        same(found.ravel(), np.concatenate([expected[57:60], expected[:3]]))


@pytest.mark.parametrize("source", dict.fromkeys(source for source, _ in REFUSED), ids=str)
def test_a_cast_that_could_change_a_value_is_a_type_error_that_names_both(path, source):
    ragged = RaggedMmap.from_lists(path, [np.zeros(2, source)])
    rows = np_ninja.from_ndarray(path.parent / "rows", np.zeros((2, 2), source))
    message = re.escape(f"no cast from {source} to ")
    for target in [target for known, target in REFUSED if known == source]:
        for read in ragged.gather, ragged.padded, partial(np_ninja.gather, rows):
            with pytest.raises(TypeError, match=message):
                read([0], dtype=target)


@pytest.mark.parametrize("dtype", [*NUMBERS, *OTHERS[:-1], ">i4", ">f8"], ids=str)
def test_the_dtype_of_the_map_is_no_cast(path, dtype):
    samples = [values(np.dtype(dtype), 3, 1), values(np.dtype(dtype), 1, 2)]
    ragged = RaggedMmap.from_lists(path, samples)
    found, plain = ragged.gather([0, 1], dtype=dtype), ragged.gather([0, 1])
    assert found[0].dtype == np.dtype(dtype)
    assert found[0].tobytes() == plain[0].tobytes()


def test_a_stored_big_endian_map_can_be_read_in_the_order_of_the_machine(path):
    ragged = RaggedMmap.from_lists(path, [np.arange(1000, dtype=">i4"), np.arange(3, dtype=">i4")])
    assert_identical(
        ragged.gather([0, 1], dtype="int32")[0], np.r_[np.arange(1000), np.arange(3)].astype("int32")
    )


def test_a_bool_that_is_stored_as_another_byte_is_true(path):
    ragged = RaggedMmap.from_lists(path, [np.array([True, False, True])])
    (path / "data.ninja").write_bytes(bytes([2, 0, 255]))
    assert ragged.gather([0], dtype="int64")[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("dtype", ["nonsense", 5, "i7"])
def test_what_names_no_dtype_is_a_type_error(path, dtype):
    ragged = RaggedMmap.from_lists(path, [[1]])
    for read in ragged.gather, ragged.padded:
        with pytest.raises(TypeError):
            read([0], dtype=dtype)


def test_the_padding_value_is_checked_against_the_dtype_of_the_batch(path):
    tokens = RaggedMmap.from_lists(path, [np.arange(3, dtype="uint16"), np.arange(1, dtype="uint16")])
    batch, _ = tokens.padded([0, 1], -100, dtype=np.int64)
    assert_identical(batch, np.array([[0, 1, 2], [0, -100, -100]]))
    for dtype, value in [(None, -100), (np.uint32, -1), (np.int32, 2**31)]:
        with pytest.raises(OverflowError, match="padding_value"):
            tokens.padded([0, 1], value, dtype=dtype)
    assert np.isnan(tokens.padded([0, 1], np.nan, dtype="f4")[0][1, 1:]).all()


def test_images_are_padded_and_cast_on_every_axis(path):
    images = [
        values(np.dtype("uint8"), shape, seed) for seed, shape in enumerate([(3, 5, 2), (4, 1, 2), (0, 2, 2)])
    ]
    ragged = RaggedMmap.from_lists(path, images)
    for side in "right", "left":
        plain, sizes = ragged.padded([0, 1, 2], 7, side)
        batch, found = ragged.padded([0, 1, 2], 7, side, dtype="float32")
        assert_identical(batch, plain.astype("float32"))
        assert_identical(found, sizes)


def test_a_large_batch_is_cast_by_several_threads(path):
    rng = np.random.default_rng(6)
    samples = [
        values(np.dtype("uint8"), int(size), seed) for seed, size in enumerate(rng.integers(0, 30_000, 200))
    ]
    ragged = RaggedMmap.from_lists(path, samples)
    plain, offsets = ragged.gather(...)
    assert_identical(ragged.gather(..., dtype="int32")[0], plain.astype("int32"))
    assert_identical(ragged.gather(..., dtype="int32")[1], offsets)
    assert_identical(ragged.padded(..., 9, dtype="float32")[0], ragged.padded(..., 9)[0].astype("float32"))


@pytest.mark.parametrize("zstd_level", [None, 3])
def test_bytes_of_texts_become_tokens(path, zstd_level):
    strings = StringsMmap.from_strings(path, ["one", "zwei", ""], zstd_level=zstd_level)
    found, offsets = strings.gather([1, 2, 0], dtype=np.int64)
    assert_identical(found, np.frombuffer(b"zweione", np.uint8).astype(np.int64))
    assert offsets.tolist() == [0, 4, 4, 7]
    with pytest.raises(TypeError, match="uint8 to int8"):
        strings.gather([0], dtype=np.int8)
