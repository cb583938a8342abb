"""Joined maps are what a single build of all their samples would have been."""

import shutil
from itertools import pairwise

import numpy as np
import pytest
from building_workers import DICTIONARY, SHAPES, STORES, WORDS, interrupted, plain
from conftest import assert_identical, names, tree
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, concatenate, open_existing
from mmap_ninja import numpy as np_ninja


def pieces(samples, cuts):
    """`samples` cut before these places."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(samples)}), len(samples)]
    return [samples[start:stop] for start, stop in pairwise(places)]


def parts(store, folder, samples, cuts):
    """A map of each piece."""
    folder.mkdir(exist_ok=True)
    directories = []
    for number, piece in enumerate(pieces(samples, cuts)):
        store.create(folder / f"part {number}", piece)
        directories.append(folder / f"part {number}")
    return directories


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
def test_arrays_of_any_shapes(fresh, samples, cuts):
    check_joined(STORES["mixed"], fresh(), samples, cuts)


@settings(max_examples=30)
@given(st.lists(st.one_of(FLAT, SCALARS), min_size=1, max_size=12), CUTS)
@example([np.arange(0), np.arange(0), np.arange(0)], [1, 2])
@example([np.int64(1), np.int64(2)], [1])
def test_flat_arrays_and_scalars(fresh, samples, cuts):
    check_joined(STORES["tokens"], fresh(), samples, cuts)


@pytest.mark.parametrize("name", ["texts", "packed"])
@settings(max_examples=30)
@given(st.lists(TEXTS, min_size=1, max_size=12), CUTS)
@example(["", "", "a"], [1, 2])
@example(["", ""], [1])
def test_texts(fresh, name, samples, cuts):
    check_joined(STORES[name], fresh(), samples, cuts)


@given(
    shape=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    dtype=st.sampled_from(["uint8", "float32", ">i4", "U3", "M8[s]"]),
    rows=st.lists(st.integers(0, 4), min_size=1, max_size=4),
)
@settings(max_examples=30)
def test_rows(fresh, shape, dtype, rows):
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
def test_as_many_parts_as_there_are(path, any_store, count):
    check_joined(any_store, path.parent, any_store.samples(30), range(0, 30, 30 // count))


@pytest.mark.parametrize("dtype", [[("a", "i2"), ("b", "f8", (2,))], "bfloat16", "S4", "c16", "bool"])
def test_arrays_of_any_dtype(path, dtype):
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype) if isinstance(dtype, str) else dtype)
    samples = [np.zeros(shape, dtype) for shape in SHAPES]
    directories = parts(STORES["mixed"], path.parent, samples, [2, 5])
    RaggedMmap.from_lists(path.parent / "whole", samples)
    concatenate(path, directories)
    assert tree(path) == tree(path.parent / "whole")
    assert_identical(RaggedMmap(path)[3], samples[3])


@pytest.mark.parametrize("name", ["tokens", "texts"])
def test_more_samples_than_are_joined_at_once(path, name):
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


def test_maps_that_grew_are_as_good_as_maps_that_were_built(path, store):
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


def test_texts_of_equal_dictionaries(path):
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
def test_texts_that_are_stored_in_other_ways_are_stored_as_those_of_the_first(path, first, second):
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


# Refusals, which change nothing


def make_all(folder):
    folder.mkdir(exist_ok=True)
    RaggedMmap.from_lists(folder / "tokens", [np.arange(3), np.arange(4)])
    RaggedMmap.from_lists(folder / "images", [np.ones((2, 2), int), np.ones((3, 1), int)])
    RaggedMmap.from_lists(folder / "floats", [np.arange(3.0)])
    RaggedMmap.from_lists(folder / "swapped", [np.arange(3, dtype=">i8")])
    StringsMmap.from_strings(folder / "texts", ["one", "zwei"])
    StringsMmap.from_strings(folder / "packed", ["one", "zwei"], zstd_level=3)
    np_ninja.from_ndarray(folder / "rows", np.ones((3, 2)))
    np_ninja.from_ndarray(folder / "wide", np.ones((3, 5)))
    np_ninja.from_ndarray(folder / "deep", np.ones((3, 2, 2)))
    np_ninja.from_ndarray(folder / "single", np.ones((3, 2), "float32"))
    (folder / "empty").mkdir()
    (folder / "file").write_text("no directory")
    return folder


REFUSED = [
    (["tokens", "floats"], TypeError, "floats|int64|float64"),
    (["tokens", "swapped"], TypeError, "swapped|int64"),
    (["tokens", "images", "floats"], TypeError, "floats|int64|float64"),
    (["rows", "single"], TypeError, "float32"),
    (["rows", "wide"], ValueError, "shape"),
    (["rows", "deep"], ValueError, "shape"),
    (["tokens", "texts"], ValueError, "texts.*string.*ragged"),
    (["texts", "rows"], ValueError, "rows.*numpy.*string"),
    (["rows", "rows", "images"], ValueError, "images.*ragged.*numpy"),
    (["missing"], FileNotFoundError, "missing"),
    (["missing", "tokens"], FileNotFoundError, "missing"),
    (["tokens", "tokens", "missing"], FileNotFoundError, "missing"),
    (["texts", "empty"], FileNotFoundError, "empty"),
    (["rows", "file"], OSError, "file"),
    ([], ValueError, "at least one"),
]


@pytest.mark.parametrize("is_replacing", [False, True])
@pytest.mark.parametrize(("directories", "error", "message"), REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_is_written(path, directories, error, message, is_replacing):
    folder = make_all(path.parent / "parts")
    reader = RaggedMmap.from_lists(path, [np.arange(5)]) if is_replacing else []
    before = tree(path.parent)
    with pytest.raises(error, match=message):
        concatenate(path, [folder / name for name in directories])
    assert tree(path.parent) == before
    assert [item.tolist() for item in reader] == [[0, 1, 2, 3, 4]] * is_replacing


DAMAGES = {
    "cut data": lambda path: cut(path / "data.ninja"),
    "no data": lambda path: (path / "data.ninja").unlink(),
    "other type": lambda path: (path / "type.ninja").write_text("nonsense"),
    "no type": lambda path: (path / "type.ninja").unlink(),
    "cut starts": lambda path: cut(path / "starts" / "data.ninja"),
    "other ends": lambda path: (path / "ends" / "data.ninja").write_bytes(b"\xff" * 8 * 9),
    "no starts": lambda path: shutil.rmtree(path / "starts"),
    "other count": lambda path: (path / "starts" / "shape.ninja").write_bytes(bytes([3] + [0] * 7)),
}


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_found_and_nothing_is_written(path, any_store, kind, place):
    if any_store.home is np_ninja and not kind.endswith(("data", "type")):
        return
    directories = parts(any_store, path.parent, any_store.samples(18), [9])
    any_store.create(path, any_store.samples(4))
    DAMAGES[kind](directories[place])
    before = tree(path.parent)
    with pytest.raises(CorruptDatasetError, match=str(directories[place])):
        concatenate(path, directories)
    assert tree(path.parent) == before


@pytest.mark.parametrize("name", ["tokens", "mixed", "texts", "packed"])
def test_a_damaged_offset_in_the_middle_is_found(path, name):
    store = STORES[name]
    directories = parts(store, path.parent, store.samples(18), [9])
    with (directories[1] / "starts" / "data.ninja").open("r+b") as starts:
        starts.seek(4 * 8)
        starts.write((10**9).to_bytes(8, "little"))
    before = tree(path.parent)
    with pytest.raises(CorruptDatasetError, match=str(directories[1])):
        concatenate(path, directories)
    assert tree(path.parent) == before


def test_without_overwriting_a_data_set_stays(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])
    store.create(path, store.samples(2))
    before = tree(path.parent)
    with pytest.raises(FileExistsError) as caught:
        concatenate(path, directories, overwrite=False)
    assert caught.value.filename == str(path)
    assert tree(path.parent) == before
    shutil.rmtree(path)
    assert len(concatenate(path, directories, overwrite=False)) == 6


# The target and the inputs


@pytest.mark.parametrize("order", [["data", "other"], ["other", "data"], ["data"], ["data", "data"]])
def test_the_target_may_be_among_the_inputs(path, store, order):
    store.create(path, store.samples(4))
    store.create(path.parent / "other", store.samples(9, 4))
    samples = [item for name in order for item in store.items(path.parent / name)]
    reader = store.show(path)
    concatenate(path, [path.parent / name for name in order])
    assert store.items(path) == samples
    assert [plain(item) for item in reader] == [plain(sample) for sample in store.samples(4)]
    assert store.items(path.parent / "other") == [plain(sample) for sample in store.samples(9, 4)]
    assert names(path.parent) == ["data", "other"]


def test_the_target_may_be_among_the_inputs_by_a_link(path, store):
    store.create(path, store.samples(4))
    (link := path.parent / "link").symlink_to(path)
    concatenate(path, [link, path])
    assert store.items(path) == [plain(sample) for sample in store.samples(4) * 2]
    concatenate(link, [path, path])
    assert store.items(path) == [plain(sample) for sample in store.samples(4) * 4]
    assert link.is_symlink()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("has_link", [True, False])
def test_what_an_interrupted_build_has_left_may_be_an_input(path, store, is_first, has_link):
    """Of the target's own build too: it is what a user has who wants to keep what is there."""
    interrupted(store, path, store.samples(5), 2)
    store.create(path.parent / "other", store.samples(9, 4))
    partial = path.parent / "data.partial"
    asked = partial
    if has_link:
        (asked := path.parent / "link").symlink_to(partial)
    directories = [asked, path.parent / "other"] if is_first else [path.parent / "other", asked]
    before = tree(partial)
    samples = [plain(item) for directory in directories for item in store.show(directory)]
    try:
        concatenate(path, directories)
    except (ValueError, OSError) as error:
        assert "data.partial" in str(error)
        assert tree(partial) == before
        assert not path.exists()
    else:
        assert store.items(path) == samples


