"""Shards of tasks that fail, run twice, come late or write where the driver does not see them; no cluster is needed."""

import os
import shutil
from types import SimpleNamespace

import pyarrow as pa
import pytest
from mmap_ninja import open_existing

pytest.importorskip("ray.data", reason="needs Ray")
from mmap_ninja._ray import join
from mmap_ninja._ray.sink import MmapNinjaDatasink

FILES = {"timeout": 1.0, "locking": True}


def names(directory):
    return sorted(os.listdir(directory))


def test_another_attempt_counts_alone_though_the_first_still_lives(tmp_path):
    sink, context = MmapNinjaDatasink(tmp_path, None, {}, FILES), SimpleNamespace(task_idx=0)
    block = pa.table({"id": [1, 2, 3]})
    attempts = []

    def interrupted():
        yield block
        attempts.append(sink.write(iter([block]), context))
        yield block

    first = sink.write(interrupted(), context)
    (second,) = attempts
    assert (first.parts[0].rows, second.parts[0].rows) == (6, 3)
    sink.on_write_complete(SimpleNamespace(write_returns=[second]))
    assert join.join(sink.shards, tmp_path / "out", False, FILES) == "numpy"
    assert open_existing(tmp_path / "out").tolist() == [1, 2, 3]


def test_a_task_that_fails_removes_its_shard(tmp_path):
    sink = MmapNinjaDatasink(tmp_path, None, {}, FILES)
    with pytest.raises(ValueError, match="row 4: there is a null"):
        sink.write([pa.table({"id": [1, 2, 3]}), pa.table({"id": [1, None]})], SimpleNamespace(task_idx=0))
    assert names(tmp_path) == []


def test_a_late_task_does_not_make_a_place_that_is_gone(tmp_path):
    sink = MmapNinjaDatasink(tmp_path / "scratch", None, {}, FILES)
    (tmp_path / "scratch").mkdir()
    block = pa.table({"id": [1, 2, 3]})

    def late():
        yield block
        shutil.rmtree(tmp_path / "scratch")
        yield block

    for blocks in (late(), [block]):
        with pytest.raises(FileNotFoundError, match="either the write has ended"):
            sink.write(blocks, SimpleNamespace(task_idx=0))
        assert names(tmp_path) == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_shard_that_the_driver_does_not_see_is_an_error(tmp_path, lost):
    sink = MmapNinjaDatasink(tmp_path, None, {}, FILES)
    shards = [sink.write([pa.table({"id": [1, 2]})], SimpleNamespace(task_idx=index)) for index in range(2)]
    shutil.rmtree(shards[lost].parts[0].place)
    with pytest.raises(FileNotFoundError, match="does not see what a task on .* has written"):
        join.join(shards, tmp_path / "out", False, FILES)
    assert not (tmp_path / "out").exists()
