"""`mmap-ninja info`."""

import ctypes
import json
import mmap
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from mmap_ninja.cli import _facts, _stats, _terminal
from shell import at_terminal, image


def info(run, path):
    status, out, err = run("info", "--json", path)
    assert (status, err) == (0, "")
    return json.loads(out)


def test_info_of_ragged_data(run, tmp_path):
    RaggedMmap.from_lists(tmp_path, [image(4, 6, 3), image(5, 2, 3), image(7, 7), np.zeros(0, np.uint8)])
    shown = info(run, tmp_path)
    lengths = shown.pop("lengths")
    assert shown == {
        "path": str(tmp_path),
        "kind": "ragged",
        "samples": 4,
        "dtype": "uint8",
        "bytes": 72 + 30 + 49,
        "shapes": [
            {"ndim": 1, "samples": 1, "min": [0], "max": [0]},
            {"ndim": 2, "samples": 1, "min": [7, 7], "max": [7, 7]},
            {"ndim": 3, "samples": 2, "min": [4, 2, 3], "max": [5, 6, 3]},
        ],
    }
    histogram = lengths.pop("histogram")
    assert lengths == {"unit": "elements", "min": 0, "median": 39.5, "mean": 37.8, "max": 72}
    assert sum(part["samples"] for part in histogram) == 4
    out = run("info", tmp_path)[1]
    for line in (
        "samples   4",
        "size      151 B",
        "shapes    (4–5, 2–6, 3), 2 samples",
        "shapes    (0,), 1 sample",
    ):
        assert f"{line}\n" in out


def test_info_of_several_datasets(run, tmp_path):
    texts, scalars, missing = tmp_path / "texts", tmp_path / "scalars", tmp_path / "missing"
    StringsMmap.from_strings(texts, ["one"])
    RaggedMmap.from_lists(scalars, [1.0, 2.0])
    alone = [run("info", path)[1] for path in (texts, scalars)]
    assert run("info", texts, scalars) == (0, "\n".join(alone), "")
    error = f"mmap-ninja: {missing}: No such file or directory\n"
    assert run("info", texts, missing, scalars) == (1, "\n".join(alone), error)
    status, out, err = run("info", "--json", missing, texts, scalars)
    assert (status, err) == (1, error)
    assert [json.loads(line)["path"] for line in out.splitlines()] == [str(texts), str(scalars)]


@pytest.mark.parametrize("others", [[], [np.ones((2, 2))]])
def test_info_distinguishes_scalars_from_empty_samples(run, path, others):
    RaggedMmap.from_lists(path, [np.float64(3), np.zeros(0), np.zeros(2), *others])
    shapes = info(run, path)["shapes"]
    assert [(shape["ndim"], shape["samples"]) for shape in shapes[:2]] == [(0, 1), (1, 2)]
    assert shapes[1]["min"] == [0]
    assert "scalars, 1 sample" in run("info", path)[1]


def test_info_of_texts(run, path):
    texts = [f"text number {number} é" for number in range(1000)]
    StringsMmap.from_strings(path, texts, zstd_level=3, zstd_train_dictionary_size=700)
    shown = info(run, path)
    assert shown["zstd_level"] == 3
    assert shown["zstd_dictionary_bytes"] == (path / "zstd_dict.ninja").stat().st_size
    assert shown["bytes"] == (path / "data.ninja").stat().st_size
    assert shown["lengths"]["max"] == len(texts[-1].encode())
    out = run("info", path)[1]
    assert "zstd      level 3, dictionary of " in out
    StringsMmap.from_strings(path, ["a"])
    assert info(run, path)["zstd_level"] is None
    assert "zstd" not in run("info", path)[1]


@pytest.mark.parametrize(
    ("array", "samples"), [(np.zeros((5, 2)), 5), (np.float64(1), 1), (np.zeros((0, 3)), 0)]
)
def test_info_of_dense_data(run, path, array, samples):
    np_ninja.from_ndarray(path, array)
    shown = info(run, path)
    assert (shown["kind"], shown["samples"], shown["shape"]) == ("numpy", samples, list(array.shape))
    assert f"{array.shape}, order C" in run("info", path)[1]
    np_ninja.from_ndarray(path, np.zeros((4, 5), order="F"))
    assert info(run, path)["order"] == "F"


@pytest.mark.parametrize("make", [RaggedMmap.from_lists, StringsMmap.from_strings])
def test_info_and_head_accept_datasets_without_samples(run, path, make):
    make(path, ["a"] if make == StringsMmap.from_strings else [[1]])
    empty(path)
    assert info(run, path)["samples"] == 0
    assert "samples   0\n" in run("info", path)[1]
    assert run("head", path) == (0, "", "")


def empty(path):
    """Remove all samples."""
    for shape in path.rglob("shape.ninja"):
        shape.write_bytes(bytes(8) + shape.read_bytes()[8:])
        (shape.parent / "data.ninja").write_bytes(b"\0")
    (path / "data.ninja").write_bytes(b"\0")


