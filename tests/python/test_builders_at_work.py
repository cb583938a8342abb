"""Builds at work: other builders, buffers that are used again, and bounded memory."""

import os
import shutil
import subprocess
import sys
import threading

import building_workers
import numpy as np
import pytest
from building_workers import interrupted, plain, sized, wait_until, written
from conftest import Untouched, names, partial_of, program, tree, unchanged
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja


def test_a_second_builder_gets_an_error_and_the_first_goes_on(path, store):
    def contested():
        yield from store.samples(5)
        for resume in False, True:
            for out_dir in path, str(path):
                with unchanged(path.parent), pytest.raises(TimeoutError, match=f"{path}: another builder"):
                    store.generate(out_dir, Untouched(), 2, resume=resume)
                with unchanged(path.parent), pytest.raises(TimeoutError, match=f"{path}: another builder"):
                    store.index(out_dir, sized(store.sample, 3), 2, n_jobs=2, resume=resume)
        yield from store.samples(9, 5)

    def waiting_for_the_writer():
        """Pause until the background writer has stored the first samples."""
        for position, sample in enumerate(contested()):
            yield sample
            if position == 3:
                wait_until(lambda: written(store, path) == 4)

    store.generate(path, waiting_for_the_writer(), 2)
    store.create(whole := path.parent / "whole", store.samples(9))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def test_a_second_builder_in_another_process_gets_an_error(path):
    code = f"from mmap_ninja import RaggedMmap; RaggedMmap.from_generator({str(path)!r}, iter([[1]]), 1)"

    def contested():
        yield np.arange(3)
        ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
        assert "TimeoutError" in ended.stderr
        assert str(path) in ended.stderr
        yield np.arange(4)

    assert len(RaggedMmap.from_generator(path, contested(), 1)) == 2


def test_a_builder_that_has_ended_does_not_block_the_next_one(path, store):
    kept = interrupted(store, path, store.samples(5), 2)
    store.generate(path, iter(store.samples(3)), 2)
    assert store.items(path) == [plain(sample) for sample in store.samples(3)]
    assert kept.__traceback__ is not None


def test_a_build_may_run_inside_another_one(path, store):
    other = path.parent / "other"

    def nested():
        yield from store.samples(3)
        store.generate(other, iter(store.samples(4)), 2)
        yield from store.samples(5, 3)

    store.generate(path, nested(), 2)
    assert (len(store.items(path)), len(store.items(other))) == (5, 4)


FOREIGN = {
    "files": lambda partial: (partial.mkdir(), (partial / "notes.txt").write_text("mine")),
    "folders": lambda partial: (partial / "below").mkdir(parents=True),
    "a map": lambda partial: RaggedMmap.from_lists(partial, [np.arange(3)]),
    "texts": lambda partial: StringsMmap.from_strings(partial, ["mine"]),
    "a file": lambda partial: partial.write_text("mine"),
}


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_partial_folder_is_refused_and_not_touched(path, store, kind, resume):
    FOREIGN[kind](partial_of(path))
    store.create(path, store.samples(2))
    for build in [store.generate, store.index]:
        with unchanged(path.parent), pytest.raises(FileExistsError, match=f"{path.name}.partial"):
            build(path, Untouched(), 2, resume=resume)


def test_an_empty_partial_folder_is_used(path, store):
    partial_of(path).mkdir()
    store.generate(path, iter(store.samples(3)), 2)
    assert names(path.parent) == ["data"]


