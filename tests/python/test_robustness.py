"""Untrusted files, reused buffers, wrappers and subclasses do no harm."""

import gc
import json
import os
import pickle
import sys
import threading
import weakref
import zlib

import numpy as np
import pytest
from conftest import tree
from mmap_ninja import (
    CorruptDatasetError,
    RaggedMmap,
    StringsMmap,
    concatenate,
    open_existing,
    repair,
    verify,
)
from mmap_ninja import numpy as np_ninja

SMUGGLED = [
    "M8[s],(1000000,)f8",
    "M8[s],O",
    '[["a", "M8[s],(1000000,)f8"]]',
    '[["a", "M8[s],O"]]',
    "f4[s]",
    "U2[",
    "float64,O",
    "object",
    "datetime64[0s]",
    '[["a", "<i4"], ["a", "<i4"]]',
]


@pytest.mark.parametrize("text", SMUGGLED)
def test_a_dtype_text_that_numpy_would_misread_is_refused(tmp_path, text):
    RaggedMmap.from_lists(tmp_path / "r", [np.arange(3)])
    np_ninja.from_ndarray(tmp_path / "n", np.arange(3))
    for kind in "rn":
        (tmp_path / kind / "dtype.ninja").write_text(text)
        with pytest.raises(CorruptDatasetError, match=r"dtype\.ninja"):
            open_existing(tmp_path / kind)


def write_journal(path, *entries):
    """Write the journal that a killed writer leaves, with its checksum."""
    keys = "member", "rows", "bytes"
    rest = json.dumps({"entries": [dict(zip(keys, entry, strict=True)) for entry in entries]})[1:].encode()
    (path / "append.ninja").write_bytes(b'{"crc32":"%08x",' % zlib.crc32(rest) + rest)


