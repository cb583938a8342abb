"""`mmap-ninja convert` of folders of images and texts."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja._convert import files
from PIL import Image
from shell import at_terminal, image, names_in, save, write


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
    assert names_in(out) == ["1.png"]


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
    assert names_in(out) == list(texts)


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
    assert names_in(out) == ["1.png"]
    save(image(4, 4), folder / "2.gif")
    assert run("convert", "--glob", "*.png", "--glob", "*.gif", "--overwrite", folder, out)[0] == 0
    assert names_in(out) == ["1.png", "2.gif"]


def test_kind_alone_skips_other_extensions(run, fails, folder, out):
    save(image(4, 4), folder / "1.png")
    write("text", folder / "readme.txt")
    status, _, err = run("convert", "--kind", "images", folder, out)
    assert (status, err) == (0, "mmap-ninja: converted only images, by extension; skipped 1 other file\n")
    assert names_in(out) == ["1.png"]
    assert "readme.txt" in fails("convert", "--kind", "images", "--glob", "*.txt", "--overwrite", folder, out)


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
    assert names_in(out) == ["1.txt"]


def test_convert_into_a_subfolder_does_not_read_its_output(run, folder):
    write("text", folder / "1.txt")
    for _ in range(2):
        assert run("convert", "--kind", "texts", "--overwrite", folder, folder / "map")[0] == 0
        assert names_in(folder / "map") == ["1.txt"]


def test_convert_refuses_the_source_folder_as_its_output(fails, folder):
    write("text", folder / "1.txt")
    (folder.parent / "link").symlink_to(folder)
    for out in folder, folder.parent / "link":
        assert "choose another directory for the dataset" in fails("convert", "--overwrite", folder, out)
    assert os.listdir(folder) == ["1.txt"]


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


def test_no_command_makes_a_dataset_among_other_files(fails, folder, out):
    write("text", folder / "1.txt")
    write("mine", out / "thesis.txt")
    texts = StringsMmap.from_strings(folder.parent / "texts", ["one"]).out_dir
    for command in ("convert", folder, out), ("concat", out, texts), ("subset", texts, out, "--range", ":"):
        for overwrite in [], ["--overwrite"]:
            error = fails(*command, *overwrite)
            assert "this directory holds no dataset, but 'thesis.txt'; choose another directory" in error
    assert os.listdir(out) == ["thesis.txt"]
