"""The command line, as a shell and as a person at a terminal see it."""

import errno
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import redirect_stderr, redirect_stdout

import mmap_ninja
import numpy as np
import pytest
from conftest import tree
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from mmap_ninja.cli import _files, _lengths, _terminal, main
from PIL import Image

COMMANDS = ["info", "head", "verify", "repair", "checksum", "concat", "convert"]
PROGRAM = [sys.executable, "-m", "mmap_ninja"]


@pytest.fixture
def run(capsys):
    """Runs a command here; returns its status, output and errors."""

    def run(*argv):
        status = main([str(argument) for argument in argv])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def fails(run):
    """Runs a command that prints nothing but one line of error; returns it."""

    def fails(*argv, status=1):
        found, out, err = run(*argv)
        assert (found, out) == (status, "")
        assert re.fullmatch(r"mmap-ninja: [^\n]+\n", err)
        return err

    return fails


def at_terminal(*argv, columns, **environment):
    """Runs a command at a terminal of so many columns; returns its status and what is seen."""
    main_end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**known, "TERM": "xterm", "PYTHONUTF8": "1", **environment}
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    with subprocess.Popen([*PROGRAM, *map(str, argv)], env=environment, **streams) as process:
        os.close(terminal)
        seen = b""
        while block := read(main_end):
            seen += block
        os.close(main_end)
    return process.returncode, seen.decode().replace("\r\n", "\n")


def read(descriptor):
    """What a terminal shows next; nothing when the program has ended."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError as error:
        assert error.errno == errno.EIO
        return b""


def image(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def write(text, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# What all commands have in common.


def test_the_version_is_that_of_the_package(run):
    assert run("--version") == (0, f"mmap-ninja {mmap_ninja.__version__}\n", "")


def test_the_program_is_installed_under_its_name():
    from importlib.metadata import entry_points

    (program,) = entry_points(group="console_scripts", name="mmap-ninja")
    assert program.load() is main


def test_help_names_every_command_and_has_examples(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert re.findall(r"^    (\w+)\b", out, re.MULTILINE) == COMMANDS
    for command in COMMANDS:
        status, out, err = run(command, "--help")
        assert (status, err) == (0, "")
        assert f"  mmap-ninja {command} " in out.partition("examples:")[2]
        assert max(map(len, out.splitlines())) <= 79


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("look",),
        ("info",),
        ("info", "a", "b"),
        ("info", "--yaml", "a"),
        ("head", "-n", "-1", "a"),
        ("concat", "a"),
    ]
    + [("head", "-n", "x", "a"), ("head", "--images", "a.jpg", "b"), ("convert", "-j", "0", "a", "b")]
    + [("convert", "--kind", "sounds", "a", "b")],
)
def test_wrong_usage_is_one_line_and_status_2(fails, argv):
    assert "--help`" in fails(*argv, status=2)


@pytest.mark.parametrize(
    "argv", [("info",), ("head",), ("verify",), ("repair",), ("checksum",), ("concat", "out")]
)
def test_a_missing_data_set_is_one_line_that_names_it(fails, tmp_path, argv):
    (tmp_path / "empty").mkdir()
    assert "no\\nwhere: No " in fails(*argv, tmp_path / "no\nwhere")
    assert "empty: no data set" in fails(*argv, tmp_path / "empty").lower()


@pytest.mark.parametrize("command", ["info", "head"])
def test_damage_is_one_line_that_names_the_file(fails, tmp_path, command):
    RaggedMmap.from_lists(tmp_path, [np.arange(5)] * 3)
    (tmp_path / "data.ninja").write_bytes(b"short")
    assert "data.ninja" in fails(command, tmp_path)


def test_damage_in_the_middle_is_one_line(run, tmp_path):
    StringsMmap.from_strings(tmp_path, ["one", "two"])
    (tmp_path / "data.ninja").write_bytes(b"one\xff\xff\xff")
    status, out, err = run("head", tmp_path)
    assert (status, out) == (1, "0  one\n")
    assert "UTF-8" in err


def test_nobody_has_to_read_all(tmp_path):
    StringsMmap.from_strings(tmp_path, ["a" * 1000] * 1000)
    command = [*PROGRAM, "head", "-n", "1000", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("argv", [("info",), ("head", "-n", "3")])
def test_output_that_cannot_be_written_is_one_line(tmp_path, argv):
    StringsMmap.from_strings(tmp_path, ["a"])
    with open("/dev/full", "w") as full:
        arguments = [*argv, tmp_path]
        done = subprocess.run(
            [*PROGRAM, *arguments], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "mmap-ninja: No space left on device\n"


SLOW = """
import sys, time
from dataclasses import replace
from mmap_ninja.cli import _kinds, main