def test_a_batch_is_written_while_the_generator_makes_the_next_one(path, store):
    is_visible = threading.Event()

    def watch():
        wait_until(lambda: written(store, path) == 2)
        is_visible.set()

    def waiting():
        yield from store.samples(3)
        watcher = threading.Thread(target=watch)
        watcher.start()
        assert is_visible.wait(20), "the first batch was not written"
        watcher.join()
        yield from store.samples(5, 3)

    assert len(store.generate(path, waiting(), 2)) == 5


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_child_that_the_generator_forks_leaves_the_build_alone(path, store):
    parent, children = os.getpid(), []

    def forking():
        yield from store.samples(5)
        children.append(os.fork())
        yield from store.samples(9, 5)

    error = None
    try:
        store.generate(path, forking(), 2)
    except ValueError as raised:
        error = raised
    finally:
        if os.getpid() != parent:
            os._exit(0 if "forked" in str(error) else 1)
    assert os.waitpid(children[0], 0)[1] == 0
    store.create(whole := path.parent / "whole", store.samples(9))
    assert tree(path) == tree(whole)


def test_a_program_may_end_while_a_thread_builds(path):
    subprocess.run(program("build_until_exit", path), check=True, timeout=60)
    assert len(RaggedMmap(partial_of(path))) >= 10


class Shown:
    """An array to NumPy, on a buffer of somebody else."""

    def __init__(self, buffer):
        self.buffer = buffer

    def __array__(self, dtype=None, copy=None):
        return self.buffer.copy() if copy else self.buffer

    def __len__(self):
        raise TypeError("a scalar has no length")

    def __reduce__(self):
        raise TypeError("no copy can be made of it")


REUSED = {
    "array": lambda buffer: buffer,
    "view": lambda buffer: buffer[::2],
    "object": Shown,
    "memoryview": memoryview,
}


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("kind", REUSED)
def test_a_generator_may_fill_its_buffer_again_at_once(path, kind, batch_size):

    def reusing():
        buffer = np.zeros(20_000)
        for number in range(30):
            buffer[:] = number
            yield REUSED[kind](buffer)

    for home in RaggedMmap, np_ninja:
        built = home.from_generator(path, reusing(), batch_size)
        wrong = [number for number in range(30) if not np.all(built[number] == number)]
        assert wrong == []


def test_a_generator_may_fill_its_lists_again_at_once(path):
    def reusing():
        rows = [[0] * 100 for _ in range(100)]
        for number in range(30):
            for row in rows:
                row[:] = [number] * 100
            yield rows

    for home in RaggedMmap, np_ninja:
        built = home.from_generator(path, reusing(), 7)
        wrong = [number for number in range(30) if not np.all(built[number] == number)]
        assert wrong == []


@pytest.mark.parametrize("kind", REUSED)
def test_an_iterator_may_fill_its_buffer_again_in_calls_that_store_all_samples_at_once(path, kind):
    def reusing():
        buffer = np.zeros(20)
        for number in range(5):
            buffer[:] = number
            yield REUSED[kind](buffer)

    ragged = RaggedMmap.from_lists(path, reusing())
    ragged.extend(reusing())
    assert [item[0] for item in ragged] == [*range(5)] * 2


@pytest.mark.parametrize("position", [0, 4])
def test_a_sample_may_be_larger_than_what_is_in_memory_at_once(path, position):
    samples = [np.full(3, index, "uint8") for index in range(6)]
    samples[position] = np.full(34 << 20, 7, "uint8")
    for home, convert in [
        (RaggedMmap, lambda sample: sample),
        (StringsMmap, lambda sample: "x" * len(sample)),
    ]:
        built = home.from_generator(path, (convert(sample) for sample in samples), 2)
        assert [len(item) for item in built] == [len(sample) for sample in samples]
        assert built[position][-1] == convert(samples[position])[-1]
        del built
        shutil.rmtree(path)


@pytest.mark.parametrize(
    ("kind", "batch_size"),
    [("arrays", 10), ("texts", 1000), ("lists", 1000), ("strided", 1000), ("rows", 1000)],
)
def test_memory_is_bounded_by_a_batch_and_64_mb(tmp_path, kind, batch_size):
    """Samples take 100 kB."""
    command = [
        sys.executable,
        building_workers.__file__,
        "measure",
        kind,
        tmp_path / "data",
        str(batch_size),
        "2000",
    ]
    try:
        growth = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)
    slack = 32
    assert growth < batch_size * 0.1 + 64 + slack
