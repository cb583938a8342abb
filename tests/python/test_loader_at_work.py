"""Loaders in the surroundings of a training run: errors, signals, forks, threads, memory."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import notes, program
from mmap_ninja import CorruptDatasetError, Loader, RaggedMmap, StringsMmap

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def tokens(path):
    return RaggedMmap.from_lists(path.parent / "map", [np.arange(i % 50 + 1) for i in range(600)], mode="r")


def tasks():
    return len(os.listdir("/proc/self/task"))


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@linux
def test_no_thread_outlives_its_iterator(tokens):
    before = tasks()
    batches = iter(Loader(tokens, 8, pad=0, threads=3))
    next(batches)
    assert tasks() == before + 3
    del batches
    gc.collect()
    assert tasks() == before
    batches = iter(Loader(tokens, 8, pad=0, threads=3))
    assert tasks() == before
    for _ in batches:
        pass
    assert tasks() == before
    for _ in Loader(tokens, 8, pad=0):
        break
    gc.collect()
    assert tasks() == before


@linux
def test_threads_that_fill_do_not_interrupt_a_consumer(tokens):
    batches = iter(Loader(tokens, 8, pad=0, threads=3))
    next(batches)
    policies = sorted(map(os.sched_getscheduler, map(int, os.listdir("/proc/self/task"))))
    assert policies[-3:] == [os.SCHED_BATCH] * 3
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@linux
def test_memory_threads_and_descriptors_stay_the_same_over_a_hundred_epochs(tokens):
    loader = Loader(tokens, 8, pad=0, shuffle=True)

    def used():
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), tasks(), descriptors()

    for _ in range(10):
        list(islice(loader, 3))
        for _ in loader:
            pass
    before = used()
    for _ in range(100):
        for _ in loader:
            pass
    after = used()
    assert after[0] - before[0] < 4 << 20
    assert after[1:] == before[1:]


def test_an_error_of_the_transform_names_the_samples_of_the_batch(tokens):
    def fail(batch):
        if batch[1][0] > 20:
            raise KeyError("no such key")
        return batch

    loader = Loader(tokens, 4, pad=0, transform=fail)
    batches = iter(loader)
    with pytest.raises(KeyError) as caught:
        list(batches)
    assert notes(caught.value) == "batch 5 of epoch 0: samples [20, 21, 22, 23]"
    assert loader.state_dict()["batch"] == 5
    assert list(batches) == []
    mixed = Loader({"a": (tokens, 1), "b": (tokens, 1)}, 4, transform=lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        next(iter(mixed))
    assert "samples of 'a' [" in notes(caught.value)


def test_the_transform_runs_in_the_threads_of_the_caller_and_gives_what_is_yielded(tokens):
    loader = Loader(tokens, 100, pad=0, transform=lambda batch: (threading.get_ident(), len(batch[0])))
    assert list(loader) == [(threading.get_ident(), 100)] * 6


@pytest.mark.parametrize("threads", [0, 2])
def test_damage_is_an_error_of_its_batch(path, threads):
    texts = StringsMmap.from_strings(path, ["one", "two", "three", "four"])
    with open(path / "data.ninja", "r+b") as file:
        file.seek(7)
        file.write(b"\xff")
    batches = iter(Loader(texts, 2, threads=threads))
    assert next(batches) == ["one", "two"]
    with pytest.raises(CorruptDatasetError, match="string 2: it is not UTF-8") as caught:
        next(batches)
    assert notes(caught.value) == "batch 1 of epoch 0: samples [2, 3]"


def test_indices_of_a_plan_that_are_out_of_range_are_an_error(tokens):
    batches = iter(Loader(tokens, 1, plan=[[1], [2], [600], [3]]))
    assert [next(batches)[0].size for _ in range(2)] == [2, 3]
    with pytest.raises(IndexError, match="plan: index 600 is out of range for 600 samples") as caught:
        next(batches)
    assert notes(caught.value) == "batch 2 of epoch 0: entries of the plan [2]"
    batches = iter(Loader(tokens, 1, plan=[[1], [2], ["x"]]))
    assert [next(batches)[0].size for _ in range(2)] == [2, 3]
    with pytest.raises(TypeError, match=r"plan: entry 2 must be .* not \['x'\]"):
        next(batches)


def test_a_closed_map_is_refused(tokens):
    loader = Loader(tokens, 8)
    tokens.close()
    with pytest.raises(ValueError, match="closed"):
        next(iter(loader))


def test_samples_that_are_appended_are_not_part_of_a_loader(tokens):
    loader = Loader(tokens, 100)
    writable = RaggedMmap(tokens.out_dir)
    writable.append([1])
    tokens.refresh()
    assert len(list(loader)) == len(loader) == 6
    assert len(list(Loader(tokens, 100))) == 7


class Slow:
    """A source whose batches take long."""

    def __len__(self):
        return 100

    def batch(self, indices):
        time.sleep(60)


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_an_interrupt_ends_the_wait_for_a_batch(tokens):
    loader = Loader(tokens, 8, pad=0, transform=lambda batch: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        list(loader)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(Loader(Slow(), 8))
    assert len(list(loader_of(tokens))) == 75


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("threads", [0, 2])
def test_an_interrupt_ends_the_work_on_a_batch(threads):
    rows = 300_000_000  # Nothing touches these zeros. To draw all of them takes ten seconds.
    batches = iter(Loader(np.zeros((rows, 1), np.uint8), rows, shuffle=True, threads=threads))
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    assert time.monotonic() - start < 4
    assert list(batches) == []


def loader_of(tokens):
    return Loader(tokens, 8, pad=0, shuffle=True)


@forks
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_refuses_the_iteration_of_its_parent_and_starts_its_own(tokens):
    loader = loader_of(tokens)
    batches = iter(loader)
    kept = next(batches)
    for _ in range(8):
        child = os.fork()
        if not child:
            code = 1
            try:
                try:
                    next(batches)
                except ValueError as error:
                    code = 0 if "forked during the iteration" in str(error) else 2
                del batches
                del kept
                gc.collect()
                code = code or len(list(loader_of(tokens))) - 75
            finally:
                os._exit(code)
        next(batches)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list(batches)) == 75 - 9


def test_the_interpreter_ends_while_loaders_are_at_work(tokens):
    done = subprocess.run(
        program("load_until_exit", tokens.out_dir.parent), check=False, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"ends", b"")


@linux
def test_a_system_without_threads_to_give_works_on_one(tokens, path):
    os.chmod(path.parent, 0o777)
    done = subprocess.run(
        program("load_without_threads", tokens.out_dir.parent), check=False, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"600"), done.stderr


def test_several_iterations_at_once_do_not_disturb_each_other(tokens):
    loader = Loader(tokens, 8, pad=0)
    found = [[] for _ in range(4)]

    def read(into):
        into += [lengths.tolist() for _, lengths in Loader(tokens, 8, pad=0)]

    readers = [threading.Thread(target=read, args=(into,)) for into in found]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    expected = [lengths.tolist() for _, lengths in loader]
    assert found == [expected] * 4


def test_workers_of_a_data_loader_are_refused(tokens, monkeypatch):
    class Torch:
        IterableDataset = type("IterableDataset", (), {})

        @staticmethod
        def get_worker_info():
            return object()

    loader = Loader(tokens, 8)
    assert loader.__class__ is Loader
    monkeypatch.setitem(sys.modules, "torch.utils.data", Torch)
    assert isinstance(loader, Torch.IterableDataset)
    assert isinstance(loader, Loader)
    with pytest.raises(RuntimeError, match="num_workers=0"):
        next(iter(loader))