@pytest.mark.parametrize("columns", [1, 20, 34, 80, 200])
def test_info_fits_the_terminal(tmp_path, columns):
    RaggedMmap.from_lists(tmp_path, [np.zeros(n % 30) for n in range(300)])
    status, seen = at_terminal("info", tmp_path, columns=columns)
    assert status == 0
    assert max(map(len, seen.splitlines())) <= columns
    assert columns < 20 or "█" in seen


@pytest.mark.parametrize("claim", [-5, -(2**63), 2**63 - 1])
def test_info_refuses_impossible_shapes(fails, path, claim):
    RaggedMmap.from_lists(path, [[1], [2], [3]])
    np.array([claim, 1, 1]).tofile(path / "shapes" / "data.ninja")
    assert "sample 0" in fails("info", path)


def test_info_counts_stored_elements(run, path):
    RaggedMmap.from_lists(path, [[1], [2], [3]])
    np.array([2**63 - 1, -5, 1]).tofile(path / "flattened_shapes" / "data.ninja")
    assert info(run, path)["lengths"]["max"] == 1


@given(st.lists(st.one_of(st.integers(0, 60), st.integers(0, 2**62)), min_size=1))
def test_a_histogram_counts_every_length_once(lengths):
    parts = _stats.histogram(np.array(lengths))
    assert len(parts) <= 64
    assert [part["from"] for part in parts[1:]] == [part["to"] + 1 for part in parts[:-1]]
    for part in parts:
        assert part["samples"] == sum(part["from"] <= length <= part["to"] for length in lengths)
    assert (parts[0]["from"], parts[-1]["to"]) == (min(lengths), max(lengths))


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(1, 120))
def test_bars_are_as_long_as_their_values(numbers, columns):
    lines = list(_terminal.bar_chart([str(place) for place in range(len(numbers))], numbers, columns))
    assert len(set(map(len, lines))) == 1
    lengths = [len(re.findall("[▏▎▍▌▋▊▉█]", line)) for line in lines]
    for number, length in zip(numbers, lengths, strict=True):
        assert (number > 0) == (length > 0)
        assert length <= max(lengths[numbers.index(max(numbers))], 1)


def claim(path, rows):
    """Make the files claim `rows` empty samples, as sparse files that take no space."""
    for shape in [path / "shape.ninja", *path.glob("*/shape.ninja")]:
        if shape.parent != path:
            shape.write_bytes(rows.to_bytes(8, "little") + shape.read_bytes()[8:])
            os.truncate(shape.parent / "data.ninja", 8 * rows)


@pytest.mark.parametrize("make", [RaggedMmap.from_lists, StringsMmap.from_strings])
def test_info_examines_a_subset_of_very_many_samples(run, path, make, monkeypatch):
    monkeypatch.setattr(_facts, "_MAX_EXAMINED", 100)
    monkeypatch.setattr(_facts, "_SUBSET", 100)
    make(
        path,
        [["one", "two"][n % 2] if make == StringsMmap.from_strings else [n] * (n % 2) for n in range(1001)],
    )
    shown = info(run, path)
    assert (shown["samples"], shown["examined"]) == (1001, 91)
    assert sum(part["samples"] for part in shown["lengths"]["histogram"]) == 91
    assert sum(shape["samples"] for shape in shown.get("shapes", [])) in (0, 91)
    assert "examined  91, evenly spaced" in run("info", path)[1]
    make(path, ["one"] * 100 if make == StringsMmap.from_strings else [[1], [[2]]] * 50)
    assert "examined" not in info(run, path)


def pages_in_memory(path):
    """The number of pages of a file in the page cache."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        address = ctypes.c_char.from_buffer(mapping)
        pages = np.zeros(-(-len(mapping) // mmap.PAGESIZE), np.uint8)
        status = ctypes.CDLL(None).mincore(
            ctypes.byref(address), ctypes.c_size_t(len(mapping)), ctypes.c_void_p(pages.ctypes.data)
        )
        del address
    assert status == 0
    return np.count_nonzero(pages & 1)


def test_info_of_a_sparse_giant_reads_few_pages(run, tmp_path, large_files):
    RaggedMmap.from_lists(tmp_path, [np.zeros(0, np.uint8)])
    try:
        claim(tmp_path, 1 << 33)
    except OSError:
        # Sparse files of 64 GiB: ext4, xfs, btrfs and tmpfs support them, others may not.
        pytest.skip("the file system does not support files of that size")
    shown = info(run, tmp_path)
    assert (shown["samples"], shown["examined"]) == (1 << 33, 1024)
    for data in tmp_path.glob("*/data.ninja"):
        # Read-ahead would load at least 32 times as many pages. Opening reads the last values and their neighbours.
        assert pages_in_memory(data) < 16 * 1024
