"""The tasks of a parallel build share a value, which is pickled once."""

import os
import pickle
import sys

import numpy as np
import pytest
from conftest import assert_identical
from mmap_ninja import RaggedMmap
from mmap_ninja._build.broadcast import LARGE, Broadcast

pytest.importorskip("joblib")


def sent(value, folder):
    return pickle.loads(pickle.dumps(Broadcast(value, folder)))()


class Pickled:
    """Samples that log each time they are pickled."""

    def __init__(self, notes):
        self.notes = notes

    def __reduce__(self):
        with self.notes.open("a") as notes:
            notes.write("x")
        return Pickled, (self.notes,)

    def __len__(self):
        return 500

    def __getitem__(self, index):
        return [index]


def test_samples_are_pickled_once_however_many_tasks_there_are(path, tmp_path):
    built = RaggedMmap.from_indexable(path, Pickled(tmp_path / "notes"), 5, n_jobs=2)
    assert [sample.tolist() for sample in built] == [[index] for index in range(500)]
    assert (tmp_path / "notes").read_text() == "x"


def test_a_value_that_is_sent_many_times_is_written_once(tmp_path):
    broadcast = Broadcast([1, 2], tmp_path)
    assert broadcast() == [1, 2]
    first, second = pickle.loads(pickle.dumps(broadcast)), pickle.loads(pickle.dumps(broadcast))
    assert len(os.listdir(tmp_path)) == 1
    assert first() is second()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(LARGE),
        np.arange(LARGE).reshape(2, -1).T,
        np.arange(LARGE)[::3],
        np.arange(5),
        np.zeros((0, 3), "f4"),
        np.array(["one", None], object),
        np.ma.array([1, 2], mask=[0, 1]),
    ],
    ids=["large", "F", "strided", "small", "empty", "objects", "masked"],
)
def test_arrays_arrive_as_they_are(tmp_path, array):
    found = sent({"array": array, "lambda": lambda: array.shape}, tmp_path)
    assert type(found["array"]) is type(array)
    assert found["array"].tolist() == array.tolist()
    assert found["array"].dtype == array.dtype
    assert found["lambda"]() == array.shape
    found["array"][...] = found["array"].copy()


VIEWS = {
    "all": lambda array: array,
    "rows": lambda array: array[100:],
    "rows of rows": lambda array: array[100:][5:],
    "columns": lambda array: array[:, 1],
    "transposed": lambda array: array.T,
    "backwards": lambda array: array[::-1],
    "plain": lambda array: np.asarray(array)[7:],
    "other dtype": lambda array: array.view("u1"),
    "none": lambda array: array[200_000:],
}


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("view", VIEWS)
def test_arrays_on_files_are_mapped_again(tmp_path, mode, view):
    file = tmp_path / "file"
    file.write_bytes(bytes(16) + np.arange(600_000).tobytes())
    array = np.memmap(file, np.int64, mode, offset=16, shape=(200_000, 3))
    if mode == "c":
        array[150] = -1
    array = VIEWS[view](array)
    (folder := tmp_path / "folder").mkdir()
    found = sent(array, folder)
    assert_identical(found, array)
    (file,) = folder.iterdir()
    assert (file.stat().st_size < 1000) == (mode != "c" or array.size == 0)
    assert_identical(sent(found, folder), array)


@pytest.mark.skipif(sys.platform != "linux", reason="counts file descriptors in /proc")
def test_many_views_of_a_file_keep_one_descriptor_open(tmp_path):
    array = np.memmap(tmp_path / "file", np.int64, "w+", shape=(100, 3))
    array[:] = np.arange(300).reshape(100, 3)
    before = os.listdir("/proc/self/fd")
    found = sent([array[index] for index in range(100)], tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 1
    assert_identical(np.stack(found), array)
    assert {type(row) for row in found} == {np.memmap}
    assert {row.filename for row in found} == {array.filename}
