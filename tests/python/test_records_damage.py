"""Damaged records: every flipped bit is found, and no list of fields can do harm."""

import json
import os
import shutil

import pytest
from conftest import tree, unchanged
from damage import files, flip
from mmap_ninja import (
    CorruptDatasetError,
    RecordsMmap,
    open_existing,
    verify,
    write_checksums,
)
from record_samples import FIELDS, expected, record, records, shown

COUNT = 10


def listed(*fields, **others):
    fields = [{"name": name, "kind": kind} for name, kind in fields]
    return json.dumps({"version": 1, "fields": fields} | others)


def test_any_flipped_bit_is_found_in_the_field_that_it_is_in(train, path):
    write_checksums(path)
    assert verify(path).unlisted == 0
    found = [file for file in files(path) if file.name != "checksums.json" and file.stat().st_size]
    assert len(found) > 60
    for number, file in enumerate(found):
        # Every third of them, and at least one of each field.
        if number % 3 and file.name != "data.ninja":
            continue
        flip(file, bit := number % (8 * file.stat().st_size))
        report = verify(path)
        flip(file, bit)
        where = file.relative_to(path)
        assert not report.ok, where
        # The files at the root say what the others are.
        assert len(where.parts) == 1 or any(
            finding.file.parts[:1] == where.parts[:1] for finding in report.findings
        ), (where, report)
    assert verify(path).ok


def test_checksums_cover_what_was_there_and_follow_appends(train, path):
    write_checksums(path)
    train.append(record(COUNT))
    assert verify(path).ok
    write_checksums(path)
    assert verify(path).ok
    train.add_field("more", range(COUNT + 1))
    assert verify(path).ok
    train.remove_field("label")
    assert verify(path).ok


