"""`mmap-ninja verify`, `repair`, `checksum` and `concat`."""

import os
import re

import numpy as np
import pytest
from conftest import tree
from mmap_ninja import RaggedMmap, StringsMmap

# verify, repair and checksums


def test_verify_and_repair_report_a_sound_dataset(run, path):
    StringsMmap.from_strings(path, ["one", "two"])
    status, out, err = run("verify", path)
    assert (status, err) == (0, "")
    assert re.fullmatch(r"sound: string, 2 samples, [^\n]+\n", out)
    large = path.with_name("large")
    StringsMmap.from_strings(large, ["a" * 10_000])
    assert run("verify", large)[1].startswith("sound: string, 1 sample, 10,")
    assert run("repair", path) == (0, "nothing to repair\n", "")
    assert run("repair", "--apply", path) == (0, "nothing to repair\n", "")


def test_damage_is_repaired_only_with_apply(run, path):
    StringsMmap.from_strings(path, ["one", "two"])
    os.truncate(path / "data.ninja", 4)
    torn = tree(path)
    for command, verdict in ("verify", "damaged: "), ("repair", "would repair "):
        status, out, err = run(command, path)
        assert (status, err) == (1, "")
        assert out.startswith(verdict)
        assert "data.ninja, byte " in out
    assert tree(path) == torn
    status, out, err = run("repair", "--apply", path)
    assert (status, err) == (0, "")
    assert f"kept in {path}.repair-backup-1" in out
    assert StringsMmap(path)[:] == ["one"]
    assert run("verify", path)[0] == 0


def test_damage_that_remains_is_status_1(run, path):
    StringsMmap.from_strings(path, ["one", "two"])
    (path / "data.ninja").write_bytes(b"one\xff\xff\xff")
    assert "UTF-8" in run("verify", path)[1]
    assert run("verify", path)[0] == 1
    (path / "starts" / "data.ninja").unlink()
    assert run("repair", "--apply", path)[0] == 1


def test_checksums_detect_a_changed_bit(run, path):
    RaggedMmap.from_lists(path, [np.zeros(100, np.uint8)])
    assert run("checksum", path) == (0, "", "")
    assert run("verify", path)[0] == 0
    (path / "data.ninja").write_bytes(bytes(50) + b"\1" + bytes(49))
    assert run("verify", path)[0] == 1
    assert run("checksum", path)[0] == 0
    assert run("verify", path)[0] == 0


def test_verify_reports_several_datasets_by_name(run, tmp_path):
    sound, torn, missing = tmp_path / "so\nund", tmp_path / "torn", tmp_path / "missing"
    for path in sound, torn:
        StringsMmap.from_strings(path, ["one", "two"])
    assert run("verify", sound, sound)[0] == 0
    os.truncate(torn / "data.ninja", 4)
    status, out, err = run("verify", torn, missing, sound)
    lines = out.splitlines()
    assert status == 1
    assert lines[0].startswith(f"{torn}: damaged: string, ")
    assert lines[1].startswith("  ")
    assert lines[-1].startswith(f"{tmp_path}/so\\nund: sound: string, 2 samples, ")
    assert err == f"mmap-ninja: {missing}: No such file or directory\n"


def test_bytes_of_verify_are_those_of_samples_and_index(run, path):
    StringsMmap.from_strings(path, ["one", "four"])
    files = [*path.rglob("data.ninja")]
    assert f", {sum(file.stat().st_size for file in files)} bytes, 0 with checksums" in run("verify", path)[1]
    assert run("checksum", path)[0] == 0
    files += [file for file in path.rglob("*.ninja") if file.name not in ("data.ninja", "shape.ninja")]
    assert f", {sum(file.stat().st_size for file in files)} with checksums" in run("verify", path)[1]


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_file_names_cannot_forge_output(run, path, command):
    StringsMmap.from_strings(path, ["one", "two"])
    os.truncate(path / "data.ninja", 4)
    (path / "x\nsound: \x1b[2J").touch()
    _, out, _ = run(command, path)
    assert not re.search("^sound|\x1b", out, re.MULTILINE)


def test_checksum_refuses_a_damaged_dataset(fails, path):
    StringsMmap.from_strings(path, ["one", "two"])
    os.truncate(path / "data.ninja", 4)
    assert "data.ninja" in fails("checksum", path)


# concat


def test_concat_joins_datasets(run, fails, tmp_path):
    for name, samples in ("a", [[1], [2, 3]]), ("b", [[4]]):
        RaggedMmap.from_lists(tmp_path / name, samples)
    out = tmp_path / "out"
    assert run("concat", out, tmp_path / "a", tmp_path / "b") == (0, f"{out}: 3 samples, 32 B\n", "")
    assert [sample.tolist() for sample in RaggedMmap(out)] == [[1], [2, 3], [4]]
    assert "A dataset is there already" in fails("concat", out, tmp_path / "b")
    assert run("concat", "--overwrite", out, tmp_path / "b") == (0, f"{out}: 1 sample, 8 B\n", "")


def test_concat_refuses_other_kinds_and_dtypes(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "ints", [[1]])
    RaggedMmap.from_lists(tmp_path / "floats", [[1.0]])
    StringsMmap.from_strings(tmp_path / "texts", ["a"])
    fails("concat", tmp_path / "out", tmp_path / "ints", tmp_path / "floats")
    assert "texts: this is of kind" in fails(
        "concat", tmp_path / "out", tmp_path / "ints", tmp_path / "texts"
    )
    assert sorted(os.listdir(tmp_path)) == ["floats", "ints", "texts"]
