"""Builds from generators: the files of a single call."""

from collections import deque

import numpy as np
import pytest
from building_workers import DICTIONARY, STORES, plain
from conftest import assert_identical, names, tree, unchanged
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja


@pytest.mark.parametrize("batch_size", [1, 2, 7, 24, 25, 1000])
def test_any_batch_size_gives_the_files_of_a_single_call(path, any_store, batch_size):
    samples = any_store.samples(25)
    any_store.create(whole := path.parent / "whole", samples)
    built = any_store.generate(path, iter(samples), batch_size)
    assert tree(path) == tree(whole)
    assert [plain(item) for item in built] == [plain(sample) for sample in samples]
    assert names(path.parent) == ["data", "whole"]


@pytest.mark.parametrize("batch_size", [100, 101, 1000])
def test_a_dictionary_is_trained_on_the_first_batch(path, batch_size):
    samples = DICTIONARY.samples(250)
    whole = DICTIONARY.create(path.parent / "whole", samples[:batch_size])
    whole.extend(samples[batch_size:])
    DICTIONARY.generate(path, iter(samples), batch_size)
    assert tree(path) == tree(path.parent / "whole")
    assert DICTIONARY.items(path) == samples


class OnlyIterable:
    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


class OnlyIndexed(OnlyIterable):
    __iter__ = None

    def __getitem__(self, index):
        return self.samples[index]


ITERABLES = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "generator": lambda samples: (sample for sample in samples),
    "map": lambda samples: map(samples.__getitem__, range(len(samples))),
    "deque": deque,
    "dict values": lambda samples: dict(enumerate(samples)).values(),
    "iterable": OnlyIterable,
}


@pytest.mark.parametrize("kind", ITERABLES)
def test_builds_take_anything_that_can_be_iterated_over(path, any_store, kind):
    samples = any_store.samples(9)
    any_store.create(whole := path.parent / "whole", samples)
    any_store.generate(path, ITERABLES[kind](samples), 4)
    assert tree(path) == tree(whole)


@pytest.mark.parametrize("make", [list, tuple, OnlyIndexed, lambda samples: samples.__getitem__])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_from_indexable_takes_anything_that_can_be_indexed(path, store, make, batch_size):
    samples = store.samples(9)
    store.create(whole := path.parent / "whole", samples)
    store.index(path, make(samples), batch_size)
    assert tree(path) == tree(whole)


def test_a_stored_map_can_be_written_again_where_it_is(path, store):
    samples = store.samples(9)
    store.create(path, samples)
    store.generate(path, (item for item in store.show(path) for _ in range(2)), 4)
    assert store.items(path) == [plain(sample) for sample in samples for _ in range(2)]


EMPTY = {
    "list": lambda store, path: store.generate(path, [], 2),
    "iterator": lambda store, path: store.generate(path, iter([]), 2),
    "resumed": lambda store, path: store.generate(path, iter([]), 2, resume=True),
    "indexable": lambda store, path: store.index(path, [], 2),
    "without length": lambda store, path: store.index(path, [].__getitem__, 2),
    "in parallel": lambda store, path: store.index(path, [], 2, n_jobs=2),
    "without length in parallel": lambda store, path: store.index(path, [].__getitem__, 2, n_jobs=2),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_build_of_no_samples_returns_none_and_changes_nothing(path, any_store, kind):
    assert EMPTY[kind](any_store, path) is None
    assert tree(path.parent) == {}
    RaggedMmap.from_lists(path, [np.arange(3)])
    with unchanged(path.parent):
        assert EMPTY[kind](any_store, path) is None


ARRAY = np.arange(120, dtype="int16").reshape(4, 5, 6)
NOT_CONTIGUOUS = {
    "transposed": [ARRAY[index].T for index in range(4)],
    "axes reversed": [(ARRAY + index).transpose() for index in range(4)],
    "in F order": [np.asfortranarray(ARRAY[index]) for index in range(4)],
    "in F order and not": [np.array(ARRAY[index], order="CF"[index % 2]) for index in range(4)],
    "reversed": [ARRAY[index, ::-1, ::-1] for index in range(4)],
    "strided": [ARRAY[index, ::2, 1::3] for index in range(4)],
    "columns": [ARRAY[index, :, 2] for index in range(4)],
    "broadcast": [np.broadcast_to(ARRAY[index, 0, :3], (2, 3)) for index in range(4)],
    "of one value": [np.broadcast_to(np.int16(index), (3, 3)) for index in range(4)],
    "rows of an F array": list(np.asfortranarray(ARRAY)),
    "fields": [np.zeros(3, [("a", "i1"), ("b", "f4")])["b"] + index for index in range(4)],
    "unaligned": [np.frombuffer(b"x" + ARRAY[index].tobytes(), "int16", offset=1) for index in range(4)],
}


@pytest.mark.parametrize("name", ["mixed", "dense"])
@pytest.mark.parametrize("kind", NOT_CONTIGUOUS)
def test_arrays_with_gaps_are_stored_in_c_order(path, name, kind):
    store, samples = STORES[name], NOT_CONTIGUOUS[kind]
    store.create(whole := path.parent / "whole", [sample.copy(order="C") for sample in samples])
    for batch_size in [1, 2, 3, 4]:
        store.generate(built := path.parent / str(batch_size), iter(samples), batch_size)
        assert tree(built) == tree(whole), batch_size


def test_values_that_survive_are_cast_to_the_dtype_of_the_first_sample(path):
    samples = [np.arange(2, dtype=dtype) for dtype in ["int16", "int64", "float64", "bool", "uint8"] * 2]
    RaggedMmap.from_lists(whole := path.parent / "whole", [sample.astype("int16") for sample in samples])
    for batch_size in [1, 2, 3, 10]:
        RaggedMmap.from_generator(path, iter(samples), batch_size)
        assert tree(path) == tree(whole), batch_size
    RaggedMmap.from_lists(whole, samples, dtype="float32")
    RaggedMmap.from_generator(path, iter(samples), 3, dtype="float32")
    assert tree(path) == tree(whole)


def test_rows_are_cast_to_the_dtype_of_the_first_batch(path):
    built = np_ninja.from_generator(path, iter([np.int16(1), np.float64(2), np.uint8(3)]), 1)
    assert_identical(built, np.array([1, 2, 3], "int16"))


@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_rows_have_the_dtype_that_those_of_the_first_batch_have_in_common(path, batch_size):
    rows = [np.int8([1, 2]), np.int8([-1, 9]), np.uint8([3, 4]), np.float32([5, 6]), np.uint8([7, 8])]
    built = np_ninja.from_generator(path, iter(rows), batch_size)
    assert_identical(built, np.stack(rows, dtype=np.stack(rows[:batch_size]).dtype, casting="unsafe"))
