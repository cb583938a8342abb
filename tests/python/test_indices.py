"""One expression selects the same samples wherever indices are taken."""

import array
import itertools
from collections import deque

import numpy as np
import pytest
from batch_maps import SAMPLES, TEXTS
from mmap_ninja import RaggedMmap, StringsMmap


class Tensor:
    """An array of another library. As with torch, one element is an integer, whatever axes there are."""

    def __init__(self, values):
        self.values = np.array(values)
        self.ndim = self.values.ndim

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __index__(self):
        return int(self.values.item())


class Series:
    """A column with labels, which are not positions. Iteration and `[]` go by label."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)

    def __iter__(self):
        raise AssertionError("the labels were asked for")


class Legacy:
    """An iterable by `__getitem__` alone."""

    def __getitem__(self, index):
        return [3, 0][index]


MASK = [True, False, False, True]
NULLABLE = np.array(MASK, object)
EXPRESSIONS = {
    "list": (lambda: [3, 0], [3, 0]),
    "list of NumPy integers": (lambda: [np.int16(3), np.uint64(0)], [3, 0]),
    "list of tensors": (lambda: [Tensor(3), Tensor(0)], [3, 0]),
    "range": (lambda: range(3, -1, -3), [3, 0]),
    "slice": (lambda: slice(None, None, -3), [3, 0]),
    "array": (lambda: np.array([3, 0], "uint8"), [3, 0]),
    "array of integers as objects": (lambda: np.array([3, np.int8(0)], object), [3, 0]),
    "array of one": (lambda: np.array([3]), [3]),
    "deque": (lambda: deque([3, 0]), [3, 0]),
    "array.array": (lambda: array.array("q", [3, 0]), [3, 0]),
    "memoryview": (lambda: memoryview(array.array("q", [3, 0])), [3, 0]),
    "keys of a dict": (lambda: {3: "a", 0: "b"}.keys(), [3, 0]),
    "map": (lambda: map(int, "30"), [3, 0]),
    "generator": (lambda: (index for index in (3, 0)), [3, 0]),
    "iterable by index": (Legacy, [3, 0]),
    "no integers": (lambda: iter(()), []),
    "tensor": (lambda: Tensor([3, 0]), [3, 0]),
    "tensor of one": (lambda: Tensor([3]), [3]),
    "series": (lambda: Series([3, 0]), [3, 0]),
    "mask as a list": (lambda: MASK, [0, 3]),
    "mask as an array": (lambda: np.array(MASK), [0, 3]),
    "mask as a tensor": (lambda: Tensor(MASK), [0, 3]),
    "mask as a series": (lambda: Series(MASK), [0, 3]),
    "mask as objects": (lambda: NULLABLE, [0, 3]),
    "mask as a deque": (lambda: deque(MASK), [0, 3]),
    "where": (lambda: np.where(MASK), [0, 3]),
    "nonzero as a list": (lambda: ([3, 0],), [3, 0]),
    "ellipsis": (lambda: ..., [0, 1, 2, 3]),
    "tuple of a slice": (lambda: (slice(2),), [0, 1]),
}
REFUSED = {
    "tuple of integers": ((0, 1), "tuple"),
    "tuple of one integer": ((0,), "tuple"),
    "tuple of arrays": ((np.array([0]), np.array([1])), "tuple"),
    "tuple in a tuple": (((0, 1),), "tuple"),
    "empty tuple": ((), "tuple"),
    "set": ({0, 1}, "ordered.*set"),
    "dict": ({0: 1}, "dict"),
    "bytes": (b"\0", "bytes"),
    "bytearray": (bytearray(b"\0"), "bytearray"),
    "str": ("0", "str"),
    "objects with a gap": (np.array([True, None, True, True], object), "objects"),
    "floats": ([0.0], "float64"),
    "a float": (np.float64(0), "float64"),
    "a float as an array": (np.array(0.0), "ind"),
    "two axes": (Tensor([[0, 1]]), "one axis"),
    "masked": (np.ma.array([0, 1], mask=[0, 1]), "masked"),
    "nothing": (None, "NoneType"),
    "an object": (object(), "object"),
}


@pytest.fixture(params=["ragged", "strings"])
def memmap(request, path):
    if request.param == "ragged":
        return RaggedMmap.from_lists(path, SAMPLES)
    return StringsMmap.from_strings(path, TEXTS)


def plain(items):
    return [item if isinstance(item, str) else item.tolist() for item in items]


def batch_calls(memmap):
    ragged = [memmap.padded] if isinstance(memmap, RaggedMmap) else []
    return [memmap.gather, memmap.prefetch, *ragged]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_selects_the_same_samples_everywhere(memmap, name):
    make, positions = EXPRESSIONS[name]
    expected = [memmap[position] for position in positions]
    assert plain(memmap[make()]) == plain(memmap.get_multiple(make())) == plain(expected)
    assert plain(memmap.__getitems__(make())) == plain(expected)
    memmap.prefetch(make())
    assert [part.tolist() for part in memmap.gather(make())] == [
        part.tolist() for part in memmap.gather(positions)
    ]
    if isinstance(memmap, RaggedMmap):
        for ours, theirs in zip(memmap.padded(make()), memmap.padded(positions), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_selects_the_same_samples_to_assign_to(memmap, name):
    make, positions = EXPRESSIONS[name]
    before = plain(memmap)
    as_text = isinstance(memmap, StringsMmap)
    values = [before[position].upper() if as_text else memmap[position] + 100 for position in positions]
    memmap[make()] = values
    expected = dict(enumerate(before)) | dict(zip(positions, plain(values), strict=True))
    assert plain(memmap) == list(expected.values())


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_an_index_is_a_type_error_that_names_it_everywhere(memmap, name):
    index, reason = REFUSED[name]
    for call in [memmap.__getitem__, memmap.get_multiple, *batch_calls(memmap)]:
        with pytest.raises(TypeError, match=reason):
            call(index)
    with pytest.raises(TypeError, match=reason):
        memmap[index] = []


def test_a_data_loader_may_ask_for_a_tuple_of_integers(memmap):
    assert plain(memmap.__getitems__((3, 0))) == plain([memmap[3], memmap[0]])


def test_a_mask_of_any_kind_must_fit(memmap):
    for mask in (
        [True],
        Tensor([True] * 5),
        Series([False] * 3),
        deque([True] * 5),
        np.array([True] * 3, object),
    ):
        with pytest.raises(IndexError, match=r"mask.*4"):
            memmap[mask]


def test_an_endless_iterable_ends_at_the_first_index_out_of_range(memmap):
    with pytest.raises(IndexError, match="index 4 "):
        memmap[itertools.count()]


def test_an_error_of_an_iterable_reaches_the_caller(memmap):
    def failing():
        yield 0
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        memmap[failing()]


def test_an_iterable_may_append_to_the_map_that_it_indexes(path):
    memmap = StringsMmap.from_strings(path, TEXTS)

    def appending():
        memmap.append("more")
        yield -1

    assert memmap[appending()] == [TEXTS[-1]]
    assert len(memmap) == len(TEXTS) + 1


@pytest.mark.parametrize("library", ["torch", "jax.numpy", "pandas", "polars", "pyarrow"])
def test_arrays_of_other_libraries_are_indices_by_position(memmap, library):
    module = pytest.importorskip(library)
    make = {"torch": "tensor", "pandas": "Series", "polars": "Series"}.get(library, "array")
    expected = plain([memmap[3], memmap[0]])
    assert plain(memmap[getattr(module, make)([3, 0])]) == expected
    assert plain(memmap[getattr(module, make)(MASK)]) == expected[::-1]
    assert plain(memmap[getattr(module, make)([3])]) == expected[:1]
    if library == "pandas":
        assert plain(memmap[module.Series([3, 0], index=["b", "a"])]) == expected
        assert plain(memmap[module.Series(MASK, index=[9, 8, 7, 6], dtype="boolean")]) == expected[::-1]
        assert plain(memmap[module.Index([3, 0])]) == expected
    if library == "pyarrow":
        assert plain(memmap[module.chunked_array([[3], [0]])]) == expected