def read(file):
    print("reading", flush=True)
    time.sleep(0.3)
    return ""

_kinds.KINDS["texts"] = replace(_kinds.KINDS["texts"], read=read)
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_leaves_nothing(tmp_path):
    for number in range(100):
        write("", tmp_path / "files" / f"{number}.txt")
    command = [sys.executable, "-c", SLOW, "convert", tmp_path / "files", tmp_path / "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 130
    assert os.listdir(tmp_path) == ["files"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminals_that_know_few_characters_get_what_they_know(tmp_path, encoding):
    StringsMmap.from_strings(tmp_path / "é日", ["日本", "a" * 50])
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for command in "info", "head":
        done = subprocess.run(
            [*PROGRAM, command, tmp_path / "é日"], env=environment, capture_output=True, check=True
        )
        assert done.stderr == b""
        assert b"\\u65e5\\u672c" in done.stdout or b"###" in done.stdout


# info


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


@pytest.mark.parametrize("others", [[], [np.ones((2, 2))]])
def test_info_tells_scalars_from_empty_samples(run, path, others):
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
def test_data_without_samples_is_no_error(run, path, make):
    make(path, ["a"] if make == StringsMmap.from_strings else [[1]])
    empty(path)
    assert info(run, path)["samples"] == 0
    assert "samples   0\n" in run("info", path)[1]
    assert run("head", path) == (0, "", "")


def empty(path):
    """Takes away all samples."""
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


def test_info_of_claims_that_cannot_be_true(run, fails, path):
    RaggedMmap.from_lists(path, [[1], [2], [3]])
    claims = path / "flattened_shapes" / "data.ninja"
    for first in -5, -(2**63):
        np.array([first, 2, 1]).tofile(claims)
        assert "flattened_shapes" in fails("info", path)
    np.array([2**63 - 1, 2**63 - 1, 1]).tofile(claims)
    assert info(run, path)["lengths"]["max"] == 2**63 - 1
    assert run("info", path)[0] == 0


@given(st.lists(st.one_of(st.integers(0, 60), st.integers(0, 2**62)), min_size=1))
def test_a_histogram_counts_every_length_once(lengths):
    parts = _lengths.histogram(np.array(lengths))
    assert len(parts) <= 64
    assert [part["from"] for part in parts[1:]] == [part["to"] + 1 for part in parts[:-1]]
    for part in parts:
        assert part["samples"] == sum(part["from"] <= length <= part["to"] for length in lengths)
    assert (parts[0]["from"], parts[-1]["to"]) == (min(lengths), max(lengths))


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(1, 120))
def test_bars_are_as_long_as_their_numbers_say(numbers, columns):
    lines = list(_terminal.bars([str(place) for place in range(len(numbers))], numbers, columns))
    assert len(set(map(len, lines))) == 1
    lengths = [len(re.findall("[▏▎▍▌▋▊▉█]", line)) for line in lines]
    for number, length in zip(numbers, lengths, strict=True):
        assert (number > 0) == (length > 0)
        assert length <= max(lengths[numbers.index(max(numbers))], 1)


# head


def test_head_shows_texts_in_a_line_each(run, path):
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


def test_head_shows_ten_or_as_many_as_asked_for(run, path):
    StringsMmap.from_strings(path, [f"text {number}" for number in range(12)])
    assert run("head", path)[1].splitlines()[-1] == "9  text 9"
    assert run("head", "-n", 11, path)[1].splitlines()[-2:] == [" 9  text 9", "10  text 10"]
    assert len(run("head", "-n", 100, path)[1].splitlines()) == 12
    assert run("head", "-n", 0, path) == (0, "", "")


def test_head_cuts_lines_to_the_terminal_and_nowhere_else(run, path):
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
def test_a_cut_line_fits_and_begins_like_the_whole(line, columns):
    cut = _terminal.cut(line, columns)
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
    # The first one stands in the middle of the first cell.
    assert np.array_equal(pixels[4 + 44 : 4 + 84, 4 + 49 : 4 + 79], image(40, 30, 3))
    assert sorted(os.listdir(tmp_path)) == ["r", "sheet.PNG"]


def test_head_writes_no_thumbnails_of_what_is_no_image(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [np.zeros((4, 4)), np.zeros((4, 4, 2))])
    StringsMmap.from_strings(tmp_path / "s", ["a"])
    for kind in "r", "s":
        assert "looks like an image" in fails("head", "--images", tmp_path / "x.png", tmp_path / kind)
    RaggedMmap.from_lists(tmp_path / "r", [image(1, 1)] * 1025)
    assert "1025 images are too many" in fails(
        "head", "-n", 2000, "--images", tmp_path / "x.png", tmp_path / "r"
    )
    assert not (tmp_path / "x.png").exists()


def test_thumbnails_that_cannot_be_written_leave_what_was_there(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [image(4, 4)])
    (tmp_path / "folder.png").mkdir()
    assert "x.png: No such file" in fails("head", "--images", tmp_path / "no" / "x.png", tmp_path / "r")
    assert "folder.png: Is a directory" in fails("head", "--images", tmp_path / "folder.png", tmp_path / "r")
    assert sorted(os.listdir(tmp_path)) == ["folder.png", "r"]


# verify, repair and checksums


def test_a_sound_data_set_is_said_to_be(run, path):
    StringsMmap.from_strings(path, ["one", "two"])
    status, out, err = run("verify", path)
    assert (status, err) == (0, "")
    assert re.fullmatch(r"sound: string, 2 samples, [^\n]+\n", out)
    assert run("repair", path) == (0, "nothing to repair\n", "")
    assert run("repair", "--apply", path) == (0, "nothing to repair\n", "")


def test_damage_is_found_and_repaired_only_if_asked_to(run, path):
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
    assert f"kept in {path}.cut-1" in out
    assert StringsMmap(path)[:] == ["one"]
    assert run("verify", path)[0] == 0


def test_damage_that_stays_is_status_1(run, path):
    StringsMmap.from_strings(path, ["one", "two"])
    (path / "data.ninja").write_bytes(b"one\xff\xff\xff")
    assert "UTF-8" in run("verify", path)[1]
    assert run("verify", path)[0] == 1
    (path / "starts" / "data.ninja").unlink()
    assert run("repair", "--apply", path)[0] == 1


def test_checksums_let_any_changed_bit_be_found(run, path):
    RaggedMmap.from_lists(path, [np.zeros(100, np.uint8)])
    assert run("checksum", path) == (0, "", "")
    assert run("verify", path)[0] == 0
    (path / "data.ninja").write_bytes(bytes(50) + b"\1" + bytes(49))
    assert run("verify", path)[0] == 1
    assert run("checksum", path)[0] == 0
    assert run("verify", path)[0] == 0


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_file_names_cannot_speak_for_the_program(run, path, command):
    StringsMmap.from_strings(path, ["one", "two"])
    os.truncate(path / "data.ninja", 4)
    (path / "x\nsound: \x1b[2J").touch()
    _, out, _ = run(command, path)
    assert not re.search("^sound|\x1b", out, re.MULTILINE)


def test_checksums_need_a_sound_data_set(fails, path):
    StringsMmap.from_strings(path, ["one", "two"])
    os.truncate(path / "data.ninja", 4)
    assert "data.ninja" in fails("checksum", path)


# concat


def test_concat_joins(run, fails, tmp_path):
    for name, samples in ("a", [[1], [2, 3]]), ("b", [[4]]):
        RaggedMmap.from_lists(tmp_path / name, samples)
    out = tmp_path / "out"
    assert run("concat", out, tmp_path / "a", tmp_path / "b") == (0, f"{out}: 3 samples, 32 B\n", "")
    assert [sample.tolist() for sample in RaggedMmap(out)] == [[1], [2, 3], [4]]
    assert "A data set is there already" in fails("concat", out, tmp_path / "b")
    assert run("concat", "--overwrite", out, tmp_path / "b") == (0, f"{out}: 1 sample, 8 B\n", "")


def test_concat_refuses_what_does_not_fit(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "ints", [[1]])
    RaggedMmap.from_lists(tmp_path / "floats", [[1.0]])
    StringsMmap.from_strings(tmp_path / "texts", ["a"])
    fails("concat", tmp_path / "out", tmp_path / "ints", tmp_path / "floats")
    assert "texts: this is of kind" in fails(
        "concat", tmp_path / "out", tmp_path / "ints", tmp_path / "texts"
    )
    assert sorted(os.listdir(tmp_path)) == ["floats", "ints", "texts"]


# convert


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "folder"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.mark.parametrize("jobs", [1, 3])
def test_convert_stores_images_in_natural_order(run, folder, out, jobs):
    names = ["2.png", "10.png", "a1/9.png", "a1/10.PNG", "a10/1.png", "B/1.png", "c.png"]
    for seed, name in enumerate(reversed(names)):
        save(image(5 + seed, 4, 3, seed=seed), folder / name)
    assert run("convert", "-j", jobs, folder, out) == (0, f"{out}: 7 samples, 672 B\n", "")
    images = RaggedMmap(out)
    for seed, stored in enumerate(reversed(images[:])):
        assert np.array_equal(stored, image(5 + seed, 4, 3, seed=seed))
    assert StringsMmap(out / "names")[:] == names


@given(
    st.permutations(
        ["1", "2", "02", "10", "a", "B", "b", "a1", "a2b", "a10", "a/1", "a/10", "b/2", "é", "9" * 200]
    )
)
def test_natural_order_does_not_depend_on_the_order_before(names):
    from pathlib import Path

    def key(name):
        return _files.natural_key(Path(name)), name

    ordered = sorted(names, key=key)
    for before, after in ("2", "10"), ("a2b", "a10"), ("a/1", "a/10"), ("a10", "B"), ("a/10", "b/2"):
        assert ordered.index(before) < ordered.index(after)
    ordered.reverse()
    assert sorted(ordered, key=key) == ordered[::-1]


@pytest.mark.parametrize(
    ("mode", "stored"),
    [("1", "L"), ("L", "L"), ("LA", "RGBA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("CMYK", "RGB")],
)
def test_convert_understands_every_mode(run, folder, out, mode, stored):
    pixels = Image.fromarray(image(8, 6, 3)).convert(mode)
    folder.mkdir()
    pixels.save(folder / ("x.tif" if mode == "CMYK" else "x.png"))
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RaggedMmap(out)[0], np.asarray(pixels.convert(stored)))


def test_convert_keeps_the_transparency_of_palettes(run, folder, out):
    folder.mkdir()
    Image.fromarray(image(8, 6)).convert("P").save(folder / "x.png", transparency=0)
    assert run("convert", folder, out)[0] == 0
    assert RaggedMmap(out)[0].shape == (8, 6, 4)


def test_convert_turns_photographs_upright(run, folder, out):
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned clockwise by a quarter.
    save(image(8, 6, 3), folder / "x.png", exif=exif)
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RaggedMmap(out)[0], np.rot90(image(8, 6, 3), -1))


def test_convert_takes_the_first_frame(run, folder, out):
    frames = [Image.fromarray(image(8, 6, seed=seed)) for seed in range(3)]
    folder.mkdir()
    frames[0].save(folder / "x.tif", save_all=True, append_images=frames[1:])
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RaggedMmap(out)[0], image(8, 6))


