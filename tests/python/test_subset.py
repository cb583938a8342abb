"""A subset is what a single build of the chosen samples would be, or nothing is written."""

import shutil

import numpy as np
import pytest
from building_workers import DICTIONARY, SHAPES, STORES, plain
from conftest import assert_identical, names, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import CorruptDatasetError, RaggedMmap, RecordsMmap, StringsMmap, open_existing, subset
from mmap_ninja import numpy as np_ninja

COUNT = 14


@pytest.fixture(scope="module")
def sources(fresh):
    """A dataset of each store, of `COUNT` samples."""
    folder = fresh()
    for name, store in STORES.items():
        store.create(folder / name, store.samples(COUNT))
    return folder


def check_subset(store, folder, source, samples, indices, chosen):
    before = tree(source)
    copied = subset(folder / "data", source, indices)
    assert [plain(item) for item in copied] == [plain(samples[index]) for index in chosen]
    assert tree(source) == before
    if len(chosen):
        store.create(folder / "whole", [samples[index] for index in chosen])
        assert tree(folder / "data") == tree(folder / "whole")


# The same as a list model


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=8)
@given(indices=st.lists(st.integers(-COUNT, COUNT - 1), max_size=30))
def test_any_indices_choose_what_they_choose_of_a_list(fresh, sources, name, indices):
    store = STORES[name]
    check_subset(store, fresh(), sources / name, store.samples(COUNT), indices, indices)


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=6)
@given(chosen=st.slices(COUNT))
def test_slices_choose_what_they_choose_of_a_list(fresh, sources, name, chosen):
    store, indices = STORES[name], range(COUNT)[chosen]
    for expression in chosen, indices:
        check_subset(store, fresh(), sources / name, store.samples(COUNT), expression, indices)


def expressions():
    mask = np.arange(COUNT) % 3 == 1
    yield mask, np.flatnonzero(mask)
    yield mask.tolist(), np.flatnonzero(mask)
    yield np.where(mask), np.flatnonzero(mask)
    yield np.array([5, 4, 4], "uint8"), [5, 4, 4]
    yield (index for index in [3, -1]), [3, -1]
    yield ..., range(COUNT)
    yield np.array([]), []


@pytest.mark.parametrize("place", range(7))
def test_what_selects_samples_of_a_map_selects_those_of_a_subset(path, any_store, place):
    expression, chosen = list(expressions())[place]
    samples = any_store.samples(COUNT)
    any_store.create(path.parent / "source", samples)
    check_subset(any_store, path.parent, path.parent / "source", samples, expression, chosen)


@pytest.mark.parametrize("dtype", [[("a", "i2"), ("b", "f8", (2,))], "S4", "c16", "bool", ">i4"])
def test_samples_of_any_dtype_are_copied(path, dtype):
    samples = [np.zeros(shape, dtype) for shape in SHAPES]
    RaggedMmap.from_lists(path.parent / "source", samples)
    copied = subset(path, path.parent / "source", [4, 3, 5])
    RaggedMmap.from_lists(path.parent / "whole", [samples[index] for index in (4, 3, 5)])
    assert tree(path) == tree(path.parent / "whole")
    assert_identical(copied[1], samples[3])


@pytest.mark.parametrize("name", STORES)
def test_an_empty_subset_is_an_empty_dataset_of_the_same_kind(path, sources, name):
    copied, source = subset(path, sources / name, []), open_existing(sources / name)
    assert (len(copied), type(copied)) == (0, type(source))
    assert getattr(copied, "dtype", None) == getattr(source, "dtype", None)
    assert getattr(copied, "zstd_level", None) == getattr(source, "zstd_level", None)


def test_long_samples_and_many_short_ones_are_copied(path):
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, 255, 50_000 * (index % 3), "uint8") for index in range(200)]
    samples += [rng.integers(0, 255, 3, "uint8") for _ in range(20_000)]
    source = RaggedMmap.from_lists(path.parent / "source", samples)
    order = rng.permutation(len(samples))
    subset(path, source, order)
    RaggedMmap.from_lists(path.parent / "whole", [samples[index] for index in order])
    assert tree(path) == tree(path.parent / "whole")


# Texts