def test_leftovers_of_another_target_are_an_input_like_any_other(path, store):
    interrupted(store, path.parent / "cut off", store.samples(5), 2)
    concatenate(path, [path.parent / "cut off.partial"] * 2)
    assert store.items(path) == [plain(sample) for sample in store.samples(4) * 2]
    assert "building.ninja" not in names(path)


def test_leftovers_at_the_target_are_replaced(path, store):
    interrupted(store, path, store.samples(5), 2)
    directories = parts(store, path.parent, store.samples(6), [3])
    concatenate(path, directories)
    assert store.items(path) == [plain(sample) for sample in store.samples(6)]
    assert names(path.parent) == ["data", "part 0", "part 1"]


def test_a_builder_at_work_is_not_disturbed(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])

    def contested():
        yield from store.samples(3)
        with pytest.raises(TimeoutError, match=str(path)):
            concatenate(path, directories)
        yield from store.samples(5, 3)

    assert len(store.generate(path, contested(), 2)) == 5


def test_a_foreign_folder_in_the_way_is_not_touched(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])
    RaggedMmap.from_lists(path.parent / "data.partial", [np.arange(3)])
    before = tree(path.parent)
    with pytest.raises(FileExistsError, match="data.partial"):
        concatenate(path, directories)
    assert tree(path.parent) == before


