"""Batch-reading calls at their edges: what they take, what they refuse, and that nothing is written where they do."""

import ml_dtypes
import numpy as np
import pytest
from batch_maps import DTYPES, NO_INDICES, OUT_OF_RANGE, SAMPLES, TEXTS, calls, lists
from catalogue import values
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap

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


def test_an_index_may_occur_in_a_batch_more_than_once(ragged, strings):
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
def test_a_single_integer_is_refused_as_a_batch(ragged, strings, index):
    for call in calls(ragged, strings):
        with pytest.raises((TypeError, IndexError), match="one integer|range"):
            call(index)


@pytest.mark.parametrize("indices", NO_INDICES, ids=repr)
def test_indices_that_are_not_integers_are_a_type_error(ragged, strings, indices):
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


def test_a_private_map_shows_all_that_it_appends(path, ragged):
    private = RaggedMmap(path, mode="c")
    for length in range(1, 40):
        private.append(np.arange(length))
        private[len(private) - 1] = np.full(length, -1)
        assert [private[3 + length].tolist(), private[2 + length].tolist()] == [
            [-1] * length,
            lists(RaggedMmap(path))[2 + length],
        ]
    assert lists(RaggedMmap(path))[4:] == [list(range(length)) for length in range(1, 40)]


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