@pytest.mark.parametrize("member", ["link", "link/starts", "inner/link"])
@pytest.mark.parametrize("call", [lambda path: RaggedMmap(path).append(np.arange(3)), verify, repair])
def test_a_journal_never_changes_other_datasets_through_links(tmp_path, member, call):
    RaggedMmap.from_lists(tmp_path / "other", [np.arange(1000)] * 10)
    RaggedMmap.from_lists(path := tmp_path / "data", [np.arange(3)] * 2)
    (path / "inner").mkdir()
    for link in path / "link", path / "inner" / "link":
        link.symlink_to(tmp_path / "other")
    size = os.path.getsize(tmp_path / member.replace("inner/", "").replace("link", "other") / "data.ninja")
    write_journal(path, (member, [0, size // 8], [0, size]), ("starts", [2, 3], [16, 24]))
    before = tree(tmp_path)
    found = []
    try:
        found = call(path)
    except CorruptDatasetError as error:
        found = [error]
    assert "not a directory" in str(found)
    assert tree(tmp_path) == before


def test_a_journal_that_names_a_foreign_member_cuts_none_of_its_bytes(tmp_path):
    RaggedMmap.from_lists(path := tmp_path / "data", [np.arange(3)] * 2)
    StringsMmap.from_strings(path / "names", ["one", "two"])
    write_journal(path, ("names", None, [0, 6]), ("starts", [2, 3], [16, 24]))
    with pytest.raises(CorruptDatasetError, match="append.ninja"):
        RaggedMmap(path).append(np.arange(3))
    assert StringsMmap(path / "names")[:] == ["one", "two"]


@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_generator_may_fill_the_same_buffer_again_after_each_batch(tmp_path, batch_size):
    def generate():
        buffers = [np.zeros(50_000) for _ in range(batch_size)]
        for number in range(40):
            buffers[number % batch_size][:] = number
            yield buffers[number % batch_size]

    ragged = RaggedMmap.from_generator(tmp_path / "r", generate(), batch_size)
    dense = np_ninja.from_generator(tmp_path / "n", generate(), batch_size)
    for number in range(40):
        assert (ragged[number] == number).all()
        assert (dense[number] == number).all()


@pytest.mark.parametrize("length", [10**13, 2**62])
def test_a_claimed_length_reserves_no_memory(tmp_path, length):
    class Lying:
        def __len__(self):
            return length

        def __iter__(self):
            return iter([np.arange(2)])

    ragged = RaggedMmap(tmp_path / "r")
    ragged.extend(Lying())
    assert len(ragged) == 1


class Labelled(RaggedMmap):
    def __init__(self, path, label):
        super().__init__(path)
        self.label = label


def test_a_pickle_keeps_what_a_subclass_has_added(tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [np.arange(3)])
    opened = pickle.loads(pickle.dumps(Labelled(tmp_path / "r", "cats")))
    assert (opened.label, opened[0].tolist()) == ("cats", [0, 1, 2])


def test_a_map_whose_wrapper_holds_it_is_collected(tmp_path):
    RaggedMmap.from_lists(tmp_path / "r", [np.arange(3)])

    class Holder:
        def __init__(self):
            self.map = RaggedMmap(tmp_path / "r", wrapper_fn=self.decode)

        def decode(self, item):
            return item

    holder = Holder()
    assert holder.map[0].tolist() == [0, 1, 2]
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None


def test_a_wrapper_can_be_set_later(tmp_path):
    ragged = RaggedMmap.from_lists(tmp_path / "r", [np.arange(3)])
    ragged.wrapper_fn = np.sum
    assert ragged[0] == 3
    ragged.wrapper_fn = None
    assert ragged[0].tolist() == [0, 1, 2]


def test_a_failed_join_leaves_nothing_to_resume(tmp_path):
    RaggedMmap.from_lists(tmp_path / "a", [np.arange(3)])
    RaggedMmap.from_lists(tmp_path / "b", [np.ones(3)])
    with pytest.raises(TypeError, match="float64"):
        concatenate(tmp_path / "x", [tmp_path / "a", tmp_path / "b"])
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_masked_arrays_are_refused(tmp_path):
    with pytest.raises(TypeError, match="mask"):
        RaggedMmap(tmp_path / "r").append(np.ma.array([1, 2], mask=[0, 1]))
    assert not (tmp_path / "r").exists()


def test_a_handle_with_samples_does_not_create_its_directory_again_after_it_was_removed(tmp_path):
    ragged = RaggedMmap.from_lists(tmp_path / "r", [np.arange(3)])
    os.rename(tmp_path / "r", tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        ragged.append(np.arange(3))
    assert not (tmp_path / "r").exists()


class Decoding(RaggedMmap):
    """A map that passes items through a method of its own."""

    def __init__(self, out_dir):
        super().__init__(out_dir, wrapper_fn=self.decode)

    def decode(self, item):
        return item.tolist()


def mappings_of(path):
    with open("/proc/self/maps") as maps:
        return sum(str(path) in line for line in maps)


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="mappings are listed in /proc")


def test_a_map_whose_wrapper_is_its_own_method_is_collected(path):
    RaggedMmap.from_lists(path, [[1, 2]])
    memmap = Decoding(path)
    assert memmap[0] == [1, 2]
    dropped = weakref.ref(memmap)
    del memmap
    gc.collect()
    assert dropped() is None


@ON_LINUX
def test_replaced_mappings_are_released_while_a_wrapper_runs(path):
    inside, over = threading.Event(), threading.Event()

    def wait(item):
        inside.set()
        return over.wait(60)

    memmap = RaggedMmap(RaggedMmap.from_lists(path, [[1, 2]] * 1000).out_dir, wrapper_fn=wait)
    reader = threading.Thread(target=lambda: memmap[0])
    reader.start()
    inside.wait(60)
    try:
        for _ in range(100):
            memmap.refresh()
        found = mappings_of(path)
        child = os.fork()
        if child == 0:
            for _ in range(100):
                memmap.refresh()
            os._exit(mappings_of(path) > 20)
        status = os.waitpid(child, 0)[1]
    finally:
        over.set()
        reader.join()
    assert found <= 20
    assert status == 0
