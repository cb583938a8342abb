"""Builds in several processes write the same files as builds in one."""

import os
import sys
import threading
from functools import partial

import joblib
import numpy as np
import pytest
from building_workers import DICTIONARY, STORES, breaking_at, noted, noting_pids, plain, sized, unsized
from conftest import names, tree
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from mmap_ninja.parallel import ParallelBatchCollector, make_indexable


def same_as_serial(store, path, indexable, batch_size, **options):
    """Build in parallel and in this process; check that the files are equal, and return the parallel build."""
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


def test_a_dtype_that_only_one_worker_sees_is_cast(path):
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
    """Workers cannot import this class by name."""

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
def test_any_kind_of_loader_works(path, store, kind):
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


def test_the_threading_backend_of_joblib_works(path, store):
    lock = threading.Lock()  # cannot be pickled

    def load(index):
        with lock:
            return store.sample(index)

    with joblib.parallel_config(backend="threading"):
        same_as_serial(store, path, sized(load, 12), 3)


@pytest.mark.parametrize("batch_size", [2, 5, 7, 8])
def test_the_first_index_error_ends_an_indexable_without_length(path, batch_size):
    """Samples after it are not stored."""
    load = breaking_at(7, lambda index: np.full(2, index), IndexError)
    built = same_as_serial(STORES["tokens"], path, unsized(load, 30), batch_size)
    assert [item[0] for item in built] == list(range(7))


def test_an_indexable_whose_len_raises_type_error_has_no_length(path):
    class Unknown(list):
        def __len__(self):
            raise TypeError("the length is not known")

    samples = [np.full(2, index) for index in range(10)]
    built = same_as_serial(STORES["tokens"], path, Unknown(samples), 3)
    assert [item[0] for item in built] == list(range(10))


# What is sent to other processes


class Unsendable:
    """NumPy can convert it, but it cannot be pickled."""

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
def test_no_sample_is_sent_to_another_process(path, name, load, make):
    assert len(same_as_serial(STORES[name], path, make(load, 12), 3)) == 12


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_one_job_runs_in_this_process(path, tmp_path, store, n_jobs):
    lock = threading.Lock()  # cannot be pickled
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