def test_what_is_not_the_data_sets_own_is_carried_over(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])
    store.create(path, store.samples(2))
    (path / "README").write_text("mine")
    (directories[0] / "README").write_text("theirs")
    concatenate(path, directories)
    assert (path / "README").read_text() == "mine"


KEYS = {"starts_key": "a", "ends_key": "b"}
ALL_KEYS = {**KEYS, "shapes_key": "c", "flattened_shapes_key": "d"}


@pytest.mark.parametrize(
    ("name", "keys"), [("tokens", KEYS), ("mixed", ALL_KEYS), ("texts", KEYS), ("packed", KEYS)]
)
def test_names_of_members_that_are_not_the_usual_ones_are_kept(path, name, keys):
    store = STORES[name]
    directories = []
    for number, part in enumerate(pieces(store.samples(12), [5, 6])):
        store.whole(path.parent / str(number), part, **keys, **store.options)
        directories.append(path.parent / str(number))
    store.whole(whole := path.parent / "whole", store.samples(12), **keys, **store.options)
    joined = concatenate(path, directories, **keys)
    assert tree(path) == tree(whole)
    assert [plain(item) for item in joined] == [plain(sample) for sample in store.samples(12)]


@pytest.mark.parametrize(
    ("name", "keys", "error"),
    [
        ("mixed", {}, CorruptDatasetError),
        ("mixed", KEYS, CorruptDatasetError),
        ("texts", ALL_KEYS, TypeError),
        ("dense", KEYS, TypeError),
    ],
)
def test_other_names_than_those_of_the_members_are_refused(path, name, keys, error):
    own = ALL_KEYS if name == "mixed" else {}
    STORES[name].whole(path.parent / "one", STORES[name].samples(3), **own)
    before = tree(path.parent)
    with pytest.raises(error):
        concatenate(path, [path.parent / "one"] * 2, **keys)
    assert tree(path.parent) == before


