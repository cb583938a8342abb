"""Help, exit statuses, errors and streams of all commands."""

import io
import os
import re
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import mmap_ninja
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from mmap_ninja.cli import main
from shell import COMMANDS, PROGRAM, image, write


def test_version_is_that_of_the_package(run):
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
        ("head", "a", "b"),
        ("info", "--yaml", "a"),
        ("head", "-n", "-1", "a"),
        ("concat", "a"),
    ]
    + [("head", "-n", "x", "a"), ("head", "--images", "a.jpg", "b"), ("convert", "-j", "0", "a", "b")]
    + [("convert", "--kind", "sounds", "a", "b")],
)
def test_wrong_usage_is_one_line_and_status_2(fails, argv):
    command = [name for name in argv[:1] if name in COMMANDS]
    assert f"see `{' '.join(['mmap-ninja', *command])} --help`" in fails(*argv, status=2)


@pytest.mark.parametrize(
    "argv", [("info",), ("head",), ("verify",), ("repair",), ("checksum",), ("concat", "out")]
)
def test_a_missing_dataset_is_one_line_that_names_it(fails, tmp_path, argv):
    (tmp_path / "empty").mkdir()
    assert "no\\nwhere: No such file or directory\n" in fails(*argv, tmp_path / "no\nwhere")
    assert "empty: No dataset in this directory\n" in fails(*argv, tmp_path / "empty")


@pytest.mark.parametrize("command", ["info", "head", "verify"])
@pytest.mark.parametrize(("stored", "found"), [(0, "0 samples"), (1, "1 sample"), (2, "2 samples")])
def test_an_unfinished_build_is_named_with_its_samples(fails, tmp_path, command, stored, found):
    def samples():
        yield from [[1], [2, 3]][:stored]
        raise KeyboardInterrupt

    path = tmp_path / "no\nwhere"
    if stored:
        with pytest.raises(KeyboardInterrupt):
            RaggedMmap.from_generator(path, samples(), batch_size=1)
    else:
        partial = tmp_path / "no\nwhere.partial"
        partial.mkdir()
        (partial / "building.ninja").touch()
    verb = "is" if stored == 1 else "are"
    assert fails(command, path).endswith(
        f"no\\nwhere: No such file or directory, but {found} of an unfinished build {verb} safe in "
        f"{tmp_path}/no\\nwhere.partial\n"
    )


def test_a_partial_directory_that_is_not_a_build_is_not_mentioned(fails, tmp_path):
    RaggedMmap.from_lists(tmp_path / "data.partial", [[1]])
    assert fails("info", tmp_path / "data").endswith("data: No such file or directory\n")


@pytest.mark.parametrize("command", ["info", "head"])
def test_damage_is_one_line_that_names_the_file(fails, tmp_path, command):
    RaggedMmap.from_lists(tmp_path, [np.arange(5)] * 3)
    (tmp_path / "data.ninja").write_bytes(b"short")
    assert "data.ninja" in fails(command, tmp_path)


def test_damage_found_while_printing_is_one_line(run, tmp_path):
    StringsMmap.from_strings(tmp_path, ["one", "two"])
    (tmp_path / "data.ninja").write_bytes(b"one\xff\xff\xff")
    status, out, err = run("head", tmp_path)
    assert (status, out) == (1, "0  one\n")
    assert "UTF-8" in err


def test_a_closed_pipe_ends_the_command_quietly(tmp_path):
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
from mmap_ninja._convert.samples import SampleKind
from mmap_ninja.cli import main

def load(kind, file):
    print("reading", flush=True)
    time.sleep(0.3)
    return ""

SampleKind.load = load
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_before_samples_are_stored_leaves_nothing_behind(tmp_path):
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
def test_output_is_escaped_for_encodings_with_few_characters(tmp_path, encoding):
    StringsMmap.from_strings(tmp_path / "é日", ["日本", "a" * 50])
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for command in "info", "head":
        done = subprocess.run(
            [*PROGRAM, command, tmp_path / "é日"], env=environment, capture_output=True, check=True
        )
        assert done.stderr == b""
        assert b"\\u65e5\\u672c" in done.stdout or b"###" in done.stdout
    RaggedMmap.from_lists(tmp_path / "r", [[1], [2, 3]])
    done = subprocess.run(
        [*PROGRAM, "info", tmp_path / "r"], env=environment, capture_output=True, check=True
    )
    assert b"(1-2,), 2 samples" in done.stdout


def test_ctrl_c_during_imports_ends_the_command_quietly(tmp_path):
    code = """if True:
        import sys
        from mmap_ninja.cli import main

        class Interrupted:
            def find_spec(name, path, target=None):
                raise KeyboardInterrupt

        sys.meta_path.insert(0, Interrupted)
        sys.exit(main(["info", "."]))
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(
    ("closed", "argv", "status"),
    [
        (">&-", ("info",), 0),
        (">&-", ("verify",), 0),
        ("2>&-", ("head", "x"), 2),
        (">&- 2>&-", ("info",), 0),
    ],
)
def test_closed_streams_cause_no_traceback(tmp_path, closed, argv, status):
    StringsMmap.from_strings(tmp_path, ["a"])
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    done = subprocess.run([*shell, *PROGRAM, *argv, tmp_path], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (status, b"")
    assert done.stdout == b"" or "2" not in closed


# Damaged files


MAKERS = {
    "images": lambda path: RaggedMmap.from_lists(path, [image(n + 1, 3, 3) for n in range(5)]),
    "tokens": lambda path: RaggedMmap.from_lists(path, [np.arange(n) for n in range(5)]),
    "texts": lambda path: StringsMmap.from_strings(path, ["one", "zwei", "três"] * 5),
    "compressed": lambda path: StringsMmap.from_strings(path, ["one" * 9, "zwei"], zstd_level=1),
    "dense": lambda path: np_ninja.from_ndarray(path, np.arange(12.0).reshape(6, 2)),
    "records": lambda path: RecordsMmap.from_columns(
        path, {"image": [image(n + 1, 3, 3) for n in range(5)], "label": range(5), "name": ["é"] * 5}
    ),
}


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=20)
@given(data=st.data())
def test_damaged_files_cause_no_traceback(fresh, kind, data):
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
    for make in RaggedMmap, StringsMmap, RecordsMmap:
        try:
            memmap = make(path)
        except ValueError:
            continue
        assert memmap._repr_html_()
