"""Checksums detect every changed bit of what they cover, name its samples, and stay valid after appends."""

import os
import random
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from catalogue import KINDS
from conftest import program, tree
from damage import files, flip
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, verify, write_checksums
from mmap_ninja import numpy as np_ninja
from scale import SOAK

APPENDED = [(kind, False) for kind in KINDS if kind not in ["dense 0-D", "dense in F order"]]
# 0.9.0 appends to the other kinds wrongly.
APPENDED += [(kind, True) for kind in ["flat", "bytes", "n-d", "strings", "dense"]]
FLIPS = 10_000 if SOAK else 40


@pytest.mark.parametrize("kind", KINDS)
def test_checksums_cover_every_byte_but_the_counts(kind, path):
    KINDS[kind].create(path)
    before, counts = tree(path), len(list(path.rglob("shape.ninja")))
    write_checksums(path)
    report = verify(path)
    assert report.ok, report
    # The single byte of an empty array is checked, though it belongs to no sample.
    padding = 1 if report.bytes else 0
    # The few texts beside the fields of records are checked by what they state.
    stated = {"type.ninja", "fields.json"} if kind == "records" else set()
    size = sum(
        len(content) for name, content in before.items() if content is not None and str(name) not in stated
    )
    assert size - 8 * counts - report.checked <= padding * counts
    after = {name: content for name, content in tree(path).items() if Path(name).name != "checksums.json"}
    assert after == before


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_found(kind, path):
    write_checksums(KINDS[kind].create(path))
    chosen = random.Random(kind)
    members = [file for file in files(path) if file.stat().st_size]
    for _ in range(FLIPS):
        file = chosen.choice(members)
        bit = chosen.randrange(file.stat().st_size * 8)
        flip(file, bit)
        report = verify(path)
        assert not report.ok, (file, bit)
        # Where the count and the size of a dense array disagree, either may be wrong.
        named = {finding.file for finding in report.findings}
        # Nor does a list of fields that differs from the directories say which of the two is.
        is_named = file.name in ("shape.ninja", "fields.json") or file.relative_to(path) in named
        assert is_named, (file, bit, report)
        flip(file, bit)
    assert verify(path).ok


@pytest.mark.parametrize("shape", [(0,), (5, 0), (0, 3, 0), (0, 1)])
@pytest.mark.parametrize("dtype", ["bool", "float64"])
def test_every_flipped_bit_of_a_count_without_bytes_is_found(path, shape, dtype):
    np_ninja.from_ndarray(path, np.zeros(shape, dtype))
    write_checksums(path)
    for bit in range(8 * (path / "shape.ninja").stat().st_size):
        flip(path / "shape.ninja", bit)
        assert not verify(path).ok, bit
        flip(path / "shape.ninja", bit)
    assert verify(path).ok


def test_checksums_that_list_countless_files_cost_no_memory(path):
    np_ninja.from_ndarray(path, np.zeros(10, "uint8"))
    entry = '{"start":0,"end":18446744073709551615,"rows":null,"crc32":""}'
    files = ",".join(f'"{number:x}":{entry}' for number in range(200_000))
    text = f'"version":1,"block":262144,"samples":1,"files":{{{files}}}}}'.encode()
    (path / "checksums.json").write_bytes(b'{"crc32":"%08x",' % zlib.crc32(text) + text)
    command = program("measure_verification", path)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found, grown = done.stdout.splitlines()
    assert found == "the checksums are themselves damaged"
    assert int(grown) < len(text) + (8 << 20)


def test_writing_checksums_touches_no_file_of_others(path):
    np_ninja.from_ndarray(path, np.arange(3))
    (path / "checksums.new").write_text("mine")
    write_checksums(path)
    assert (path / "checksums.new").read_text() == "mine"


