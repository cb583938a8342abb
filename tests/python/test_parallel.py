"""Builds in several processes: the same files as in one, and the same errors."""

import os
import re
import sys
import threading
from functools import partial

import joblib
import numpy as np
import pytest
from building_workers import DICTIONARY, STORES, plain, sized, unsized
from conftest import names, partial_of, tree
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from mmap_ninja.parallel import ParallelBatchCollector, make_indexable


def same_as_serial(store, path, indexable, batch_size, **options):
    """Build it in parallel and in this process; return the map."""
    serial = path.parent / "serial"
    store.index(serial, indexable, batch_size, **options)
    built = store.index(path, indexable, batch_size, n_jobs=2, **options)
    assert tree(path) == tree(serial)
    assert names(path.parent) == ["data", "serial"]
    return built


@pytest.mark.parametrize("make", [sized, unsized])
@pytest.mark.parametrize("batch_size", [8, 9, 100])
def test_the_files_are_those_of_a_serial_build(path, any_store, batch_size, make):
    built = same_as_serial(any_store, path, make(any_store.sample, 24), batch_size)
    assert [plain(item) for item in built] == [plain(sample) for sample in any_store.samples(24)]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_files_of_many_shards_are_those_of_a_serial_build(path, batch_size):
    mixed = STORES["mixed"]
    same_as_serial(mixed, path, sized(mixed.sample, 24), batch_size)


@pytest.mark.parametrize("make", [sized, unsized])
def test_the_files_are_those_of_a_serial_build_with_a_dictionary(path, make):
    built = same_as_serial(DICTIONARY, path, make(DICTIONARY.sample, 350), 100)
    assert built[:] == DICTIONARY.samples(350)


@pytest.mark.parametrize("name", ["tokens", "mixed", "texts", "packed"])
def test_custom_names_of_members_are_kept(path, name):
    store = STORES[name]
    keys = {"starts_key": "a", "ends_key": "b"}
    if store.home is RaggedMmap:
        keys |= {"shapes_key": "c", "flattened_shapes_key": "d"}
    built = same_as_serial(store, path, sized(store.sample, 14), 4, **keys)
    assert [plain(item) for item in built] == [plain(sample) for sample in store.samples(14)]


def test_other_options_reach_the_map(path):
    options = {"dtype": "float32", "wrapper_fn": np.sum, "mode": "r", "copy_before_wrapper_fn": False}
    built = same_as_serial(STORES["tokens"], path, sized(STORES["tokens"].sample, 10), 3, **options)
    assert (built.mode, built.dtype, built[3]) == ("r", "float32", 9.0)


def test_a_dtype_that_one_worker_sees_only_is_cast(path):
    dtypes = ["int16", "int64", "float32", "bool", "uint8"]
    samples = [np.arange(2, dtype=dtypes[index % 5]) for index in range(15)]
    assert same_as_serial(STORES["tokens"], path, samples, 2).dtype == "int16"


@pytest.mark.parametrize("dtype", [">i4", "U7", "datetime64[s]", [("a", "i2"), ("b", "f8", (2,))]])
def test_any_dtype_is_kept(path, dtype):
    samples = [np.arange(index % 4).astype("int16").astype(dtype) for index in range(10)]
    assert same_as_serial(STORES["tokens"], path, samples, 3).dtype == np.dtype(dtype)


@pytest.mark.parametrize("count", [5, 6, 7])
def test_rows_in_f_order_are_rows_like_any_other(path, count):
    samples = [np.asfortranarray(np.arange(6).reshape(2, 3) + index) for index in range(count)]
    np_ninja.from_ndarray(whole := path.parent / "whole", np.ascontiguousarray(np.stack(samples)))
    np_ninja.from_indexable(path, samples, 2, n_jobs=2)
    assert tree(path) == tree(whole)


class Loader:
    """Defined here, where no worker can import it by name."""

    def __init__(self, sample):
        self.sample = sample

    def load(self, index):
        return self.sample(index)

    def __call__(self, index):
        if index >= 12:
            raise IndexError(index)
        return self.sample(index)


