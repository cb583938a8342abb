"""Dense arrays that are built row by row: the bytes of the rows, whatever they are made of and whoever stores them."""

import numpy as np
import pytest
from building_workers import sized
from catalogue import values
from conftest import assert_identical, names, tree, unchanged
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja

BUILDS = {
    "generator": lambda path, rows, batch_size: np_ninja.from_generator(path, iter(rows), batch_size),
    "indexable": lambda path, rows, batch_size: np_ninja.from_indexable(path, rows, batch_size),
    "workers": lambda path, rows, batch_size: np_ninja.from_indexable(path, rows, batch_size, n_jobs=2),
}
DTYPES = [
    *(">i2", ">i8", ">u4", ">f4", ">f8", ">c8", ">M8[s]", ">m8[10us]", ">U2"),
    *("<i2", "<f8", "<U2", "S3", "?", "V5"),
    [("a", ">i4"), ("b", "S3")],
    [("a", "<i4"), ("b", ">f8", (2,))],
    np.dtype([("a", "i1"), ("b", ">i8")], align=True),
]


@pytest.mark.parametrize("kind", BUILDS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rows_of_any_dtype_and_byte_order_are_those_of_a_single_array(path, kind, dtype):
    whole = np.zeros((8, 2, 3), dtype)
    for index in range(8):
        whole[index] = values(dtype, (2, 3), index)
    np_ninja.from_ndarray(path.parent / "whole", whole)
    for batch_size in [1, 3, 8]:
        assert_identical(BUILDS[kind](path, list(whole), batch_size), whole)
        assert tree(path) == tree(path.parent / "whole")


@pytest.mark.parametrize("kind", BUILDS)
@pytest.mark.parametrize("orders", [">><", "><>", "<>>", "<><"])
def test_rows_of_both_byte_orders_keep_their_values(path, kind, orders):
    rows = [np.arange(3, dtype=f"{orders[index % 3]}i4") + index for index in range(9)]
    for batch_size in [3, 9]:
        assert_identical(BUILDS[kind](path, rows, batch_size), np.stack(rows))


@pytest.mark.parametrize("kind", BUILDS)
def test_integers_among_floats_are_stored_exactly(path, kind):
    """A float holds none of the odd ones."""
    rows = [np.array([0, index]) for index in range(4)]
    rows += [np.array([2.0, 3.0]) if index % 2 else np.array([2**53 + 1, 2**62 + 1]) for index in range(8)]
    built = BUILDS[kind](path, rows, 4)
    assert built.tolist() == [row.tolist() for row in rows]


MASKED = np.ma.array([1, 2, 3], mask=[0, 1, 0])
MASKS = {
    "an array": MASKED,
    "a list": [MASKED[0], np.ma.masked, MASKED[2]],
    "within lists": [[[1, 2, 3], MASKED]],
}


@pytest.mark.parametrize("kind", BUILDS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.filterwarnings("ignore:.*masked element")
def test_masked_arrays_are_refused_by_builds(path, kind, mask):
    rows = [np.ones(np.shape(MASKS[mask]), int)] * 9
    rows[7] = MASKS[mask]
    with pytest.raises(TypeError, match=rf"{path}.*sample 7.*mask"):
        BUILDS[kind](path, rows, 2)
    assert not path.exists()


def test_masked_arrays_are_refused_by_everything_that_stores_an_array(path):
    for value in MASKED, [MASKED, MASKED], [[1, 2, 3], MASKED]:
        with pytest.raises(TypeError, match=rf"{path}.*mask"):
            np_ninja.from_ndarray(path, value)
    assert names(path.parent) == []
    stored = np_ninja.from_ndarray(path, np.zeros((1, 3), int))
    with unchanged(path):
        for store in [
            lambda: np_ninja.append(stored, MASKED),
            lambda: np_ninja.extend(stored, MASKED[np.newaxis]),
            lambda: np_ninja.extend_dir(path, [MASKED]),
        ]:
            with pytest.raises(TypeError, match=rf"{path}.*mask"):
                store()
    with pytest.raises(TypeError, match="sample 1.*mask"):
        RaggedMmap.from_lists(path.parent / "ragged", [[1], [MASKED, [1, 2, 3]]])


class Segmented:
    """What a Series of pandas looks like: an array to NumPy, with something else called `mask`."""

    def __init__(self, array):
        self.array = array

    def mask(self):
        raise AssertionError("this is not a mask")

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_an_array_with_an_unrelated_mask_attribute_is_stored(path):
    sample = np.arange(3)
    assert_identical(RaggedMmap.from_lists(path, [Segmented(sample)])[0], sample)
    assert_identical(np_ninja.from_generator(path, [Segmented(sample)], 1)[0], sample)
    assert_identical(np_ninja.from_ndarray(path, Segmented(sample)), sample)
    np_ninja.append(stored := np_ninja.from_ndarray(path, sample[np.newaxis]), Segmented(sample))
    assert np_ninja.open_existing(path).tolist() == [*stored.tolist(), [0, 1, 2]]
    assert RaggedMmap.from_lists(path, [[1], [2], [3]]).gather(Segmented(sample[1:]))[0].tolist() == [2, 3]


@pytest.mark.parametrize("kind", BUILDS)
def test_rows_with_too_many_axes_to_be_stacked_are_refused(path, kind):
    np_ninja.from_ndarray(path, np.arange(3))
    with unchanged(path.parent), pytest.raises(ValueError, match=rf"{path}.*sample 0.*64 axes"):
        BUILDS[kind](path, [np.zeros((1,) * 64)] * 3, 1)
    assert BUILDS[kind](path, [np.zeros((1,) * 63)] * 3, 1).ndim == 64


def test_a_row_may_be_anything_that_numpy_makes_an_array_of(path):
    stored = np_ninja.from_ndarray(path, np.zeros((1, 2), ">i4"))
    for row in [1, 2], (3, 4), np.array([5, 6], "<i8"), np.array([[7, 8]])[0], memoryview(np.array([9, 9])):
        np_ninja.append(stored, row)
    assert np_ninja.open_existing(path).tolist() == [[0, 0], [1, 2], [3, 4], [5, 6], [7, 8], [9, 9]]
    np_ninja.append(np_ninja.from_ndarray(path, np.zeros(1)), 5)
    assert np_ninja.open_existing(path).tolist() == [0, 5]


@pytest.mark.parametrize("kind", ["indexable", "workers"])
def test_the_row_that_does_not_fit_is_named(path, kind):
    rows = sized(lambda index: np.zeros(4 if index == 7 else 3), 9)
    with pytest.raises(ValueError, match=r"sample 7 has the shape \[4\]"):
        BUILDS[kind](path, rows, 2)
