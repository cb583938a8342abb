"""Maps are joined whole, into any place, or nothing is written."""

import shutil

import numpy as np
import pytest
from building_workers import STORES, interrupted, parts, pieces, plain
from conftest import names, tree
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, concatenate, open_existing
from mmap_ninja import numpy as np_ninja


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
def test_inputs_that_do_not_fit_are_refused_and_nothing_is_written(
    path, directories, error, message, is_replacing
):
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
    "cut starts": lambda path: cut(path / "starts" / "data.ninja"),
    "other ends": lambda path: (path / "ends" / "data.ninja").write_bytes(b"\xff" * 8 * 9),
    "no starts": lambda path: shutil.rmtree(path / "starts"),
    "other count": lambda path: (path / "starts" / "shape.ninja").write_bytes(bytes([3] + [0] * 7)),
}


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_inputs_are_refused_and_nothing_is_written(path, any_store, kind, place):
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


def test_without_overwriting_an_existing_target_stays(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])
    store.create(path, store.samples(2))
    before = tree(path.parent)
    with pytest.raises(FileExistsError) as caught:
        concatenate(path, directories, overwrite=False)
    assert caught.value.filename == str(path)
    assert tree(path.parent) == before
    shutil.rmtree(path)
    assert len(concatenate(path, directories, overwrite=False)) == 6


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
def test_leftovers_of_the_targets_own_build_may_be_an_input(path, store, is_first, has_link):
    """A user may want to keep what an interrupted build of the target stored."""
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


def test_a_foreign_partial_folder_of_the_target_is_not_touched(path, store):
    directories = parts(store, path.parent, store.samples(6), [3])
    RaggedMmap.from_lists(path.parent / "data.partial", [np.arange(3)])
    before = tree(path.parent)
    with pytest.raises(FileExistsError, match="data.partial"):
        concatenate(path, directories)
    assert tree(path.parent) == before


def test_foreign_files_of_the_target_are_carried_over(path, store):
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
def test_custom_names_of_members_are_kept(path, name, keys):
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
def test_concatenate_takes_any_kind_of_path(path, store, monkeypatch, form):
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


def test_an_iterator_of_directories_is_consumed_once(path, store):
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
    assert " maps/s" in err


def test_a_full_map_of_joined_maps_can_be_joined_again(path, store):
    directories = parts(store, path.parent, store.samples(12), [3, 6, 9])
    concatenate(left := path.parent / "left", directories[:2])
    concatenate(right := path.parent / "right", directories[2:])
    concatenate(path, [left, right])
    store.create(path.parent / "whole", store.samples(12))
    assert tree(path) == tree(path.parent / "whole")
