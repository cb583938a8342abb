"""Fields are added to records and removed from them, whole or not at all."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import names, notes, tree, unchanged
from mmap_ninja import RecordsMmap, subset, verify
from record_samples import check, record

COUNT = 6

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
    check(train, COUNT)
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
    check(train, COUNT)
    asked = []
    train.add_field("more", (asked.append(index) or index for index in range(COUNT)), 2, resume=True)
    assert train["more"].tolist() == list(range(COUNT))
    assert ".more.partial" not in names(path)
