"""Maps are sequences and context managers."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap

SAMPLES = [
    np.array([1.0, 2.0]),
    np.array([[1.0], [2.0]]),
    np.array([np.nan]),
    np.array([]),
    np.array([1.0, 2.0]),
]
TEXTS = ["one", "two", "", "one"]


@pytest.fixture
def ragged(path):
    return RaggedMmap.from_lists(path, SAMPLES)


@pytest.fixture
def strings(path):
    return StringsMmap.from_strings(path.parent / "strings", TEXTS)


def test_maps_are_sequences(ragged, strings):
    for memmap in ragged, strings:
        assert isinstance(memmap, Sequence)
        match memmap:
            case [_, *_]:
                pass
            case _:
                raise AssertionError("a sequence matches a pattern of a sequence")
    assert sorted(random.sample(strings, 4)) == sorted(TEXTS)
    assert len(random.sample(ragged, 2)) == 2
    assert random.choice(strings) in TEXTS
    assert list(reversed(strings)) == TEXTS[::-1]
    for item, sample in zip(reversed(ragged), SAMPLES[::-1], strict=True):
        assert_identical(item, sample)


def test_texts_are_found_as_in_a_list(strings):
    for text in [*TEXTS, "absent", 1, None, np.array(["one", "two"]), ["one"]]:
        is_text = isinstance(text, str)
        assert strings.count(text) == (TEXTS.count(text) if is_text else 0)
        assert (text in strings) is (is_text and text in TEXTS)
    assert (strings.index("one"), strings.index("one", 1), strings.index("one", -1)) == (0, 3, 3)
    for arguments in [("absent",), ("one", 1, 3), (np.array(["one", "two"]),)]:
        with pytest.raises(ValueError, match="equals"):
            strings.index(*arguments)


def test_arrays_are_found_by_shape_and_elements(ragged):
    assert (ragged.index([1, 2]), ragged.index(SAMPLES[1]), ragged.index(SAMPLES[0], 1)) == (0, 1, 4)
    assert [ragged.count(sample) for sample in SAMPLES] == [2, 1, 0, 1, 2]
    for absent in [[1, 2, 3], [[1, 2]], "absent", None, object(), [[1], [2, 3]], {"a": 1}, 1.0]:
        assert absent not in ragged
        assert ragged.count(absent) == 0
        with pytest.raises(ValueError, match="equals"):
            ragged.index(absent)


def test_scalars_and_wrapped_samples_are_found(path):
    assert RaggedMmap.from_lists(path, [3, 4, 3]).count(3) == 2
    assert RaggedMmap(path, wrapper_fn=str).index("4") == 1
    assert RaggedMmap(path, wrapper_fn=lambda number: {"n": number}).index({"n": 4}) == 1


def test_a_block_closes_its_map_also_after_an_error(path, ragged, strings):
    for memmap in ragged, strings:
        with memmap as same:
            assert same is memmap
            item = memmap[0]
        with pytest.raises(ValueError, match="closed"):
            memmap[0]
        assert len(item) > 0
        with pytest.raises(ValueError, match="closed"):
            memmap.__enter__()
    with pytest.raises(ZeroDivisionError), RaggedMmap(path) as memmap:
        raise ZeroDivisionError
    assert repr(memmap).endswith("closed, mode='r')")


MEMBERS = {
    RaggedMmap: "starts ends shapes flattened_shapes memmap lengths nbytes dtype shapes_are_flat n range",
    StringsMmap: "starts ends lengths nbytes zstd_level n range",
}


def test_everything_of_a_closed_map_says_that_it_is_closed(ragged, strings):
    for memmap in ragged, strings:
        memmap.close()
        uses = [len, bool, list, iter, reversed, lambda each: "a" in each, lambda each: each.index("a")]
        uses += [lambda each, name=name: getattr(each, name) for name in MEMBERS[type(memmap)].split()]
        uses += [lambda each: each[0], lambda each: each[:], lambda each: each.append("a")]
        uses += [
            lambda each: each.__setitem__(0, "a"),
            lambda each: each.gather([]),
            lambda each: each.refresh(),
        ]
        for use in uses:
            with pytest.raises(ValueError, match=f"{memmap.out_dir}.*closed"):
                list(result) if hasattr(result := use(memmap), "__next__") else result