def test_convert_stores_texts_as_they_are(run, folder, out):
    texts = {"1.txt": "one\r\ntwo\n", "2.md": "", "3.TXT": "\ufeffBOM 日本"}
    for name, text in texts.items():
        write("", folder / name)
        (folder / name).write_bytes(text.encode())
    assert run("convert", folder, out)[0] == 0
    assert StringsMmap(out)[:] == list(texts.values())
    assert StringsMmap(out / "names")[:] == list(texts)


def test_convert_leaves_out_what_is_hidden_or_has_another_extension(run, folder, out):
    save(image(4, 4), folder / "1.png")
    for name in "Thumbs.db", ".hidden.png", ".git/2.png", "notes":
        write("", folder / name)
    status, _, err = run("convert", folder, out)
    assert (status, err) == (0, "mmap-ninja: 2 files left out, no images by extension\n")
    assert len(RaggedMmap(out)) == 1


def test_convert_chooses_by_kind_and_glob(run, fails, folder, out):
    save(image(4, 4), folder / "1.png")
    write("text", folder / "1.txt")
    write("code", folder / "1.py")
    assert "there are both images and texts" in fails("convert", folder, out)
    assert run("convert", "--glob", "*.png", folder, out)[0] == 0
    assert run("convert", "--glob", "*.txt", "--overwrite", folder, out)[0] == 0
    assert StringsMmap(out)[:] == ["text"]
    assert run("convert", "--kind", "texts", "--glob", "*.[pt][yx]*", "--overwrite", folder, out)[0] == 0
    assert StringsMmap(out)[:] == ["code", "text"]
    assert "1.py" in fails("convert", "--kind", "images", "--overwrite", folder, out)


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("content", [b"", b"no image", "cut", "bomb", "deep"])
def test_an_image_that_is_none_is_named_and_nothing_made(fails, folder, out, jobs, content):
    for number in range(40):
        save(image(4, 4), folder / f"{number}.png")
    bad = folder / "31.png"
    if content == "cut":
        save(image(64, 64), bad)
        bad.write_bytes(bad.read_bytes()[:2000])
    elif content == "bomb":
        header = struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
        good = (folder / "1.png").read_bytes()
        bad.write_bytes(good[:16] + header + good[29:])
    elif content == "deep":
        save(np.zeros((4, 4), np.uint16), bad)
    else:
        bad.write_bytes(content)
    assert "31.png: " in fails("convert", "-j", jobs, folder, out)
    assert os.listdir(folder.parent) == ["folder"]


