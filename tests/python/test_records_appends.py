"""Appended records and changed fields are there whole or not at all, whoever else is at work."""

import json
import shutil
import subprocess
import sys
from itertools import chain

import numpy as np
import pytest
from conftest import held, names, notes, tree, unchanged
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, subset, verify
from mmap_ninja import numpy as np_ninja
from record_samples import FIELDS, expected, record, records, shown

COUNT = 6


@pytest.fixture
def train(path):
    return RecordsMmap.from_lists(path, records(COUNT), fields=FIELDS)


def check(memmap, count=COUNT):
    """All handles show the first `count` records."""
    for each in memmap, RecordsMmap(memmap.out_dir):
        assert [shown(found) for found in each] == expected(records(count))
    assert verify(memmap.out_dir).ok


BAD = [
    ({"label": None}, TypeError),
    ({"label": 1.5}, TypeError),
    ({"label": 2**70}, OverflowError),
    ({"label": "3"}, TypeError),
    ({"label": [3]}, ValueError),
    ({"tokens": [70_000]}, OverflowError),
    ({"tokens": [-1]}, OverflowError),
    ({"tokens": [0.5]}, TypeError),
    ({"tokens": "text"}, TypeError),
    ({"tokens": {}}, TypeError),
    ({"tokens": [[1], [1, 2]]}, ValueError),
    ({"boxes": [1, 2, 3, 4]}, ValueError),
    ({"boxes": [[1, 2, 3]]}, ValueError),
    ({"embedding": [1, 2]}, ValueError),
    ({"embedding": 1}, ValueError),
    ({"name": 3}, TypeError),
    ({"name": None}, TypeError),
    ({"name": b"a"}, TypeError),
    ({"caption": "\ud800"}, UnicodeEncodeError),
    ({"image": np.zeros(3)}, None),
    ({"more": 1}, ValueError),
    ({5: 1}, ValueError),
]


@pytest.mark.parametrize("change, error", BAD, ids=ascii)
def test_a_record_that_does_not_fit_leaves_all_fields_as_they_are(train, path, change, error):
    bad = record(COUNT) | change
    if error is None:  # Another dtype of the same values is cast.
        train.append(bad)
        assert train[COUNT]["image"].dtype == np.uint8
        return
    name = next(iter(change))
    with unchanged(path.parent):
        for call in (
            lambda: train.append(bad),
            lambda: train.extend([record(COUNT), bad]),
            lambda: train.extend(chain(records(COUNT), iter([bad]), records(COUNT))),
            lambda: RecordsMmap(path).append(bad),
        ):
            with pytest.raises(error, match=str(name)):
                call()
    check(train)
    train.append(record(COUNT))
    check(train, COUNT + 1)


@pytest.mark.parametrize("bad", [None, 5, "text", [], (), [("label", 1)], {}, {"label": 1}], ids=repr)
def test_what_is_no_record_is_refused(train, path, bad):
    with unchanged(path), pytest.raises((TypeError, ValueError)):
        train.append(bad)


def test_a_generator_that_fails_appends_nothing(train, path):
    def failing():
        yield record(COUNT)
        raise ConnectionError

    with unchanged(path):
        with pytest.raises(ConnectionError):
            train.extend(failing())
        with pytest.raises(TypeError, match="append takes one"):
            train.extend(record(COUNT))
        with pytest.raises(TypeError):
            train.extend(5)
        train.extend([])
    check(train)


def test_a_generator_may_use_the_records_that_it_is_appended_to(train):
    train.extend(train)
    assert [shown(each) for each in train] == expected(records(COUNT)) * 2
    train.extend(train.append(record(1)) or record(2) for _ in range(1))
    assert [shown(each) for each in train[-2:]] == expected([record(1), record(2)])


