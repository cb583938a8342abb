"""Items are views of the mapped files, for as long as anybody holds them."""

import gc
import threading

import numpy as np
import pytest
from conftest import assert_identical, tree
from mmap_ninja import RaggedMmap, StringsMmap, Wrapped, open_existing
from mmap_ninja import numpy as np_ninja

SAMPLES = [np.arange(6.0).reshape(2, 3), np.arange(4.0), np.full((1, 1, 2), 7.0)]


@pytest.fixture
def ragged(path):
    return RaggedMmap.from_lists(path, SAMPLES)


def test_two_reads_of_an_item_share_their_memory(path, ragged):
    for memmap in ragged, RaggedMmap(path), RaggedMmap(path, mode="c"):
        for index in range(3):
            assert np.shares_memory(memmap[index], memmap[index])
            assert np.shares_memory(memmap[index], memmap[:][index])
            assert not memmap[index].flags.owndata
    assert not np.may_share_memory(ragged[0], ragged[1])


def test_two_handles_see_what_either_writes(path, ragged):
    reader = RaggedMmap(path)
    item = reader[1]
    ragged[1][:] = 9
    assert item.tolist() == [9] * 4
    ragged[1] = np.arange(4)
    assert item.tolist() == [0, 1, 2, 3]


def test_what_is_written_through_a_view_reaches_the_file(path, ragged):
    ragged[1][2] = -1
    RaggedMmap(path, mode="r+")[0][1, 1:] = 5
    expected = np.concatenate([SAMPLES[0].ravel(), SAMPLES[1], [7, 7]])
    expected[[4, 5, 8]] = 5, 5, -1
    assert (path / "data.ninja").read_bytes() == expected.tobytes()


