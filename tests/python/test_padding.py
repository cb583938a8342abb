"""What batches are padded with, where, and into which memory."""

from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from batch_maps import SAMPLES, lists
from conftest import assert_identical
from mmap_ninja import RaggedMmap

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
def test_an_out_that_is_not_an_array_is_a_type_error(ragged, out):
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


class Lying(np.ndarray):
    """An array whose attributes are not the array's."""

    @property
    def flags(self):
        return SimpleNamespace(writeable=True)

    @property
    def base(self):
        return self


def test_a_subclass_cannot_lie_about_the_array_to_fill(path):
    tokens = RaggedMmap.from_lists(path, [np.arange(3)] * 2)
    read_only = np.frombuffer(bytes(48), np.int64).reshape(2, 3).view(Lying)
    with pytest.raises(ValueError, match="writable"):
        tokens.padded([0, 1], out=read_only)
    batch, _ = tokens.padded([0, 1], out=np.zeros((2, 3), np.int64).view(Lying))
    assert batch.tolist() == [[0, 1, 2]] * 2
    with pytest.raises(ValueError, match="lies in the map"):
        tokens.padded([0, 1], out=RaggedMmap(path, mode="r+").memmap.reshape(2, 3).view(Lying))


def test_an_array_to_fill_may_not_change_while_it_is_looked_at(path):
    class Changing(np.ndarray):
        @property
        def filename(self):
            self.flags.writeable = False

    tokens = RaggedMmap.from_lists(path, [np.arange(3)] * 2)
    with pytest.raises(ValueError, match="writable"):
        tokens.padded([0, 1], out=np.zeros((2, 3), np.int64).view(Changing))