def test_the_first_sample_of_several_axes_promotes_its_field_alone(path):
    train = RecordsMmap.from_lists(path, [{"x": [1, 2], "y": [3], "n": "a"}] * 2)
    other, before, old = RecordsMmap(path), tree(path), train[0]["x"]
    train.append({"x": [[4, 5]], "y": [6], "n": "b"})
    assert train[2]["x"].tolist() == RecordsMmap(path)[2]["x"].tolist() == [[4, 5]]
    assert (other[1]["x"].tolist(), old.tolist()) == ([1, 2], [1, 2])
    other.append({"x": [7], "y": [[8]], "n": "c"})
    for memmap in train, other:
        memmap.refresh()
        assert [each["x"].tolist() for each in memmap] == [[1, 2], [1, 2], [[4, 5]], [7]]
        assert [each["y"].tolist() for each in memmap] == [[3], [3], [6], [[8]]]
    assert before["x/shapes_are_flat.ninja"] != tree(path)["x/shapes_are_flat.ninja"]
    RecordsMmap.from_lists(path.with_name("whole"), train[:])
    assert tree(path.with_name("whole")) == tree(path)


def test_the_first_append_creates_records(path):
    train = RecordsMmap(path)
    with pytest.raises(TypeError):
        train.append({"a": None})
    assert not path.exists()
    train.extend([])
    assert not path.exists()
    train.append({"a": 1, "b": [2]})
    assert train.fields == ["a", "b"]
    other = RecordsMmap(path)
    with pytest.raises(ValueError, match="'c' is not a field"):
        other.append({"a": 1, "b": [2], "c": 3})
    other.append({"a": 2, "b": []})
    assert RecordsMmap(path)["a"].tolist() == [1, 2]


def test_another_writer_is_waited_for(train, path):
    memmap = RecordsMmap(path, timeout=0.01)
    with held(path), unchanged(path):
        for change in (
            lambda: memmap.append(record(0)),
            lambda: memmap.remove_field("label"),
            lambda: memmap.add_field("more", range(COUNT)),
        ):
            with pytest.raises(TimeoutError):
                change()
        shutil.rmtree(path / ".more.partial", ignore_errors=True)
    memmap.append(record(COUNT))
    check(memmap, COUNT + 1)


# Fields by themselves


ALONE = {
    "ragged of records": lambda path: RecordsMmap(path)["tokens"].append([1]),
    "texts of records": lambda path: RecordsMmap(path)["name"].append("a"),
    "rows of records": lambda path: np_ninja.extend(RecordsMmap(path)["label"], np.array([1])),
    "ragged": lambda path: RaggedMmap(path / "tokens").extend([[1]]),
    "texts": lambda path: StringsMmap(path / "caption").extend(["a"]),
    "rows": lambda path: np_ninja.extend_dir(path / "label", np.array([1])),
    "new rows": lambda path: np_ninja.from_ndarray(path / "label", np.arange(COUNT)),
    "new ragged": lambda path: RaggedMmap.from_lists(path / "tokens", [[1]] * COUNT),
    "new texts": lambda path: StringsMmap.from_generator(path / "name", ["a"] * COUNT, 2),
    "new records": lambda path: RecordsMmap.from_lists(path / "name", [{"a": 1}]),
}


@pytest.mark.parametrize("way", ALONE)
def test_a_field_is_not_appended_to_or_replaced_by_itself(train, path, way):
    with unchanged(path), pytest.raises(ValueError, match=f"this is a field of the records in {path}"):
        ALONE[way](path)
    check(train)


@pytest.mark.parametrize("name", ["tokens", "name", "label"])
def test_what_the_original_appends_to_a_field_is_ignored_refused_and_reported(train, path, original, name):
    if name == "label":
        original.run("numpy.extend_dir", str(path / name), np.array([1]))
    else:
        original.open("map", "open_existing", str(path / name))
        original.extend("map", ["text"] if name == "name" else [np.array([1, 2], "uint16")])
        original.close("map")
    for memmap in train, RecordsMmap(path):
        assert [shown(found) for found in memmap] == expected(records(COUNT))
        assert len(memmap[name]) == COUNT
        with (
            unchanged(path),
            pytest.raises(ValueError, match=f"{name}: the field has 7 samples, its records are 6"),
        ):
            memmap.append(record(COUNT))
    (finding,) = verify(path).findings
    assert (str(finding.file), "others have added to it" in str(finding)) == (name, True)


