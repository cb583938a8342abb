"""What a subclass overrides is called where mmap_ninja 0.9 calls it."""

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap

SAMPLES = [np.arange(3), np.arange(10, 12), np.arange(20, 24)]
TEXTS = ["one", "zwei", "drei"]


class Doubled(RaggedMmap):
    def get_single(self, item):
        return super().get_single(item) * 2


class Shouted(StringsMmap):
    def get_single(self, item):
        return super().get_single(item).upper()


@pytest.fixture
def doubled(path):
    return Doubled.from_lists(path, SAMPLES)


def plain(items):
    return [item if isinstance(item, str) else item.tolist() for item in items]


def test_get_single_is_called_for_every_item_that_is_read(path, doubled):
    expected = [(sample * 2).tolist() for sample in SAMPLES]
    assert doubled[1].tolist() == doubled[np.int64(-2)].tolist() == expected[1]
    for items in (
        doubled,
        doubled[:],
        doubled[[0, 1, 2]],
        doubled[np.ones(3, bool)],
        doubled.__getitems__([0, 1, 2]),
    ):
        assert plain(items) == expected
    assert plain(reversed(doubled)) == expected[::-1]
    assert doubled.index(expected[2]) == 2
    texts = Shouted.from_strings(path.parent / "texts", TEXTS)
    assert [texts[0], *texts[1:]] == list(texts) == ["ONE", "ZWEI", "DREI"]
    assert "ONE" in texts
    assert "one" not in texts
    with pytest.raises(IndexError):
        doubled[3]


def test_get_multiple_is_called_for_all_but_single_integers(path):
    class Reversed(RaggedMmap):
        def get_multiple(self, item):
            return super().get_multiple(item)[::-1]

    memmap = Reversed.from_lists(path, SAMPLES)
    assert plain(memmap[:2]) == plain(memmap[[0, 1]]) == [[10, 11], [0, 1, 2]]
    assert memmap[0].tolist() == [0, 1, 2]
    assert plain(memmap) == plain(SAMPLES)


def test_an_own_getitem_and_the_methods_that_it_calls_do_not_call_each_other_forever(path):
    class Negated(Doubled):
        def __getitem__(self, item):
            return -super().__getitem__(item)

    class Picked(RaggedMmap):
        def __getitem__(self, item):
            return self.get_single(item) + 1

    memmap = Negated.from_lists(path, SAMPLES)
    assert memmap[1].tolist() == [-20, -22]
    assert (
        plain(memmap) == plain(memmap.get_multiple([0, 1, 2])) == [(-2 * each).tolist() for each in SAMPLES]
    )
    picked = Picked(path)
    assert picked[1].tolist() == [11, 12]
    assert (
        plain(picked) == plain(picked.get_multiple(slice(None))) == [(each + 1).tolist() for each in SAMPLES]
    )


@pytest.mark.parametrize("form", ["mixin", "grandchild"])
def test_an_inherited_override_counts(path, form):
    class Mixin:
        def get_single(self, item):
            return super().get_single(item) * 2

    base = (Mixin, RaggedMmap) if form == "mixin" else (Doubled,)
    memmap = type("Mine", base, {}).from_lists(path, SAMPLES)
    assert plain(memmap) == [(sample * 2).tolist() for sample in SAMPLES]


def test_set_single_is_called_for_every_item_that_is_assigned(path):
    class Clipped(RaggedMmap):
        def set_single(self, idx, value):
            super().set_single(idx, np.minimum(value, 9))

    class Lower(StringsMmap):
        def set_single(self, idx, new_value):
            super().set_single(idx, new_value.lower())

    memmap = Clipped.from_lists(path, SAMPLES)
    memmap[1] = [3, 30]
    memmap[[0, 2]] = [[7, 8, 90], [1, 2, 3, 40]]
    assert plain(memmap) == [[7, 8, 9], [3, 9], [1, 2, 3, 9]]
    texts = Lower.from_strings(path.parent / "texts", TEXTS)
    texts[0] = "UNO"
    texts[1:] = ["VIER", "FUNF"]
    assert texts[:] == ["uno", "vier", "funf"]