LOADERS = {
    "lambda": lambda sample: make_indexable(lambda index: sample(index), 12),
    "closure": lambda sample: make_indexable(lambda index, given=[sample]: given[0](index), 12),
    "method": lambda sample: make_indexable(Loader(sample).load, 12),
    "partial": lambda sample: make_indexable(partial(lambda factor, index: sample(factor * index), 1), 12),
    "callable": Loader,
    "list": lambda sample: [sample(index) for index in range(12)],
    "tuple": lambda sample: tuple(sample(index) for index in range(12)),
}


@pytest.mark.parametrize("kind", LOADERS)
def test_any_loader_will_do(path, store, kind):
    built = same_as_serial(store, path, LOADERS[kind](store.sample), 3)
    assert [plain(item) for item in built] == [plain(sample) for sample in store.samples(12)]


def test_a_map_may_be_the_loader(path, store):
    store.create(path.parent / "serial", store.samples(12))
    store.index(path, store.show(path.parent / "serial"), 3, n_jobs=2)
    assert tree(path) == tree(path.parent / "serial")


def test_the_class_of_a_subclass_is_kept(path):
    class Mine(RaggedMmap):
        pass

    assert type(Mine.from_indexable(path, sized(np.arange, 9), 2, n_jobs=2)) is Mine


def test_threads_will_do_as_well(path, store):
    lock = threading.Lock()  # which no process could be sent

    def load(index):
        with lock:
            return store.sample(index)

    with joblib.parallel_config(backend="threading"):
        same_as_serial(store, path, sized(load, 12), 3)


# What crosses from process to process


class Unsendable:
    """NumPy can convert it, but no other process can be sent it."""

    def __init__(self, index):
        self.index = index

    def __array__(self, dtype=None, copy=None):
        return np.arange(self.index + 1.0) if self.index != 2 else np.zeros((1, 3))

    def __reduce__(self):
        raise AssertionError("a sample was sent to another process")


class UnsendableText(str):
    __slots__ = ()

    def __reduce_ex__(self, protocol):
        raise AssertionError("a text was sent to another process")


class UnsendableRow(Unsendable):
    def __array__(self, dtype=None, copy=None):
        return np.arange(3.0) + self.index


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("mixed", Unsendable),
        ("texts", lambda index: UnsendableText(f"{index}th")),
        ("packed", lambda index: UnsendableText(f"{index}th")),
        ("dense", UnsendableRow),
    ],
)
@pytest.mark.parametrize("make", [sized, unsized])
def test_no_sample_is_sent_from_process_to_process(path, name, load, make):
    assert len(same_as_serial(STORES[name], path, make(load, 12), 3)) == 12


def noting_pids(path, sample):
    """A loader that writes down who loads what."""

    def load(index):
        with open(path, "a") as file:
            file.write(f"{os.getpid()} {index}\n")
        return sample(index)

    return load


def noted(path):
    """Process ids and indices, in the order of the indices."""
    pairs = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
    return [pid for pid, _ in sorted(pairs, key=lambda pair: pair[1])], sorted(index for _, index in pairs)


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_one_job_is_this_process(path, tmp_path, store, n_jobs):
    lock = threading.Lock()  # which no other process could be sent
    sample = noting_pids(tmp_path / "noted", lambda index: store.sample(index) if lock else None)
    store.index(path, sized(sample, 9), 2, n_jobs=n_jobs)
    pids, indices = noted(tmp_path / "noted")
    assert set(pids) == {os.getpid()}
    assert indices == list(range(9))


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_several_jobs_load_each_sample_once_in_other_processes(path, tmp_path, store, n_jobs):
    store.index(path, sized(noting_pids(tmp_path / "noted", store.sample), 20), 3, n_jobs=n_jobs)
    pids, indices = noted(tmp_path / "noted")
    assert indices == list(range(20))
    assert set(pids[3:]).isdisjoint({os.getpid()})


# Errors


class TwoArguments(Exception):
    """One that does not survive being sent as it is."""

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


