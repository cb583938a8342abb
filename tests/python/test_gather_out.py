"""Arrays of the caller that `gather` writes into, and rows of dense arrays."""

import numpy as np
import pytest
from batch_maps import SAMPLES, lists
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

ROWS = np.arange(24, dtype="int32").reshape(6, 2, 2)


@pytest.fixture
def rows(path):
    return np_ninja.from_ndarray(path.parent / "rows", ROWS)


class Lying(np.ndarray):
    """An array whose attributes are not the array's."""

    flags = base = property(lambda self: None)


def read_only(array):
    array.flags.writeable = False
    return array


def hostile(dtype, shape):
    """Arrays of that dtype and shape that cannot be written to in place."""
    yield read_only(np.zeros(shape, dtype))
    yield np.zeros((*shape[:-1], shape[-1] * 2), dtype)[..., ::2]
    yield np.zeros(shape, dtype)[::-1]
    yield np.broadcast_to(np.zeros(shape[1:], dtype), shape)
    yield read_only(np.zeros(shape, dtype)).view(Lying)


def test_gather_fills_the_beginning_of_out_and_returns_it(ragged):
    for room in 5, 9:
        out = np.full(room, 7)
        found, offsets = ragged.gather([3, 0], out=out)
        assert found.tolist() == [20, 21, 0, 1, 2]
        assert offsets.tolist() == [0, 2, 5]
        assert np.shares_memory(found, out)
        assert out.tolist() == [20, 21, 0, 1, 2, *[7] * (room - 5)]


def test_gather_casts_into_an_out_of_the_dtype_asked_for(ragged):
    out = np.full(6, 7.0)
    assert_identical(ragged.gather([3, 0], dtype="float64", out=out)[0], np.array([20.0, 21, 0, 1, 2]))
    for wrong in np.zeros(6, int), np.zeros(6, "f4"), np.zeros(6, ">f8"), np.zeros(6, object):
        with pytest.raises(TypeError, match="out has the dtype"):
            ragged.gather([3, 0], dtype="float64", out=wrong)


def test_texts_are_gathered_into_out(strings):
    out = np.zeros(20, np.uint8)
    assert strings.gather([1, 0], out=out)[0].tobytes() == b"zweione"
    assert out[:7].tobytes() == b"zweione"


def test_an_out_that_is_too_short_is_a_value_error_that_states_both(ragged):
    for shape in [(4,), (0,), (), (5, 1), (1, 5)]:
        with pytest.raises(ValueError, match=r"out has the shape .*needs \[5\]"):
            ragged.gather([3, 0], out=np.zeros(shape, int))


def test_an_out_that_cannot_be_filled_in_place_is_a_value_error(ragged, rows):
    for out in hostile(int, (5,)):
        with pytest.raises(ValueError, match="writable and C-contiguous"):
            ragged.gather([3, 0], out=out)
    for out in hostile("i4", (3, 2, 2)):
        with pytest.raises(ValueError, match="writable and C-contiguous"):
            np_ninja.gather(rows, [0, 1, 2], out=out)


@pytest.mark.parametrize("out", [[0] * 5, bytearray(40), 5], ids=type)
def test_an_out_that_is_not_an_array_is_a_type_error(ragged, rows, out):
    with pytest.raises(TypeError, match="out must be a NumPy array"):
        ragged.gather([3, 0], out=out)
    with pytest.raises(TypeError, match="out must be a NumPy array"):
        np_ninja.gather(rows, [0], out=out)


def test_an_out_in_the_map_is_a_value_error(path, ragged, rows):
    opened = np_ninja.open_existing(path.parent / "rows", mode="r+")
    copied = np_ninja.open_existing(path.parent / "rows", mode="c")
    for out in ragged[0], ragged.memmap[:3], RaggedMmap(path, mode="r+")[0], ragged[0].view(Lying):
        with pytest.raises(ValueError, match="map"):
            ragged.gather([1, 3], out=out)
    for array in rows, opened, rows[::-1], rows[2:]:
        for out in array, opened, copied, opened.view(Lying):
            if out.flags is None or (out.flags.c_contiguous and len(out) == 6):
                with pytest.raises(ValueError, match="map"):
                    np_ninja.gather(array, [0] * 6, out=out)
    assert lists(ragged) == lists(SAMPLES)
    assert_identical(np.asarray(rows), ROWS)


def test_an_error_writes_nothing_to_out(ragged, rows):
    out, block = np.full(9, 7), np.full((2, 2, 2), 7, "i4")
    for index in [0, 9], [-7], np.zeros(2, bool):
        with pytest.raises(IndexError):
            ragged.gather(index, out=out)
        with pytest.raises(IndexError):
            np_ninja.gather(rows, index, out=block)
    assert (out == 7).all()
    assert (block == 7).all()


