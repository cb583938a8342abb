"""Verification finds all damage, and reports nothing else as damage."""

import os
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import workers
from catalogue import KINDS
from conftest import program, tree
from damage import files, flip
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, repair, verify, write_checksums
from mmap_ninja import numpy as np_ninja
from scale import SOAK


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_dataset_has_no_findings_and_stays_as_it_is(kind, path):
    KINDS[kind].create(path)
    before = tree(path)
    report = verify(path)
    assert report.ok, report
    assert (report.findings, report.notes, report.checked) == ((), (), 0)
    assert report.bytes == sum(file.stat().st_size for file in files(path) if file.name == "data.ninja")
    assert tree(path) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_dataset_that_cannot_be_read_is_never_reported_as_sound(kind, tmp_path):
    chosen = random.Random(kind)
    KINDS[kind].create(tmp_path / "whole")
    members = [file.relative_to(tmp_path / "whole") for file in files(tmp_path / "whole")]
    directories = [
        file.relative_to(tmp_path / "whole") for file in (tmp_path / "whole").rglob("*") if file.is_dir()
    ]
    for number in range(2000 if SOAK else 20):
        path = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", path)
        mutation = chosen.choice(MUTATIONS)
        mutation(path / chosen.choice(members + directories * (mutation in BROAD)), chosen)
        report = verify(path)
        assert str(report)
        try:
            KINDS[kind].read(path)
        except (ValueError, OSError):
            assert not report.ok, mutation.__name__
        repair(path)
        repair(path, apply=True)
        shutil.rmtree(path)


def flip_some(file, chosen):
    if file.stat().st_size:
        for _ in range(chosen.randrange(1, 4)):
            flip(file, chosen.randrange(file.stat().st_size * 8))


def cut(file, chosen):
    os.truncate(file, chosen.randrange(file.stat().st_size + 1))


def grow(file, chosen):
    file.write_bytes(file.read_bytes() + chosen.randbytes(chosen.randrange(1, 40)))


def overwrite(file, chosen):
    file.write_bytes(chosen.randbytes(chosen.randrange(file.stat().st_size + 9)))


