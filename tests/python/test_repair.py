"""Repair keeps every intact sample and a backup of what it cuts, and changes nothing where that is not safe."""

import os
import random
import re
import shutil

import numpy as np
import pytest
from catalogue import KINDS
from conftest import tree
from damage import files, flip
from mmap_ninja import RaggedMmap, StringsMmap, open_existing, repair, verify, write_checksums
from scale import SOAK

TORN = ["flat", "bytes", "scalars", "n-d", "big-endian", "strings", "zstd", "dense"]


def whole_samples(path, file, length, count):
    """The number of intact samples after `file` is cut to `length`, computed from the format alone."""
    if not (path / "ends").exists():
        return length // (file.stat().st_size // count)
    item_size = 1
    if (path / "dtype.ninja").exists():
        item_size = np.dtype((path / "dtype.ninja").read_text()).itemsize
    measures = {path: (path / "ends", item_size), path / "shapes": (path / "shapes" / "ends", 8)}
    ends, size = measures.get(file.parent, (None, 8))
    if ends is None or not ends.exists():
        return length // 8
    return int((np.fromfile(ends / "data.ninja", "<i8") * size <= length).sum())


@pytest.mark.parametrize("kind", TORN)
def test_a_cut_file_leaves_exactly_the_samples_that_are_whole(kind, tmp_path, original):
    whole = KINDS[kind].create(tmp_path / "whole")
    samples, path = KINDS[kind].read(whole), tmp_path / "torn"
    chosen = random.Random(kind)
    for file in [file for file in files(whole) if file.name == "data.ninja"]:
        lengths = range(file.stat().st_size)
        for length in lengths if SOAK else sorted(chosen.sample(lengths, min(8, len(lengths)))):
            shutil.copytree(whole, path)
            os.truncate(path / file.relative_to(whole), length)
            count = whole_samples(whole, file, length, len(samples))
            check_repair(path)
            place = (str(file.relative_to(whole)), length)
            assert verify(path).ok, (place, verify(path))
            assert len(open_existing(path)) == count, place
            assert KINDS[kind].read(path) == samples[:count], place
            if kind in ["flat", "n-d", "strings", "dense"] and count and chosen.random() < 0.3:
                original.open("map", "generic.open_existing", str(path))
                assert len(original.items("map")) == count
                original.close("map")
            KINDS[kind].append(path)
            assert KINDS[kind].read(path)[:count] == samples[:count], place
            assert verify(path).ok, place
            for directory in tmp_path.glob("torn*"):
                shutil.rmtree(directory)


def check_repair(path):
    """Check that a dry run changes nothing, and that the repair then loses no byte."""
    before = tree(path.parent)
    told = repair(path)
    assert tree(path.parent) == before
    assert (told.applied, told.kept) == (False, [])
    torn = tree(path)
    done = repair(path, apply=True)
    assert done.applied
    assert [str(action) for action in done.actions][: len(told.actions)] == [
        str(action) for action in told.actions
    ]
    assert done.ok, done
    # The repair gives a data file without any bytes the one byte that an empty array has.
    now = tree(path)
    assert put_back(path, done.kept) == {file: content or now[file] for file, content in torn.items()}
    again = repair(path, apply=True)
    assert (again.actions, again.problems, again.kept) == ((), (), [])
    return done


def put_back(path, kept):
    """The bytes before the repair: the present ones, overwritten by the backups, the latest first."""
    content = tree(path)
    for directory in reversed(kept):
        for name, piece in tree(directory).items():
            if piece is not None:
                file, at = re.fullmatch(r"(.*)\.at-(\d+)", name).groups()
                now = content.get(file) or b""
                if file.endswith("shape.ninja"):
                    content[file] = piece + now[8:]
                else:
                    content[file] = now[: int(at)] + piece
    return content


@pytest.mark.parametrize("kind", TORN)
def test_surplus_bytes_are_cut_to_what_is_committed(kind, tmp_path):
    path = KINDS[kind].create(tmp_path / "torn")
    before = tree(path)
    for file in files(path):
        if file.name == "data.ninja":
            with open(file, "ab") as opened:
                opened.write(b"surplus!" * 3)
    check_repair(path)
    assert tree(path) == before


@pytest.mark.parametrize("kind", TORN)
def test_after_repair_a_torn_append_is_there_whole_or_not_at_all(kind, tmp_path):
    chosen = random.Random(kind)
    old = KINDS[kind].create(tmp_path / "old")
    shutil.copytree(old, tmp_path / "new")
    KINDS[kind].append(tmp_path / "new")
    states = [KINDS[kind].read(tmp_path / name) for name in ["old", "new"]]
    changed = [name for name, content in tree(tmp_path / "new").items() if tree(old)[name] != content]
    path = tmp_path / "torn"
    for _ in range(500 if SOAK else 25):
        shutil.copytree(old, path)
        for name in chosen.sample(changed, chosen.randrange(1, len(changed))):
            (path / name).write_bytes((tmp_path / "new" / name).read_bytes())
        if not repair(path, apply=True).ok:
            raise AssertionError(str(repair(path)))
        assert verify(path).ok
        assert KINDS[kind].read(path) in states
        for directory in tmp_path.glob("torn*"):
            shutil.rmtree(directory)