# What comes back, and how it is asked for


def test_the_joined_map_is_writable_and_grows(path, any_store):
    joined = concatenate(path, parts(any_store, path.parent, any_store.samples(12), [5]))
    assert type(joined) is type(open_existing(path))
    samples = any_store.samples(12)
    if any_store.home is np_ninja:
        joined[3] = samples[3] = samples[3] + 1
        np_ninja.append(joined, any_store.sample(12))
    else:
        joined.append(any_store.sample(12))
        joined.extend(any_store.samples(15, 13))
        samples += any_store.samples(14, 13) + any_store.samples(15, 14)
        if any_store.home is RaggedMmap:
            joined[3] = samples[3] = samples[3] + 1
        elif any_store is STORES["texts"]:
            joined[1] = samples[1] = samples[1][::-1]
        assert len(joined) == 15
    samples.insert(12, any_store.sample(12))
    assert any_store.items(path) == [plain(sample) for sample in samples]


@pytest.mark.parametrize("form", ["str", "Path", "tuple", "relative", "with a slash", "dict"])
def test_it_is_asked_for_by_any_kind_of_path(path, store, monkeypatch, form):
    directories = parts(store, path.parent, store.samples(6), [3])
    monkeypatch.chdir(path.parent)
    as_given = {
        "str": [str(directory) for directory in directories],
        "Path": directories,
        "tuple": tuple(directories),
        "relative": [directory.name for directory in directories],
        "with a slash": [f"{directory}/" for directory in directories],
        "dict": dict.fromkeys(directories),
    }[form]
    for out_dir in [str(path), path.parent / "missing" / "deeper" / "below", "relative", "missing/too/below"]:
        joined = concatenate(out_dir, as_given)
        assert [plain(item) for item in joined] == [plain(sample) for sample in store.samples(6)]


def test_the_directories_are_gone_through_once(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])
    assert len(concatenate(path, (directory for directory in directories))) == 6


def test_progress_is_shown_only_if_asked_for(path, store, capfd):
    directories = parts(store, path.parent, store.samples(6), [2, 4])
    concatenate(path, directories)
    assert capfd.readouterr() == ("", "")
    concatenate(path, directories, verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err.split("\r")[-1]


def test_a_full_map_of_joined_maps_can_be_joined_again(path, store):
    directories = parts(store, path.parent, store.samples(12), [3, 6, 9])
    concatenate(left := path.parent / "left", directories[:2])
    concatenate(right := path.parent / "right", directories[2:])
    concatenate(path, [left, right])
    store.create(path.parent / "whole", store.samples(12))
    assert tree(path) == tree(path.parent / "whole")
