"""Joined maps are what a single build of all their samples would have been."""

import shutil

import numpy as np
import pytest
from building_workers import DICTIONARY, SHAPES, STORES, WORDS, parts, plain
from conftest import assert_identical, names, tree
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap, concatenate
from mmap_ninja import numpy as np_ninja


def check_joined(store, folder, samples, cuts):
    directories = parts(store, folder, samples, cuts)
    store.create(folder / "whole", samples)
    before = [tree(directory) for directory in directories]
    joined = concatenate(folder / "data", directories)
    assert tree(folder / "data") == tree(folder / "whole")
    assert [plain(item) for item in joined] == [plain(sample) for sample in samples]
    assert [tree(directory) for directory in directories] == before
    assert names(folder) == ["data", *sorted(path.name for path in directories), "whole"]


# The same as a single build


CUTS = st.lists(st.integers(1, 12), max_size=4)
ARRAYS = st.builds(
    lambda shape, start: np.arange(start, start + np.prod(shape, dtype=int), dtype="int32").reshape(shape),
    st.one_of(st.sampled_from(SHAPES), st.tuples(st.integers(0, 5))),
    st.integers(-9, 9),
)
FLAT = st.builds(lambda size, start: np.arange(start, start + size), st.integers(0, 5), st.integers(-9, 9))
SCALARS = st.integers(-9, 9).map(np.int64)
# Strings that are all empty leave no byte, which the next examples have in whole parts.
TEXTS = st.one_of(st.sampled_from(WORDS), st.just(""), st.text(max_size=5))


@settings(max_examples=30)
@given(st.lists(ARRAYS, min_size=1, max_size=12), CUTS)
@example([np.zeros((0,), "int32"), np.zeros((2, 0), "int32"), np.int32(3)], [1, 2])
@example([np.arange(3, dtype="int32"), np.int32(3), np.ones((1, 1), "int32"), np.int32(4)], [1, 2, 3])
def test_concatenated_arrays_of_any_shapes_are_those_of_a_single_build(fresh, samples, cuts):
    check_joined(STORES["mixed"], fresh(), samples, cuts)


@settings(max_examples=30)
@given(st.lists(st.one_of(FLAT, SCALARS), min_size=1, max_size=12), CUTS)
@example([np.arange(0), np.arange(0), np.arange(0)], [1, 2])
@example([np.int64(1), np.int64(2)], [1])
def test_concatenated_flat_arrays_and_scalars_are_those_of_a_single_build(fresh, samples, cuts):
    check_joined(STORES["tokens"], fresh(), samples, cuts)


@pytest.mark.parametrize("name", ["texts", "packed"])
@settings(max_examples=30)
@given(st.lists(TEXTS, min_size=1, max_size=12), CUTS)
@example(["", "", "a"], [1, 2])
@example(["", ""], [1])
def test_concatenated_strings_are_those_of_a_single_build(fresh, name, samples, cuts):
    check_joined(STORES[name], fresh(), samples, cuts)


@given(
    shape=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    dtype=st.sampled_from(["uint8", "float32", ">i4", "U3", "M8[s]"]),
    rows=st.lists(st.integers(0, 4), min_size=1, max_size=4),
)
@settings(max_examples=30)
def test_concatenated_rows_are_those_of_a_single_build(fresh, shape, dtype, rows):
    folder = fresh()
    folder.mkdir()
    total = np.arange(sum(rows) * int(np.prod(shape[1:], dtype=int))).reshape(sum(rows), *shape[1:])
    total = total.astype("int16").astype(dtype)
    ends = np.cumsum(rows)
    directories = [folder / str(number) for number in range(len(rows))]
    for directory, start, end in zip(directories, ends - rows, ends, strict=True):
        np_ninja.from_ndarray(directory, total[start:end])
    np_ninja.from_ndarray(folder / "whole", total)
    assert_identical(concatenate(folder / "data", directories), total)
    assert tree(folder / "data") == tree(folder / "whole")


@pytest.mark.parametrize("count", [1, 5, 30])
def test_any_number_of_parts_can_be_concatenated(path, any_store, count):
    check_joined(any_store, path.parent, any_store.samples(30), range(0, 30, 30 // count))


@pytest.mark.parametrize("dtype", [[("a", "i2"), ("b", "f8", (2,))], "bfloat16", "S4", "c16", "bool"])
def test_concatenated_arrays_of_any_dtype_are_those_of_a_single_build(path, dtype):
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype) if isinstance(dtype, str) else dtype)
    samples = [np.zeros(shape, dtype) for shape in SHAPES]
    directories = parts(STORES["mixed"], path.parent, samples, [2, 5])
    RaggedMmap.from_lists(path.parent / "whole", samples)
    concatenate(path, directories)
    assert tree(path) == tree(path.parent / "whole")
    assert_identical(RaggedMmap(path)[3], samples[3])


