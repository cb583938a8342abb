"""An interrupted build goes on from what it has left, and ends as one that was never interrupted."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from building_workers import DICTIONARY, STORES, Recording, interrupted, plain, sized, unsized
from conftest import names, notes, partial_of, tree
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja


@pytest.mark.parametrize("position", [0, 1, 2, 4, 5, 9, 10, 12, 13])
def test_a_build_interrupted_anywhere_ends_as_a_single_run(path, any_store, position):
    any_store.create(whole := path.parent / "whole", any_store.samples(13))
    for batch_size in 2, 5:
        resumed = path.parent / str(batch_size)
        interrupted(any_store, resumed, any_store.samples(position), batch_size)
        any_store.generate(resumed, iter(any_store.samples(13)), batch_size, resume=True)
        assert tree(resumed) == tree(whole)
    assert names(path.parent) == ["2", "5", "whole"]


@pytest.mark.parametrize(("first", "second"), [(2, 3), (5, 1), (1, 100)])
def test_the_size_of_batches_may_change(path, store, first, second):
    store.create(whole := path.parent / "whole", store.samples(13))
    interrupted(store, path, store.samples(11), first)
    store.generate(path, store.samples(13), second, resume=True)
    assert tree(path) == tree(whole)


@pytest.mark.parametrize("position", [99, 100, 150, 200, 249])
def test_a_resumed_build_keeps_its_dictionary(path, position):
    DICTIONARY.generate(whole := path.parent / "whole", iter(DICTIONARY.samples(250)), 100)
    interrupted(DICTIONARY, path, DICTIONARY.samples(position), 100)
    DICTIONARY.generate(path, iter(DICTIONARY.samples(250)), 100, resume=True)
    assert tree(path) == tree(whole)


def test_a_build_interrupted_again_and_again_ends_as_a_single_run(path, store):
    store.create(path, old := store.samples(30, 27))
    before = tree(path)
    for position in [3, 3, 4, 8, 6, 12]:
        error = interrupted(store, path, store.samples(position), 3, resume=True)
        safe = len(store.show(partial_of(path)))
        assert error.__notes__ == [
            f"{safe} samples are safe in {partial_of(path)}; resume=True goes on from there"
        ]
        assert tree(path) == before
    assert safe == 12
    assert store.items(path) == [plain(sample) for sample in old]
    store.generate(path, iter(store.samples(13)), 3, resume=True)
    store.create(whole := path.parent / "whole", store.samples(13))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def test_an_error_after_one_sample_says_in_the_singular_that_it_is_safe(path, store):
    assert f"1 sample is safe in {partial_of(path)}" in notes(interrupted(store, path, store.samples(1), 1))


def test_a_resumed_build_keeps_custom_names_of_members(path):
    keys = {"starts_key": "a", "ends_key": "b"}
    for name, more in [("mixed", {"shapes_key": "c", "flattened_shapes_key": "d"}), ("texts", {})]:
        store = STORES[name]
        interrupted(store, path, store.samples(7), 3, **keys, **more)
        store.generate(path, iter(store.samples(13)), 3, resume=True, **keys, **more)
        store.whole(whole := path.parent / f"{name} whole", store.samples(13), **keys, **more)
        assert tree(path) == tree(whole), name
        path.rename(path.parent / f"{name} resumed")


def test_a_resumed_build_asks_a_generator_for_the_skipped_samples_too(path, store):
    interrupted(store, path, store.samples(7), 3)
    recording = Recording(store, 10)
    built = store.generate(path, iter(recording), 3, resume=True)
    assert recording.asked == list(range(10))
    assert [plain(item) for item in built] == [plain(sample) for sample in store.samples(10)]


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("position", [0, 2, 3, 10])
def test_a_resumed_build_loads_only_the_missing_indices(path, store, position, has_length):
    make = sized if has_length else unsized
    interrupted(store, path, store.samples(position), 3)
    recording = Recording(store, 10)
    store.index(path, make(recording.__getitem__, 10), 3, resume=True)
    assert recording.asked == list(range(position // 3 * 3, 10))
    store.create(whole := path.parent / "whole", store.samples(10))
    assert tree(path) == tree(whole)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_indexable_goes_on(path, store, error):
    def load(index):
        if index == 7:
            raise error
        return store.sample(index)

    with pytest.raises(error) as caught:
        store.index(path, sized(load, 10), 3)
    assert "6 samples" in "".join(caught.value.__notes__)
    store.index(path, sized(store.sample, 10), 3, resume=True)
    store.create(whole := path.parent / "whole", store.samples(10))
    assert tree(path) == tree(whole)


@pytest.mark.parametrize("is_replacing", [False, True])
def test_resuming_without_leftovers_is_a_plain_build(path, store, is_replacing):
    if is_replacing:
        store.create(path, store.samples(40))
    store.generate(path, iter(store.samples(10)), 3, resume=True)
    store.create(whole := path.parent / "whole", store.samples(10))
    assert tree(path) == tree(whole)
    assert store.generate(path, iter([]), 3, resume=True) is None
    assert tree(path) == tree(whole)
    store.index(path, store.samples(10), 3, resume=True)
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def test_all_samples_may_be_there_already(path, store):
    interrupted(store, path, store.samples(9), 3)
    assert len(store.generate(path, iter(store.samples(9)), 3, resume=True)) == 9
    store.create(whole := path.parent / "whole", store.samples(9))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("other", STORES)
def test_a_build_without_resuming_replaces_leftovers_of_any_kind(path, name, other):
    interrupted(STORES[other], path, STORES[other].samples(30, 20), 2)
    store = STORES[name]
    store.generate(path, iter(store.samples(5)), 2)
    store.create(whole := path.parent / "whole", store.samples(5))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def test_without_overwriting_leftovers_stay_beside_an_existing_dataset(path, store):
    interrupted(store, path, store.samples(5), 2)
    store.create(path, store.samples(3))
    before = tree(path.parent)
    with pytest.raises(FileExistsError):
        store.generate(path, iter(store.samples(9)), 2, resume=True, overwrite=False)
    assert tree(path.parent) == before
    store.generate(path, iter(store.samples(9)), 2, resume=True)
    assert store.items(path) == [plain(sample) for sample in store.samples(9)]


# Options that are others than those of the first run


def same_or_refused(path, begin, go_on, whole):
    """Going on gives what a single run would have, or is refused; then what there is stays."""
    begin()
    before = tree(partial_of(path))
    try:
        go_on()
    except (ValueError, TypeError, OverflowError) as error:
        assert str(path) in str(error)
        assert tree(partial_of(path)) == before
        assert not path.exists()
    else:
        assert tree(path) == tree(whole)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"dtype": "float32"}),
        ({"dtype": "int32"}, {"dtype": "int64"}),
        ({}, {"dtype": "int8"}),
        ({}, {"dtype": "int64"}),
        ({}, {"starts_key": "other"}),
        ({"starts_key": "other"}, {}),
        ({}, {"shapes_key": "other"}),
    ],
)
def test_a_map_resumed_with_other_options_is_right_or_refused(path, first, second):
    tokens = STORES["tokens"]
    tokens.whole(whole := path.parent / "whole", tokens.samples(9), **second)
    same_or_refused(
        path,
        lambda: interrupted(tokens, path, tokens.samples(5), 2, **first),
        lambda: tokens.generate(path, tokens.samples(9), 2, resume=True, **second),
        whole,
    )


PACKED = {"zstd_level": 3}
TRAINED = {**PACKED, "zstd_train_dictionary_size": 512}


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("first", ["tokens", "texts", "dense"])
@pytest.mark.parametrize("second", ["tokens", "texts", "dense"])
def test_leftovers_of_another_kind_are_refused_and_stay(path, first, second, n_jobs):
    if first == second:
        return
    interrupted(STORES[first], path, STORES[first].samples(5), 2)
    before = tree(path.parent)
    with pytest.raises(ValueError, match=str(path)):
        STORES[second].index(path, sized(STORES[second].sample, 40), 2, n_jobs, resume=True)
    assert tree(path.parent) == before


def test_rows_are_never_added_to_the_elements_of_another_kind(path):
    interrupted(STORES["tokens"], path, STORES["tokens"].samples(5), 2)
    before = tree(path.parent)
    with pytest.raises(ValueError, match=str(path)):
        np_ninja.from_generator(path, iter(range(40)), 2, resume=True)
    assert tree(path.parent) == before


def test_rows_of_another_shape_are_refused_and_what_is_there_stays(path):
    dense = STORES["dense"]
    interrupted(dense, path, dense.samples(5), 2)
    before = tree(path.parent)
    with pytest.raises(ValueError, match=str(path)):
        dense.generate(path, iter([np.zeros(7)] * 9), 2, resume=True)
    assert tree(path.parent) == before


def test_damaged_leftovers_are_refused_and_stay(path, store):
    interrupted(store, path, store.samples(5), 2)
    with (partial_of(path) / "data.ninja").open("r+b") as data:
        data.truncate(1)
    before = tree(path.parent)
    with pytest.raises(CorruptDatasetError, match="data.ninja"):
        store.generate(path, iter(store.samples(9)), 2, resume=True)
    assert tree(path.parent) == before


def test_an_interrupted_build_opens_like_any_map(path, store):
    """It can be read, moved and appended to."""
    interrupted(store, path, store.samples(5), 2)
    partial_of(path).rename(moved := path.parent / "moved")
    memmap = open_existing(moved)
    if store.home is np_ninja:
        np_ninja.extend(memmap, np.stack(store.samples(7, 4)))
    else:
        memmap.extend(store.samples(7, 4))
    assert store.items(moved) == [plain(sample) for sample in store.samples(7)]
    store.generate(path, iter(store.samples(3)), 2, resume=True)
    assert names(path.parent) == ["data", "moved"]


def test_a_resumed_build_asks_an_endless_generator_for_no_more_samples_than_it_uses(path):
    """Only the samples that are skipped and those that are stored are asked for."""

    def numbers(stop):
        for number in count():
            if number == stop:
                return
            yield np.full(2, number)

    interrupted(STORES["tokens"], path, numbers(20), 4)
    built = RaggedMmap.from_generator(path, numbers(30), 4, resume=True)
    assert [item[0] for item in built] == list(range(30))
    assert isinstance(built, RaggedMmap)
    assert Path(built.out_dir) == path


def test_resumed_builds_return_the_subclass(path):
    class Mine(RaggedMmap):
        pass

    class Texts(StringsMmap):
        pass

    for cls, name in [(Mine, "tokens"), (Texts, "texts")]:
        interrupted(STORES[name], path, STORES[name].samples(5), 2)
        assert type(cls.from_generator(path, STORES[name].samples(9), 2, resume=True)) is cls
        assert type(cls.from_indexable(path, STORES[name].samples(9), 2, n_jobs=2)) is cls


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, PACKED),
        (PACKED, {}),
        (PACKED, {"zstd_level": 19}),
        (PACKED, TRAINED),
        (TRAINED, PACKED),
        (TRAINED, {}),
        ({}, {"ends_key": "other"}),
    ],
)
def test_texts_resumed_with_other_options_are_right_or_refused(path, first, second):
    texts, samples = STORES["texts"], DICTIONARY.samples(250)
    texts.generate(whole := path.parent / "whole", samples, 100, **second)
    same_or_refused(
        path,
        lambda: interrupted(texts, path, samples[:150], 100, **first),
        lambda: texts.generate(path, samples, 100, resume=True, **second),
        whole,
    )
