"""Builds that are told to stop: by signals, by errors of any kind, or by a child that was forked."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import building_workers
import numpy as np
import pytest
from building_workers import sized
from conftest import held, names, notes, partial_of
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja

fcntl = pytest.importorskip("fcntl")


def locking(store, path, count, locked, rest=()):
    """Samples; after `count` of them, the build's directory is locked by somebody else."""
    yield from store.samples(count)
    building_workers.wait_until(lambda: (partial_of(path) / "type.ninja").exists())
    locked.append(os.open(partial_of(path), os.O_RDONLY))
    fcntl.flock(locked[0], fcntl.LOCK_EX)
    yield from store.samples(count + 6, count)
    yield from rest


def press_soon():
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()


def pressing():
    """A generator that is interrupted itself."""
    time.sleep(0.2)
    signal.raise_signal(signal.SIGINT)
    yield


@pytest.mark.parametrize("is_in_generator", [False, True])
def test_an_interrupt_ends_the_wait_for_another_writer(path, store, is_in_generator):
    locked, begun = [], time.monotonic()
    samples = locking(store, path, 3, locked, pressing() if is_in_generator else ())
    if not is_in_generator:
        press_soon()
    with pytest.raises(KeyboardInterrupt):
        store.generate(path, samples, 2, timeout=600)
    assert time.monotonic() - begun < 300, "the other writer was waited for"
    os.close(locked[0])
    assert len(store.generate(path, iter(store.samples(9)), 2, resume=True)) == 9


def test_a_build_waits_for_another_writer_only_once(path, store, tmp_path):
    """While an append waits twice for a lock of its own."""
    locked = []
    other = RaggedMmap.from_lists(tmp_path / "other", [[1]], timeout=2)

    def wait_twice():
        for _ in range(2):
            with pytest.raises(TimeoutError):
                other.append([2])

    with held(tmp_path / "other"):
        twice = threading.Thread(target=wait_twice)
        samples = locking(store, path, 3, locked)
        with pytest.raises(TimeoutError, match=str(partial_of(path))):
            store.generate(path, start_first(twice, samples), 2, timeout=2)
        assert twice.is_alive()
        twice.join()
    os.close(locked[0])


def start_first(thread, samples):
    thread.start()
    yield from samples


class Own(BaseException):
    """No `Exception`."""


@pytest.mark.parametrize("error", [Own("own"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_any_error_of_a_loader_names_the_index_and_keeps_whole_batches(path, capfd, error, n_jobs):
    def load(index):
        if index == 70:
            raise error
        return np.arange(index % 3)

    with warnings.catch_warnings(), pytest.raises(type(error)) as caught:
        warnings.simplefilter("error")
        RaggedMmap.from_indexable(path, sized(load, 90), 4, n_jobs=n_jobs)
    assert "sample at index 70" in notes(caught.value)
    assert "68 samples are safe" in notes(caught.value)
    assert len(RaggedMmap(partial_of(path))) == 68
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("index", [1, 70])
def test_a_loader_that_raises_stop_iteration_is_named(path, index, n_jobs):
    def load(asked):
        if asked == index:
            raise StopIteration(5)
        return [asked]

    with pytest.raises(RuntimeError, match=rf"index {index} raised StopIteration"):
        RaggedMmap.from_indexable(path, sized(load, 90), 4, n_jobs=n_jobs)


@pytest.mark.parametrize("index", [2, 70])
@pytest.mark.parametrize("way", ["exit", "raise", "return"])
def test_a_child_that_a_loader_forks_has_no_part_in_the_build(path, index, way):
    """Here or in a worker."""
    command = [sys.executable, building_workers.__file__, "build_with_a_fork", path, str(index), way]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "90\n", ended.stderr
    assert names(path.parent) == ["data"]
    assert [item[0] for item in RaggedMmap(path)] == list(range(90))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_build_is_not_resumed_with_fewer_samples_than_it_has(path, store, n_jobs):
    building_workers.interrupted(store, path, store.samples(50), 10)
    with pytest.raises(ValueError, match="20 samples, but 50"):
        store.index(path, sized(store.sample, 20), 10, n_jobs=n_jobs, resume=True)
    assert len(store.show(partial_of(path))) == 50
    assert len(store.index(path, sized(store.sample, 50), 10, n_jobs=n_jobs, resume=True)) == 50


def test_names_of_members_that_an_interrupted_build_does_not_have_are_refused(path):
    for name in "tokens", "texts":
        store = building_workers.STORES[name]
        building_workers.interrupted(store, path, store.samples(5), 2)
        with pytest.raises(ValueError, match="no sub-directory 'other'.*same") as caught:
            store.generate(path, store.samples(9), 2, resume=True, starts_key="other")
        assert type(caught.value) is ValueError
        assert len(store.generate(path, store.samples(9), 2, resume=True)) == 9


# Other writers in the directory of a build


def append_one(store, partial):
    if store.home is np_ninja:
        np_ninja.extend_dir(partial, store.sample(40)[np.newaxis])
    else:
        store.show(partial).append(store.sample(40))


INTRUDERS = {
    "append": append_one,
    "replace": lambda store, partial: store.create(partial, store.samples(43, 40)),
}


@pytest.mark.parametrize("intruder", INTRUDERS)
@pytest.mark.parametrize("rest", [0, 1, 6], ids=["at the end", "within a batch", "before others"])
def test_a_build_that_others_have_written_to_is_refused(path, any_store, intruder, rest):
    def intruded():
        yield from any_store.samples(6)
        building_workers.wait_until(lambda: building_workers.written(any_store, path) == 6)
        INTRUDERS[intruder](any_store, partial_of(path))
        yield from any_store.samples(6 + rest, 6)

    with pytest.raises(ValueError, match=rf"{partial_of(path)}.*others have written") as caught:
        any_store.generate(path, intruded(), 2)
    assert "safe" not in notes(caught.value)
    assert names(path.parent) == ["data.partial"]


def test_a_parallel_build_that_others_have_written_to_is_refused(path, store):
    def load(index):
        if index == 80:
            append_one(store, partial_of(path))
        return store.sample(index)

    with pytest.raises(ValueError, match="others have written"):
        store.index(path, sized(load, 90), 4, n_jobs=2)
    assert not path.exists()
