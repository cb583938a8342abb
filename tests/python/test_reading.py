"""A map holds little and travels light, and every way to ask gives the same items."""

import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap

SAMPLES = [np.arange(5), np.arange(0), np.arange(6).reshape(2, 3), np.array(7), np.arange(2)]
TEXTS = ["one", "zwei", "", "três", "中文"]
ACCESSES = ["normal", "random", "sequential"]
METHODS = ["fork", "spawn", "forkserver"]

needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


# Maps of 100 million samples that take no space: all but the last are holes in the files.


# File descriptors


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


@needs_proc
@pytest.mark.parametrize("access", ACCESSES)
def test_a_map_that_is_read_holds_no_file_descriptor(path, access):
    RaggedMmap.from_lists(path, SAMPLES)
    StringsMmap.from_strings(path.parent / "strings", TEXTS)
    before = descriptors()
    maps = [RaggedMmap(path, mode=mode, access=access) for mode in ("r", "r+", "c") for _ in range(20)]
    maps += [StringsMmap(path.parent / "strings", access=access) for _ in range(20)]
    for memmap in maps:
        assert len(memmap[:]) == len(memmap.lengths) == len(memmap.gather(range(5))[1]) - 1 == 5
        memmap.prefetch([0])
    assert descriptors() == before


@needs_proc
def test_a_created_map_holds_no_file_descriptor_and_a_closed_one_none_of_its_appends(path):
    before = descriptors()
    ragged = RaggedMmap.from_lists(path, SAMPLES)
    strings = StringsMmap.from_strings(path.parent / "strings", TEXTS)
    assert descriptors() == before
    ragged.append(np.arange(3))
    strings.append("more")
    ragged.close()
    strings.close()
    assert descriptors() == before


@needs_proc
def test_a_map_that_is_gone_leaves_no_mapping(path):
    RaggedMmap.from_lists(path, SAMPLES)
    ragged = RaggedMmap(path)
    ragged.append(np.zeros(100_000, int))
    item = ragged[-1]
    assert str(path) in Path("/proc/self/maps").read_text()
    del ragged
    assert str(path / "data.ninja") in Path("/proc/self/maps").read_text()
    del item
    assert str(path) not in Path("/proc/self/maps").read_text()


# Pickles and workers


def maps_of_every_kind(path):
    return [
        RaggedMmap.from_lists(path / "mixed", SAMPLES),
        RaggedMmap(path / "mixed", wrapper_fn=np.sum, access="random"),
        StringsMmap.from_strings(path / "texts", TEXTS),
        StringsMmap.from_strings(path / "packed", TEXTS, zstd_level=3, access="sequential"),
    ]


def test_a_pickle_of_any_map_is_at_most_a_kilobyte(path):
    big = RaggedMmap.from_lists(path / "big", [np.arange(n) for n in range(2000)])
    for memmap in [*maps_of_every_kind(path), big]:
        assert len(pickle.dumps(memmap)) <= 1000
        assert len(pickle.dumps([memmap] * 100)) <= 2000


def test_a_pickle_keeps_the_options(path):
    RaggedMmap.from_lists(path, SAMPLES)
    options = {"mode": "c", "wrapper_fn": np.sum, "copy_before_wrapper_fn": False, "access": "random"}
    found = pickle.loads(pickle.dumps(RaggedMmap(path, **options)))
    assert {name: getattr(found, name) for name in options} == options
    assert [float(each) for each in found] == [10, 0, 15, 7, 1]


def describe(content):
    """What a worker finds in pickled maps."""
    return [[np.asarray(item).tolist() for item in memmap] for memmap in pickle.loads(content)]


@pytest.mark.parametrize("method", METHODS)
def test_pickled_maps_open_in_workers(path, method):
    maps = maps_of_every_kind(path)
    expected = [[np.asarray(item).tolist() for item in memmap] for memmap in maps]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        answers = [pool.submit(describe, pickle.dumps(maps)) for _ in range(4)]
        assert [answer.result(timeout=120) for answer in answers] == [expected] * 4


# access