def test_an_array_that_is_resized_while_a_batch_is_prepared_is_an_error():
    class Resizing(np.ndarray):
        @property
        def filename(self):
            self.resize((1, 2), refcheck=False)

    for out in None, np.zeros((2, 2)):
        with pytest.raises(RuntimeError, match="changed"):
            np_ninja.gather(Resizing((4, 2)), [0, 3], out=out)


def test_an_index_that_shrinks_the_array_is_an_error():
    array = np.zeros((4, 2))

    def indices():
        yield 3
        array.resize((1, 2), refcheck=False)

    with pytest.raises(RuntimeError, match="changed"):
        np_ninja.gather(array, indices())


# Rows


@pytest.mark.parametrize(
    "index",
    [
        [2, 0],
        [-1, -1],
        slice(None, None, -2),
        np.array([5, 1], "u1"),
        [],
        range(3),
        ...,
        np.arange(6) % 2 == 0,
    ],
    ids=repr,
)
def test_gathered_rows_are_what_numpy_selects(rows, index):
    selected = list(index) if isinstance(index, range) else index
    views = [
        rows,
        rows[::-1],
        rows[::2],
        rows[1:],
        ROWS,
        rows[:, :1],
        rows[:, 0],
        rows.reshape(6, 4),
        rows[:, :, :0],
    ]
    for array in views:
        if isinstance(index, np.ndarray) and index.dtype == bool and len(array) != 6:
            continue
        try:
            expected = np.array(array[selected])
        except IndexError:
            with pytest.raises(IndexError):
                np_ninja.gather(array, index)
            continue
        assert_identical(np_ninja.gather(array, index), expected)
        out = np.full(expected.shape, 7, expected.dtype)
        assert np_ninja.gather(array, index, out=out) is out
        assert_identical(out, expected)
        assert np_ninja.prefetch(array, index) is None


def test_rows_of_numbers_are_gathered(path):
    labels = np_ninja.from_ndarray(path, np.arange(10, dtype="uint8"))
    assert_identical(np_ninja.gather(labels, [9, 0, -2], dtype=np.int64), np.array([9, 0, 8]))
    assert_identical(np_ninja.gather(np.zeros((4, 0)), [0, 3]), np.zeros((2, 0)))


def test_arrays_without_contiguous_rows_are_refused(rows):
    for array in np.asfortranarray(ROWS), rows[:, :, :1], rows[:, ::-1], rows.T, np.broadcast_to(1, (3, 2)):
        for call in np_ninja.gather, np_ninja.prefetch:
            with pytest.raises(ValueError, match="not C-contiguous"):
                call(array, [0])
    with pytest.raises(TypeError, match="no rows"):
        np_ninja.gather(np.array(5), [0])
    with pytest.raises(TypeError, match="pointers"):
        np_ninja.gather(np.array([None, 1]), [0])
    for wrong in [[1, 2]], b"ab", None:
        with pytest.raises(TypeError):
            np_ninja.gather(wrong, [0])


@pytest.mark.parametrize("index", [6, -7, 2**40])
def test_a_row_out_of_range_is_an_index_error_that_names_the_directory(path, rows, index):
    for call in np_ninja.gather, np_ninja.prefetch:
        with pytest.raises(IndexError, match=f"{path.parent / 'rows'}.*{index}.*6"):
            call(rows, [0, index])
        with pytest.raises(TypeError):
            call(rows, 0)


def test_many_megabytes_of_rows_are_gathered_by_several_threads(path):
    array = np_ninja.from_ndarray(path, np.random.default_rng(0).integers(0, 255, (3000, 4000), "u1"))
    index = np.random.default_rng(1).permutation(3000)
    assert_identical(np_ninja.gather(array, index), np.asarray(array)[index])
    assert_identical(np_ninja.gather(array, index, dtype="f4"), np.asarray(array)[index].astype("f4"))


def test_a_batch_of_rows_that_no_memory_can_hold_is_a_memory_error():
    with pytest.raises((MemoryError, ValueError)):
        np_ninja.gather(np.zeros((1, 2**30), "u1"), np.zeros(2**20, "i8"))


def test_compressed_texts_are_gathered_into_out(path):
    strings = StringsMmap.from_strings(path, ["one", "zwei"], zstd_level=3)
    assert strings.gather([1, 0], dtype="u2", out=np.zeros(7, "u2"))[0].tolist() == list(b"zweione")