@pytest.mark.parametrize("kind", KINDS)
def test_repair_leaves_a_sound_dataset_alone(kind, path):
    write_checksums(KINDS[kind].create(path))
    before = tree(path.parent)
    done = repair(path, apply=True)
    assert (done.ok, done.actions, done.kept) == (True, (), [])
    assert "nothing" in str(done)
    assert tree(path.parent) == before


@pytest.mark.parametrize("kind", ["flat", "strings", "n-d"])
@pytest.mark.parametrize("bit", [0, 3, 60])
def test_a_wrong_count_is_set_right_and_no_sample_is_lost(kind, bit, path):
    samples, before = KINDS[kind].read(KINDS[kind].create(path)), tree(path)
    for file in [file for file in files(path) if file.name == "shape.ninja"]:
        flip(file, bit)
        done = check_repair(path)
        assert [str(action.file) for action in done.actions] == [str(file.relative_to(path))]
        assert tree(path) == before
        assert KINDS[kind].read(path) == samples


def test_damaged_contents_are_reported_and_stay(path):
    StringsMmap.from_strings(path, ["one", "two", "three"])
    (path / "data.ninja").write_bytes(b"onetw\xffthree")
    before = tree(path.parent)
    done = repair(path, apply=True)
    assert [problem.samples for problem in done.problems] == [range(1, 2)]
    assert (done.ok, done.actions, tree(path.parent)) == (False, (), before)


def test_a_damaged_sample_does_not_cost_the_samples_behind_it(path):
    RaggedMmap.from_lists(path, [np.arange(3)] * 5)
    ends = np.fromfile(path / "ends" / "data.ninja", "<i8")
    ends[1] = 99
    ends.tofile(path / "ends" / "data.ninja")
    os.truncate(path / "data.ninja", 100)
    done = repair(path, apply=True)
    assert len(open_existing(path)) == 4
    assert [problem.samples for problem in done.problems] == [range(1, 2)]
    assert open_existing(path)[3].tolist() == [0, 1, 2]


REFUSED = {
    "dtype": ("flat", "dtype.ninja", b"int16"),
    "type": ("flat", "type.ninja", b"raggee"),
    "kind of a member": ("flat", "starts/type.ninja", b"string"),
    "flag": ("flat", "shapes_are_flat.ninja", b"\0\0\0"),
    "shape": ("flat", "ends/shape.ninja", b"\0\0\0"),
    "missing": ("flat", "flattened_shapes/data.ninja", None),
    "level": ("zstd", "zstd_level.ninja", b"x"),
    "f order": ("dense in F order", "data.ninja", b"1234"),
    "0-D": ("dense 0-D", "data.ninja", b"1234"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_repair_refuses_damage_that_it_cannot_undo_safely(case, path):
    kind, name, content = REFUSED[case]
    write_checksums(KINDS[kind].create(path))
    (path / name).unlink()
    if content is not None:
        (path / name).write_bytes(content)
    before = tree(path.parent)
    done = repair(path, apply=True)
    assert not done.ok
    assert done.actions == ()
    assert name.split("/")[-1] in str(done)
    assert tree(path.parent) == before


def test_repair_removes_checksums_only_if_they_cover_what_was_cut(tmp_path):
    for name, size in [("covered", 10), ("appended", 15)]:
        path = tmp_path / name
        StringsMmap.from_strings(path, ["12345"] * 3)
        write_checksums(path)
        StringsMmap(path).append("67890")
        os.truncate(path / "data.ninja", size)
        assert repair(path, apply=True).ok
        assert (path / "checksums.json").exists() == (name == "appended")
        assert verify(path).ok


def test_repair_reports_damaged_blocks_of_the_samples_that_stay_before_it_removes_the_checksums(path):
    RaggedMmap.from_lists(path, [np.full(1 << 16, i, np.uint8) for i in range(10)])
    write_checksums(path)
    flip(path / "data.ninja", 8 << 16)
    os.truncate(path / "data.ninja", 9 << 16)
    for apply in [False, True]:
        done = repair(path, apply=apply)
        assert [problem.samples for problem in done.problems] == [range(4)]
    assert not (path / "checksums.json").exists()
    assert len(RaggedMmap(path)) == 9


def test_every_repair_keeps_what_it_cuts_in_a_directory_of_its_own(path):
    StringsMmap.from_strings(path, ["one", "two", "three"])
    for number, size in [(1, 6), (2, 3)]:
        os.truncate(path / "data.ninja", size + 1)
        (kept,) = repair(path, apply=True).kept
        assert kept == path.with_name(f"data.repair-backup-{number}")
        assert (kept / f"data.ninja.at-{size}").read_bytes() == b"onetwothree"[size : size + 1]
    assert StringsMmap(path)[:] == ["one"]


def test_a_torn_journal_is_removed(path):
    RaggedMmap.from_lists(path, [np.arange(3)])
    before = tree(path)
    (path / "append.ninja").write_bytes(b'{"entries": [')
    report = verify(path)
    assert report.ok
    assert [str(note.file) for note in report.notes] == ["append.ninja"]
    check_repair(path)
    assert tree(path) == before
