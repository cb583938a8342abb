"""Errors of parallel builds reach the caller unchanged, and leave nothing but whole batches."""

import os
import re
import signal
import threading

import numpy as np
import pytest
from building_workers import STORES, breaking_at, noted, noting_pids, plain, sized, unsized
from conftest import names, partial_of, tree
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja


class TwoArguments(Exception):
    """Cannot be unpickled: its constructor takes other arguments than `args`."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


ERRORS = {
    "RuntimeError": lambda: RuntimeError("broken"),
    "KeyError": lambda: KeyError("broken"),
    "IndexError": lambda: IndexError("broken"),
    "OSError": lambda: FileNotFoundError(2, "broken", "file"),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "broken"),
    "of two arguments": lambda: TwoArguments("broken", 2),
}


def check_error(error, expected, index):
    assert type(error) is type(expected)
    assert str(error) == str(expected)
    assert re.search(rf"\bindex {index}\b", "\n".join(error.__notes__))


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_error_of_the_loader_reaches_the_caller_with_the_index(path, kind, n_jobs):
    make_error = ERRORS[kind]
    RaggedMmap.from_lists(path, [np.arange(9)])
    before = tree(path)
    for index in 2, 7:
        with pytest.raises(type(make_error())) as caught:
            RaggedMmap.from_indexable(
                path, sized(breaking_at(index, np.arange, make_error), 12), 3, n_jobs=n_jobs
            )
        check_error(caught.value, make_error(), index)
        assert tree(path) == before
        assert set(names(path.parent)) <= {"data", "data.partial"}


class Locked(Exception):
    """Cannot be pickled at all."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")
        self.lock = threading.Lock()


def test_an_error_that_cannot_be_pickled_is_described(path):
    load = breaking_at(7, np.arange, lambda: Locked("broken", 2))
    with pytest.raises(RuntimeError, match=r"index 7: .*Locked: broken and 2") as caught:
        RaggedMmap.from_indexable(path, sized(load, 12), 3, n_jobs=2)
    assert "in load" in str(caught.value.__cause__)
    assert names(path.parent) == ["data.partial"]


@pytest.mark.parametrize("n_jobs", [0, 0.0])
def test_zero_jobs_are_refused_before_anything_is_written(path, store, n_jobs):
    with pytest.raises(ValueError, match="n_jobs"):
        store.index(path, sized(None, 9), 2, n_jobs=n_jobs)
    assert names(path.parent) == []


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("name", ["texts", "dense"])
def test_only_an_index_error_ends_an_indexable_without_length(path, name, n_jobs):
    load = breaking_at(7, STORES[name].sample, lambda: KeyError("broken"))
    with pytest.raises(KeyError, match="broken") as caught:
        STORES[name].index(path, unsized(load, 12), 3, n_jobs=n_jobs)
    check_error(caught.value, KeyError("broken"), 7)
    assert not path.exists()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_stop_iteration_of_the_loader_does_not_end_the_build(path, n_jobs):
    load = breaking_at(7, np.arange, StopIteration)
    with pytest.raises((StopIteration, RuntimeError)):
        RaggedMmap.from_indexable(path, unsized(load, 12), 3, n_jobs=n_jobs)
    assert not path.exists()


BAD = {
    "tokens": (np.array([1.5]), TypeError),
    "mixed": (np.array([[70_000]]), OverflowError),
    "texts": (b"bytes", TypeError),
    "packed": ("\ud800", UnicodeEncodeError),
    "dense": (np.ones((3, 3)), ValueError),
}


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("index", [2, 7])
def test_a_sample_that_cannot_be_stored_is_named_by_its_index(path, name, index, n_jobs):
    store, (bad, error) = STORES[name], BAD[name]
    indexable = sized(lambda asked: bad if asked == index else store.sample(asked), 12)
    with pytest.raises(error, match=rf"(sample|string|index) {index}\b") as caught:
        store.index(path, indexable, 3, n_jobs=n_jobs)
    assert str(path) in str(caught.value)
    assert set(names(path.parent)) <= {"data.partial"}