def test_every_access_gives_the_same_items(path):
    RaggedMmap.from_lists(path / "ragged", SAMPLES)
    StringsMmap.from_strings(path / "texts", TEXTS)
    for access in ACCESSES:
        for mode in "r", "r+", "c":
            ragged = RaggedMmap(path / "ragged", mode=mode, access=access)
            for item, sample in zip(ragged, SAMPLES, strict=True):
                assert_identical(item, sample)
            assert ragged.access == access
        texts = StringsMmap(path / "texts", access=access)
        assert (list(texts), texts.access) == (TEXTS, access)


def test_every_way_to_make_a_map_takes_an_access(path):
    for access in ACCESSES:
        built = [
            RaggedMmap.from_lists(path / "r", SAMPLES, access=access),
            RaggedMmap.from_generator(path / "r", iter(SAMPLES), 2, access=access),
            RaggedMmap.from_indexable(path / "r", SAMPLES, 2, access=access),
            StringsMmap.from_strings(path / "s", TEXTS, access=access),
            StringsMmap.from_generator(path / "s", iter(TEXTS), 2, access=access),
            StringsMmap.from_indexable(path / "s", TEXTS, 2, access=access),
            RaggedMmap(path / "none", access=access),
            StringsMmap(path / "none", access=access),
        ]
        assert [each.access for each in built] == [access] * 8


@pytest.mark.parametrize("access", ["", "Random", "willneed", "r"])
def test_another_access_is_a_value_error(path, access):
    RaggedMmap.from_lists(path, SAMPLES)
    for open_map in RaggedMmap, StringsMmap:
        with pytest.raises(ValueError, match=f"access.*'{access}'"):
            open_map(path if open_map is RaggedMmap else path.parent / "texts", access=access)


@pytest.mark.parametrize("make", ["from_lists", "from_generator", "from_indexable"])
def test_another_access_is_refused_before_anything_is_built(path, make):
    RaggedMmap.from_lists(path, SAMPLES)
    StringsMmap.from_strings(path.parent / "texts", TEXTS)
    batch_size = [] if make == "from_lists" else [1]
    with pytest.raises(ValueError, match="access"):
        getattr(RaggedMmap, make)(path, SAMPLES[:1], *batch_size, access="wrong")
    make = make.replace("lists", "strings")
    with pytest.raises(ValueError, match="access"):
        getattr(StringsMmap, make)(path.parent / "texts", TEXTS[:1], *batch_size, access="wrong")
    assert (len(RaggedMmap(path)), len(StringsMmap(path.parent / "texts"))) == (5, 5)


def advice(file):
    """What the kernel was told of each mapping of `file`: 'random', 'sequential' or 'normal'."""
    found, is_wanted = [], False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            is_wanted = rest[-1] == str(file)
        elif name == "VmFlags:" and is_wanted:
            found.append("random" if "rr" in rest else "sequential" if "sr" in rest else "normal")
    return found


@needs_proc
@pytest.mark.parametrize("access", ACCESSES)
def test_the_kernel_is_told_the_access(path, access):
    ragged = RaggedMmap.from_lists(path, SAMPLES, access=access)
    strings = StringsMmap.from_strings(path.parent / "texts", TEXTS, access=access)
    for memmap in ragged, strings:
        assert advice(memmap.out_dir / "data.ninja") == [access]


@needs_proc
@pytest.mark.parametrize("access", ["random", "sequential"])
def test_the_kernel_is_told_the_access_again_when_a_map_outgrows_its_mapping(path, access):
    ragged = RaggedMmap.from_lists(path, SAMPLES, access=access)
    strings = StringsMmap.from_strings(path.parent / "texts", TEXTS, access=access)
    for memmap, sample in [(ragged, np.zeros(100_000, int)), (strings, "long" * 100_000)]:
        memmap.append(sample)
        assert advice(memmap.out_dir / "data.ninja") == [access]
        memmap.refresh()
        assert advice(memmap.out_dir / "data.ninja") == [access]


# Items


