"""Batch-reading calls at their edges: what they take, what they refuse, and that nothing is written where they do."""

import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import ml_dtypes
import numpy as np
import pytest
from conftest import assert_identical, values
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


# Indices


def test_an_empty_batch_is_empty_arrays_of_the_right_dtype_and_rank(path, ragged, images, strings):
    numbers = RaggedMmap.from_lists(path.parent / "numbers", [1.5, 2.5])
    shapes = [(ragged, (0, 0), (0,)), (images, (0, 0, 0), (0, 2)), (numbers, (0,), (0, 0))]
    for nothing in [], (), np.array([]), np.array([], "u1"), range(0), slice(0), np.zeros(0, bool)[:0]:
        for memmap, shape, lengths_shape in shapes:
            index = list(nothing) if isinstance(nothing, tuple) else nothing
            index = np.zeros(len(memmap), bool) if getattr(index, "dtype", None) == bool else index
            values, offsets = memmap.gather(index)
            assert_identical(values, np.empty(0, memmap.dtype))
            assert_identical(offsets, np.zeros(1, "int64"))
            batch, lengths = memmap.padded(index)
            assert_identical(batch, np.empty(shape, memmap.dtype))
            assert_identical(lengths, np.empty(lengths_shape, "int64"))
            assert memmap.prefetch(index) is None
    assert_identical(strings.gather([])[0], np.empty(0, "uint8"))
    assert_identical(strings.gather([])[1], np.zeros(1, "int64"))


def test_an_empty_batch_fits_an_out_of_no_samples(ragged):
    for out in np.empty((0, 0), int), np.empty((0, 5), int):
        assert ragged.padded([], out=out)[0] is out
    with pytest.raises(ValueError, match="shape"):
        ragged.padded([], out=np.empty((1, 5), int))


def test_negative_indices_count_from_the_end(ragged, strings):
    assert lists(ragged.gather([-1, -4])) == [[20, 21, 0, 1, 2], [0, 2, 5]]
    assert lists(ragged.padded([-1, -4])) == [[[20, 21, 0], [0, 1, 2]], [2, 3]]
    assert ragged.prefetch([-1, -4]) is None
    assert strings.gather([-1, -4])[0].tobytes() == "trêsone".encode()


def test_an_index_may_stand_in_a_batch_more_than_once(ragged, strings):
    assert lists(ragged.gather([1, 1, -3])) == [[10, 10, 10], [0, 1, 2, 3]]
    assert lists(ragged.padded([3, 1, 3])) == [[[20, 21], [10, 0], [20, 21]], [2, 1, 2]]
    assert strings.gather([1, 1])[0].tobytes() == b"zweizwei"
    values, offsets = ragged.gather([3] * 100_000)
    assert (len(values), offsets[-1], set(values[::2])) == (200_000, 200_000, {20})


@pytest.mark.parametrize("index", OUT_OF_RANGE)
def test_an_index_out_of_range_is_an_index_error_with_the_path_and_the_index(ragged, strings, index):
    for call in calls(ragged, strings):
        for indices in (
            [index],
            [0, index, 1],
            np.array([1, index]),
            [np.int64(index)],
            range(index, index + 1),
        ):
            with pytest.raises(IndexError, match=rf"{call.__self__.out_dir}.*{index}"):
                call(indices)


@pytest.mark.parametrize("index", [2**63, 2**64, 2**70, -(2**70)])
def test_an_index_beyond_64_bits_is_an_index_error(ragged, strings, index):
    for call in calls(ragged, strings):
        with pytest.raises(IndexError):
            call([0, index])
        if 0 < index < 2**64:
            with pytest.raises(IndexError):
                call(np.array([0, index], "uint64"))


def test_a_mask_of_another_length_is_an_index_error(ragged, strings):
    for call in calls(ragged, strings):
        for mask in [True], [True] * 5, np.ones(3, bool), np.zeros(5, bool):
            with pytest.raises(IndexError, match=rf"mask.*{len(mask)}.*4"):
                call(mask)


@pytest.mark.parametrize("index", [1, -1, np.int64(0), np.array(2), True, 99])
def test_one_integer_is_no_batch(ragged, strings, index):
    for call in calls(ragged, strings):
        with pytest.raises((TypeError, IndexError), match="one integer|range"):
            call(index)


@pytest.mark.parametrize("indices", NO_INDICES, ids=repr)
def test_what_is_no_list_of_integers_is_a_type_error(ragged, strings, indices):
    for call in calls(ragged, strings):
        with pytest.raises(TypeError, match="ind"):
            call(indices)