@pytest.mark.parametrize("kind", ["flat", "n-d", "strings", "zstd", "dense"])
def test_a_flipped_bit_is_reported_with_its_samples(kind, path):
    KINDS[kind].create(path)
    write_checksums(path)
    count = len(KINDS[kind].samples)
    for byte in range(0, (path / "data.ninja").stat().st_size, 7):
        flip(path / "data.ninja", byte * 8 + 2)
        touched = {i for finding in verify(path).findings for i in finding.samples or []}
        flip(path / "data.ninja", byte * 8 + 2)
        assert owner(path, byte, count) in touched


def owner(path, byte, count):
    """The sample to which a byte of the data belongs."""
    item_size = 1
    if (path / "dtype.ninja").exists():
        item_size = np.dtype((path / "dtype.ninja").read_text()).itemsize
    if not (path / "ends").exists():
        return byte // ((path / "data.ninja").stat().st_size // count)
    ends = np.fromfile(path / "ends" / "data.ninja", "<i8") * item_size
    return int(np.searchsorted(ends, byte, "right"))


def test_blocks_narrow_down_the_samples(path):
    RaggedMmap.from_lists(path, [np.full(1 << 16, i, np.uint8) for i in range(32)])
    write_checksums(path)
    flip(path / "data.ninja", (13 << 16) * 8)
    (finding,) = verify(path).findings
    assert (finding.file, finding.offset, finding.samples) == (Path("data.ninja"), 3 << 18, range(12, 16))


@pytest.mark.parametrize(("kind", "by_original"), APPENDED, ids=str)
def test_appends_leave_checksums_valid_for_what_they_cover(kind, by_original, path, original):
    write_checksums(KINDS[kind].create(path))
    covered = verify(path)
    for _ in range(3):
        KINDS[kind].append(path, original if by_original else None)
    report = verify(path)
    assert report.ok, report
    assert report.samples == covered.samples + 3
    assert report.checked == covered.checked
    assert {note.samples for note in report.notes} == {range(covered.samples, report.samples)}
    chosen = random.Random(kind)
    for file in files(path):
        size = min(file.stat().st_size, 8 if file.name == "shape.ninja" else 1)
        for _ in range(5 if size else 0):
            bit = chosen.randrange(size * 8)
            if (
                kind in ["no elements", "empty strings", "dense without elements", "n-d without elements"]
                and file.name == "data.ninja"
            ):
                continue  # Nothing was there to be covered.
            flip(file, bit)
            assert not verify(path).ok, (file, bit)
            flip(file, bit)
    write_checksums(path)
    assert verify(path).notes == ()


def test_rewriting_a_dataset_removes_its_checksums(tmp_path):
    ragged = RaggedMmap.from_lists(tmp_path / "widened", [np.arange(3)])
    write_checksums(tmp_path / "widened")
    ragged.append(np.zeros((2, 2), int))
    np_ninja.from_ndarray(tmp_path / "f", np.asfortranarray(np.ones((3, 2))))
    write_checksums(tmp_path / "f")
    np_ninja.extend_dir(tmp_path / "f", np.ones((1, 2)))
    for _ in range(2):
        StringsMmap.from_strings(tmp_path / "replaced", ["a"])
        assert not (tmp_path / "replaced" / "checksums.json").exists()
        write_checksums(tmp_path / "replaced")
    for name in ["widened", "f"]:
        assert not (tmp_path / name / "checksums.json").exists()
        assert verify(tmp_path / name).ok


def test_assignment_makes_the_checksums_of_its_samples_wrong(path):
    RaggedMmap.from_lists(path, [np.arange(3), np.arange(4)])
    write_checksums(path)
    RaggedMmap(path, mode="r+")[1] = np.arange(4) + 1
    assert [finding.samples for finding in verify(path).findings] == [range(2)]
    write_checksums(path)
    assert verify(path).ok


def test_checksums_are_not_written_for_an_inconsistent_dataset(path):
    StringsMmap.from_strings(path, ["a", "bc"])
    os.truncate(path / "data.ninja", 1)
    before = tree(path)
    with pytest.raises(CorruptDatasetError, match=r"data\.ninja"):
        write_checksums(path)
    assert tree(path) == before
