"""What is in a build's place already, and places where none can be."""

import errno
import os
import shutil
import stat
import subprocess
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from building_workers import STORES, plain
from conftest import Untouched, names, notes, partial_of, small_disk, tree, unchanged
from mmap_ninja import RaggedMmap, StringsMmap, concatenate, open_existing
from mmap_ninja import numpy as np_ninja

CREATORS = {
    "ragged lists": lambda path, samples: RaggedMmap.from_lists(path, samples, overwrite=False),
    "ragged generator": lambda path, samples: RaggedMmap.from_generator(path, samples, 2, overwrite=False),
    "ragged indexable": lambda path, samples: RaggedMmap.from_indexable(path, samples, 2, overwrite=False),
    "ragged parallel": lambda path, samples: RaggedMmap.from_indexable(path, samples, 2, 2, overwrite=False),
    "strings": lambda path, samples: StringsMmap.from_strings(path, samples, overwrite=False),
    "strings generator": lambda path, samples: StringsMmap.from_generator(path, samples, 2, overwrite=False),
    "strings indexable": lambda path, samples: StringsMmap.from_indexable(path, samples, 2, overwrite=False),
    "strings parallel": lambda path, samples: StringsMmap.from_indexable(
        path, samples, 2, 2, overwrite=False
    ),
    "array": lambda path, samples: np_ninja.from_ndarray(path, samples, overwrite=False),
    "dense generator": lambda path, samples: np_ninja.from_generator(path, samples, 2, overwrite=False),
    "dense indexable": lambda path, samples: np_ninja.from_indexable(path, samples, 2, overwrite=False),
    "dense parallel": lambda path, samples: np_ninja.from_indexable(path, samples, 2, 2, overwrite=False),
}


@pytest.mark.parametrize("name", CREATORS)
def test_without_overwriting_an_existing_dataset_is_refused_before_any_sample_is_loaded(path, name):
    for create, data in [
        (RaggedMmap.from_lists, [np.arange(3)]),
        (StringsMmap.from_strings, ["one"]),
        (np_ninja.from_ndarray, np.arange(3)),
    ]:
        create(path, data)
        with unchanged(path.parent), pytest.raises(FileExistsError) as caught:
            CREATORS[name](path, np.arange(3) if name == "array" else Untouched())
        assert (caught.value.filename, caught.value.errno) == (str(path), errno.EEXIST)


@pytest.mark.parametrize("name", CREATORS)
@pytest.mark.parametrize("place", ["nothing", "a directory", "foreign files"])
def test_without_overwriting_a_dataset_is_built_where_there_is_none_yet(path, name, place):
    samples = ["one", "zwei", "três"] if "strings" in name else [np.arange(2.0)] * 3
    if place != "nothing":
        path.mkdir()
    if place == "foreign files":
        (path / "README").write_text("mine")
    assert len(CREATORS[name](path, samples)) == 3
    assert len(open_existing(path)) == 3
    assert names(path.parent) == ["data"]
    assert (path / "README").exists() == (place == "foreign files")


def test_without_overwriting_a_dataset_that_appears_during_the_build_stays(path, store):
    def intruded():
        yield from store.samples(4)
        RaggedMmap.from_lists(path, [np.arange(5)])

    with pytest.raises(FileExistsError) as caught:
        store.generate(path, intruded(), 2, overwrite=False)
    assert "4 samples" in notes(caught.value)
    assert RaggedMmap(path)[0].tolist() == [0, 1, 2, 3, 4]
    assert len(store.show(partial_of(path))) == 4


class PathLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