def test_an_error_writes_nothing_to_out(ragged, images):
    out = np.full((2, 3), 7)
    options = [
        {"indices": [0, 4]},
        {"indices": [0, 0.5]},
        {"padding_value": "x"},
        {"padding_value": 2**63},
        {"padding_side": "middle"},
        {"max_length": -1},
    ]
    for each in options:
        with pytest.raises((IndexError, TypeError, ValueError, OverflowError)):
            ragged.padded(**{"indices": [0, 1], "out": out, **each})
        assert (out == 7).all()
    images.append(np.arange(3.0))
    blocks = np.full((2, 2, 3), 7.0)
    with pytest.raises(ValueError, match="axes"):
        images.padded([0, 3], out=blocks)
    assert (blocks == 7).all()


# Samples


def test_samples_of_several_ranks_are_refused_with_the_indices_and_ranks_of_both(path):
    mixed = RaggedMmap.from_lists(path, [np.zeros(2), np.zeros((1, 2)), np.array(1.0), np.zeros((2, 1))])
    for indices, first, other in [
        ([0, 1], (0, 1), (1, 2)),
        ([3, 1, 2], (3, 2), (2, 0)),
        ([-2, 0], (2, 0), (0, 1)),
    ]:
        expected = rf"{path}.*sample {first[0]} has {first[1]} ax.*sample {other[0]} has {other[1]}"
        with pytest.raises(ValueError, match=expected):
            mixed.padded(indices)
    assert mixed.padded([1, 3])[0].shape == (2, 2, 2)


def test_samples_of_several_ranks_are_gathered_as_their_elements(path):
    mixed = RaggedMmap.from_lists(path, [np.arange(2), np.arange(6).reshape(2, 3), np.array(9)])
    assert lists(mixed.gather([2, 1, 0])) == [[9, *range(6), 0, 1], [0, 1, 7, 9]]


def test_scalars_are_padded_to_one_element_each(path):
    numbers = RaggedMmap.from_lists(path, [1.5, 2.5, -1.0])
    assert lists(numbers.gather([2, 0])) == [[-1.0, 1.5], [0, 1, 2]]
    batch, lengths = numbers.padded([2, 0], padding_value=9, padding_side="left", max_length=0)
    assert (batch.tolist(), lengths.shape) == ([-1.0, 1.5], (2, 0))
    out = np.zeros(2)
    assert numbers.padded([0, 0], out=out)[0] is out
    assert (out.tolist(), numbers.lengths.tolist()) == ([1.5, 1.5], [1, 1, 1])


