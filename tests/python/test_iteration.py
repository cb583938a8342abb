"""`for x in m` goes through the items as a list would."""

import gc
import weakref

import numpy as np
import pytest
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap

SAMPLES = [np.arange(5), np.arange(0), np.arange(6).reshape(2, 3), np.array(7), np.arange(2)]
TEXTS = ["one", "zwei", "", "três", "中文"]


def assert_same_items(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_identical(one, other)


@pytest.fixture(params=["samples", "texts"])
def make(request):
    """A function that stores items, and the items."""
    if request.param == "samples":
        return RaggedMmap.from_lists, SAMPLES
    return StringsMmap.from_strings, TEXTS


def test_the_items_come_in_order_each_time(path, make):
    create, items = make
    stored = create(path, items)
    assert_same_items(stored, items)
    assert_same_items(stored, items)
    for one, other in zip(stored, stored, strict=True):
        assert_identical(one, other)


def test_iteration_includes_what_is_appended_before_its_end(path, make):
    create, items = make
    stored = create(path, items[:1])
    iterator = iter(stored)
    next(iterator)
    stored.append(items[1])
    assert_same_items(iterator, items[1:2])
    stored.append(items[2])
    assert list(iterator) == []


def test_a_getitem_of_a_subclass_is_respected(path):
    class Doubled(RaggedMmap):
        def __getitem__(self, index):
            return super().__getitem__(index) * 2

    stored = Doubled.from_lists(path, SAMPLES)
    assert_same_items(stored, [sample * 2 for sample in SAMPLES])


def test_a_getitem_that_is_set_later_is_respected(path):
    class Later(StringsMmap):
        pass

    stored = Later.from_strings(path, TEXTS)
    Later.__getitem__ = lambda self, index: StringsMmap.__getitem__(self, index).upper()
    assert list(stored) == [text.upper() for text in TEXTS]


@pytest.mark.parametrize("error", [IndexError, StopIteration, KeyError])
def test_an_error_of_the_wrapper_does_not_pass_for_the_end(path, error):
    def fail(sample):
        raise error("of the wrapper")

    RaggedMmap.from_lists(path, SAMPLES)
    iterator = iter(RaggedMmap(path, wrapper_fn=fail))
    with pytest.raises((error, RuntimeError), match=r"of the wrapper|^wrapper_fn raised StopIteration$"):
        next(iterator)


def test_iterating_over_a_closed_map_says_that_it_is_closed(path, make):
    create, items = make
    stored = create(path, items)
    iterator = iter(stored)
    next(iterator)
    stored.close()
    with pytest.raises(ValueError, match="closed"):
        next(iterator)


def test_an_iterator_in_a_cycle_is_collected(path):
    class Cyclic(RaggedMmap):
        pass

    stored = Cyclic.from_lists(path, SAMPLES)
    stored.own = iter(stored)
    gone = weakref.ref(stored)
    del stored
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("index", [0, 4, -1, -5])
def test_an_int64_is_an_index_like_an_int(path, make, index):
    create, items = make
    assert_identical(create(path, items)[np.int64(index)], items[index])


@pytest.mark.parametrize("index", [5, -6, 2**63 - 1, -(2**63)])
def test_an_int64_outside_of_the_map_is_an_index_error(path, make, index):
    create, items = make
    with pytest.raises(IndexError, match=str(index)):
        create(path, items)[np.int64(index)]