# Adding and removing fields


ADDED = {
    "numbers": (list(range(COUNT)), None),
    "texts": ([f"text {index}" for index in range(COUNT)], None),
    "packed": (["text"] * COUNT, {"zstd_level": 3}),
    "arrays": ([np.full((index, 2), index) for index in range(COUNT)], None),
    "boxes": ([[[index] * 4] * (index % 2) for index in range(COUNT)], {"shape": (-1, 4), "dtype": "f4"}),
    "rows": ([[index, 1] for index in range(COUNT)], np.dtype(("int8", (2,)))),
    "bytes": ([b"ab"] * COUNT, None),
}


@pytest.mark.parametrize("case", ADDED)
@pytest.mark.parametrize("is_resumed", [False, True])
def test_an_added_field_is_that_of_a_build_with_it(path, case, is_resumed):
    samples, declaration = ADDED[case]
    base = [{"label": index} for index in range(COUNT)]
    train = RecordsMmap.from_lists(path, base)
    before = tree(path)
    if is_resumed:
        with pytest.raises(ConnectionError) as raised:
            train.add_field("more", failing_after(3, samples), 2, declaration)
        assert "2 samples are safe" in notes(raised.value)
        found = tree(path)
        assert {name: found.get(name) for name in before} == before
        assert [each for each in RecordsMmap(path)] == base
        loaded = []
        samples = [loaded.append(index) or sample for index, sample in enumerate(samples)]
    train.add_field("more", iter(samples), 2, declaration, resume=is_resumed)
    fields = {} if declaration is None else {"more": declaration}
    whole = RecordsMmap.from_lists(
        path.with_name("whole"), [each | {"more": more} for each, more in zip(base, ADDED[case][0])], fields
    )
    assert tree(path) == tree(whole.out_dir)
    assert repr(train[:]) == repr(whole[:])
    train.remove_field("more")
    assert tree(path) == before
    assert train[:] == base


def test_a_field_is_not_resumed_with_axes_that_its_samples_do_not_have(path):
    train = RecordsMmap.from_lists(path, [{"label": index} for index in range(4)])
    with pytest.raises(ConnectionError):
        train.add_field("more", failing_after(2, [[1, 2]] * 4), 1)
    with unchanged(path), pytest.raises(ValueError, match="sample 0 is stored with the shape"):
        train.add_field("more", [[1, 2]] * 4, 1, {"shape": (-1, 4)}, resume=True)
    train.add_field("more", [[1, 2]] * 4, 1, resume=True)
    assert verify(path).ok


def failing_after(count, samples):
    yield from samples[:count]
    raise ConnectionError


WRONG = [
    ("more", range(COUNT - 1), ValueError, "5 samples, the records are 6"),
    ("more", range(COUNT + 1), ValueError, "7 samples, the records are 6"),
    ("more", [], ValueError, "0 samples, the records are 6"),
    ("more", [None] * COUNT, TypeError, "NoneType"),
    ("more", [{}] * COUNT, TypeError, "dict"),
    ("more", 5, TypeError, "int"),
    ("label", range(COUNT), ValueError, "'label' occurs twice"),
    ("LABEL", range(COUNT), ValueError, "'LABEL' occurs twice"),
]


@pytest.mark.parametrize("name, samples, error, message", WRONG, ids=[case[3] for case in WRONG])
def test_a_field_that_cannot_be_added_changes_nothing(train, path, name, samples, error, message):
    before = tree(path)
    with pytest.raises(error, match=message):
        train.add_field(name, samples)
    found = tree(path)
    assert {file: found[file] for file in found if not file.startswith(".more.partial")} == before
    check(train)
    train.append(record(COUNT))
    train.add_field("more", range(COUNT + 1))
    assert names(path) == sorted([*train.fields, "fields.json", "shape.ninja", "type.ninja"])
    assert train["more"].tolist() == list(range(COUNT + 1))