def test_samples_without_elements_are_all_padding(path, ragged, images):
    assert lists(ragged.padded([2, 1, 2], 5)) == [[[5], [10], [5]], [0, 1, 0]]
    assert lists(ragged.gather([2, 2])) == [[], [0, 0, 0]]
    assert ragged.padded([2, 2])[0].shape == (2, 0)
    batch, lengths = images.padded([2, 1], 5, "left")
    assert batch.tolist() == [[[5] * 4], [[0, 1, 2, 3]]]
    assert lengths.tolist() == [[0, 2], [1, 4]]
    assert images.padded([2, 2])[0].shape == (2, 0, 2)
    shapes = [(0, 3), (2, 0), (0, 0), (1, 1)]
    empty = RaggedMmap.from_lists(path.parent / "empty", [np.ones(shape) for shape in shapes])
    batch, lengths = empty.padded(range(4), -1)
    assert (batch.shape, lengths.tolist()) == ((4, 2, 3), [list(shape) for shape in shapes])
    assert (batch.sum(), batch[3, 0, 0]) == (-22, 1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_batches_are_of_the_dtype_of_the_map(path, dtype):
    samples = [values(dtype, shape, seed) for seed, shape in enumerate([(3,), (0,), (1,), (2,)])]
    ragged = RaggedMmap.from_lists(path, samples)
    assert_identical(
        ragged.gather([3, 0])[0], np.frombuffer(samples[3].tobytes() + samples[0].tobytes(), dtype)
    )
    batch, lengths = ragged.padded([0, 3, 1])
    assert (batch.dtype, batch.shape, lengths.tolist()) == (np.dtype(dtype), (3, 3), [3, 2, 0])
    for row, sample in [(0, 0), (1, 3)]:
        assert_identical(batch[row][: len(samples[sample])], samples[sample])
    assert batch[1:].tobytes().endswith(b"\0" * 3 * batch.itemsize)


@pytest.mark.parametrize("name", ["int4", "uint2", "float8_e8m0fnu"])
def test_small_numbers_of_ml_dtypes_are_padded(path, name):
    dtype = np.dtype(getattr(ml_dtypes, name))
    ragged = RaggedMmap.from_lists(path, [np.array([1, 2], dtype), np.array([1], dtype)])
    batch, _ = ragged.padded([0, 1], padding_value=dtype.type(2))
    assert_identical(batch, np.array([[1, 2], [1, 2]], dtype))


def test_batches_own_their_memory_and_are_writable(ragged, images):
    for memmap in ragged, images:
        for array in *memmap.gather([0, 1]), *memmap.padded([0, 1]):
            assert array.flags.writeable
            assert array.flags.c_contiguous
            array[:] = 1
        assert not any(np.may_share_memory(memmap[0], array) for array in memmap.gather([0]))
    assert lists(ragged) == lists(SAMPLES)


def test_a_wrapper_is_not_applied_to_batches(path, ragged):
    wrapped = RaggedMmap(path, wrapper_fn=lambda item: item * 100)
    assert lists(wrapped.gather([0])) == lists(ragged.gather([0]))
    assert lists(wrapped.padded([0, 1])) == lists(ragged.padded([0, 1]))
    assert wrapped.__getitems__([1])[0].tolist() == [1000]


def test_batches_see_what_was_assigned(ragged):
    ragged[1] = [99]
    ragged[0][1] = -5
    assert ragged.gather([0, 1])[0].tolist() == [0, -5, 2, 99]
    assert ragged.padded([1])[0].tolist() == [[99]]


def test_copy_on_write_batches_see_private_changes(path, ragged):
    private = RaggedMmap(path, mode="c")
    private[0] = [7, 8, 9]
    assert private.gather([0])[0].tolist() == private.padded([0])[0][0].tolist() == [7, 8, 9]
    assert ragged.gather([0])[0].tolist() == [0, 1, 2]


# Padding


@pytest.mark.parametrize(
    ("dtype", "value", "error"),
    [
        ("int64", "x", TypeError),
        ("int64", None, TypeError),
        ("int64", 1.5, TypeError),
        ("int64", np.nan, TypeError),
        ("int64", 1j, TypeError),
        ("int64", 2**63, OverflowError),
        ("int64", 2**70, (TypeError, OverflowError)),
        ("uint8", 256, OverflowError),
        ("uint8", -1, OverflowError),
        ("int8", -129, OverflowError),
        ("bool", 2, (TypeError, OverflowError)),
        ("float32", 1e300, OverflowError),
        ("float32", 1j, (TypeError, OverflowError)),
        ("float64", "x", TypeError),
        ("M8[s]", 5, TypeError),
        ("M8[s]", 1.5, TypeError),
        ("U2", "long", TypeError),
        ("S2", b"long", TypeError),
        (">i2", 2**15, OverflowError),
    ],
)
def test_a_padding_value_that_does_not_fit_is_refused(path, dtype, value, error):
    ragged = RaggedMmap.from_lists(path, [np.zeros(2, dtype), np.zeros(1, dtype)])
    for indices in [0, 1], [0], []:
        with pytest.raises(error, match=f"{path}.*padding_value"):
            ragged.padded(indices, padding_value=value)


@pytest.mark.parametrize("value", [[0], [1, 2], np.array([1]), (1,), [[]]], ids=repr)
def test_a_padding_value_is_a_scalar(ragged, value):
    with pytest.raises(ValueError, match="padding_value must be a scalar"):
        ragged.padded([0, 1], padding_value=value)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int64", -(2**63)),
        ("int64", 2.0),
        ("int64", True),
        ("int64", np.uint8(200)),
        ("uint64", 2**64 - 1),
        ("float32", np.nan),
        ("float32", -0.0),
        ("float16", np.inf),
        ("float32", 0.1),
        ("complex64", 1 + 2j),
        ("bool", True),
        (">i4", -5),
        ("M8[s]", np.datetime64("2020-01-01")),
        ("M8[s]", np.datetime64("NaT")),
        ("m8[s]", np.timedelta64(5, "m")),
        ("U3", "ab"),
        ("S3", b"ab"),
        ([("x", "i4"), ("y", "f8")], np.array((1, 2.5), [("x", "i4"), ("y", "f8")])[()]),
        (ml_dtypes.bfloat16, 1.5),
        (ml_dtypes.bfloat16, ml_dtypes.bfloat16(3)),
    ],
    ids=str,
)
def test_a_padding_value_that_fits_is_stored_as_the_dtype(path, dtype, value):
    ragged = RaggedMmap.from_lists(path, [np.zeros(2, dtype), np.zeros(1, dtype)])
    expected = np.asarray(value).astype(dtype)
    for given in value, np.asarray(value):
        assert_identical(ragged.padded([0, 1], given)[0][1, 1:], expected[None])