@pytest.mark.parametrize("name", ["mixed", "packed", "dense"])
def test_after_an_error_whole_batches_are_safe_and_are_not_loaded_again(path, tmp_path, name):
    store = STORES[name]
    load = breaking_at(17, store.sample, lambda: ConnectionError("gone"))
    with pytest.raises(ConnectionError) as caught:
        store.index(path, sized(load, 20), 3, n_jobs=2)
    safe = len(store.show(partial_of(path)))
    assert safe % 3 == 0
    assert 3 <= safe <= 15
    assert f"{safe} samples are safe in {partial_of(path)}" in "\n".join(caught.value.__notes__)
    assert store.items(partial_of(path)) == [plain(sample) for sample in store.samples(safe)]
    store.index(path, sized(noting_pids(tmp_path / "noted", store.sample), 20), 3, n_jobs=2, resume=True)
    assert noted(tmp_path / "noted")[1] == list(range(safe, 20))
    (tmp_path / "noted").unlink()
    store.create(whole := path.parent / "whole", store.samples(20))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


@pytest.mark.parametrize(
    ("name", "first", "second"), [("texts", 2, None), *((name, None, 2) for name in STORES)]
)
def test_a_build_can_resume_with_another_number_of_jobs(path, name, first, second):
    store = STORES[name]
    load = breaking_at(13, store.sample, lambda: ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        store.index(path, unsized(load, 20), 3, n_jobs=first)
    store.index(path, unsized(store.sample, 20), 3, n_jobs=second, resume=True)
    store.create(whole := path.parent / "whole", store.samples(20))
    assert tree(path) == tree(whole)


# What is left after an error


def test_an_error_leaves_no_shards_while_it_is_kept(path):
    """The samples of each worker agree with each other, but not with those of the other worker."""
    indexable = sized(lambda index: np.zeros(3 if index < 6 else 4), 12)
    with pytest.raises(ValueError, match=str(path)) as caught:
        np_ninja.from_indexable(path, indexable, 3, n_jobs=2)
    assert names(path.parent) == ["data.partial"]
    assert np_ninja.open_existing(partial_of(path)).shape == (6, 3)
    del caught


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_between_shards_leaves_none(path, monkeypatch, error):
    def failing(memmap, shard):
        raise error("between shards")

    monkeypatch.setattr(RaggedMmap, "_join_shard", staticmethod(failing))
    with pytest.raises(error, match="between shards"):
        RaggedMmap.from_indexable(path, sized(np.arange, 40), 3, n_jobs=2)
    assert names(path.parent) == ["data.partial"]
    assert len(RaggedMmap(partial_of(path))) == 3


def test_errors_of_many_workers_at_once_leave_no_shards(path):
    def load(index):
        if index >= 9 and index % 2:
            raise RuntimeError(index)
        return np.full(10_000, index)

    for _ in range(2):
        with pytest.raises(RuntimeError):
            RaggedMmap.from_indexable(path, sized(load, 40), 3, n_jobs=2)
        assert names(path.parent) == ["data.partial"]


def test_a_killed_worker_costs_no_whole_batches(path, store):
    def load(index):
        if index == 70:
            os.kill(os.getpid(), signal.SIGKILL)
        return store.sample(index)

    with pytest.raises(RuntimeError, match="terminated") as caught:
        store.index(path, sized(load, 90), 4, n_jobs=2)
    assert "safe" in "\n".join(caught.value.__notes__)
    assert names(path.parent) == ["data.partial"]
    assert len(store.index(path, sized(store.sample, 90), 4, n_jobs=2, resume=True)) == 90
    store.create(whole := path.parent / "whole", store.samples(90))
    assert tree(path) == tree(whole)


def test_without_overwriting_nothing_is_loaded(path, store):
    store.create(path, store.samples(2))
    before = tree(path.parent)
    with pytest.raises(FileExistsError):
        store.index(path, sized(None, 9), 2, n_jobs=2, overwrite=False)
    assert tree(path.parent) == before