@pytest.mark.parametrize("name", ["tokens", "texts"])
def test_parts_larger_than_a_block_are_concatenated(path, name):
    count = (1 << 20) + 3
    samples = np.zeros((count, 1), "uint8") if name == "tokens" else ["a"] * count
    store = STORES[name]
    store.create(path.parent / "one", samples)
    store.create(path.parent / "two", samples[:2])
    concatenate(path, [path.parent / "two", path.parent / "one", path.parent / "two"])
    whole = store.create(path.parent / "whole", samples)
    whole.extend(samples[:4])
    assert tree(path) == tree(path.parent / "whole")
    for directory in names(path.parent):
        shutil.rmtree(path.parent / directory)


def test_maps_that_grew_by_appends_are_concatenated_like_maps_that_were_built_whole(path, store):
    samples = store.samples(12)
    directories = parts(store, path.parent, samples[:6], [3])
    for directory, start in zip(directories, [6, 9], strict=True):
        if store.home is np_ninja:
            np_ninja.extend_dir(directory, np.stack(samples[start : start + 3]))
        else:
            store.show(directory).extend(samples[start : start + 3])
    concatenate(path, directories)
    order = [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11]
    store.create(path.parent / "whole", [samples[index] for index in order])
    assert tree(path) == tree(path.parent / "whole")


# Compressed texts


TRAINED = {"zstd_level": 3, "zstd_train_dictionary_size": 512}


def test_strings_with_equal_dictionaries_are_concatenated(path):
    base = DICTIONARY.create(path.parent / "base", DICTIONARY.samples(200))
    for name, start in [("one", 200), ("two", 300)]:
        shutil.copytree(path.parent / "base", path.parent / name)
        StringsMmap(path.parent / name).extend(DICTIONARY.samples(start + 100, start))
    joined = concatenate(path, [path.parent / "one", path.parent / "two"])
    base.extend(DICTIONARY.samples(300, 200) + DICTIONARY.samples(200) + DICTIONARY.samples(400, 300))
    assert tree(path) == tree(path.parent / "base")
    assert joined[:] == base[:]


KINDS = {"plain": {}, "packed": {"zstd_level": 3}, "tight": {"zstd_level": 19}, "trained": TRAINED}


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_strings_of_any_compression_are_stored_in_that_of_the_first_input(path, first, second):
    """A second dictionary is another one."""
    samples = DICTIONARY.samples(400)
    StringsMmap.from_strings(path.parent / "one", samples[:200], **KINDS[first])
    StringsMmap.from_strings(path.parent / "two", samples[200:], **KINDS[second])
    before = {name: tree(path.parent / name) for name in ["one", "two"]}
    joined = concatenate(path, [path.parent / "one", path.parent / "two"])
    assert joined[:] == samples
    assert {name: tree(path.parent / name) for name in ["one", "two"]} == before
    for name in "zstd_level.ninja", "zstd_dict.ninja":
        assert tree(path).get(name) == before["one"].get(name)
    joined.append("one more")
    assert StringsMmap(path)[-1] == "one more"
    if first == "plain" or KINDS[second] == KINDS["packed"] == KINDS[first]:
        StringsMmap.from_strings(path.parent / "whole", [*samples, "one more"], **KINDS[first])
        assert tree(path) == tree(path.parent / "whole")


# Dense arrays in F order


@pytest.mark.parametrize("first", ["C", "F"])
@pytest.mark.parametrize("second", ["C", "F"])
@pytest.mark.parametrize("cuts", [[2], [1, 2], [3], [0, 2], [5]])
def test_rows_in_any_order_are_right_or_refused(path, first, second, cuts):
    array = np.arange(60, dtype="int16").reshape(5, 4, 3)
    directories = []
    for number, piece in enumerate(np.split(array, cuts)):
        order = first if number == 0 else second
        directories.append(path.parent / str(number))
        np_ninja.from_ndarray(directories[-1], np.array(piece, order=order))
    before = tree(path.parent)
    try:
        joined = concatenate(path, directories)
    except ValueError as error:
        # Fewer than two rows are in C order as well.
        assert first != second or min(len(piece) for piece in np.split(array, cuts)) < 2
        assert "order" in str(error)
        assert tree(path.parent) == before
    else:
        assert_identical(joined, array)
        np_ninja.append(joined, array[0])
        assert_identical(np_ninja.open_existing(path), np.concatenate([array, array[:1]]))


def test_a_single_array_in_f_order_stays_as_it_is(path):
    np_ninja.from_ndarray(path.parent / "one", np.asfortranarray(np.arange(12).reshape(3, 4)))
    concatenate(path, [path.parent / "one"])
    assert tree(path) == tree(path.parent / "one")


def test_arrays_without_axes_have_no_rows_to_join(path):
    np_ninja.from_ndarray(path.parent / "one", np.array(7))
    before = tree(path.parent)
    with pytest.raises(ValueError, match=str(path.parent)):
        concatenate(path, [path.parent / "one", path.parent / "one"])
    assert tree(path.parent) == before