def test_padding_goes_to_the_side_that_is_asked_for_on_every_axis(ragged, images):
    assert ragged.padded([1, 0], 9)[0].tolist() == [[10, 9, 9], [0, 1, 2]]
    assert ragged.padded([1, 0], 9, "left")[0].tolist() == [[9, 9, 10], [0, 1, 2]]
    right = [[[0, 1, 2, 9], [3, 4, 5, 9]], [[0, 1, 2, 3], [9] * 4]]
    left = [[[9, 0, 1, 2], [9, 3, 4, 5]], [[9] * 4, [0, 1, 2, 3]]]
    for side, expected in [("right", right), ("left", left)]:
        batch, lengths = images.padded([0, 1], 9, side)
        assert (batch.tolist(), lengths.tolist()) == (expected, [[2, 3], [1, 4]])


@pytest.mark.parametrize("side", ["middle", "", "Left", "RIGHT", "both"])
def test_a_padding_side_other_than_left_and_right_is_a_value_error(ragged, side):
    with pytest.raises(ValueError, match=f"padding_side.*'{side}'"):
        ragged.padded([0, 1], padding_side=side)


def test_max_length_keeps_the_first_entries_of_every_axis(ragged, images):
    for side in "right", "left":
        batch, lengths = ragged.padded([0, 3], padding_side=side, max_length=2)
        assert (batch.tolist(), lengths.tolist()) == ([[0, 1], [20, 21]], [2, 2])
    batch, lengths = images.padded([0, 1], 9, "left", max_length=2)
    assert batch.tolist() == [[[0, 1], [3, 4]], [[9, 9], [0, 1]]]
    assert lengths.tolist() == [[2, 2], [1, 2]]
    for longer in 3, 4, 2**62, np.int64(7):
        assert ragged.padded([0, 1], max_length=longer)[0].tolist() == [[0, 1, 2], [10, 0, 0]]


def test_max_length_zero_leaves_no_elements(ragged, images):
    assert [array.shape for array in ragged.padded([0, 1], max_length=0)] == [(2, 0), (2,)]
    assert [array.shape for array in images.padded([0, 1], max_length=0)] == [(2, 0, 0), (2, 2)]
    assert not images.padded([0, 1], max_length=0)[1].any()


def test_max_length_cuts_also_where_out_has_more_room(ragged):
    batch, lengths = ragged.padded([0, 1], 9, max_length=2, out=np.empty((2, 4), int))
    assert (batch.tolist(), lengths.tolist()) == ([[0, 1, 9, 9], [10, 9, 9, 9]], [2, 1])
    batch, _ = ragged.padded([0, 1], 9, "left", max_length=2, out=np.empty((2, 4), int))
    assert batch.tolist() == [[9, 9, 0, 1], [9, 9, 9, 10]]


def test_a_negative_max_length_is_a_value_error(ragged):
    for length in -1, np.int64(-3):
        with pytest.raises(ValueError, match="max_length must not be negative"):
            ragged.padded([0, 1], max_length=length)
    for length in 2.0, "2":
        with pytest.raises(TypeError):
            ragged.padded([0, 1], max_length=length)


def test_a_batch_that_no_memory_can_hold_is_an_error(path):
    huge = [np.zeros((2**20, 0), "u1"), np.zeros((0, 2**40), "u1"), np.zeros((2**50, 0), "u1")]
    ragged = RaggedMmap.from_lists(path, huge)
    for indices in [0, 1], [1, 2]:
        with pytest.raises((MemoryError, ValueError)):
            ragged.padded(indices)
    assert ragged.padded([1, 2], max_length=3)[0].shape == (2, 3, 3)


def test_a_batch_may_have_as_many_axes_as_numpy_allows(path):
    most = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0b1" else 32
    ragged = RaggedMmap.from_lists(path, [np.ones((1,) * most), np.ones((1,) * (most - 1))])
    assert ragged.padded([1, 1])[0].ndim == most
    with pytest.raises(ValueError, match="dimensions"):
        ragged.padded([0])
    assert ragged.gather([0, 1])[0].tolist() == [1, 1]


# out


def test_out_is_filled_and_returned(ragged):
    out = np.full((2, 3), 7)
    batch, lengths = ragged.padded([3, 1], 5, out=out)
    assert batch is out
    assert (out.tolist(), lengths.tolist()) == ([[20, 21, 5], [10, 5, 5]], [2, 1])


