"""What paths may be, and what is said of those that lead to no dataset."""

import copy
import io
import multiprocessing
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import mmap_ninja
import numpy as np
import pytest
import workers
from conftest import tree
from mmap_ninja import (
    RaggedMmap,
    RecordsMmap,
    StringsMmap,
    base,
    concatenate,
    open_existing,
    read_attrs,
    repair,
    subset,
    verify,
    write_attrs,
    write_checksums,
    write_index,
)
from mmap_ninja import numpy as np_ninja

OPENERS = {
    "ragged": RaggedMmap,
    "strings": StringsMmap,
    "dense": np_ninja.open_existing,
    "any": open_existing,
    "extend_dir": lambda path: np_ninja.extend_dir(path, np.zeros((1, 2))),
    "concatenated": lambda path: concatenate("/nonexistent/out", [path]),
    "verify": verify,
    "repair": repair,
    "write_checksums": write_checksums,
    "write_index": write_index,
    "records": RecordsMmap,
    "subset": lambda path: subset("/nonexistent/out", path, [0]),
    "read_attrs": read_attrs,
    "write_attrs": lambda path: write_attrs(path, {}),
}
BUILDERS = {
    "from_lists": lambda path: RaggedMmap.from_lists(path, [[1], [2]]),
    "from_strings": lambda path: StringsMmap.from_strings(path, ["one", "two"]),
    "from_ndarray": lambda path: np_ninja.from_ndarray(path, np.zeros((2, 2))),
    "ragged from_generator": lambda path: RaggedMmap.from_generator(path, [[1], [2]], 1),
    "ragged from_indexable": lambda path: RaggedMmap.from_indexable(path, [[1], [2]], 1),
    "strings from_generator": lambda path: StringsMmap.from_generator(path, ["one", "two"], 1),
    "strings from_indexable": lambda path: StringsMmap.from_indexable(path, ["one", "two"], 1),
    "dense from_generator": lambda path: np_ninja.from_generator(path, [[1], [2]], 1),
    "dense from_indexable": lambda path: np_ninja.from_indexable(path, [[1], [2]], 1),
    "ragged from_gathered": lambda path: RaggedMmap.from_gathered(path, np.arange(2), np.arange(3)),
    "strings from_gathered": lambda path: StringsMmap.from_gathered(
        path, np.frombuffer(b"ab", np.uint8), np.arange(3)
    ),
    "records from_lists": lambda path: RecordsMmap.from_lists(path, [{"x": 1}, {"x": 2}]),
    "records from_columns": lambda path: RecordsMmap.from_columns(path, {"x": [1, 2]}),
    "records from_generator": lambda path: RecordsMmap.from_generator(path, [{"x": 1}, {"x": 2}], 1),
    "records from_indexable": lambda path: RecordsMmap.from_indexable(path, [{"x": 1}, {"x": 2}], 1),
    "_empty": lambda path: np_ninja._empty(path, "int8", (2,), "C"),
    "from_generator_base": lambda path: base.from_generator_base(path, [[1], [2]], 1, RaggedMmap.from_lists),
    "from_indexable_base": lambda path: base.from_indexable_base(path, [[1], [2]], 1, RaggedMmap.from_lists),
}
URLS = {
    "s3://bucket/x": "fsspec|rclone",
    "gs://bucket/x": "fsspec|rclone",
    "az://x/y": "fsspec|rclone",
    "hf://datasets/a/b": "huggingface_hub",
    "https://host/x.tar": "download",
    "file:///tmp/x": "path alone",
    Path("s3://bucket/x"): "fsspec|rclone",
    b"s3://bucket/x": "fsspec|rclone",
}


@pytest.mark.parametrize("url", URLS, ids=str)
def test_a_url_is_refused_with_what_to_do_and_nothing_is_written(path, monkeypatch, url):
    path.mkdir()
    monkeypatch.chdir(path)
    for call in [*OPENERS.values(), *BUILDERS.values(), lambda url: concatenate(url, ["a"])]:
        with pytest.raises(ValueError, match=f"not from a URL.*({URLS[url]})"):
            call(url)
    assert tree(path) == {}


def test_a_directory_whose_name_looks_like_a_scheme_is_a_directory(path, monkeypatch):
    (path / "ab:").mkdir(parents=True)
    monkeypatch.chdir(path)
    RaggedMmap.from_lists(Path("ab:/data"), [[1]])
    assert RaggedMmap("ab:/data")[0] == RaggedMmap(Path("ab:/data"))[0] == [1]


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_path_may_be_bytes(path, build):
    path = path.parent / "dätä"
    build(os.fsencode(path))
    kind = "numpy" if type(built := open_existing(os.fsencode(path))) is np.memmap else type(built)
    opened = np_ninja.open_existing if kind == "numpy" else kind
    assert (
        len(opened(os.fsencode(path))) == len(concatenate(os.fsencode(path) + b"2", [os.fsencode(path)])) == 2
    )
    if kind != "numpy":
        assert built.out_dir == path
        assert pickle.loads(pickle.dumps(built)).out_dir == path
    write_checksums(os.fsencode(path))
    assert verify(os.fsencode(path)).ok
    assert repair(os.fsencode(path)).ok


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "X.TGZ"])
def test_an_archive_is_refused_with_how_to_unpack_it(path, name):
    path.mkdir()
    archive = path / name
    if name == "x.zip":
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("x/type.ninja", "ragged")
    else:
        with tarfile.open(archive, "w") as file:
            file.addfile(tarfile.TarInfo("x/type.ninja"), io.BytesIO(b""))
    for opener in OPENERS.values():
        with pytest.raises(ValueError, match="archive; unpack it first.*(unzip|tar -xf)"):
            opener(archive)