def breaking_at(index, sample, make_error):
    def load(asked):
        if asked == index:
            raise make_error()
        return sample(asked)

    return load


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
    """One that cannot be sent at all."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")
        self.lock = threading.Lock()


def test_an_error_that_cannot_be_sent_is_described(path):
    load = breaking_at(7, np.arange, lambda: Locked("broken", 2))
    with pytest.raises(RuntimeError, match=r"index 7: .*Locked: broken and 2") as caught:
        RaggedMmap.from_indexable(path, sized(load, 12), 3, n_jobs=2)
    assert "in load" in str(caught.value.__cause__)
    assert names(path.parent) == ["data.partial"]


@pytest.mark.parametrize("n_jobs", [0, 0.0])
def test_no_jobs_are_refused_before_anything_is_written(path, store, n_jobs):
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
def test_a_stop_iteration_of_the_loader_is_no_end(path, n_jobs):
    load = breaking_at(7, np.arange, StopIteration)
    with pytest.raises((StopIteration, RuntimeError)):
        RaggedMmap.from_indexable(path, unsized(load, 12), 3, n_jobs=n_jobs)
    assert not path.exists()


@pytest.mark.parametrize("batch_size", [2, 5, 7, 8])
def test_the_first_index_error_ends_an_indexable_without_length(path, batch_size):
    """Whatever comes behind it."""
    load = breaking_at(7, lambda index: np.full(2, index), IndexError)
    built = same_as_serial(STORES["tokens"], path, unsized(load, 30), batch_size)
    assert [item[0] for item in built] == list(range(7))


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
def test_a_build_may_go_on_with_another_number_of_jobs(path, name, first, second):
    store = STORES[name]
    load = breaking_at(13, store.sample, lambda: ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        store.index(path, unsized(load, 20), 3, n_jobs=first)
    store.index(path, unsized(store.sample, 20), 3, n_jobs=second, resume=True)
    store.create(whole := path.parent / "whole", store.samples(20))
    assert tree(path) == tree(whole)


# Nothing else is left


def test_an_error_leaves_no_shards_while_it_is_kept(path):
    """The samples of a worker are right by themselves, but do not fit those of another."""
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


def test_without_overwriting_nothing_is_loaded(path, store):
    store.create(path, store.samples(2))
    before = tree(path.parent)
    with pytest.raises(FileExistsError):
        store.index(path, sized(None, 9), 2, n_jobs=2, overwrite=False)
    assert tree(path.parent) == before


# Without joblib, and with a bar


def test_without_joblib_the_error_says_what_to_install(path, store, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match=r"pip install .*mmap_ninja\[parallel\]"):
        store.index(path, sized(None, 9), 2, n_jobs=2)
    with pytest.raises(ImportError, match=r"joblib"):
        ParallelBatchCollector([1, 2], 1, n_jobs=2)
    assert names(path.parent) == []
    for n_jobs in None, 1:
        assert len(store.index(path, sized(store.sample, 9), 2, n_jobs=n_jobs)) == 9


@pytest.mark.parametrize("make", [sized, unsized])
def test_one_bar_counts_the_samples(path, store, capfd, make):
    store.index(path, make(store.sample, 50), 7, n_jobs=2)
    assert capfd.readouterr() == ("", "")
    store.index(path, make(store.sample, 50), 7, n_jobs=2, verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert ("50/50" if make is sized else "50 samples") in err.split("\r")[-1]


def test_batches_of_the_collector_are_in_order():
    for n_jobs in None, 2:
        for indexable in [range(10), list(range(10)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].__getitem__]:
            collector = ParallelBatchCollector(indexable, 3, n_jobs)
            assert list(collector.batches()) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_texts_of_workers_are_compressed_with_the_dictionary_of_the_first_batch(path):
    built = DICTIONARY.index(path, sized(DICTIONARY.sample, 300), 100, n_jobs=2)
    alone = StringsMmap.from_strings(path.parent / "alone", DICTIONARY.samples(300), zstd_level=3)
    assert built.ends[-1] < alone.ends[-1] * 0.8