def test_compressed_texts_are_copied_as_they_are(path):
    texts = DICTIONARY.create(path.parent / "source", DICTIONARY.samples(300))
    copied = subset(path, texts, [7, 7, 299])
    assert copied[:] == [texts[7], texts[7], texts[299]]
    for name in "zstd_level.ninja", "zstd_dict.ninja":
        assert tree(path)[name] == tree(texts.out_dir)[name]
    data = (texts.out_dir / "data.ninja").read_bytes()
    frames = [data[texts.starts[index] : texts.ends[index]] for index in (7, 7, 299)]
    assert (path / "data.ninja").read_bytes() == b"".join(frames)
    copied.append("one more")
    assert StringsMmap(path)[-1] == "one more"


# Dense arrays


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    dtype=st.sampled_from(["uint8", ">i4", "U3"]),
    data=st.data(),
)
@settings(max_examples=12)
def test_rows_of_an_array_in_any_order_are_those_of_a_new_array(fresh, shape, dtype, data):
    folder = fresh()
    array = np.arange(np.prod(shape)).astype("int16").reshape(shape).astype(dtype)
    indices = data.draw(st.lists(st.integers(-shape[0], shape[0] - 1), max_size=8))
    expected = np.ascontiguousarray(array[np.array(indices, int)])
    np_ninja.from_ndarray(folder / "whole", expected)
    for order in "C", "F":
        np_ninja.from_ndarray(folder / order, np.array(array, order=order))
        assert_identical(np.asarray(subset(folder / "data", folder / order, indices)), expected)
        assert tree(folder / "data") == tree(folder / "whole")


def test_an_array_that_does_not_show_the_stored_rows_is_refused(path):
    array = np_ninja.from_ndarray(path.parent / "source", np.arange(12).reshape(4, 3))
    np_ninja.from_ndarray(path.parent / "scalar", np.array(3))
    changed = np_ninja.open_existing(path.parent / "source", mode="c")
    scalar = np_ninja.open_existing(path.parent / "scalar")
    for refused in array[1:], array[:, :2], array[::2], array.view("uint8"), changed, scalar:
        with pytest.raises(ValueError, match="this array"):
            subset(path, refused, [0])
    with pytest.raises(ValueError, match="no axes"):
        subset(path, path.parent / "scalar", [0])
    assert not path.exists()
    assert subset(path, array[:2], ...).tolist() == [[0, 1, 2], [3, 4, 5]]


# Open maps


def test_an_open_map_is_copied_as_it_shows_its_samples(path):
    source = RaggedMmap.from_lists(path.parent / "source", [[1], [2, 3]], starts_key="a", shapes_key="b")
    RaggedMmap(source.out_dir, starts_key="a", shapes_key="b").append([4])
    source.wrapper_fn = sum
    copied = subset(path, source, ...)
    assert [item.tolist() for item in copied] == [[1], [2, 3]]
    assert (copied.starts_key, copied.shapes_key) == ("a", "b")
    assert {"a", "b", "ends"} <= set(names(path))
    shutil.rmtree(source.out_dir)
    RaggedMmap.from_lists(source.out_dir, [[5]] * 3)
    with pytest.raises(IndexError):
        subset(path, source, [2])
    with pytest.raises(ValueError, match="closed"):
        source.close()
        subset(path, source, [0])
    assert [item.tolist() for item in RaggedMmap(path, starts_key="a", shapes_key="b")] == [[1], [2, 3]]


def test_names_of_subdirectories_are_given_for_a_directory_alone(path):
    source = StringsMmap.from_strings(path.parent / "source", ["one", "two"], starts_key="a")
    assert subset(path, source.out_dir, [1], starts_key="a")[:] == ["two"]
    with pytest.raises(TypeError, match="starts_key"):
        subset(path, source, [1], starts_key="a")


def test_changes_in_memory_are_part_of_what_a_map_shows(path):
    RaggedMmap.from_lists(path.parent / "source", [np.arange(3), np.arange(200_000)])
    source = RaggedMmap(path.parent / "source", mode="c")
    source[1] = np.arange(200_000)[::-1]
    assert_identical(subset(path, source, [1])[0], np.arange(200_000)[::-1].copy())


# Places, and errors