def test_a_larger_out_is_padded_to_its_ends(ragged, images):
    out = np.full((2, 5), 7)
    ragged.padded([0, 1], 5, "left", out=out)
    assert out.tolist() == [[5, 5, 0, 1, 2], [5, 5, 5, 5, 10]]
    blocks = np.full((1, 3, 4), 7.0)
    images.padded([0], 5, out=blocks)
    assert blocks.tolist() == [[[0, 1, 2, 5], [3, 4, 5, 5], [5] * 4]]


@pytest.mark.parametrize("shape", [(6,), (1, 3), (3, 3), (2, 2), (2, 0), (2, 3, 1), (1, 2, 3), ()])
def test_an_out_of_a_wrong_shape_is_a_value_error_that_states_both(ragged, shape):
    with pytest.raises(ValueError, match=r"shape \[.*\].*\[2, 3\]"):
        ragged.padded([0, 1], out=np.zeros(shape, int))


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float64", ">i8", "M8[s]", "V8", [("x", "i8")], object])
def test_an_out_of_another_dtype_is_a_type_error(ragged, dtype):
    with pytest.raises(TypeError, match="dtype"):
        ragged.padded([0, 1], out=np.zeros((2, 3), dtype))


def test_an_out_that_cannot_be_filled_in_place_is_a_value_error(ragged):
    read_only = np.zeros((2, 3), int)
    read_only.flags.writeable = False
    strided = np.zeros((2, 6), int)[:, ::2]
    transposed, reversed_ = np.zeros((3, 2), int).T, np.zeros((2, 3), int)[::-1]
    broadcast = np.broadcast_to(np.zeros(3, int), (2, 3))
    for out in read_only, strided, transposed, reversed_, broadcast:
        with pytest.raises(ValueError, match="writable and C-contiguous"):
            ragged.padded([0, 1], out=out)
        assert not out.any()


@pytest.mark.parametrize("out", [[[0] * 3] * 2, bytearray(48), memoryview(bytearray(48)), 5], ids=type)
def test_an_out_that_is_no_array_is_a_type_error(ragged, out):
    with pytest.raises(TypeError, match="out must be a NumPy array"):
        ragged.padded([0, 1], out=out)


def test_an_out_in_the_mapped_bytes_is_a_value_error(path, ragged):
    for memmap in ragged, RaggedMmap(path, mode="c"):
        for out in memmap[0][None], memmap[0][1:].reshape(1, 2), memmap[3][None]:
            with pytest.raises(ValueError, match="map"):
                memmap.padded([0], max_length=out.shape[1], out=out)
    assert lists(ragged) == lists(SAMPLES)


def outgrown(ragged):
    """An item of the mapping that an append has replaced."""
    item = ragged[0]
    ragged.append(np.arange(100_000))
    return item


@pytest.mark.parametrize(
    "find",
    [
        outgrown,
        lambda ragged: ragged.memmap[:3],
        lambda ragged: RaggedMmap(ragged.out_dir, mode="r+")[0],
    ],
    ids=["of a mapping before an append", "memmap", "of another handle"],
)
def test_an_out_in_another_mapping_of_the_same_file_is_a_value_error(ragged, find):
    out = find(ragged)
    with pytest.raises(ValueError, match="map"):
        ragged.padded([3], 9, out=out[None])
    assert ragged[0].tolist() == [0, 1, 2]


def test_out_may_be_an_item_of_another_map(path, ragged):
    other = RaggedMmap.from_lists(path.parent / "other", [np.zeros((2, 3), int)])
    ragged.padded([1, 0], 5, out=other[0])
    assert RaggedMmap(path.parent / "other")[0].tolist() == [[10, 5, 5], [0, 1, 2]]


def test_out_may_be_unaligned_or_of_a_subclass(path, ragged):
    unaligned = np.frombuffer(bytearray(8 * 6 + 1), "i8", 6, 1).reshape(2, 3)
    file = np.memmap(path.parent / "batch", "i8", "w+", shape=(2, 3))
    for out in unaligned, file:
        assert ragged.padded([0, 1], out=out)[0] is out
        assert out.tolist() == [[0, 1, 2], [10, 0, 0]]


# Maps that grow, are empty or closed


