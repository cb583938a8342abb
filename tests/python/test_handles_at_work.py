"""Threads, forks, signals and the end of the program leave a map and its handles sound."""

import signal
import subprocess
import threading
import time

import numpy as np
import pytest
from catalogue import KINDS
from conftest import held, program
from mmap_ninja import (
    RaggedMmap,
    StringsMmap,
)


def test_the_length_of_a_shared_handle_never_goes_back(tmp_path):
    ragged, seen, is_done = RaggedMmap(tmp_path / "r"), [], threading.Event()

    def watch():
        while not is_done.is_set():
            seen.append(len(ragged))

    def append():
        for number in range(100):
            ragged.append(np.array([number]))

    watcher = threading.Thread(target=watch)
    writers = [threading.Thread(target=append) for _ in range(4)]
    for thread in [watcher, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    is_done.set()
    watcher.join()
    assert seen == sorted(seen)
    assert len(ragged) == len(RaggedMmap(tmp_path / "r")) == 400


def test_children_forked_beside_an_append_neither_hang_nor_hold_the_lock(tmp_path):
    command = program("append_while_forking", tmp_path / "r", python=["-W", "ignore"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["20"]


def test_a_program_may_end_while_threads_read_through_a_wrapper(tmp_path):
    command = program("read_until_exit", tmp_path / "r")
    done = [subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(end.returncode, end.stderr) for end in done] == [(0, "")] * 3


def test_children_forked_while_a_thread_looks_up_a_module_do_not_wait_for_it(tmp_path):
    command = program("fork_during_imports", tmp_path, python=["-W", "ignore"])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 10
    assert done.stderr == ""


def test_an_interrupt_ends_an_append_that_waits_for_another_writer(tmp_path):
    StringsMmap.from_strings(tmp_path / "s", ["a"])
    command = program("append_string", tmp_path / "s")
    with held(tmp_path / "s"), subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as waiting:
        waiting.stdout.readline()
        time.sleep(0.3)
        waiting.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in waiting.communicate(timeout=120)[1]
    assert len(StringsMmap(tmp_path / "s")) == 1


@pytest.mark.parametrize("maps", [(RaggedMmap, "from_lists", [[1]]), (StringsMmap, "from_strings", ["one"])])
def test_a_map_is_opened_again_while_another_thread_waits_to_append(path, maps):
    opener, create, samples = maps
    getattr(opener, create)(path, samples)
    memmap, errors = opener(path, timeout=0.5), []

    def append():
        try:
            memmap.append(samples[0])
        except TimeoutError as error:
            errors.append(error)

    with held(path):
        thread = threading.Thread(target=append)
        thread.start()
        time.sleep(0.1)
        memmap.__init__(path)
        thread.join(60)
    assert len(errors) == 1
    assert list(memmap) == samples


def appending(ragged):
    ragged.append([0.5])


def replacing(ragged):
    RaggedMmap.from_lists(ragged.out_dir, [[0.5]])
    ragged.refresh()


@pytest.mark.parametrize(
    ("begin", "meddle"), [([], appending), ([], replacing), ([np.array([1])], replacing)]
)
def test_samples_never_take_on_a_dtype_that_the_map_gets_while_they_are_made(path, begin, meddle):
    ragged = RaggedMmap.from_lists(path, begin) if begin else RaggedMmap(path)

    def samples():
        yield np.array([1, 2, 3])
        meddle(ragged)

    with pytest.raises(TypeError, match="the samples are int64, the dataset is float64"):
        ragged.extend(samples())
    assert [sample.tolist() for sample in RaggedMmap(path)] == [[0.5]]


@pytest.mark.parametrize("samples", [[[1], [2, 3]], [[1], [[2, 3]]]], ids=["flat", "nested"])
def test_members_are_shown_while_an_append_is_under_way(path, samples):
    def members(ragged):
        shapes = ragged.shapes
        nested = [] if isinstance(shapes, np.ndarray) else [shapes.starts, shapes.ends, shapes.shapes]
        columns = [ragged.starts, ragged.ends, ragged.flattened_shapes, ragged.memmap, *shapes, *nested]
        return [column.tolist() for column in columns]

    expected = members(RaggedMmap.from_lists(path, [np.array(sample) for sample in samples]))
    for data in path.rglob("data.ninja"):
        with data.open("ab") as file:
            file.write(bytes(16))
    with pytest.raises(ValueError, match="has 32 bytes"):
        _ = RaggedMmap(path).starts
    (path / "append.ninja").touch()
    assert members(RaggedMmap(path)) == expected


@pytest.mark.parametrize("kind", ["flat", "strings"])
def test_the_handler_of_a_signal_that_comes_while_an_append_waits_does_not_hang(path, kind):
    KINDS[kind].create(path)
    command = program("append_with_handler", path, KINDS[kind].store)
    with held(path):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert "the handler of a signal cannot change a map" in done.stderr.splitlines()[-1]


def beside_refreshes(ragged, work):
    """Do the work while another thread refreshes the map all the time."""
    done = threading.Event()

    def refresh():
        while not done.is_set():
            ragged.refresh()

    thread = threading.Thread(target=refresh)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()


def test_a_wrapper_that_is_set_while_another_thread_refreshes_stays(path):
    ragged = RaggedMmap.from_lists(path, [[1]])

    def set_wrappers():
        for _ in range(20_000):
            ragged.wrapper_fn = wrapper = lambda sample: sample
            assert ragged.wrapper_fn is wrapper

    beside_refreshes(ragged, set_wrappers)


def test_a_mode_is_never_that_of_another_opening(path):
    ragged = RaggedMmap.from_lists(path, [np.arange(10)])

    def open_again():
        for number in range(300):
            ragged.__init__(path, mode="r+" if number % 2 else "r")
            assert ragged[0].flags.writeable == bool(number % 2)

    beside_refreshes(ragged, open_again)


def test_a_thread_that_waits_for_another_one_is_interrupted(path):
    """One thread waits for another writer, and this one for the thread."""
    ragged = RaggedMmap.from_lists(path, [[1]], timeout=600)
    command = program("append_in_two_threads", path)
    with held(path), subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as waiting:
        waiting.stdout.readline()
        time.sleep(0.3)
        waiting.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in waiting.communicate(timeout=300)[1]
    assert len(ragged) == 1
