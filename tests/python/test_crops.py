"""Crops of samples: `padded` with `start` is `padded` of the sliced samples."""

import numpy as np
import pytest
from batch_maps import SAMPLES
from catalogue import values
from conftest import assert_identical
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap


def cropped(samples, starts, length):
    """The samples, sliced along every axis."""
    ends = [None if length is None else np.asarray(start) + length for start in starts]
    return [
        sample[tuple(slice(*bounds) for bounds in zip(start, np.broadcast_to(end, sample.ndim), strict=True))]
        for sample, start, end in zip(samples, starts, ends, strict=True)
    ]


@given(st.integers(1, 3), st.data())
def test_a_crop_is_the_batch_of_the_sliced_samples(fresh, rank, data):
    shapes = data.draw(st.lists(st.tuples(*[st.integers(0, 5)] * rank), min_size=1, max_size=6))
    samples = [values(np.dtype("int16"), shape, seed) for seed, shape in enumerate(shapes)]
    starts = data.draw(
        st.lists(
            st.lists(st.integers(0, 6), min_size=rank, max_size=rank),
            min_size=len(shapes),
            max_size=len(shapes),
        )
    )
    length, side = data.draw(st.none() | st.integers(0, 6)), data.draw(st.sampled_from(["right", "left"]))
    dtype = data.draw(st.sampled_from([None, "int64", "float32"]))
    given_starts = np.array(starts, data.draw(st.sampled_from(["i8", "i4", "u8", ">i2"])))
    given_starts = given_starts[:, 0] if rank == 1 else given_starts
    options = {"padding_value": -3, "padding_side": side, "dtype": dtype}
    found = RaggedMmap.from_lists(fresh(), samples).padded(
        ..., max_length=length, start=given_starts, **options
    )
    expected = RaggedMmap.from_lists(fresh(), cropped(samples, starts, length)).padded(..., **options)
    for ours, theirs in zip(found, expected, strict=True):
        assert_identical(ours, theirs)


def test_one_start_is_that_of_every_axis_of_every_sample(ragged, images):
    assert ragged.padded([0, 3], 9, start=1)[0].tolist() == [[1, 2], [21, 9]]
    assert ragged.padded([0, 1], 9, start=np.int64(1), max_length=1)[0].tolist() == [[1], [9]]
    batch, sizes = images.padded([0, 1], 9, start=1)
    assert (batch.tolist(), sizes.tolist()) == ([[[4, 5, 9]], [[9, 9, 9]]], [[1, 2], [0, 3]])


def test_a_start_behind_the_end_leaves_only_padding(ragged):
    for start in 5, 2**62, [5, 2**63 - 1]:
        batch, lengths = ragged.padded([0, 3], 9, start=start, out=np.zeros((2, 2), int))
        assert (batch.tolist(), lengths.tolist()) == ([[9, 9], [9, 9]], [0, 0])


def test_the_last_entries_are_kept_by_starts_from_the_lengths(ragged):
    start = np.maximum(ragged.lengths[[0, 1]] - 2, 0)
    assert ragged.padded([0, 1], 9, max_length=2, start=start)[0].tolist() == [[1, 2], [10, 9]]


def test_starts_of_an_empty_batch_are_empty(ragged, images):
    assert ragged.padded([], start=[])[0].shape == (0, 0)
    assert images.padded([], start=np.zeros((0, 2), int))[0].shape == (0, 0, 0)


@pytest.mark.parametrize("start", [-1, [0, -1], np.array([-5, 0])], ids=repr)
def test_a_negative_start_is_a_value_error(ragged, start):
    with pytest.raises(ValueError, match="start must not be negative"):
        ragged.padded([0, 1], start=start)


@pytest.mark.parametrize("start", [[0], [0, 0, 0], [[0], [0]], [[0, 0]], np.zeros((0,), int)], ids=repr)
def test_starts_of_another_shape_are_a_value_error_that_states_both(ragged, start):
    with pytest.raises(ValueError, match=r"start has the shape \[.*\].*\[2\]"):
        ragged.padded([0, 1], start=start)


@pytest.mark.parametrize("start", [0.5, [0.5, 1.0], "a", ["a", "b"], None, [None, None]], ids=repr)
def test_a_start_that_is_not_an_integer_is_refused(ragged, start):
    with pytest.raises((TypeError, ValueError)):
        ragged.padded([0, 1], start=start)


def test_images_need_a_start_for_each_axis(images):
    with pytest.raises(ValueError, match=r"\[2, 2\]"):
        images.padded([0, 1], start=[0, 0])


def test_an_error_in_starts_writes_nothing(ragged):
    out = np.full((2, 3), 7)
    with pytest.raises(ValueError, match="start"):
        ragged.padded([0, 1], start=[0], out=out)
    assert (out == 7).all()
    assert [item.tolist() for item in ragged] == [sample.tolist() for sample in SAMPLES]