def test_no_field_is_added_where_only_some_are_open_or_there_are_no_records(train, path):
    empty = subset(path.with_name("empty"), path, [])
    for memmap, message in [
        (RecordsMmap(path, ["label"]), "only some fields are open"),
        (empty, "no records"),
    ]:
        with unchanged(path.parent), pytest.raises(ValueError, match=message):
            memmap.add_field("more", range(len(memmap)))


def test_an_interrupted_field_is_noted_and_stays_for_its_resumption(train, path):
    with pytest.raises(ConnectionError):
        train.add_field("more", failing_after(2, range(COUNT)), 1)
    (note,) = verify(path).notes
    assert "add_field('more', resume=True)" in str(note)
    train.append(record(COUNT))
    train.add_field("more", range(COUNT + 1), resume=True)
    assert (verify(path).notes, len(train["more"])) == ((), COUNT + 1)


def test_records_may_be_appended_while_a_field_is_built(train, path):
    def samples():
        yield from range(COUNT)
        RecordsMmap(path).append(record(COUNT))
        yield COUNT

    train.add_field("more", samples(), 2)
    assert [each["more"] for each in train] == list(range(COUNT + 1))


def test_a_handle_that_was_open_before_appends_what_the_fields_are_now(train, path):
    other, third = RecordsMmap(path), RecordsMmap(path)
    other.append(record(COUNT))  # Now its files stay open.
    train.refresh()
    train.add_field("more", range(COUNT + 1))
    with unchanged(path), pytest.raises(ValueError, match="the field 'more' is missing"):
        other.append(record(COUNT + 1))
    with unchanged(path), pytest.raises(ValueError, match="'more'"):
        other.append(record(COUNT + 1) | {"more": 1})
    other.refresh()
    other.append(record(COUNT + 1) | {"more": 77})
    train.refresh()
    train.remove_field("label")
    for late in other, third:
        with unchanged(path), pytest.raises(ValueError, match="'label'|'more'"):
            late.append(record(COUNT + 2) | ({"more": 1} if late is other else {}))
        assert late[0]["label"] == -5
        late.refresh()
        assert "label" not in late[0]
    assert third["more"].tolist() == [*range(COUNT + 1), 77]
    assert verify(path).ok


def test_the_only_field_and_a_missing_one_are_not_removed(path):
    train = RecordsMmap.from_lists(path, [{"a": 1}])
    with unchanged(path):
        with pytest.raises(ValueError, match="'a' is the only field"):
            train.remove_field("a")
        with pytest.raises(ValueError, match="no field 'b'"):
            train.remove_field("b")
    for missing in (RecordsMmap(path.with_name("missing")),):
        with pytest.raises(FileNotFoundError):
            missing.remove_field("a")
        with pytest.raises(FileNotFoundError):
            missing.add_field("a", [1])
    assert names(path.parent) == ["data"]


def pending(path, name):
    """Make `fields.json` say that a directory is not a field yet, or no longer."""
    file = path / "fields.json"
    text = json.loads(file.read_text())
    text["fields"] = [each for each in text["fields"] if each["name"] != name]
    file.write_text(json.dumps(text | {"pending": [name]}))