def test_views_are_as_writable_as_the_mode_says(path, ragged):
    np_ninja.from_ndarray(dense := path.parent / "dense", np.zeros(3))
    for mode, writable in [("r", False), ("r+", True), ("c", True)]:
        for item in RaggedMmap(path, mode=mode):
            assert item.flags.writeable is writable
        assert np_ninja.open_existing(dense, mode=mode).flags.writeable is writable
    assert ragged[0].flags.writeable
    assert not open_existing(path)[0].flags.writeable
    item = RaggedMmap(path)[0]
    with pytest.raises(ValueError, match="read-only"):
        item[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        item.flags.writeable = True


def test_copy_on_write_keeps_the_file(path, ragged):
    before = tree(path)
    private = RaggedMmap(path, mode="c")
    private[0][:] = 8
    private[1] = np.full(4, 8)
    assert np.all(private[0] == 8)
    assert np.all(private[1] == 8)
    assert_identical(ragged[0], SAMPLES[0])
    assert tree(path) == before


def test_items_are_aligned_plain_arrays_in_c_order(ragged):
    for item in ragged:
        assert type(item) is np.ndarray
        assert item.flags.c_contiguous
        assert item.flags.aligned


def test_items_outlive_appends_and_the_handle(path, ragged):
    items, handle = ragged[:], RaggedMmap(path)
    items += handle[:]
    for _ in range(50):
        ragged.append(np.zeros(1000))
    ragged.close()
    handle.close()
    del ragged, handle
    gc.collect()
    for item, sample in zip(items, SAMPLES * 2, strict=True):
        assert_identical(item, sample)


def test_items_outlive_the_files(path, ragged):
    items = ragged[:]
    RaggedMmap.from_lists(path, [np.zeros(1)])
    del ragged
    gc.collect()
    for item, sample in zip(items, SAMPLES, strict=True):
        assert_identical(item, sample)


def test_a_slice_of_an_item_keeps_the_map_alive(path, ragged):
    part = ragged[0][1:, ::2]
    del ragged
    gc.collect()
    assert part.tolist() == [[3, 5]]


def test_appending_to_a_closed_handle_says_that_it_is_closed(path, ragged):
    strings = StringsMmap.from_strings(path.parent / "strings", ["a"])
    for memmap, sample in [(ragged, np.zeros(1)), (strings, "b")]:
        memmap.close()
        memmap.close()
        with pytest.raises(ValueError, match="closed"):
            memmap.append(sample)
    assert len(RaggedMmap(path)) == 3


def test_threads_read_the_right_samples_while_another_handle_appends(path):
    writer = RaggedMmap.from_lists(path, [np.full((index % 5, 2), index) for index in range(200)])
    shared, strings = (
        RaggedMmap(path),
        StringsMmap.from_strings(path.parent / "strings", map(str, range(200))),
    )
    failures, done = [], threading.Event()

    def read(seed):
        for index in np.random.default_rng(seed).integers(0, 200, 3000):
            item = shared[index]
            if item.shape != (index % 5, 2) or (item != index).any() or strings[index] != str(index):
                failures.append(index)

    def append():
        while not done.is_set():
            writer.append(np.full((len(writer) % 5, 2), len(writer)))
            shared.append(np.zeros((1, 2)))
            strings.append("more")

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    appender = threading.Thread(target=append)
    appender.start()
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    appender.join()
    assert failures == []


class Labelled(RaggedMmap):
    """A subclass whose constructor takes something else."""

    def __init__(self, labels, folder):
        super().__init__(folder, mode="r+")
        self.labels = labels

    def __getitem__(self, index):
        return super().__getitem__(index), self.labels[index]


def test_a_subclass_may_have_another_constructor(path, ragged):
    labelled = Labelled("abc", path)
    item, label = labelled[1]
    assert_identical(item, SAMPLES[1])
    assert (label, len(labelled), isinstance(labelled, RaggedMmap)) == ("b", 3, True)
    labelled.append(np.zeros(2))
    assert len(labelled) == 4


@pytest.mark.parametrize("base", [RaggedMmap, StringsMmap])
def test_constructors_return_the_subclass(path, base):
    cls = type("Mine", (base,), {"double": lambda self: 2 * len(self)})
    samples = ["a", "b"] if base is StringsMmap else SAMPLES[:2]
    create = cls.from_strings if base is StringsMmap else cls.from_lists
    built = [
        create(path, samples),
        cls.from_generator(path, iter(samples), 1),
        cls.from_indexable(path, samples, 1),
    ]
    assert [(type(each), each.double()) for each in built] == [(cls, 4)] * 3


def test_a_wrapper_gets_a_copy_unless_told_otherwise(path, ragged):
    kept = RaggedMmap(path, wrapper_fn=lambda item: item, mode="r+")[0]
    assert kept.flags.owndata
    kept[:] = 5
    assert_identical(ragged[0], SAMPLES[0])
    view = RaggedMmap(path, wrapper_fn=lambda item: item, copy_before_wrapper_fn=False)[0]
    assert np.shares_memory(view, view.view())
    assert not view.flags.owndata
    assert not view.flags.writeable


def test_a_wrapper_is_called_for_every_item(path):
    options = {"wrapper_fn": np.sum}
    built = RaggedMmap.from_lists(path, SAMPLES, **options)
    assert built[:] == [15, 6, 14]
    assert list(built) == RaggedMmap(path, **options)[[0, 1, 2]] == [15, 6, 14]
    assert open_existing(path, **options)[-1] == 14
    StringsMmap.from_strings(path, ["a", "b"])
    wrapped = open_existing(path, str.upper)
    assert isinstance(wrapped, Wrapped)
    assert (wrapped[1], len(wrapped), wrapped.data[0]) == ("B", 2, "a")


def test_members_are_memmaps_of_their_files(path, ragged):
    for attribute in ["memmap", "starts", "ends", "flattened_shapes"]:
        member = getattr(ragged, attribute)
        folder = path if attribute == "memmap" else path / attribute
        assert type(member) is np.memmap
        assert member.filename == str(folder / "data.ninja")
    assert isinstance(ragged.shapes, RaggedMmap)
    assert [tuple(shape) for shape in ragged.shapes] == [sample.shape for sample in SAMPLES]
    assert ragged.memmap.tolist() == [*SAMPLES[0].ravel(), *SAMPLES[1], 7, 7]
    assert (ragged.starts.tolist(), ragged.ends.tolist()) == ([0, 6, 10], [6, 10, 12])
    assert (ragged.n, ragged.range.tolist(), ragged.mode, ragged.out_dir) == (3, [0, 1, 2], "r+", path)
    flat = RaggedMmap.from_lists(path.parent / "flat", [np.arange(2), np.arange(1)])
    assert flat.shapes.tolist() == [[2], [1]]
    assert flat.shapes.filename == str(path.parent / "flat" / "shapes" / "data.ninja")


def test_a_handle_keeps_its_length_until_it_appends(path, ragged):
    other = RaggedMmap(path)
    other.append(np.zeros(1))
    assert (len(ragged), len(ragged.range), ragged.n, len(list(ragged))) == (3, 3, 3, 3)
    assert len(ragged.starts) == len(ragged.ends) == len(ragged.flattened_shapes) == len(ragged.shapes) == 3
    with pytest.raises(IndexError):
        ragged[3]


def test_maps_are_merged_member_by_member(path):
    parts = [[np.arange(3), np.arange(1)], [np.arange(0), np.arange(5)], [np.arange(2)]]
    RaggedMmap.from_lists(path, parts[0])
    for part in parts[1:]:
        target, source = RaggedMmap(path), RaggedMmap.from_lists(path.parent / "part", part)
        offset = len(target.memmap)
        np_ninja.extend(target.memmap, source.memmap)
        np_ninja.extend(target.starts, source.starts + offset)
        np_ninja.extend(target.ends, source.ends + offset)
        np_ninja.extend(target.shapes, source.shapes)
        np_ninja.extend(target.flattened_shapes, source.flattened_shapes)
    for item, sample in zip(RaggedMmap(path), [sample for part in parts for sample in part], strict=True):
        assert_identical(item, sample)


@pytest.mark.parametrize("opener", [RaggedMmap, StringsMmap])
def test_indices_that_are_masked_or_more_than_can_be_counted_are_refused(path, opener):
    samples = ["one", "two"]
    memmap = (
        StringsMmap.from_strings(path, samples)
        if opener is StringsMmap
        else RaggedMmap.from_lists(path, [[1], [2]])
    )
    for read in (memmap.__getitem__, memmap.gather):
        with pytest.raises(TypeError, match="mask"):
            read(np.ma.array([0, 1], mask=[False, True]))
        with pytest.raises(IndexError, match="more indices"):
            read(range(10**40, 10**41))