PLACES = {
    "str": lambda folder: str(folder / "data"),
    "Path": lambda folder: folder / "data",
    "PathLike": lambda folder: PathLike(folder / "data"),
    "Path below missing": lambda folder: folder / "missing" / "data",
    "relative str": lambda _: "data",
    "relative below missing": lambda _: Path("missing/deeper/data"),
    "relative upwards": lambda folder: f"../{folder.name}/data",
    "with a slash": lambda folder: f"{folder}/data/",
    "with a dot": lambda folder: f"{folder}/./data.v1",
    "with spaces and letters": lambda folder: f"{folder}/dätä of mine",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_target_may_be_any_kind_of_path_and_missing_parents_are_created(path, store, monkeypatch, place):
    folder = path.parent
    monkeypatch.chdir(folder)
    out_dir = PLACES[place](folder)
    for number, build in enumerate(
        [
            lambda: store.create(out_dir, store.samples(5)),
            lambda: store.generate(out_dir, iter(store.samples(5)), 2),
            lambda: store.index(out_dir, store.samples(5), 2),
        ]
    ):
        shutil.rmtree(out_dir, ignore_errors=True)
        shutil.rmtree(folder / "missing", ignore_errors=True)
        assert len(build()) == 5, number
        assert store.items(out_dir) == [plain(sample) for sample in store.samples(5)]
        assert len(names(folder)) == 1


def test_a_build_survives_a_change_of_the_working_directory(path, store, monkeypatch):
    def moving():
        yield from store.samples(3)
        os.chdir("/")
        yield from store.samples(5, 3)

    monkeypatch.chdir(path.parent)
    built = store.generate("data", moving(), 2)
    assert store.items(path) == [plain(sample) for sample in store.samples(5)]
    assert len(built) == 5


@pytest.mark.parametrize("name", ["tokens", "mixed", "texts", "packed"])
def test_a_single_call_survives_a_change_of_the_working_directory_by_its_samples(path, monkeypatch, name):
    def moving():
        os.chdir("/")
        yield from STORES[name].samples(5)

    monkeypatch.chdir(path.parent)
    built = STORES[name].create("data", moving())
    assert STORES[name].items(path) == [plain(sample) for sample in STORES[name].samples(5)]
    assert len(built) == 5


OTHER_KEYS = {"starts_key": "a", "ends_key": "b", "shapes_key": "c", "flattened_shapes_key": "d"}


@pytest.mark.parametrize("samples", [STORES["tokens"].samples(7), STORES["mixed"].samples(12)])
@pytest.mark.parametrize("create", [RaggedMmap.from_lists, partial(RaggedMmap.from_generator, batch_size=5)])
def test_a_replaced_dataset_is_removed_whole_and_foreign_files_stay(path, samples, create):
    create(whole := path.parent / "whole", samples)
    RaggedMmap.from_lists(path, samples, **OTHER_KEYS)
    np_ninja.from_ndarray(path / "labels", np.arange(len(samples) + 1))
    np_ninja.from_ndarray(path / "weights", np.ones(len(samples)))
    (path / "README").write_text("mine")
    (path / "checksums.json").write_text("of what was there")
    create(path, samples)
    assert len(np_ninja.open_existing(path / "labels")) == len(samples) + 1
    for name in "labels", "weights":
        shutil.move(path / name, path.parent)
    assert (path / "README").read_text() == "mine"
    (path / "README").unlink()
    assert tree(path) == tree(whole)


@pytest.mark.parametrize("build", ["create", "generate", "index", "widen"])
def test_a_replacement_keeps_owner_and_permissions(path, build):
    store = STORES["tokens"]
    store.create(path, store.samples(3))
    np_ninja.from_ndarray(path / "labels", np.arange(3))
    modes = {"": 0o2770, "starts": 0o750, "starts/data.ninja": 0o660, "labels": 0o700}
    modes["data.ninja"] = 0o640 if build == "widen" else 0o440
    for name, mode in modes.items():
        (path / name).chmod(mode)
    {
        "create": lambda: store.create(path, store.samples(5)),
        "generate": lambda: store.generate(path, iter(store.samples(5)), 2),
        "index": lambda: store.index(path, store.samples(5), 2),
        "widen": lambda: RaggedMmap(path).append(np.ones((2, 2), store.samples(1)[0].dtype)),
    }[build]()
    modes["data.ninja"] = 0o640  # Its maker may write it.
    assert {name: stat.S_IMODE((path / name).stat().st_mode) for name in modes} == modes


def test_every_creation_removes_what_killed_builders_left(path, any_store):
    any_store.create(path, any_store.samples(3))
    for number, name in enumerate(["data", "data.partial", "data"]):
        any_store.create(path.parent / f".{name}.4194304-{number}.new", any_store.samples(3))
    (other := path.parent / ".other.4194304-0.new").mkdir()
    any_store.create(path, any_store.samples(5))
    other.rmdir()
    assert names(path.parent) == ["data"]


def test_directories_that_may_belong_to_the_user_stay(path):
    """Five entries could be the four that go by other names."""
    RaggedMmap.from_lists(path, [np.arange(3)] * 4, **OTHER_KEYS)
    np_ninja.from_ndarray(path / "labels", np.arange(4))
    RaggedMmap.from_lists(path, [np.arange(5)] * 2)
    assert np_ninja.open_existing(path / "labels").tolist() == [0, 1, 2, 3]


NO_PLACES = {
    "nothing": ("", FileNotFoundError),
    "a NUL": ("da\0ta", ValueError),
    "the working directory": (".", OSError),
    "the one above it": ("..", OSError),
    "the root": ("/", OSError),
    "a file": ("file", NotADirectoryError),
    "below a file": ("file/data", NotADirectoryError),
    "a FIFO": ("fifo", NotADirectoryError),
    "a link to nothing": ("link", NotADirectoryError),
}


@pytest.mark.parametrize("kind", NO_PLACES)
def test_a_target_that_cannot_be_a_directory_is_refused_at_once(path, store, monkeypatch, kind):
    out_dir, error = NO_PLACES[kind]
    monkeypatch.chdir(path.parent)
    Path("file").write_text("mine")
    os.mkfifo("fifo")
    Path("link").symlink_to("missing")
    before = names(path.parent)
    for build in [store.generate, store.index]:
        with pytest.raises(error):
            build(out_dir, Untouched(), 2)
    with pytest.raises(error):
        store.create(out_dir, store.samples(3))
    assert names(path.parent) == before
    assert Path.cwd() == path.parent


@pytest.mark.parametrize("samples", [[], [object()]], ids=["no samples", "a bad sample"])
@pytest.mark.parametrize("has_parent", [False, True])
def test_a_build_of_nothing_leaves_no_directories(path, store, samples, has_parent):
    if has_parent:
        path.mkdir()
    before = names(path.parent)
    for n_jobs in None, 2:
        with suppress(TypeError, ValueError):
            assert store.index(path / "deeper" / "data", samples, 2, n_jobs) is None
        assert names(path.parent) == before


@contextmanager
def overlay(directory, redirect="off"):
    """Mount an overlay at `merged`, whose lower layer, as a container's image, holds what `lower` does."""
    with small_disk(directory, 1 << 22):
        for name in "lower", "upper", "work", "merged":
            (directory / name).mkdir()
        options = ",".join(f"{name}dir={directory / name}" for name in ("lower", "upper", "work"))
        RaggedMmap.from_lists(directory / "lower" / "data", [np.arange(3)])
        RaggedMmap.from_lists(directory / "lower" / "merging", [np.arange(3)])
        (directory / "upper" / "merging").mkdir()
        shutil.copytree(directory / "lower" / "data", directory / "lower" / "built.partial")
        (directory / "lower" / "built.partial" / "building.ninja").touch()
        options = f"{options},redirect_dir={redirect}"
        command = ["mount", "-t", "overlay", "-o", options, "overlay", directory / "merged"]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            # The kernel may lack them, and the case with them.
            pytest.skip("overlayfs cannot be mounted")
        try:
            yield directory / "merged"
        finally:
            subprocess.run(["umount", "-l", directory / "merged"], check=True)


SAMPLES, TEXTS = [np.arange(4)] * 5, ["one"] * 5
REPLACEMENTS = {
    "lists": lambda path, _: RaggedMmap.from_lists(path, SAMPLES),
    "strings": lambda path, _: StringsMmap.from_strings(path, TEXTS),
    "array": lambda path, _: np_ninja.from_ndarray(path, np.zeros(5)),
    "generator": lambda path, samples: RaggedMmap.from_generator(path, samples, 2),
    "indexable": lambda path, samples: RaggedMmap.from_indexable(path, samples, 2),
    "parallel": lambda path, samples: RaggedMmap.from_indexable(path, samples, 2, 2),
    "strings generator": lambda path, samples: StringsMmap.from_generator(
        path, TEXTS if samples is SAMPLES else samples, 2
    ),
    "dense generator": lambda path, samples: np_ninja.from_generator(path, samples, 2),
    "joined": lambda path, _: concatenate(path, [path] * 5),
}


def test_a_target_in_a_lower_layer_is_refused_before_any_sample_is_requested(path):
    with overlay(path) as merged:
        for target in merged / "data", merged / "merging":
            for name, build in REPLACEMENTS.items():
                with unchanged(merged), unchanged(path / "upper"), pytest.raises(OSError) as caught:
                    build(target, Untouched())
                assert caught.value.errno == errno.EXDEV, name
                assert caught.value.filename == str(target), name
                assert "overlayfs" in str(caught.value), name
        shutil.move(target, merged / "old")
        assert len(REPLACEMENTS["generator"](target, SAMPLES)) == 5


def test_a_build_in_a_lower_layer_is_refused_before_it_is_continued(path):
    with overlay(path) as merged, unchanged(merged), pytest.raises(OSError) as caught:
        RaggedMmap.from_generator(merged / "built", Untouched(), 2, resume=True)
    assert caught.value.filename == str(path / "merged" / "built.partial")


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_an_overlay_replaces_the_directories_that_it_can_rename(path, name):
    with overlay(path, redirect="on") as merged:
        RaggedMmap.from_lists(merged / "above", [np.arange(3)])
        before = names(merged)
        for target in "data", "merging", "above":
            REPLACEMENTS[name](merged / target, SAMPLES)
            assert len(open_existing(merged / target)) == 5
        assert names(merged) == before


def test_a_target_that_is_a_mount_point_costs_no_samples(path):
    asked = []
    samples = (asked.append(index) or np.arange(3) for index in range(6))
    with small_disk(path, 1 << 20):
        try:
            built = RaggedMmap.from_generator(path, samples, 2)
        except OSError as error:
            assert str(path) in str(error)
            assert not asked or len(RaggedMmap(partial_of(path))) == 6
        else:
            assert len(built) == len(RaggedMmap(path)) == 6