def test_a_text_that_is_no_utf8_is_named(fails, folder, out):
    write("good", folder / "1.txt")
    (folder / "2.txt").write_bytes(b"caf\xe9")
    assert "2.txt: this is no UTF-8 (unexpected end of data at byte 3)" in fails("convert", folder, out)
    assert os.listdir(folder.parent) == ["folder"]


def test_convert_replaces_only_if_asked_to(run, fails, folder, out):
    write("new", folder / "1.txt")
    RaggedMmap.from_lists(out, [[1]])
    assert "A data set is there already" in fails("convert", folder, out)
    (folder / "2.txt").write_bytes(b"\xff")
    assert "2.txt" in fails("convert", "--overwrite", folder, out)
    assert RaggedMmap(out)[0].tolist() == [1]
    (folder / "2.txt").unlink()
    assert run("convert", "--overwrite", folder, out)[0] == 0
    assert run("convert", "--overwrite", folder, out)[0] == 0
    assert StringsMmap(out / "names")[:] == ["1.txt"]


def test_convert_into_the_folder_does_not_read_what_it_writes(run, folder):
    write("text", folder / "1.txt")
    for _ in range(2):
        assert run("convert", "--kind", "texts", "--overwrite", folder, folder / "map")[0] == 0
        assert StringsMmap(folder / "map" / "names")[:] == ["1.txt"]