def test_a_batch_holds_what_its_own_handle_appended(ragged, strings):
    for length in 1, 100_000, 3:
        ragged.append(np.full(length, length))
        strings.append("x" * length)
        assert lists(ragged.gather([-1, 1])) == [[length] * length + [10], [0, length, length + 1]]
        assert ragged.padded([-1, 1])[1].tolist() == [length, 1]
        assert ragged.lengths.tolist()[-1] == strings.lengths[-1] == length
        assert strings.gather([-1])[0].tobytes() == b"x" * length
    assert len(ragged.lengths) == len(strings.lengths) == 7


def test_a_batch_holds_what_another_handle_appended_after_refresh_only(path, ragged, strings):
    others = RaggedMmap(path), StringsMmap(strings.out_dir)
    ragged.append(np.arange(50_000))
    strings.append("x" * 100_000)
    for other in others:
        for call in calls(other):
            with pytest.raises(IndexError, match="4 samples"):
                call([4])
        assert (len(other.lengths), len(other.gather(slice(None))[1])) == (4, 5)
        other.refresh()
        assert (len(other.lengths), len(other.gather(slice(None))[1])) == (5, 6)
        assert other.prefetch([4]) is None
    assert others[0].gather([4, 1])[0].tolist() == [*range(50_000), 10]
    assert others[0].padded([4])[0].shape == (1, 50_000)
    assert others[1].gather([4])[0].tobytes() == b"x" * 100_000


def test_a_batch_holds_an_image_appended_to_a_map_of_rows(ragged):
    ragged.append(np.arange(4).reshape(2, 2))
    assert ragged.padded([-1])[0].tolist() == [[[0, 1], [2, 3]]]
    assert lists(ragged.gather([1, -1])) == [[10, 0, 1, 2, 3], [0, 1, 5]]
    assert ragged.lengths.tolist() == [3, 1, 0, 2, 4]
    with pytest.raises(ValueError, match="sample 0 has 1 ax.* sample 4 has 2"):
        ragged.padded([0, 4])


def test_batches_and_lengths_outlive_appends_and_the_handle(ragged):
    lengths, (values, offsets) = ragged.lengths, ragged.gather([0, 3])
    for _ in range(20):
        ragged.append(np.zeros(1000, int))
    ragged.close()
    del ragged
    assert lists([lengths, values, offsets]) == [[3, 1, 0, 2], [0, 1, 2, 20, 21], [0, 3, 5]]


def test_a_map_made_anew_is_read_by_handles_opened_later(path, ragged):
    RaggedMmap.from_lists(path, [np.full(2, 5)])
    assert ragged.gather([0])[0].tolist() == [0, 1, 2]
    assert RaggedMmap(path).gather([0])[0].tolist() == [5, 5]
    ragged.refresh()
    assert (ragged.gather([0])[0].tolist(), ragged.lengths.tolist()) == ([5, 5], [2])


def test_an_empty_map_has_no_samples_to_batch(path):
    ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
    for call in calls(ragged, strings):
        with pytest.raises(IndexError, match=f"{path}.*0 samples"):
            call([0])
    for memmap in ragged, strings:
        assert_identical(memmap.lengths, np.empty(0, "int64"))
        assert memmap.__getitems__([]) == []
        assert memmap.prefetch([]) is None
        assert memmap.prefetch(slice(None)) is None
    for call in ragged.gather, ragged.padded:
        with pytest.raises(ValueError, match=f"{path}.*no samples"):
            call([])
    assert lists(strings.gather([])) == [[], [0]]


def test_a_map_that_was_empty_is_batched_once_it_holds_samples(path):
    ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
    ragged.append(np.arange(3, dtype="u1"))
    strings.append("é")
    assert_identical(ragged.gather([0])[0], np.arange(3, dtype="u1"))
    assert strings.gather([0])[0].tobytes() == "é".encode()
    assert (ragged.lengths.tolist(), strings.lengths.tolist()) == ([3], [2])


@pytest.mark.parametrize("indices", [[0], [-1], [], slice(None), range(2)], ids=repr)
def test_a_closed_handle_says_so_of_every_batch(ragged, strings, indices):
    for memmap in ragged, strings:
        memmap.close()
        for call in calls(memmap):
            with pytest.raises(ValueError, match=f"{memmap.out_dir}.*closed"):
                call(indices)


def test_a_closed_handle_has_no_lengths(ragged, strings):
    for memmap in ragged, strings:
        memmap.close()
        with pytest.raises(ValueError, match=f"{memmap.out_dir}.*closed"):
            _ = memmap.lengths


# __getitems__


class Doubled(RaggedMmap):
    def __getitem__(self, index):
        return super().__getitem__(index) * 2


class Shouted(StringsMmap):
    def __getitem__(self, index):
        return super().__getitem__(index).upper()


