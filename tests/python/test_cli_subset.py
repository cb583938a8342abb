"""`mmap-ninja subset`, and attributes in `mmap-ninja info`."""

import io
import json

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap, open_existing, write_attrs

TEXTS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def source(tmp_path):
    return StringsMmap.from_strings(tmp_path / "source", TEXTS).out_dir


@pytest.mark.parametrize("text", ["1:3", ":2", "3:", "::2", "::-1", "-2:", "4:2", ":"])
def test_a_range_is_a_slice(run, tmp_path, source, text):
    out = tmp_path / "out"
    chosen = TEXTS[slice(*(int(part) if part else None for part in text.split(":")))]
    samples = f"{len(chosen)} sample{'' if len(chosen) == 1 else 's'}"
    assert run("subset", source, out, f"--range={text}") == (0, f"{out}: {samples}, {len(chosen)} B\n", "")
    assert StringsMmap(out)[:] == chosen


def test_indices_come_from_a_file(run, fails, tmp_path, source, monkeypatch):
    out, lines, array = tmp_path / "out", tmp_path / "indices.txt", tmp_path / "indices.npy"
    lines.write_text("4\n0\n\n-1\n")
    assert run("subset", source, out, "--indices", lines)[::2] == (0, "")
    assert StringsMmap(out)[:] == ["e", "a", "e"]
    assert "A dataset is there already" in fails("subset", source, out, "--indices", lines)
    for indices, chosen in [
        (np.array([3, 3]), ["d", "d"]),
        (np.arange(5) > 2, ["d", "e"]),
        (np.zeros(0, int), []),
    ]:
        np.save(array, indices)
        assert run("subset", "--overwrite", source, out, "--indices", array)[::2] == (0, "")
        assert StringsMmap(out)[:] == chosen
    monkeypatch.setattr("sys.stdin", io.StringIO("2 1"))
    assert run("subset", "--overwrite", source, source, "--indices", "-")[::2] == (0, "")
    assert StringsMmap(source)[:] == ["c", "b"]


def test_a_sample_is_random_and_the_same_for_every_run(run, fails, tmp_path):
    source, out = (
        RaggedMmap.from_lists(tmp_path / "source", [[n] for n in range(100)]).out_dir,
        tmp_path / "out",
    )
    found = []
    for seed in 0, 0, 1:
        assert run("subset", "--overwrite", source, out, "--sample", 10, "--seed", seed)[::2] == (0, "")
        found.append([int(item[0]) for item in open_existing(out)])
        assert sorted(set(found[-1])) == found[-1]
    assert found[0] == found[1] != found[2]
    assert "fewer than 101" in fails("subset", source, out, "--sample", 101)


def test_bad_arguments_are_refused_in_one_line(fails, tmp_path, source):
    out, lines = tmp_path / "out", tmp_path / "indices.txt"
    lines.write_text("1\ntwo\n")
    for text in "3", "a:b", "1:2:3:4", "::0":
        assert "--range" in fails("subset", source, out, f"--range={text}", status=2)
    assert "required" in fails("subset", source, out, status=2)
    assert "not allowed" in fails("subset", source, out, "--range", ":1", "--sample", "1", status=2)
    assert "every line" in fails("subset", source, out, "--indices", lines)
    lines.write_text("5")
    assert "index 5" in fails("subset", source, out, "--indices", lines)
    assert "missing" in fails("subset", tmp_path / "missing", out, "--range", ":1")
    assert "missing" in fails("subset", source, out, "--indices", tmp_path / "missing.npy")
    np.save(tmp_path / "objects.npy", np.array([{}], object))
    assert "object" in fails("subset", source, out, "--indices", tmp_path / "objects.npy").lower()
    assert not out.exists()


def test_info_shows_attributes(run, fails, source):
    assert "attrs" not in run("info", source)[1]
    write_attrs(source, {"language": "español"})
    assert 'attrs     {"language": "español"}\n' in run("info", source)[1]
    assert json.loads(run("info", "--json", source)[1])["attrs"] == {"language": "español"}
    (source / "attrs.json").write_text("[]")
    assert "attrs.json" in fails("info", source)