def test_a_dataset_can_be_replaced_by_its_own_subset(path, any_store):
    samples = any_store.samples(COUNT)
    any_store.create(path, samples)
    reader = any_store.show(path)
    (path / "notes.txt").write_text("mine")
    subset(path, path, [3, 1])
    assert any_store.items(path) == [plain(samples[3]), plain(samples[1])]
    assert [plain(item) for item in reader] == [plain(sample) for sample in samples]
    assert (path / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError):
        subset(path, path, [0], overwrite=False)
    assert names(path.parent) == [path.name]


def test_a_subset_can_lie_in_its_source(path, store):
    store.create(path, store.samples(4))
    subset(path / "inner", path, [2])
    assert store.items(path / "inner") == [plain(store.sample(2))]
    assert store.items(path) == [plain(sample) for sample in store.samples(4)]


def test_a_source_that_lies_where_the_subset_is_built_is_refused(path, store):
    partial = path.with_name(path.name + ".partial")
    store.create(partial, store.samples(3))
    before = tree(path.parent)
    with pytest.raises(ValueError, match="rename it first"):
        subset(path, partial, [0])
    assert tree(path.parent) == before


@pytest.mark.parametrize(
    ("indices", "error"),
    [
        ([0, COUNT], IndexError),
        ([-COUNT - 1], IndexError),
        ([True], IndexError),
        (3, TypeError),
        ([0.5], TypeError),
    ]
    + [("0", TypeError), ({1, 2}, TypeError), (None, TypeError), (range(2**62), IndexError)],
)
def test_indices_that_select_nothing_are_refused_and_nothing_is_written(
    path, sources, any_store, indices, error
):
    any_store.create(path, any_store.samples(2))
    source = next(sources / name for name, store in STORES.items() if store is any_store)
    before = tree(path.parent)
    with pytest.raises(error):
        subset(path, source, indices)
    assert tree(path.parent) == before


def test_places_without_a_dataset_are_refused(path):
    (path.parent / "empty").mkdir()
    for place in path.parent / "empty", path.parent / "missing", StringsMmap(path.parent / "missing"):
        with pytest.raises(FileNotFoundError):
            subset(path, place, [])
    assert names(path.parent) == ["empty"]


def test_damage_is_reported_and_nothing_is_written(path):
    source = RaggedMmap.from_lists(path.parent / "source", [np.arange(3)] * 5).out_dir
    np.array([0, 3, 900, 9, 12]).tofile(source / "starts" / "data.ninja")
    before = tree(path.parent)
    with pytest.raises(CorruptDatasetError, match="sample 2"):
        subset(path, source, [0, 1, 2])
    assert tree(path.parent) == before
    assert len(subset(path, source, [0, 1, 3])) == 3


def test_pandas_objects_select_samples(path):
    pd = pytest.importorskip("pandas")
    source = StringsMmap.from_strings(path.parent / "source", ["a", "b", "c"])
    labels = pd.Series([1, 0, 1])
    assert subset(path, source, labels == 1)[:] == ["a", "c"]
    assert subset(path, source, labels.index[::-1])[:] == ["c", "b", "a"]


def test_a_progress_bar_counts_samples(path, capsys):
    source = StringsMmap.from_strings(path.parent / "source", ["a"] * 40)
    subset(path, source, range(30), verbose=True)
    assert "30/30" in capsys.readouterr().err


# Records


def test_a_subset_of_records_has_the_chosen_samples_of_every_field(path):
    columns = {
        "image": [np.arange(n) for n in range(9)],
        "row": np.asfortranarray(np.arange(18).reshape(9, 2)),
        "text": [f"text {n}" for n in range(9)],
    }
    source = RecordsMmap.from_columns(path.parent / "source", columns)
    source.attrs = {"classes": ["a"]}
    for indices in [8, 0, 0, -2], slice(2, 7), []:
        copied = subset(path, source, indices)
        expected = source[indices]
        assert len(copied) == len(expected)
        for found, record in zip(copied, expected, strict=True):
            assert list(found) == list(columns)
            assert all(plain(found[name]) == plain(record[name]) for name in columns)
        assert copied.attrs == {"classes": ["a"]}

    some = RecordsMmap(path.parent / "source", fields=["text"])
    assert subset(path, some, [3])[:] == [{"text": "text 3"}]