def test_convert_needs_files(fails, folder, out):
    assert "folder: No such file or directory" in fails("convert", folder, out)
    folder.mkdir()
    assert "no files to convert" in fails("convert", folder, out)
    write("", folder / "a.unknown")
    assert "no files to convert" in fails("convert", folder, out)
    (folder / "x.txt").symlink_to("nowhere")
    assert "x.txt: No such file or directory" in fails("convert", folder, out)


def test_convert_does_not_wait_for_what_is_no_file(fails, folder, out):
    folder.mkdir()
    os.mkfifo(folder / "1.txt")
    assert "1.txt: this is no regular file" in fails("convert", folder, out)


def test_convert_does_not_write_where_it_may_not(fails, folder):
    write("text", folder / "1.txt")
    assert "/proc" in fails("convert", folder, "/proc/map")
    write("", folder.parent / "file")
    assert "Not a directory" in fails("convert", folder, folder.parent / "file" / "map")


def test_a_name_that_is_no_text_is_refused(fails, folder, out):
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.txt")).write_text("text")
    assert "rename it" in fails("convert", folder, out)


def test_images_need_pillow_and_say_so(fails, folder, out, monkeypatch):
    save(image(4, 4), folder / "1.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install mmap_ninja[images]" in fails("convert", folder, out)


def test_a_bar_is_shown_at_a_terminal_only(run, folder, out):
    write("text", folder / "1.txt")
    assert run("convert", folder, out)[2] == ""
    status, seen = at_terminal("convert", "--overwrite", folder, out, columns=60)
    assert status == 0
    assert "1/1" in seen
    assert seen.endswith(f"{out}: 1 sample, 4 B\n")
    assert "\x1b[3" not in seen


def test_an_interrupted_conversion_is_forgotten(run, folder, out):
    write("text", folder / "1.txt")
    with pytest.raises(KeyboardInterrupt):
        StringsMmap.from_generator(out, interrupted(), 1)
    assert sorted(os.listdir(folder.parent)) == ["folder", "out.partial"]
    assert run("convert", folder, out)[0] == 0
    assert sorted(os.listdir(folder.parent)) == ["folder", "out"]


def interrupted():
    yield from "ab"
    raise KeyboardInterrupt


# Whatever the files hold


MAKERS = {
    "images": lambda path: RaggedMmap.from_lists(path, [image(n + 1, 3, 3) for n in range(5)]),
    "tokens": lambda path: RaggedMmap.from_lists(path, [np.arange(n) for n in range(5)]),
    "texts": lambda path: StringsMmap.from_strings(path, ["one", "zwei", "três"] * 5),
    "compressed": lambda path: StringsMmap.from_strings(path, ["one" * 9, "zwei"], zstd_level=1),
    "dense": lambda path: np_ninja.from_ndarray(path, np.arange(12.0).reshape(6, 2)),
}


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=20)
@given(data=st.data())
def test_damaged_files_are_an_answer_and_no_traceback(fresh, kind, data):
    path = fresh()
    MAKERS[kind](path)
    file = data.draw(st.sampled_from(sorted(path.rglob("*.ninja"))))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    file.write_bytes(content)
    for argv in ["info"], ["info", "--json"], ["head"], ["verify"], ["repair"]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main([*argv, str(path)])
        assert status in (0, 1)
        assert (status == 0 or argv[0] in ("verify", "repair")) == (err.getvalue() == "")
        assert err.getvalue().count("\n") <= 1
    for make in RaggedMmap, StringsMmap:
        try:
            memmap = make(path)
        except ValueError:
            continue
        assert memmap._repr_html_()