def set_value(file, chosen):
    content = bytearray(file.read_bytes())
    value = chosen.choice([-1, 0, 1, 2, 2**31, 2**62, 2**63 - 1, -(2**63), len(content)])
    at = chosen.randrange(len(content) // 8 + 1) * 8
    content[at : at + 8] = value.to_bytes(8, "little", signed=True)
    file.write_bytes(content)


def remove(file, _chosen):
    shutil.rmtree(file) if file.is_dir() else file.unlink()


def link(file, chosen):
    remove(file, chosen)
    file.symlink_to(chosen.choice(["/dev/zero", "/dev", str(file), "nowhere"]))


def pipe(file, chosen):
    remove(file, chosen)
    os.mkfifo(file)


def directory(file, chosen):
    remove(file, chosen)
    file.mkdir()


BROAD = [remove, link, pipe, directory]
MUTATIONS = [flip_some, cut, grow, overwrite, set_value, *BROAD]


def test_a_huge_sparse_dataset_is_verified_without_reading_its_holes(path, large_files):
    RaggedMmap.from_lists(path, [np.array([], np.uint8)])
    try:
        for key in ["starts", "ends", "shapes", "flattened_shapes"]:
            count = 1 << 38
            content = (path / key / "shape.ninja").read_bytes()
            (path / key / "shape.ninja").write_bytes(count.to_bytes(8, "little") + content[8:])
            os.truncate(path / key / "data.ninja", 8 * count)
    except OSError:
        # ext4, for one, ends files at 16 TiB or less.
        pytest.skip("the file system has no such files")
    report = verify(path)
    assert report.ok, report
    assert report.samples == 1 << 38
    os.truncate(path / "starts" / "data.ninja", 1 << 40)
    assert repair(path).actions
    flip(path / "ends" / "data.ninja", 8 * 4096)
    assert [range(512, 513)] == [
        finding.samples for finding in verify(path).findings if finding.samples and len(finding.samples) == 1
    ]


def test_memory_does_not_grow_with_the_data(tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [np.arange(6 << 20)])
    RaggedMmap.from_lists(tmp_path / "many", [np.zeros((1, 1), np.uint8)] * 300_000)
    StringsMmap.from_strings(tmp_path / "s", ["é" * (20 << 20)])
    small = StringsMmap.from_strings(tmp_path / "small", ["a"])
    command = program("measure_checksums", *[tmp_path / name for name in ["small", "r", "many", "s"]])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 << 10
    assert len(small) == 1


def test_strings_that_overlap_thousands_of_times_are_not_read_each_time(path):
    StringsMmap.from_strings(path, ["x" * (4 << 20), *["y"] * 20_000])
    starts = np.fromfile(path / "starts" / "data.ninja", "<i8")
    starts[1:] = 0
    starts.tofile(path / "starts" / "data.ninja")
    report = verify(path)
    assert "overlap" in str(report.findings[0])
    assert report.findings[0].samples.stop == 20_001


def test_gaps_and_overlaps_are_notes(path):
    ragged = RaggedMmap.from_lists(path, [np.arange(3), np.arange(3), np.arange(5)])
    starts, ends = [np.fromfile(path / key / "data.ninja", "<i8") for key in ["starts", "ends"]]
    starts[1], ends[1] = 1, 4
    starts.tofile(path / "starts" / "data.ninja")
    ends.tofile(path / "ends" / "data.ninja")
    report = verify(path)
    assert report.ok
    assert [note.samples for note in report.notes] == [range(1, 2), range(2, 3)]
    assert ["overlaps" in report.notes[0].message, "no sample" in report.notes[1].message] == [True, True]
    assert len(ragged) == 3


def test_foreign_entries_are_notes_and_links_are_not_followed(path):
    StringsMmap.from_strings(path, ["a"])
    (path / "README.md").write_text("mine")
    (path / "starts" / "link").symlink_to("/")
    report = verify(path)
    assert report.ok
    assert sorted(str(note.file) for note in report.notes) == ["README.md", "starts/link"]


def test_samples_are_named_by_ranges(path):
    StringsMmap.from_strings(path, [f"{i:04}" for i in range(100)])
    data = bytearray((path / "data.ninja").read_bytes())
    data[40:80] = b"\xff" * 40
    data[200] = 0xFF
    (path / "data.ninja").write_bytes(data)
    found = [(finding.offset, finding.samples) for finding in verify(path).findings]
    assert found == [(40, range(10, 20)), (200, range(50, 51))]


def test_a_flipped_frame_is_found_without_checksums(path):
    StringsMmap.from_strings(path, ["ab" * 50, "cd" * 50], zstd_level=1)
    size = (path / "data.ninja").stat().st_size
    flip(path / "data.ninja", size * 8 - 50)
    assert [finding.samples for finding in verify(path).findings] == [range(1, 2)]


def test_verification_beside_a_writer_finds_no_damage(path):
    RaggedMmap.from_lists(path, [np.zeros((0, 2), int)])
    write_checksums(path)
    command = [sys.executable, workers.__file__, "append_forever", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.read(1)
        reports = [verify(path) for _ in range(400 if SOAK else 60)]
        writer.kill()
    for report in reports:
        assert report.ok, report
    assert reports[0].samples < reports[-1].samples
    assert verify(path).ok


def test_a_dataset_that_is_replaced_during_verification_is_not_damaged(path, tmp_path):
    for name in "ab":
        RaggedMmap.from_lists(tmp_path / name, [np.arange(i) for i in range(50 if name == "a" else 3)])
    with subprocess.Popen(program("replace_forever", path), stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        reports = [verify(path) for _ in range(100)]
        writer.kill()
        writer.stdout.close()
    assert all(report.ok for report in reports), next(report for report in reports if not report.ok)
    assert {report.samples for report in reports} <= {50, 3}


@pytest.mark.parametrize("check", [verify, repair, write_checksums])
def test_a_missing_dataset_is_an_error(check, tmp_path):
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="No dataset"):
        check(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        check(tmp_path / "file")


def test_custom_names_of_members_are_verified_and_checksummed(path):
    keys = {"starts_key": "a", "ends_key": "b", "shapes_key": "c", "flattened_shapes_key": "d"}
    RaggedMmap.from_lists(path, [np.zeros((2, 2))], **keys)
    assert not verify(path).ok
    write_checksums(path, **keys)
    assert verify(path, **keys).ok
    flip(path / "c" / "data.ninja", 3)
    assert {str(finding.file) for finding in verify(path, **keys).findings} == {"c/data.ninja"}
    with pytest.raises(TypeError):
        verify(path, start_key="a")


def test_a_progress_bar_counts_bytes(path, capsys):
    StringsMmap.from_strings(path, ["a" * 5000])
    verify(path, verbose=True)
    write_checksums(path, verbose=True)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "B/s" in shown


def test_what_a_bar_raises_ends_the_verification(path, monkeypatch):
    import tqdm.auto

    class Failing(tqdm.auto.tqdm):
        def update(self, n=1):
            raise KeyboardInterrupt

    StringsMmap.from_strings(path, ["a" * 5000])
    monkeypatch.setattr(tqdm.auto, "tqdm", Failing)
    with pytest.raises(KeyboardInterrupt):
        verify(path, verbose=True)


def test_a_report_has_no_truth_value(path):
    StringsMmap.from_strings(path, ["a"])
    with pytest.raises(TypeError, match="ok"):
        bool(verify(path))
    with pytest.raises(TypeError, match="ok"):
        bool(repair(path))


def test_an_index_out_of_its_data_is_reported_by_file(path):
    ragged = RaggedMmap.from_lists(path, [np.arange(3), np.arange(3)])
    (path / "starts" / "data.ninja").write_bytes(np.array([-1, 3], "<i8").tobytes())
    with pytest.raises(CorruptDatasetError, match=r"data\.ninja: sample 0"):
        RaggedMmap(path)[0]
    (finding,) = verify(path).findings
    assert (str(finding.file), finding.offset, finding.samples) == ("starts/data.ninja", 0, range(1))
    assert len(ragged) == 2


def test_a_damaged_dictionary_is_damage_when_strings_are_appended(path):
    strings = StringsMmap.from_strings(
        path, [f"text {i} of many" for i in range(500)], zstd_level=3, zstd_train_dictionary_size=512
    )
    content = (path / "zstd_dict.ninja").read_bytes()
    (path / "zstd_dict.ninja").write_bytes(content[:12])
    with pytest.raises(CorruptDatasetError, match=r"zstd_dict\.ninja"):
        StringsMmap(path).append("x")
    assert "zstd_dict.ninja" in {str(finding.file) for finding in verify(path).findings}
    strings.close()


def test_a_shape_that_no_array_can_have_is_damage(tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [np.zeros((2, 0))])
    np.array([2**62, 0], "<i8").tofile(tmp_path / "r" / "shapes" / "data.ninja")
    with pytest.raises(CorruptDatasetError):
        RaggedMmap(tmp_path / "r")[0]
    np_ninja.from_ndarray(tmp_path / "n", np.zeros((2, 0)))
    np.array([2**62, 0], "<u8").tofile(tmp_path / "n" / "shape.ninja")
    with pytest.raises(CorruptDatasetError):
        np_ninja.open_existing(tmp_path / "n")
    assert not verify(tmp_path / "r").ok
    assert not verify(tmp_path / "n").ok
