"""Assigning to samples in place: what the values are made of does not matter, nor what making them does."""

import numpy as np
import pytest
from mmap_ninja import RaggedMmap


@pytest.fixture
def ragged(path):
    return RaggedMmap.from_lists(path, [[1, 1, 1], [2, 2, 2]])


def before_an_append(ragged, path):
    items = ragged[:]
    ragged.append([0, 0, 0])
    return items


ALIASES = {
    "its items": lambda ragged, path: ragged[:],
    "its items before it was mapped again": before_an_append,
    "another handle": lambda ragged, path: RaggedMmap(path, mode="r+")[:],
    "members": lambda ragged, path: list(ragged.memmap.reshape(2, 3)),
    "a map of one's own": lambda ragged, path: list(np.memmap(path / "data.ninja", np.int64).reshape(2, 3)),
    "a buffer": lambda ragged, path: list(np.frombuffer(memoryview(ragged.memmap), np.int64).reshape(2, 3)),
}


@pytest.mark.parametrize("values", ALIASES.values(), ids=ALIASES)
def test_samples_are_exchanged_whatever_shows_them(ragged, path, values):
    first, second = values(ragged, path)
    ragged[[0, 1]] = [second, first]
    assert [sample.tolist() for sample in ragged[:2]] == [[2, 2, 2], [1, 1, 1]]


def test_a_sample_is_reversed_by_a_view_of_another_handle(path):
    ragged = RaggedMmap.from_lists(path, [np.arange(10_000)])
    ragged[0] = RaggedMmap(path)[0][::-1]
    np.testing.assert_array_equal(ragged[0], np.arange(10_000)[::-1])


class Meddling:
    """A value that changes another one while an array is made of it."""

    def __init__(self, meddle):
        self.meddle = meddle

    def __array__(self, dtype=None, copy=None):
        self.meddle()
        return np.full(3, 7)


def reshape(array):
    array.shape = (3, 1)


def retype(array):
    array.dtype = np.float64
    array[:] = 0.5


def flip(array):
    array.strides = (0,)


@pytest.mark.filterwarnings("ignore:Setting the strides:DeprecationWarning")
@pytest.mark.parametrize("meddle", [reshape, retype, flip])
def test_values_are_assigned_as_they_were_when_they_were_checked(ragged, meddle):
    value = np.full(3, 8)
    ragged[[0, 1]] = [value, Meddling(lambda: meddle(value))]
    assert [sample.tolist() for sample in ragged] == [[8, 8, 8], [7, 7, 7]]


@pytest.mark.filterwarnings("ignore:Setting the strides:DeprecationWarning")
@pytest.mark.parametrize("meddle", [retype, flip])
def test_a_sample_that_is_changed_by_a_later_one_is_not_appended(ragged, path, meddle):
    value = np.full(3, 8)
    with pytest.raises(ValueError, match=f"{path}: sample 2: .* changed"):
        ragged.extend([value, Meddling(lambda: meddle(value))])
    value = np.full(3, 8)
    with pytest.raises(ValueError, match="sample 0: .* changed"):
        RaggedMmap.from_lists(path.parent / "other", [value, Meddling(lambda: meddle(value))])
    assert len(RaggedMmap(path)) == 2


def test_nothing_is_assigned_where_one_value_does_not_fit(ragged):
    with pytest.raises(ValueError, match="sample 1 has the shape"):
        ragged[[0, 1]] = [[5, 5, 5], [5, 5]]
    assert [sample.tolist() for sample in ragged] == [[1, 1, 1], [2, 2, 2]]