def test_set_multiple_is_called_for_all_but_single_integers(path):
    class Swapped(RaggedMmap):
        def set_multiple(self, item, value):
            super().set_multiple(item, value[::-1])

    memmap = Swapped.from_lists(path, [[1], [2], [3]])
    memmap[:] = [[7], [8], [9]]
    memmap[1] = [0]
    assert plain(memmap) == [[9], [0], [7]]


def test_append_calls_extend(path):
    class Counted(RaggedMmap):
        appended = 0

        def extend(self, arrays):
            self.appended += len(arrays)
            super().extend(arrays)

    class Stripped(StringsMmap):
        def extend(self, list_of_strings, verbose=False):
            super().extend([text.strip() for text in list_of_strings], verbose)

    memmap = Counted.from_lists(path, SAMPLES)
    memmap.append([1, 2])
    memmap.extend([[3], [4]])
    assert (memmap.appended, len(memmap)) == (3, 6)
    texts = Stripped.from_strings(path.parent / "texts", TEXTS)
    texts.append(" vier ")
    assert texts[-1] == "vier"


@pytest.mark.parametrize("method", ["from_generator", "from_indexable"])
def test_builds_call_from_lists_for_the_first_batch_and_extend_for_the_others(path, method):
    calls = []

    class Logged(RaggedMmap):
        @classmethod
        def from_lists(cls, out_dir, lists, scale=1, **kwargs):
            calls.append(("from_lists", len(lists), kwargs))
            return super().from_lists(out_dir, [np.multiply(each, scale) for each in lists], **kwargs)

        def extend(self, arrays):
            calls.append(("extend", len(arrays)))
            super().extend(arrays)

    memmap = getattr(Logged, method)(path, [[n] for n in range(5)], 2, scale=3, dtype="int16")
    assert calls == [("from_lists", 2, {"dtype": "int16"}), ("extend", 2), ("extend", 1)]
    assert (type(memmap), memmap.dtype) == (Logged, np.dtype("int16"))
    assert plain(memmap) == [[0], [3], [2], [3], [4]]


@pytest.mark.parametrize("method", ["from_generator", "from_indexable"])
def test_builds_call_from_strings_of_a_subclass(path, method):
    class Stripped(StringsMmap):
        @classmethod
        def from_strings(cls, out_dir, strings, **kwargs):
            return super().from_strings(out_dir, [text.strip() for text in strings], **kwargs)

    assert getattr(Stripped, method)(path, [" one", " two"], 2, zstd_level=3)[:] == ["one", "two"]
    assert getattr(Stripped, method)(path, [], 2) is None
    with pytest.raises(FileExistsError):
        getattr(Stripped, method)(path, ["three"], 2, overwrite=False)
    with pytest.raises(ValueError, match="Stripped overrides from_strings"):
        getattr(Stripped, method)(path, ["three"], 2, resume=True)
    assert StringsMmap(path)[:] == ["one", "two"]


def test_a_constructor_of_a_subclass_gets_only_what_was_given(path):
    class Old(RaggedMmap):
        """As written for 0.9."""

        def __init__(self, out_dir, mode="r", wrapper_fn=None):
            super().__init__(out_dir, wrapper_fn=wrapper_fn, mode=mode)

    class OldTexts(StringsMmap):
        def __init__(self, out_dir, mode="r+b"):
            super().__init__(out_dir, mode)

    assert Old.from_lists(path, SAMPLES, wrapper_fn=np.sum)[1] == 21
    assert Old.from_generator(path, SAMPLES, 2)[1].tolist() == [10, 11]
    assert OldTexts.from_strings(path, TEXTS)[0] == "one"
    assert OldTexts.from_indexable(path, TEXTS, 2)[0] == "one"


def test_a_class_without_overrides_reads_by_the_compiled_class_alone(path):
    class Named(RaggedMmap):
        name = "mine"

    assert Named.__getitem__ is RaggedMmap.__getitem__
    assert (RaggedMmap._overrides_reads, Named._overrides_reads, Doubled._overrides_reads) == (
        False,
        False,
        True,
    )
    assert type(iter(Named.from_lists(path, SAMPLES))).__name__ == "Items"