@pytest.mark.parametrize("is_there", [True, False])
def test_a_directory_that_a_crash_left_pending_is_not_a_field_and_goes_with_the_next_change(path, is_there):
    train = RecordsMmap.from_lists(path, [{"a": 1, "b": [2], "c": "3"}])
    pending(path, "b")
    if not is_there:
        shutil.rmtree(path / "b")
    train.refresh()
    assert (train.fields, train[:]) == (["a", "c"], [{"a": 1, "c": "3"}])
    report = verify(path)
    assert (report.ok, "b" in str(report.notes)) == (True, True)
    train.append({"a": 2, "c": "4"})
    train.add_field("b", [5, 6])
    assert RecordsMmap(path)[:] == [{"a": 1, "c": "3", "b": 5}, {"a": 2, "c": "4", "b": 6}]
    assert json.loads((path / "fields.json").read_text()).get("pending", []) == []
    pending(path, "b")
    train.refresh()
    train.remove_field("c")
    assert names(path) == ["a", "fields.json", "shape.ninja", "type.ninja"]


KILLED = """
import os, sys, mmap_ninja
def samples():
    yield from range(4)
    os._exit(9)
mmap_ninja.RecordsMmap(sys.argv[1]).add_field("more", samples(), 2)
"""


def test_a_field_whose_builder_was_killed_is_resumed(train, path):
    assert subprocess.run([sys.executable, "-c", KILLED, path], check=False).returncode == 9
    check(train)
    asked = []
    train.add_field("more", (asked.append(index) or index for index in range(COUNT)), 2, resume=True)
    assert train["more"].tolist() == list(range(COUNT))
    assert ".more.partial" not in names(path)


# A model


SAMPLES = {
    "a": st.integers(-5, 5),
    "b": st.lists(st.integers(0, 9), max_size=3) | st.just([[1, 2], [3, 4]]),
    "c": st.text("aé\0", max_size=3),
    "d": st.lists(st.just(1.5), min_size=2, max_size=2).map(tuple),
}
KINDS = {"d": np.dtype(("f8", (2,))), "b": np.int64}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "extend", "add", "remove", "refresh", "reopen", "stale", "short"]),
        st.integers(0, 3),
        st.randoms(use_true_random=False),
    ),
    max_size=12,
)


@settings(max_examples=12)
@given(data=st.data(), steps=STEPS)
def test_records_behave_like_a_list_of_dicts(fresh, data, steps):
    draw = lambda names: {name: data.draw(SAMPLES[name]) for name in names}
    path, model = fresh(), [draw("ab")]
    memmap = RecordsMmap.from_lists(path, model, fields={"b": np.int64})
    stale = RecordsMmap(path)
    for step, number, rng in steps:
        fields, absent = list(model[0]), [name for name in SAMPLES if name not in model[0]]
        if step == "append":
            model.append(draw(fields))
            memmap.append(model[-1])
        elif step == "extend":
            more = [draw(rng.sample(fields, len(fields))) for _ in range(number)]
            memmap.extend(iter(more))
            model += more
        elif step == "add" and absent:
            name = rng.choice(absent)
            values = [data.draw(SAMPLES[name]) for _ in model]
            memmap.add_field(name, iter(values), number + 1, KINDS.get(name))
            model = [each | {name: value} for each, value in zip(model, values, strict=True)]
        elif step == "remove" and len(fields) > 1:
            memmap.remove_field(name := rng.choice(fields))
            model = [{key: each[key] for key in each if key != name} for each in model]
        elif step == "short":
            with unchanged(path), pytest.raises(ValueError, match="is missing"):
                memmap.append({name: 1 for name in fields[1:]})
        elif step == "stale":
            stale.refresh()
            stale.append(model[0])
            model.append(model[0])
            memmap.refresh()
        elif step == "refresh":
            memmap.refresh()
        elif step == "reopen":
            memmap = RecordsMmap(path)
    for each in memmap, RecordsMmap(path):
        assert set(each.fields) == set(model[0])
        assert len(each) == len(model)
        for found, sample in zip(each, model, strict=True):
            assert found.keys() == sample.keys()
            assert all(np.array_equal(found[name], sample[name]) for name in sample)
        for name in each.fields:
            assert len(each[name]) == len(model)
            assert np.array_equal(each[name][-1], model[-1][name])
    assert verify(path).ok
