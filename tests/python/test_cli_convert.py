"""`mmap-ninja convert`."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest
from conftest import tree
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja._convert import conversion, files, images
from PIL import Image
from shell import at_terminal, image, save, write


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
    assert run("convert", "-j", jobs, folder, out) == (0, f"{out}: 7 samples, 721 B\n", "")
    assert RecordsMmap(out).fields == ["image", "name"]
    for seed, record in enumerate(reversed(RecordsMmap(out)[:])):
        assert np.array_equal(record["image"], image(5 + seed, 4, 3, seed=seed))
        assert record["name"] == names[-1 - seed]


def test_each_field_of_converted_files_opens_by_itself(run, folder, out):
    save(image(5, 4, 3), folder / "1.png")
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RaggedMmap(out / "image")[0], image(5, 4, 3))
    assert names(out) == ["1.png"]


def names(out):
    return StringsMmap(out / "name")[:]


@given(
    st.permutations(
        ["1", "2", "02", "10", "a", "B", "b", "a1", "a2b", "a10", "a/1", "a/10", "b/2", "é", "9" * 200]
    )
)
def test_natural_order_does_not_depend_on_the_input_order(names):
    from pathlib import Path

    def key(name):
        return files.natural_key(Path(name)), name

    ordered = sorted(names, key=key)
    for before, after in ("2", "10"), ("a2b", "a10"), ("a/1", "a/10"), ("a10", "B"), ("a/10", "b/2"):
        assert ordered.index(before) < ordered.index(after)
    ordered.reverse()
    assert sorted(ordered, key=key) == ordered[::-1]


@pytest.mark.parametrize(
    ("mode", "stored"),
    [("1", "L"), ("L", "L"), ("LA", "RGBA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("CMYK", "RGB")],
)
def test_convert_reads_every_mode(run, folder, out, mode, stored):
    pixels = Image.fromarray(image(8, 6, 3)).convert(mode)
    folder.mkdir()
    pixels.save(folder / ("x.tif" if mode == "CMYK" else "x.png"))
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RecordsMmap(out)[0]["image"], np.asarray(pixels.convert(stored)))


def test_convert_keeps_the_transparency_of_palettes(run, folder, out):
    folder.mkdir()
    Image.fromarray(image(8, 6)).convert("P").save(folder / "x.png", transparency=0)
    assert run("convert", folder, out)[0] == 0
    assert RecordsMmap(out)[0]["image"].shape == (8, 6, 4)


def test_convert_applies_the_exif_orientation(run, folder, out):
    exif = Image.Exif()
    exif[0x0112] = 6  # Rotate by 90 degrees clockwise.
    save(image(8, 6, 3), folder / "x.png", exif=exif)
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RecordsMmap(out)[0]["image"], np.rot90(image(8, 6, 3), -1))


def test_convert_takes_the_first_frame(run, folder, out):
    frames = [Image.fromarray(image(8, 6, seed=seed)) for seed in range(3)]
    folder.mkdir()
    frames[0].save(folder / "x.tif", save_all=True, append_images=frames[1:])
    assert run("convert", folder, out)[0] == 0
    assert np.array_equal(RecordsMmap(out)[0]["image"], image(8, 6))


def test_convert_stores_texts_unchanged(run, folder, out):
    texts = {"1.txt": "one\r\ntwo\n", "2.md": "", "3.TXT": "\ufeffBOM 日本"}
    for name, text in texts.items():
        write("", folder / name)
        (folder / name).write_bytes(text.encode())
    assert run("convert", folder, out)[0] == 0
    assert RecordsMmap(out)["text"][:] == list(texts.values())
    assert names(out) == list(texts)


def test_convert_skips_hidden_files_and_other_extensions(run, folder, out):
    save(image(4, 4), folder / "1.png")
    for name in "Thumbs.db", ".hidden.png", ".git/2.png", "notes":
        write("", folder / name)
    status, _, err = run("convert", folder, out)
    assert (status, err) == (0, "mmap-ninja: converted only images, by extension; skipped 2 other files\n")
    assert len(RecordsMmap(out)) == 1


def test_kind_and_glob_choose_files(run, fails, folder, out):
    save(image(4, 4), folder / "1.png")
    write("text", folder / "1.txt")
    write("code", folder / "1.py")
    assert "there are both images and texts" in fails("convert", folder, out)
    assert run("convert", "--glob", "*.png", folder, out)[0] == 0
    assert run("convert", "--glob", "*.txt", "--overwrite", folder, out)[0] == 0
    assert RecordsMmap(out)["text"][:] == ["text"]
    assert run("convert", "--kind", "texts", "--glob", "*.[pt][yx]*", "--overwrite", folder, out)[0] == 0
    assert RecordsMmap(out)["text"][:] == ["code", "text"]
    assert run("convert", "--glob", "*.png", "--glob", "*.gif", "--overwrite", folder, out)[0] == 0
    assert names(out) == ["1.png"]
    save(image(4, 4), folder / "2.gif")
    assert run("convert", "--glob", "*.png", "--glob", "*.gif", "--overwrite", folder, out)[0] == 0
    assert names(out) == ["1.png", "2.gif"]


def test_kind_alone_skips_other_extensions(run, fails, folder, out):
    save(image(4, 4), folder / "1.png")
    write("text", folder / "readme.txt")
    status, _, err = run("convert", "--kind", "images", folder, out)
    assert (status, err) == (0, "mmap-ninja: converted only images, by extension; skipped 1 other file\n")
    assert names(out) == ["1.png"]
    assert "readme.txt" in fails("convert", "--kind", "images", "--glob", "*.txt", "--overwrite", folder, out)


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


def test_convert_replaces_a_dataset_only_with_overwrite(run, fails, folder, out):
    write("new", folder / "1.txt")
    RaggedMmap.from_lists(out, [[1]])
    assert "A dataset is there already" in fails("convert", folder, out)
    (folder / "2.txt").write_bytes(b"\xff")
    assert "2.txt" in fails("convert", "--overwrite", folder, out)
    assert RaggedMmap(out)[0].tolist() == [1]
    (folder / "2.txt").unlink()
    assert run("convert", "--overwrite", folder, out)[0] == 0
    assert run("convert", "--overwrite", folder, out)[0] == 0
    assert names(out) == ["1.txt"]


def test_convert_into_a_subfolder_does_not_read_its_output(run, folder):
    write("text", folder / "1.txt")
    for _ in range(2):
        assert run("convert", "--kind", "texts", "--overwrite", folder, folder / "map")[0] == 0
        assert names(folder / "map") == ["1.txt"]


def test_convert_refuses_the_source_folder_as_its_output(fails, folder):
    write("text", folder / "1.txt")
    (folder.parent / "link").symlink_to(folder)
    for out in folder, folder.parent / "link":
        assert "choose another directory for the dataset" in fails("convert", "--overwrite", folder, out)
    assert os.listdir(folder) == ["1.txt"]


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


def test_a_progress_bar_is_shown_on_a_terminal_only(run, folder, out):
    write("text", folder / "1.txt")
    assert run("convert", folder, out)[2] == ""
    status, seen = at_terminal("convert", "--overwrite", folder, out, columns=60)
    assert status == 0
    assert "1/1" in seen
    assert seen.endswith(f"{out}: 1 sample, 9 B\n")
    assert "\x1b[3" not in seen


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", ()), ("RGB", (3,)), ("RGBA", (4,))], ids=["L", "RGB", "RGBA"]
)
def test_images_of_one_mode_and_size_become_a_dense_field(run, folder, out, mode, channels):
    save(image(8, 6, 3), folder / "1.png")
    save(image(10, 10), folder / "2.png")
    assert run("convert", "--mode", mode, "--size", "5x7", folder, out)[0] == 0
    images = RecordsMmap(out)["image"]
    assert (type(images), images.shape, images.dtype) == (np.memmap, (2, 7, 5, *channels), np.uint8)
    expected = Image.fromarray(image(8, 6, 3)).convert(mode).resize((5, 7))
    assert np.array_equal(images[0], np.asarray(expected))


def test_mode_or_size_alone_keeps_a_ragged_field(run, folder, out):
    save(image(8, 6, 3), folder / "1.png")
    save(image(10, 9), folder / "2.png")
    assert run("convert", "--mode", "RGB", folder, out)[0] == 0
    assert [each.shape for each in RaggedMmap(out / "image")] == [(8, 6, 3), (10, 9, 3)]
    assert run("convert", "--overwrite", "--size", "5x7", folder, out)[0] == 0
    assert [each.shape for each in RaggedMmap(out / "image")] == [(7, 5, 3), (7, 5)]


def test_mode_and_size_are_for_images(fails, folder, out):
    write("text", folder / "1.txt")
    assert "'size' means nothing for texts" in fails("convert", "--size", "2x2", folder, out)
    for size in "2", "2x", "0x2", "-1x2", "2x2x2", "1e3x2":
        assert "is not a width and a height" in fails("convert", f"--size={size}", folder, out, status=2)


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
    assert names(out) == [f"{number}.png" for number in range(40) if number not in (0, 8, 17, 39)]
    assert [record["image"].shape[1] - 4 for record in RecordsMmap(out)] == [
        int(name.partition(".")[0]) for name in names(out)
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


def test_no_command_makes_a_dataset_among_other_files(fails, folder, out):
    write("text", folder / "1.txt")
    write("mine", out / "thesis.txt")
    texts = StringsMmap.from_strings(folder.parent / "texts", ["one"]).out_dir
    for command in ("convert", folder, out), ("concat", out, texts), ("subset", texts, out, "--range", ":"):
        for overwrite in [], ["--overwrite"]:
            error = fails(*command, *overwrite)
            assert "this directory holds no dataset, but 'thesis.txt'; choose another directory" in error
    assert os.listdir(out) == ["thesis.txt"]