def damage(path, name, how):
    if how == "missing":
        shutil.rmtree(path / name)
    elif how == "a file":
        shutil.rmtree(path / name)
        (path / name).write_text("")
    elif how == "another kind":
        shutil.rmtree(path / name)
        shutil.copytree(path / ("label" if name == "tokens" else "tokens"), path / name)
    elif how == "records":
        shutil.copytree(path, path.with_name("copy"))
        shutil.rmtree(path / name)
        path.with_name("copy").rename(path / name)
    elif how == "shorter":
        shutil.rmtree(path / name)
        shorter = RecordsMmap.from_lists(path.with_name("shorter"), records(COUNT - 1), fields=FIELDS)
        shutil.copytree(shorter.out_dir / name, path / name)
    else:
        data = path / name / "data.ninja"
        os.truncate(data, data.stat().st_size // 2)


HOWS = ["missing", "a file", "another kind", "records", "shorter", "cut"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", ["tokens", "label", "name"])
def test_a_damaged_field_is_an_error_and_the_others_open_without_it(train, path, name, how):
    damage(path, name, how)
    before = tree(path)
    for opener in RecordsMmap, open_existing:
        with pytest.raises((CorruptDatasetError, NotADirectoryError), match=name):
            opener(path)
    others = [field for field in record(0) if field != name]
    found = RecordsMmap(path, fields=others)
    assert [shown(each) for each in found] == [
        {field: each[field] for field in others} for each in expected(records(COUNT))
    ]
    report = verify(path)
    assert not report.ok
    assert any(finding.file.parts[:1] == (name,) for finding in report.findings), report
    assert tree(path) == before


HOSTILE = {
    "empty": "",
    "a list": "[]",
    "no fields": "{}",
    "another version": '{"version": 2, "fields": []}',
    "a large version": '{"version": 99999999999999999999, "fields": []}',
    "an unknown key": listed(("a", "numpy"), more=1),
    "an unknown key of a field": '{"version": 1, "fields": [{"name": "a", "kind": "numpy", "more": 1}]}',
    "a key twice": '{"version": 1, "version": 1, "fields": []}',
    "a kind": listed(("a", "image")),
    "records in records": listed(("a", "records")),
    "a way out": listed(("../data/a", "numpy")),
    "the parent": listed(("..", "numpy")),
    "itself": listed((".", "numpy")),
    "a root": listed(("/etc", "numpy")),
    "a NUL": listed(("a\0", "numpy")),
    "hidden": listed((".a", "numpy")),
    "twice": listed(("a", "numpy"), ("a", "numpy")),
    "twice but for case": listed(("a", "numpy"), ("A", "numpy")),
    "a long name": listed(("a" * 300, "numpy")),
    "a huge name": listed(("a" * 1_000_000, "numpy")),
    "too large": listed(("a", "numpy")) + " " * (1 << 20),
    "many": listed(*((str(number), "numpy") for number in range(257))),
    "deep": '{"version": 1, "fields": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a shape of numbers": '{"version": 1, "fields": [{"name": "a", "kind": "numpy", "shape": [-1, 4]}]}',
    "a shape without -1": '{"version": 1, "fields": [{"name": "b", "kind": "ragged", "shape": [2, 4]}]}',
    "a negative axis": '{"version": 1, "fields": [{"name": "b", "kind": "ragged", "shape": [-1, -1]}]}',
    "a huge axis": '{"version": 1, "fields": [{"name": "b", "kind": "ragged", "shape": [-1, 99999999999999999999]}]}',
    "many axes": json.dumps(
        {"version": 1, "fields": [{"name": "b", "kind": "ragged", "shape": [-1] + [1] * 1000}]}
    ),
    "pending fields": listed(("a", "numpy"), pending=["a"]),
    "pending ways out": listed(("a", "numpy"), pending=["../../other"]),
    "NaN": '{"version": NaN, "fields": []}',
    "not UTF-8": b'{"version": 1, "fields": [{"name": "\xff", "kind": "numpy"}]}',
    "two": listed(("a", "numpy")) * 2,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_list_of_fields_is_damage_and_nothing_else(path, name):
    other = path.with_name("other")
    other.mkdir()
    (other / "kept").write_text("")
    memmap = RecordsMmap.from_lists(path, [{"a": 1, "b": [1]}])
    text = HOSTILE[name]
    (path / "fields.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with unchanged(path.parent):
        for use in (
            lambda: RecordsMmap(path),
            lambda: open_existing(path),
            lambda: memmap.refresh(),
            lambda: memmap.append({"a": 1, "b": [1]}),
            lambda: memmap.remove_field("a"),
            lambda: memmap.add_field("c", [1]),
        ):
            with pytest.raises(CorruptDatasetError, match=r"fields\.json"):
                use()
        assert [str(finding.file) for finding in verify(path).findings] == ["fields.json"]
    assert memmap[0]["a"] == 1
    # A new build takes the place of the damaged one.
    RecordsMmap.from_lists(path, [{"c": 3}])
    assert RecordsMmap(path)[:] == [{"c": 3}]


def test_a_list_without_fields_or_of_other_axes_is_damage(path):
    RecordsMmap.from_lists(path, [{"b": [1, 2]}] * 2)
    text = '{"version": 1, "fields": [{"name": "b", "kind": "ragged", "shape": [-1, 4]}]}'
    (path / "fields.json").write_text(text)
    assert "expected [-1, 4]" in str(verify(path).findings)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of Unix")
@pytest.mark.parametrize("make", ["fifo", "directory", "loop", "device", "missing"])
def test_a_list_that_is_no_file_is_an_error_at_once(path, make):
    memmap = RecordsMmap.from_lists(path, [{"a": 1}])
    file = path / "fields.json"
    file.unlink()
    if make == "fifo":
        os.mkfifo(file)
    elif make == "directory":
        file.mkdir()
    elif make != "missing":
        file.symlink_to({"loop": file, "device": "/dev/zero"}[make])
    for use in lambda: RecordsMmap(path), lambda: memmap.append({"a": 1}), lambda: memmap.add_field("b", [1]):
        with pytest.raises((ValueError, OSError)):
            use()
    assert not verify(path).ok


def test_a_directory_that_holds_itself_is_no_trouble(path):
    RecordsMmap.from_lists(path, [{"a": 1, "b": [1]}])
    (path / "c").symlink_to(path)
    (path / "d").symlink_to(path / "b")
    assert RecordsMmap(path)[:][0].keys() == {"a", "b"}
    for name in "fields.json", "type.ninja", "shape.ninja":
        (path / name).unlink()
    assert set(RecordsMmap(path).fields) <= {"a", "b"}


def test_a_list_of_fields_that_samples_contradict_is_damage_to_a_batch(path):
    RecordsMmap.from_lists(path, [{"x": [1]}, {"x": [2, 3, 4]}])
    list_of_fields = path / "fields.json"
    text = list_of_fields.read_text()
    for shape in "[-1,2]", "[-1,3]", f"[-1,{2**40},{2**40}]":
        list_of_fields.write_text(text.replace('"kind":"ragged"', f'"kind":"ragged","shape":{shape}'))
        with pytest.raises(CorruptDatasetError, match="x"):
            RecordsMmap(path).batch([0, 1])
    list_of_fields.write_text('{"version":1,"fields":[]}')
    with pytest.raises(CorruptDatasetError, match="at least one field"):
        RecordsMmap(path)


def test_records_without_their_type_keep_their_list_of_fields(path):
    RecordsMmap.from_lists(path, [{"b": [], "a": 1}], fields={"b": {"shape": (-1, 4)}})
    (path / "type.ninja").unlink()
    records = RecordsMmap(path)
    assert records.fields == ["b", "a"]
    assert records[0]["b"].shape == (0, 4)


def test_a_note_says_that_the_type_is_missing(train, path):
    (path / "type.ninja").unlink()
    report = verify(path)
    assert report.ok
    assert [(str(note.file), "restore it" in str(note)) for note in report.notes] == [("type.ninja", True)]


@pytest.mark.parametrize("name", ["shape.ninja", "fields.json"])
def test_a_file_that_is_missing_beside_the_fields_is_damage_that_the_fields_make_good(train, path, name):
    expected = [shown(train[index]) for index in range(COUNT)]
    (path / name).unlink()
    for use in (RecordsMmap, lambda path: RecordsMmap(path, fields=["label"])):
        with pytest.raises(CorruptDatasetError, match=f"{name}: the file is missing; restore it, or remove"):
            use(path)
    assert name in str(verify(path).findings)
    for beside in "type.ninja", "fields.json", "shape.ninja":  # As the message advises.
        (path / beside).unlink(missing_ok=True)
    found = RecordsMmap(path)
    assert [dict(sorted(shown(each).items())) for each in found] == [
        dict(sorted(each.items())) for each in expected
    ]
