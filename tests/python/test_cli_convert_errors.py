"""`mmap-ninja convert` of files that cannot be read, and of interrupted conversions."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest
from conftest import tree
from mmap_ninja import RecordsMmap, StringsMmap
from mmap_ninja._convert import conversion, images
from shell import image, names_in, save, write


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot identify image file"),
        (b"no image", "cannot identify image file"),
        ("cut", "truncated"),
        ("bomb", "exceeds limit"),
        ("deep", "do not fit uint8"),
    ],
)
def test_an_unreadable_image_is_named_and_no_dataset_is_created(run, folder, out, jobs, content, reason):
    for number in range(40):
        save(image(4, 4), folder / f"{number}.png")
    bad = folder / "31.png"
    if content == "cut":
        save(image(64, 64), bad)
        bad.write_bytes(bad.read_bytes()[:2000])
    elif content == "bomb":
        header = struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
        good = (folder / "1.png").read_bytes()
        checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
        bad.write_bytes(good[:16] + header + checksum + good[33:])
    elif content == "deep":
        save(np.zeros((4, 4), np.uint16), bad)
    else:
        bad.write_bytes(content)
    status, _, err = run("convert", "-j", jobs, folder, out)
    safe, error = err.splitlines()
    assert status == 1
    assert "16 samples of an unfinished build are safe in" in safe
    assert "31.png: cannot read this image (" in error
    assert reason in error
    assert error.count("31.png") == 1
    assert sorted(os.listdir(folder.parent)) == ["folder", "out.partial"]


def test_a_text_that_is_not_utf8_is_named(fails, folder, out):
    write("good", folder / "1.txt")
    (folder / "2.txt").write_bytes(b"caf\xe9")
    assert "2.txt: not valid UTF-8 (unexpected end of data at byte 3)" in fails("convert", folder, out)
    assert os.listdir(folder.parent) == ["folder"]


def test_convert_needs_files(fails, folder, out):
    assert "folder: No such file or directory" in fails("convert", folder, out)
    folder.mkdir()
    assert "no files to convert" in fails("convert", folder, out)
    write("", folder / "a.unknown")
    assert "no files to convert" in fails("convert", folder, out)
    (folder / "x.txt").symlink_to("nowhere")
    assert "x.txt: No such file or directory" in fails("convert", folder, out)


def test_convert_does_not_wait_for_a_fifo(fails, folder, out):
    folder.mkdir()
    os.mkfifo(folder / "1.txt")
    assert "1.txt: not a regular file" in fails("convert", folder, out)


def test_convert_reports_a_directory_that_cannot_be_created(fails, folder):
    write("text", folder / "1.txt")
    assert "/proc" in fails("convert", folder, "/proc/map")
    write("", folder.parent / "file")
    assert "Not a directory" in fails("convert", folder, folder.parent / "file" / "map")


def test_a_file_name_that_is_not_utf8_is_refused(fails, folder, out):
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.txt")).write_text("text")
    assert "rename the file" in fails("convert", folder, out)


def test_images_without_pillow_are_an_error_that_names_it(fails, folder, out, monkeypatch):
    save(image(4, 4), folder / "1.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert 'pip install "mmap_ninja[images]>=1"' in fails("convert", folder, out)


# Files that cannot be read


@pytest.mark.parametrize("jobs", [1, 3])
def test_on_error_skip_leaves_out_files_and_lists_them(run, folder, out, jobs):
    for number in range(40):
        save(image(4, 4 + number), folder / f"{number}.png")
    for number in 0, 17, 39:
        write("no image", folder / f"{number}.png")
    (folder / "8.png").unlink()
    (folder / "8.png").symlink_to("nowhere")
    status, _, err = run("convert", "-j", jobs, "--on-error", "skip", folder, out)
    lines = err.splitlines()
    assert status == 0
    assert [line.partition(".png: ")[0] for line in lines[:-1]] == [
        f"mmap-ninja: skipped {folder}/{number}" for number in (0, 8, 17, 39)
    ]
    assert lines[-1] == "mmap-ninja: skipped 4 of 40 files"
    assert names_in(out) == [f"{number}.png" for number in range(40) if number not in (0, 8, 17, 39)]
    assert [record["image"].shape[1] - 4 for record in RecordsMmap(out)] == [
        int(name.partition(".")[0]) for name in names_in(out)
    ]


def test_a_conversion_that_skips_every_file_creates_nothing(run, folder, out):
    write("no image", folder / "1.png")
    status, _, err = run("convert", "--on-error", "skip", folder, out)
    assert status == 1
    assert err.splitlines()[-1] == f"mmap-ninja: {folder}: nothing could be converted"
    assert "skipped" in err
    assert os.listdir(folder.parent) == ["folder"]


def test_pillow_that_is_missing_is_not_skipped(fails, folder, out, monkeypatch):
    save(image(4, 4), folder / "1.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install" in fails("convert", "--on-error", "skip", folder, out)


# Interruptions


def test_convert_discards_an_interrupted_build(run, folder, out):
    write("text", folder / "1.txt")
    with pytest.raises(KeyboardInterrupt):
        StringsMmap.from_generator(out, interrupted(), 1)
    assert sorted(os.listdir(folder.parent)) == ["folder", "out.partial"]
    assert run("convert", folder, out)[0] == 0
    assert sorted(os.listdir(folder.parent)) == ["folder", "out"]


def interrupted():
    yield from "ab"
    raise KeyboardInterrupt


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_resumed_conversion_equals_one_that_was_not_interrupted(run, folder, out, monkeypatch, on_error):
    for number in range(60):
        save(image(4, 4 + number), folder / "ab"[number % 2] / f"{number}.png")
    options = "--labels", "folders", "--on-error", on_error, folder
    if on_error == "skip":
        write("no image", folder / "a" / "4.png")
    assert run("convert", *options, out.with_name("whole"))[0] == 0
    read, decode = [], images.Decoder.decode

    def failing(decoder, file, place):
        read.append(file)
        if len(read) == 50:
            raise KeyboardInterrupt
        return decode(decoder, file, place)

    monkeypatch.setattr(images.Decoder, "decode", failing)
    status, _, err = run("convert", *options, out)
    assert status == 130
    assert "mmap-ninja: 48 samples of an unfinished build are safe in " in err
    assert not out.exists()
    assert run("convert", "--resume", *options, out)[0] == 0
    assert len(read) < 50 + 20
    assert tree(out) == tree(out.with_name("whole"))


def test_a_conversion_of_other_files_or_labels_is_not_resumed(run, fails, folder, out):
    for name in "b/1.png", "b/2.png", "c/3.png":
        save(image(4, 4), folder / name)
    write("no image", folder / "d" / "4.png")
    options = "--labels", "folders", "--resume", folder, out
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conversion, "_BATCH_SIZE", 1)
        assert run("convert", *options)[0] == 1
    save(image(4, 4), folder / "d" / "4.png")
    save(image(4, 4), folder / "a" / "0.png")
    assert "start again without resuming" in run("convert", *options)[2]
    (folder / "a" / "0.png").unlink()
    assert run("convert", *options)[0] == 0
    assert RecordsMmap(out)["label"].tolist() == [0, 0, 1, 2]


def test_images_in_another_form_or_other_versions_are_not_resumed(run, folder, out):
    for number in range(20):
        save(image(4, 4, 3), folder / f"{number}.png")
    write("no image", folder / "18.png")
    assert run("convert", folder, out)[0] == 1
    save(image(4, 4, 3), folder / "18.png")
    resume = "convert", "--resume", folder, out
    assert "begun with mode=None, not mode='L'" in run(*resume, "--mode", "L")[2]
    assert "begun with size=None, not size=[2, 2]" in run(*resume, "--size", "2x2")[2]
    save(image(5, 5, 3), folder / "3.png")
    assert "3.png has changed since it was read" in run(*resume)[2]
    assert run("convert", folder, out)[0] == 0
