"""`mmap-ninja head`."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from mmap_ninja.cli import _terminal
from PIL import Image
from shell import at_terminal, image


def test_head_shows_each_text_on_one_line(run, path):
    StringsMmap.from_strings(
        path, ["one\ntwo\t3", "\x1b[31mred\x07", "\u202egnp.exe", "日本語 ünï 🎉", "", "last"]
    )
    status, out, err = run("head", "-n", 5, path)
    assert (status, err) == (0, "")
    assert out == "0  one\\ntwo\\t3\n1  \\x1b[31mred\\x07\n2  \\u202egnp.exe\n3  日本語 ünï 🎉\n4  \n"


def test_head_shows_arrays_by_dtype_shape_and_first_values(run, path):
    RaggedMmap.from_lists(path, [np.arange(40).reshape(20, 2), np.array([], int), np.int64(7)])
    assert run("head", path)[1].splitlines() == [
        "0  int64 (20, 2)  [ 0  1  2  3  4  5  6  7  8  9 10 11 ...]",
        "1  int64 (0,)  []",
        "2  int64 ()  7",
    ]
    np_ninja.from_ndarray(path, np.arange(6.0).reshape(3, 2))
    assert run("head", "-n", 1, path)[1] == "0  float64 (2,)  [0. 1.]\n"
    np_ninja.from_ndarray(path, np.array("x\ny"))
    assert run("head", path)[1] == "0  <U3 ()  x\\ny\n"


@pytest.mark.parametrize("dtype", ["M8[s]", "c8", "S5", "U3", "?", "f2", ">i4", [("a", "i4"), ("b", "U2")]])
def test_head_shows_every_dtype(run, path, dtype):
    RaggedMmap.from_lists(path, [np.zeros(20, dtype), np.zeros((2, 2), dtype)])
    status, out, err = run("head", path)
    assert (status, err, out.count("\n")) == (0, "", 2)


def test_head_shows_ten_samples_or_n(run, path):
    StringsMmap.from_strings(path, [f"text {number}" for number in range(12)])
    assert run("head", path)[1].splitlines()[-1] == "9  text 9"
    assert run("head", "-n", 11, path)[1].splitlines()[-2:] == [" 9  text 9", "10  text 10"]
    assert len(run("head", "-n", 100, path)[1].splitlines()) == 12
    assert run("head", "-n", 0, path) == (0, "", "")


def test_head_cuts_lines_on_a_terminal_only(run, path):
    accented = "e\u0301"
    texts = ["a" * 500, "日" * 500, accented * 500, "a" * 27, "日" * 13 + "a"]
    StringsMmap.from_strings(path, texts)
    status, seen = at_terminal("head", path, columns=30)
    assert status == 0
    assert seen.splitlines() == [
        f"0  {'a' * 26}…",
        f"1  {'日' * 13}…",
        f"2  {accented * 26}…",
        f"3  {'a' * 27}",
        f"4  {'日' * 13}a",
    ]
    assert run("head", path)[1].splitlines() == [f"{place}  {text}" for place, text in enumerate(texts)]


@given(st.text(), st.integers(1, 20))
def test_a_truncated_line_fits_and_is_a_prefix(line, columns):
    cut = _terminal.truncate(line, columns)
    assert cut == line or (cut.endswith("…") and line.startswith(cut[:-1]))
    assert sum(map(_terminal._columns_of, cut)) <= columns


def test_head_writes_thumbnails(run, tmp_path):
    RaggedMmap.from_lists(
        tmp_path / "r", [image(40, 30, 3), image(9, 9), np.zeros(5, np.uint8), image(300, 600, 4)]
    )
    sheet = tmp_path / "sheet.PNG"
    status, out, err = run("head", "--images", sheet, tmp_path / "r")
    assert (status, out, err) == (0, f"{sheet}: 3 images of 4 samples\n", "")
    pixels = np.asarray(Image.open(sheet))
    assert pixels.shape == (2 * 132 + 4, 2 * 132 + 4, 3)
    # The first image is centered in the first cell.
    assert np.array_equal(pixels[4 + 44 : 4 + 84, 4 + 49 : 4 + 79], image(40, 30, 3))
    assert sorted(os.listdir(tmp_path)) == ["r", "sheet.PNG"]


def test_head_refuses_thumbnails_without_images(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [np.zeros((4, 4)), np.zeros((4, 4, 2))])
    StringsMmap.from_strings(tmp_path / "s", ["a"])
    for kind in "r", "s":
        assert "looks like an image" in fails("head", "--images", tmp_path / "x.png", tmp_path / kind)
    RaggedMmap.from_lists(tmp_path / "r", [image(1, 1)] * 1025)
    assert "1025 images are too many" in fails(
        "head", "-n", 2000, "--images", tmp_path / "x.png", tmp_path / "r"
    )
    assert not (tmp_path / "x.png").exists()


def test_a_failed_write_of_thumbnails_leaves_no_file(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [image(4, 4)])
    (tmp_path / "folder.png").mkdir()
    assert "x.png: No such file" in fails("head", "--images", tmp_path / "no" / "x.png", tmp_path / "r")
    assert "folder.png: Is a directory" in fails("head", "--images", tmp_path / "folder.png", tmp_path / "r")
    assert sorted(os.listdir(tmp_path)) == ["folder.png", "r"]


def test_times_that_cannot_be_formatted_are_an_error_that_names_the_dataset(fails, path):
    np_ninja.from_ndarray(path, np.arange(3))
    (path / "dtype.ninja").write_text("datetime64")
    assert fails("head", path).startswith(f"mmap-ninja: {path}: sample 0: ")