class Named(RaggedMmap):
    def name(self):
        return self.out_dir.name


def test_getitems_gives_the_items(path, ragged, strings):
    for indices in [3, 0, -1], (1, 1), np.array([2, 0]), range(3), []:
        assert lists(ragged.__getitems__(indices)) == lists([ragged[int(index)] for index in indices])
        assert strings.__getitems__(indices) == [TEXTS[index] for index in indices]
        assert lists(Named(path).__getitems__(indices)) == lists(ragged.__getitems__(indices))
    for memmap in ragged, strings:
        with pytest.raises(IndexError, match=f"{memmap.out_dir}.*9"):
            memmap.__getitems__([0, 9])


def test_getitems_gives_views_that_are_not_copied(ragged):
    for item, index in zip(ragged.__getitems__([0, 3]), [0, 3], strict=True):
        assert np.shares_memory(item, ragged[index])


def test_getitems_and_iteration_respect_a_getitem_of_a_subclass(path, ragged, strings):
    doubled, shouted = Doubled(path), Shouted(strings.out_dir)
    assert lists(doubled.__getitems__([3, 0])) == [[40, 42], [0, 2, 4]]
    assert lists(doubled) == [[0, 2, 4], [20], [], [40, 42]]
    assert shouted.__getitems__([1, 0]) == ["ZWEI", "ONE"]
    assert list(shouted) == ["ONE", "ZWEI", "", "TRÊS"]
    assert doubled.gather([1])[0].tolist() == [10]


def test_getitems_and_iteration_apply_the_wrapper(path, ragged):
    wrapped = RaggedMmap(path, wrapper_fn=np.sum)
    assert wrapped.__getitems__([3, 0]) == [41, 3]
    assert list(wrapped) == [3, 10, 0, 41]


# lengths