def several(count):
    """Everything that selects several of `count` samples, and what it selects."""
    order = np.random.default_rng(0).integers(-count, count, 3 * count)
    mask = np.arange(count) % 2 == 0
    indices = [order.tolist(), [np.int32(0), -1], list(map(np.uint8, range(count))), order, order[::-1], []]
    indices += [order.astype(dtype) for dtype in ["b", "i2", ">i4", "q"]]
    indices += [np.arange(count).astype(dtype) for dtype in ["B", "H", ">u4", "Q"]]
    indices += [
        mask,
        mask.tolist(),
        ~mask,
        np.zeros(count, bool),
        np.array([], int),
        np.arange(count).repeat(2)[::2],
    ]
    indices += [range(count), range(-1, -count - 1, -1), range(0, count, 2), range(5, 2)]
    indices += [
        slice(a, b, c) for a in (None, 1, -2, 99) for b in (None, -1, 3, -99) for c in (None, 2, -1, -3)
    ]
    return [
        (index, np.arange(count)[list(index) if isinstance(index, range) else index]) for index in indices
    ]


@pytest.mark.parametrize(
    "samples", [SAMPLES, SAMPLES[:2], [1.5, 2.5, -1.0]], ids=["mixed", "rows", "scalars"]
)
def test_several_items_are_a_list_of_the_single_ones(path, samples):
    for ragged in RaggedMmap.from_lists(path, samples), RaggedMmap(path, access="random"):
        for index, positions in several(len(samples)):
            items = ragged[index]
            assert type(items) is list
            for item, position in zip(items, positions, strict=True):
                assert_identical(item, ragged[int(position)])
                assert_identical(item, samples[position])


@pytest.mark.parametrize("zstd_level", [None, 3])
def test_several_texts_are_a_list_of_the_single_ones(path, zstd_level):
    strings = StringsMmap.from_strings(path, TEXTS, zstd_level=zstd_level)
    for index, positions in several(len(TEXTS)):
        assert strings[index] == [strings[int(position)] for position in positions]
        assert strings[index] == [TEXTS[position] for position in positions]


@pytest.mark.parametrize(
    "integer", [int, np.int8, np.uint64, np.intp, np.array, lambda i: np.array(i, ">i4")]
)
def test_every_integer_reads_one_item(path, integer):
    ragged = RaggedMmap.from_lists(path, SAMPLES)
    strings = StringsMmap.from_strings(path.parent / "texts", TEXTS)
    for index in range(5):
        assert_identical(ragged[integer(index)], SAMPLES[index])
        assert strings[integer(index)] == TEXTS[index]


def test_a_wrapper_may_append_to_the_map_while_it_is_read(path):
    def append_and_sum(item):
        memmap.append(np.zeros(20_000, int))
        return item.sum()

    RaggedMmap.from_lists(path, SAMPLES[:3])
    memmap = RaggedMmap(path, wrapper_fn=append_and_sum)
    assert memmap[:] == memmap[[0, 1, 2]] == [memmap[0], memmap[1], memmap[2]] == [10, 0, 15]
    assert len(memmap) == len(RaggedMmap(path)) == 12


def test_a_wrapper_may_close_the_map_while_it_is_read(path):
    def close_and_sum(item):
        memmap.close()
        return item.sum()

    RaggedMmap.from_lists(path, SAMPLES[:3])
    memmap = RaggedMmap(path, wrapper_fn=close_and_sum)
    assert memmap[:] == [10, 0, 15]
    with pytest.raises(ValueError, match="closed"):
        memmap[0]


def test_readers_in_a_wrapper_keep_what_another_thread_replaces(path):
    RaggedMmap.from_lists(path, SAMPLES[:3])
    inside, appended = threading.Event(), threading.Event()

    def wait_and_copy(item):
        inside.set()
        assert appended.wait(60)
        return item.copy()

    memmap = RaggedMmap(path, wrapper_fn=wait_and_copy, copy_before_wrapper_fn=False)

    def append():
        assert inside.wait(60)
        for _ in range(10):
            memmap.append(np.zeros(50_000, int))
        appended.set()

    thread = threading.Thread(target=append)
    thread.start()
    for item, sample in zip(memmap[:], SAMPLES[:3], strict=True):
        assert_identical(item, sample)
    thread.join()
    assert len(memmap) == 13


def test_a_subclass_reads_the_same_items(path):
    cls = type("Mine", (RaggedMmap,), {})
    cls.from_lists(path, SAMPLES)
    for item, one, sample in zip(cls(path), cls(path)[:], SAMPLES, strict=True):
        assert_identical(item, sample)
        assert_identical(one, sample)
