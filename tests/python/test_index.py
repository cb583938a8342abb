"""Finding texts as a list does, with and without an index."""

import os
import shutil
import threading

import mmap_ninja
import numpy as np
import pytest
from conftest import names
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, verify, write_index

TEXTS = [f"text {number // 2}" for number in range(100)] + ["", "drei", "größer"]
VALUES = ["text 0", "text 49", "", "größer", "absent", "text", 3, None, b"drei", "\ud800", np.str_("drei")]


def outcome(texts, *arguments):
    try:
        return texts.index(*arguments)
    except ValueError:
        return None


def check(found, expected):
    """Every value from every start before every stop is where a list has it."""
    for value in VALUES:
        assert (value in found) == (value in expected)
        for bounds in [(), (1,), (-3,), (0, 50), (98, -1), (101, 10**9), (-(10**9), 3), (5, 2)]:
            assert outcome(found, value, *bounds) == outcome(expected, value, *bounds), (value, bounds)


@pytest.mark.parametrize("level", [None, 3])
def test_texts_are_found_as_in_a_list(path, level):
    found = StringsMmap.from_strings(path, TEXTS, zstd_level=level)
    check(found, TEXTS)
    write_index(path)
    check(found, TEXTS)
    found.extend(["absent", "text"])
    check(found, [*TEXTS, "absent", "text"])
    check(StringsMmap(path), [*TEXTS, "absent", "text"])
    assert verify(path).ok


def test_a_missing_text_is_a_value_error_that_names_the_map(path):
    texts = StringsMmap.from_strings(path, TEXTS)
    with pytest.raises(ValueError, match=f"{path}: no text equals the value"):
        texts.index("absent")
    texts.close()
    for call in (lambda: texts.index("drei"), lambda: "drei" in texts, lambda: 3 in texts):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_a_text_that_is_assigned_is_found(path):
    texts = StringsMmap.from_strings(path, TEXTS, mode="r+")
    write_index(path)
    reader = StringsMmap(path)
    assert "TEXT 0" not in reader
    texts[1] = "TEXT 0"
    for found in texts, reader, StringsMmap(path):
        assert found.index("TEXT 0") == 1
    assert [note.file.name for note in verify(path).notes] == ["index.ninja"]
    write_index(path)
    assert not verify(path).notes


def test_what_the_original_writes_is_found(original, path):
    StringsMmap.from_strings(path, TEXTS)
    write_index(path)
    reader = StringsMmap(path)
    assert "new" not in reader
    original.open("map", "StringsMmap", str(path), mode="r+b")
    assert original.get("map", 101) == ("str", "'drei'")
    original.extend("map", ["new"])
    assert StringsMmap(path).index("new") == len(TEXTS)
    original.close("map")
    original.create("map", "StringsMmap.from_strings", str(path), [text.upper() for text in TEXTS] * 2)
    original.close("map")
    check(StringsMmap(path), [text.upper() for text in TEXTS] * 2)


def test_a_copy_keeps_its_index(path):
    StringsMmap.from_strings(path, TEXTS)
    write_index(path)
    copy = path.parent / "copy"
    shutil.copytree(path, copy, copy_function=shutil.copyfile)
    os.utime(copy / "data.ninja", (0, 10**9))
    check(StringsMmap(copy), TEXTS)
    assert verify(copy).ok and "index.ninja" in names(copy)


def test_a_damaged_index_is_reported_removed_and_never_believed(path):
    StringsMmap.from_strings(path, TEXTS)
    write_index(path)
    index = path / "index.ninja"
    data = bytearray(index.read_bytes())
    data[600] ^= 1
    index.write_bytes(data)
    check(StringsMmap(path), TEXTS)
    report = verify(path)
    assert [(str(found.file), found.offset) for found in report.findings] == [("index.ninja", 512)]
    repair = mmap_ninja.repair(path, apply=True)
    assert repair.ok and not index.exists() and verify(path).ok
    index.mkdir()
    check(StringsMmap(path), TEXTS)
    assert not verify(path).ok


def test_an_index_is_not_taken_along(path):
    texts = StringsMmap.from_strings(path, TEXTS)
    write_index(path)
    joined = mmap_ninja.concatenate(path.parent / "joined", [path, path])
    assert "index.ninja" not in names(joined.out_dir)
    assert joined.index("text 0", 2) == len(TEXTS)
    StringsMmap.from_strings(path, ["other"])
    assert "index.ninja" not in names(path)
    check(texts, TEXTS)


def test_only_texts_have_an_index(path):
    with pytest.raises(FileNotFoundError):
        write_index(path)
    RaggedMmap.from_lists(path, [np.zeros(3)])
    with pytest.raises(ValueError, match="'ragged'"):
        write_index(path)
    assert "index.ninja" not in names(path)


def test_a_text_that_is_damaged_stops_the_index(path):
    StringsMmap.from_strings(path, TEXTS, zstd_level=3)
    (path / "data.ninja").write_bytes(bytes((path / "data.ninja").stat().st_size))
    with pytest.raises(CorruptDatasetError):
        write_index(path)
    assert names(path) == ["data.ninja", "ends", "starts", "type.ninja", "zstd_level.ninja"]


def test_subclasses_that_read_otherwise_are_searched(path):
    class Upper(StringsMmap):
        def get_single(self, item):
            return super().get_single(item).upper()

    StringsMmap.from_strings(path, TEXTS)
    write_index(path)
    assert Upper(path).index("TEXT 1") == 2
    assert "text 1" not in Upper(path)


def test_names_of_members_are_respected(path):
    keys = {"starts_key": "first", "ends_key": "last"}
    texts = StringsMmap.from_strings(path, TEXTS, **keys)
    write_index(path, **keys)
    check(texts, TEXTS)
    assert verify(path, **keys).ok


def test_readers_find_texts_while_others_append_and_write_the_index(path):
    texts = StringsMmap.from_strings(path, TEXTS)
    wrong = []

    def look():
        for _ in range(300):
            if texts.index("drei") != 101 or "absent" in texts:
                wrong.append(1)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(10):
        StringsMmap(path).append(f"new {number}")
        write_index(path)
    for reader in readers:
        reader.join()
    assert not wrong
    texts.refresh()
    assert texts.index("new 9") == len(TEXTS) + 9