def test_a_directory_may_be_named_like_an_archive(path):
    RaggedMmap.from_lists(path / "x.zip", [[1]])
    assert len(RaggedMmap(path / "x.zip")) == 1


@pytest.mark.parametrize("cls", [RaggedMmap, StringsMmap])
def test_a_directory_of_other_things_is_not_an_empty_map(path, cls):
    StringsMmap.from_strings(path / "train", ["one"])
    (path / "README.md").write_text("mine")
    with pytest.raises(ValueError, match=r"holds no dataset, but 'README.md', 'train'"):
        cls(path)
    for number in range(5):
        (path / f"{number}.jpg").touch()
    with pytest.raises(ValueError, match="'0.jpg', '1.jpg', '2.jpg' and 4 more"):
        cls(path)


@pytest.mark.parametrize("cls", [RaggedMmap, StringsMmap])
def test_an_empty_directory_is_an_empty_map(path, cls):
    path.mkdir()
    (path / ".gitkeep").touch()
    memmap = cls(path)
    assert len(memmap) == 0
    memmap.append("a" if cls is StringsMmap else [1])
    assert len(cls(path)) == 1


def test_no_texts_may_be_stored_beside_foreign_files(path):
    StringsMmap.from_strings(path, ["one"])
    (path / "README.md").write_text("mine")
    memmap = StringsMmap.from_strings(path, [])
    assert len(memmap) == 0
    memmap.append("two")
    assert StringsMmap(path)[:] == ["two"]


@pytest.mark.parametrize("cls", [RaggedMmap, StringsMmap])
def test_an_empty_map_says_that_nothing_is_at_its_path(path, cls):
    memmap = cls(path)
    assert "nothing at this path" in repr(memmap)
    for index in 0, -1, [0], np.array([0]):
        with pytest.raises(IndexError, match=rf"{path}.*there is nothing at this path"):
            memmap[index]
    assert list(memmap) == memmap[:] == memmap[[]] == []
    path.mkdir()
    assert "nothing" not in repr(memmap)
    with pytest.raises(IndexError, match="this directory holds no dataset"):
        memmap[0]


@pytest.fixture(params=["ragged", "strings"])
def memmap(request, path):
    return (
        RaggedMmap.from_lists(path, [[1]])
        if request.param == "ragged"
        else StringsMmap.from_strings(path, ["a"])
    )


@pytest.mark.parametrize("again", [lambda each: pickle.loads(pickle.dumps(each)), copy.copy, copy.deepcopy])
def test_a_copy_of_a_map_whose_directory_is_gone_is_an_error(path, memmap, again):
    assert len(again(memmap)) == 1
    shutil.rmtree(path)
    for _ in range(2):
        with pytest.raises(FileNotFoundError) as raised:
            again(memmap)
        assert raised.value.filename == str(path)
        path.mkdir(exist_ok=True)
    assert memmap[0] in ("a", [1])
    memmap.close()
    with pytest.raises(FileNotFoundError):
        again(memmap)


def test_a_map_that_was_empty_at_a_missing_path_may_be_copied(path):
    for memmap in RaggedMmap(path), StringsMmap(path):
        for again in pickle.loads(pickle.dumps(memmap)), copy.deepcopy(memmap):
            assert len(again) == 0


def test_a_refresh_of_a_map_whose_directory_is_gone_is_an_error_and_changes_nothing(path, memmap):
    shutil.rmtree(path)
    with pytest.raises(FileNotFoundError, match=str(path)):
        memmap.refresh()
    assert len(memmap) == 1
    assert memmap[0] in ("a", [1])


def test_a_spawned_worker_fails_where_the_directory_is_gone(path, memmap):
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=workers.report, args=([memmap], sender))
    shutil.rmtree(path)
    process.start()
    sender.close()
    with pytest.raises(EOFError):
        receiver.recv()
    process.join()
    assert process.exitcode == 1


def test_every_public_function_that_takes_a_path_is_tried_above():
    tried = {
        "RaggedMmap",
        "StringsMmap",
        "open_existing",
        "concatenate",
        "verify",
        "repair",
        "write_checksums",
        "RecordsMmap",
        "read_attrs",
        "subset",
        "write_attrs",
        "write_index",
    }
    tried |= {"np_from_ndarray", "np_from_generator", "np_open_existing", "np_extend_dir"}
    without = {"CorruptDatasetError", "Wrapped", "__version__", "np_append", "np_extend"}
    without |= {"ArraySpec", "Loader", "plans", "split"}
    # With libraries that not everybody has, in files of their own.
    without |= {"convert", "export", "from_arrow"}
    assert set(mmap_ninja.__all__) == tried | without