def test_lengths_are_a_read_only_int64_view_of_the_file(path, ragged, images):
    for memmap in ragged, images, RaggedMmap(path), RaggedMmap(path, mode="c"):
        lengths = memmap.lengths
        assert np.shares_memory(lengths, memmap.lengths)
        assert not lengths.flags.owndata
        assert not lengths.flags.writeable
        assert lengths.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            lengths[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            lengths.flags.writeable = True


def test_lengths_are_numbers_of_elements(path, ragged, images):
    numbers = RaggedMmap.from_lists(path.parent / "numbers", [1.5, 2.5])
    mixed = RaggedMmap.from_lists(
        path.parent / "mixed", [1.5, np.zeros((2, 3)), np.zeros((4, 0)), np.zeros(2)]
    )
    found = [each.lengths.tolist() for each in [ragged, images, numbers, mixed]]
    assert found == [[3, 1, 0, 2], [6, 4, 0], [1, 1], [1, 6, 0, 2]]


@pytest.mark.parametrize("zstd_level", [None, 3])
def test_lengths_of_texts_are_numbers_of_utf8_bytes(path, zstd_level):
    strings = StringsMmap.from_strings(path, TEXTS, zstd_level=zstd_level)
    assert_identical(strings.lengths, np.array([3, 4, 0, 5]))
    strings.append("中" * 1000)
    assert strings.lengths[-1] == 3000


def test_lengths_keep_their_size_when_the_map_grows(ragged):
    before = ragged.lengths
    ragged.append(np.arange(7))
    assert (before.tolist(), ragged.lengths.tolist()) == ([3, 1, 0, 2], [3, 1, 0, 2, 7])


# prefetch


def test_prefetch_takes_the_same_indices_and_returns_none(ragged, images, strings):
    mask = [True, False, False, True]
    for indices in [], [0, -1, 0], np.array([1, 0], "u1"), range(3), slice(1, 9), slice(None, None, -1):
        for memmap in ragged, strings, images:
            assert memmap.prefetch(indices) is None
    for memmap in ragged, strings:
        assert memmap.prefetch(mask) is memmap.prefetch(np.array(mask)) is None
    assert ragged.prefetch(indices=[0]) is strings.prefetch(indices=[0]) is None


def test_prefetch_of_many_samples_far_apart_changes_no_answer(path):
    samples = [np.full(5000, index) for index in range(500)]
    ragged, order = RaggedMmap.from_lists(path, samples), np.random.default_rng(0).permutation(500)
    ragged.prefetch(order)
    ragged.prefetch(order[::50])
    assert_identical(ragged.gather(order)[0], np.repeat(order, 5000))


# Threads and processes


def check_batches(ragged, strings, indices):
    """Samples at `indices` of maps that `numbered` made."""
    values, offsets = ragged.gather(indices)
    assert values.tolist() == [index for index in indices for _ in range(index % 7)]
    assert offsets.tolist() == np.cumsum([0, *[index % 7 for index in indices]]).tolist()
    for side in "right", "left":
        batch, lengths = ragged.padded(indices, -1, side)
        assert lengths.tolist() == [index % 7 for index in indices]
        assert batch.shape == (len(indices), max(index % 7 for index in indices))
        assert np.array_equal(batch[batch >= 0], values)
    assert strings.gather(indices)[0].tobytes() == "".join(map(str, indices)).encode()
    assert ragged.prefetch(indices) is strings.prefetch(indices) is None


def numbered(path, count):
    """A map whose sample i is i % 7 times i, and its texts."""
    ragged = RaggedMmap.from_lists(path, [np.full(index % 7, index) for index in range(count)])
    return ragged, StringsMmap.from_strings(path.parent / "strings", map(str, range(count)))


def run_threads(functions):
    """Run all at once; raise what any of them raised."""
    errors = []

    def run(function):
        try:
            function()
        except BaseException as error:  # noqa: BLE001 handed to the caller
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def read_batches(ragged, strings, seed, known=300):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        check_batches(ragged, strings, rng.integers(0, known, 50).tolist())


def test_eight_threads_read_rightly_while_another_handle_appends(path):
    ragged, strings = numbered(path, 300)
    writer, text_writer, done = RaggedMmap(path), StringsMmap(strings.out_dir), threading.Event()

    def append():
        while not done.is_set():
            index = len(writer)
            writer.append(np.full(index % 7, index))
            text_writer.append(str(index))
            if index % 10 == 0:
                ragged.refresh()
                strings.refresh()

    appender = threading.Thread(target=append)
    appender.start()
    try:
        run_threads([lambda seed=seed: read_batches(ragged, strings, seed) for seed in range(8)])
    finally:
        done.set()
        appender.join()
    ragged.refresh()
    strings.refresh()
    assert len(ragged) == len(strings) == len(writer) > 300
    check_batches(ragged, strings, list(range(len(ragged))))


def test_threads_that_append_by_one_handle_leave_it_with_all_samples(path):
    ragged, switch_interval = RaggedMmap.from_lists(path, [np.zeros(2)]), sys.getswitchinterval()
    strings = StringsMmap.from_strings(path.parent / "strings", ["text"])
    sys.setswitchinterval(1e-5)
    try:
        for length in range(5, 240, 4):
            run_threads([lambda: ragged.append(np.zeros(2))] * 4)
            run_threads([lambda: strings.append("text")] * 4)
            assert len(ragged) == len(strings) == length
            assert ragged.prefetch([length - 1]) is strings.prefetch([length - 1]) is None
    finally:
        sys.setswitchinterval(switch_interval)


def test_eight_threads_copy_large_batches_at_once(path):
    ragged = RaggedMmap.from_lists(path, [np.full(20_000 + index, index) for index in range(100)])

    def read(seed):
        order = np.random.default_rng(seed).permutation(100)
        values, offsets = ragged.gather(order)
        assert np.array_equal(values, np.repeat(order, 20_000 + order))
        batch, lengths = ragged.padded(order, -1)
        assert np.array_equal(lengths, np.diff(offsets))
        assert np.array_equal(batch[batch >= 0], values)

    run_threads([lambda seed=seed: read(seed) for seed in range(8)])


def read_in_worker(content, indices):
    """What a worker does with pickled maps: small batches, and one that several threads copy."""
    ragged, strings = pickle.loads(content)
    check_batches(ragged, strings, indices)
    values, _ = ragged.gather([6] * 200_000)
    batch, _ = ragged.padded([6] * 200_000)
    return len(ragged), int(values.sum()), int(batch.sum()), ragged.lengths.tolist()[:3]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_read_batches_of_pickled_maps(path, method):
    ragged, strings = numbered(path, 300)
    ragged.gather([6] * 200_000)
    context, order = multiprocessing.get_context(method), np.random.default_rng(0).permutation(300).tolist()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        content = pickle.dumps((ragged, strings))
        answers = [pool.submit(read_in_worker, content, order[start:]) for start in (0, 100, 200)]
        found = [answer.result(timeout=120) for answer in answers]
    assert found == [(300, 7_200_000, 7_200_000, [0, 1, 2])] * 3


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_forked_worker_reads_batches_of_an_inherited_map(path):
    ragged, strings = numbered(path, 300)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=read_batches, args=(ragged, strings, 5))
    process.start()
    process.join(120)
    assert process.exitcode == 0
