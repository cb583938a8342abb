"""What `convert` makes of a source, whatever is in it: what it takes it for, what it replaces, what it resumes."""

import os

import numpy as np
import pytest
from conftest import held, tree
from mmap_ninja import RaggedMmap, StringsMmap, convert, open_existing
from shell import save, write


def test_a_dataset_is_replaced_only_with_overwrite(tmp_path, out):
    np.save(tmp_path / "a.npy", np.arange(3))
    StringsMmap.from_strings(out, ["old"])
    with pytest.raises(FileExistsError, match="A dataset is there already"):
        convert(tmp_path / "a.npy", out)
    assert StringsMmap(out)[:] == ["old"]
    assert convert(tmp_path / "a.npy", out, overwrite=True).tolist() == [0, 1, 2]


def test_a_dataset_that_cannot_take_its_place_is_resumed_from_the_same_files_only(tmp_path, out):
    np.save(tmp_path / "a.npy", np.arange(3))
    np.save(tmp_path / "b.npy", np.arange(3))
    RaggedMmap.from_lists(out, [[1]])
    with held(out), pytest.raises(TimeoutError):
        convert(tmp_path / "a.npy", out, overwrite=True, timeout=0.01)
    with pytest.raises(ValueError, match=r"file 1 of the source was .*a.npy, and is .*b.npy now"):
        convert(tmp_path / "b.npy", out, overwrite=True, resume=True)
    assert convert(tmp_path / "a.npy", out, overwrite=True, resume=True).tolist() == [0, 1, 2]
    assert not (out / ".origin.json").exists()


def test_a_source_that_cannot_be_told_is_an_error_that_lists_what_can(tmp_path, out):
    write("?", tmp_path / "what.xyz")
    (tmp_path / "folder").mkdir()
    for source in "what.xyz", "folder":
        with pytest.raises(ValueError, match=rf"{source}: .*\.parquet.*\.tar.*Megatron"):
            convert(tmp_path / source, out)
    with pytest.raises(FileNotFoundError, match="nothing"):
        convert(tmp_path / "nothing-*.tar", out)
    with pytest.raises(TypeError, match="a path, or a glob .*, not list"):
        convert([tmp_path / "what.xyz"], out)
    with pytest.raises(ValueError, match="kind must be one of"):
        convert(tmp_path / "what.xyz", out, kind="sounds")
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(ValueError, match="a.tar: not a regular file"):
        convert(tmp_path / "a.tar", out)
    write("x", tmp_path / "a.txt")
    with pytest.raises(ValueError, match="texts are converted from a folder"):
        convert(tmp_path / "a.txt", out, kind="texts")


def test_readmes_and_labels_do_not_hide_the_data_beside_them(tmp_path, out):
    folder = tmp_path / "folder"
    save(np.zeros((4, 4), np.uint8), folder / "a.png")
    write("{}", folder / "metadata.jsonl")
    with pytest.warns(RuntimeWarning, match="skipped 1 other file"):
        assert convert(folder, out).fields == ["image", "name"]
    (folder / "a.png").rename(folder / "README.md")
    np.save(folder / "a.npy", np.zeros(3))
    with pytest.warns(RuntimeWarning, match="converted only arrays, by extension; skipped 2 other files"):
        assert convert(folder, out, overwrite=True).fields == ["array", "name"]
    write("{}", folder / "dataset_dict.json")
    with pytest.raises(ValueError, match="the splits of a dataset"):
        convert(folder, out, overwrite=True)


@pytest.mark.parametrize(("choice", "value"), [("mode", "RGB"), ("labels", "folders"), ("dtype", "u2")])
def test_a_choice_that_means_nothing_for_a_source_is_refused(tmp_path, out, choice, value):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=f"'{choice}' means nothing for arrays of rows"):
        convert(tmp_path / "a.npz", out, kind="rows", **{choice: value})


def test_a_dry_run_shows_the_fields_and_makes_nothing(tmp_path, out, run):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2), np.float32), y=np.zeros(3, np.int8))
    assert run("convert", "--dry-run", tmp_path / "a.npz", out) == (
        0,
        f"{tmp_path}/a.npz: arrays of rows, 1 file, 3 samples\nx  numpy  float32     (2,)\ny  numpy  int8     scalars\n",
        "",
    )
    assert os.listdir(tmp_path) == ["a.npz"]


def test_python_and_the_command_line_make_the_same_files(tmp_path, out, run):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2), np.float32), y=np.arange(3))
    convert(tmp_path / "a.npz", out)
    assert run("convert", "--fields", "x,y", tmp_path / "a.npz", tmp_path / "other")[0] == 0
    assert tree(out) == tree(tmp_path / "other")
    assert "A dataset is there already" in run("convert", tmp_path / "a.npz", out)[2]
    with pytest.raises(FileExistsError):
        convert(tmp_path / "a.npz", out, overwrite=False)


def test_files_that_a_dataset_links_to_are_never_written_to(tmp_path, out):
    texts = StringsMmap.from_strings(tmp_path / "blobs", ["old"])
    before = tree(texts.out_dir)
    for file in texts.out_dir.rglob("*.ninja"):
        link = out / file.relative_to(texts.out_dir)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    np.save(tmp_path / "a.npy", np.arange(3))
    assert open_existing(out, mode="r")[:] == ["old"]
    with pytest.raises(ValueError, match="symbolic link"):
        convert(tmp_path / "a.npy", out, overwrite=True)
    assert tree(texts.out_dir) == before
    assert open_existing(out, mode="r")[:] == ["old"]
