"""Appends that the original gets wrong: of other shapes, concurrent, killed or failed."""

import resource
import subprocess
import sys
import threading

import numpy as np
import pytest
import workers
from catalogue import KINDS, values
from conftest import assert_identical, program, tree
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja


def test_the_first_n_dimensional_sample_widens_a_map(path):
    keys = {"starts_key": "a", "shapes_key": "b"}
    samples = [
        np.arange(3),
        np.arange(0),
        np.arange(1),
        np.arange(4).reshape(2, 2),
        np.array(7),
        np.arange(2),
    ]
    reader = RaggedMmap.from_lists(path, samples[:3], **keys)
    writer = RaggedMmap(path, **keys)
    for sample in samples[3:]:
        writer.append(sample)
    assert len(reader) == 3
    assert len(writer) == 6
    for index, sample in enumerate(samples):
        assert_identical(RaggedMmap(path, **keys)[index], sample)
    RaggedMmap.from_lists(whole := path.parent / "whole", samples, **keys)
    assert tree(path) == tree(whole)


def test_an_append_that_would_widen_a_map_and_fails_leaves_it_as_it_was(path):
    writer = RaggedMmap.from_lists(path, [np.arange(3)] * 4)
    (path / "README").write_text("mine")
    before, limits = tree(path.parent), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            writer.append(np.zeros((1 << 10, 1 << 8), int))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tree(path.parent) == before
    writer.append(np.ones((2, 2), int))
    writer.append(np.arange(2))
    assert [sample.tolist() for sample in RaggedMmap(path)[3:]] == [[0, 1, 2], [[1, 1], [1, 1]], [0, 1]]


def test_writing_through_a_link_to_a_directory_changes_the_directory(path):
    path.mkdir()
    (link := path.parent / "link").symlink_to(path)
    for change, length in [
        (lambda: RaggedMmap(link).append(np.arange(2)), 1),
        (lambda: RaggedMmap(link).append(np.ones((2, 2), int)), 2),
        (lambda: RaggedMmap(link).append(np.arange(2)), 3),
        (lambda: RaggedMmap.from_lists(link, [np.zeros(2)]), 1),
        (lambda: RaggedMmap.from_generator(link, iter([np.zeros(2)] * 2), 1), 2),
    ]:
        change()
        assert link.is_symlink()
        assert len(RaggedMmap(path)) == len(RaggedMmap(link)) == length


@pytest.mark.parametrize("kind", ["flat", "strings", "dense"])
def test_a_dataset_may_be_created_through_a_link_to_an_empty_directory(path, kind):
    path.mkdir()
    (link := path.parent / "link").symlink_to(path)
    KINDS[kind].create(link)
    assert link.is_symlink()
    assert (path / "data.ninja").exists()


def test_a_linked_map_is_whole_after_it_was_widened(path):
    RaggedMmap.from_lists(path, [np.arange(2)])
    (link := path.parent / "link").symlink_to(path)
    ragged = RaggedMmap(link)
    ragged.append(np.ones((2, 2), int))
    ragged.append(np.arange(3))
    assert [item.shape for item in RaggedMmap(path)] == [(2,), (2, 2), (3,)]


def test_a_scalar_among_images_reads_back(path):
    ragged = RaggedMmap.from_lists(path, [np.ones((2, 2)), np.array(3.0)])
    assert ragged[1] == 3.0
    assert isinstance(ragged[1], float)


def test_a_dataset_whose_first_samples_are_empty_can_grow(path):
    ragged = RaggedMmap.from_lists(path, [np.ones(0), np.ones((0, 2))])
    ragged.append(np.arange(4.0))
    dense = np_ninja.from_ndarray(path.parent / "dense", np.ones((0, 2)))
    np_ninja.extend(dense, np.ones((3, 2)))
    assert_identical(ragged[2], np.arange(4.0))
    assert_identical(np_ninja.open_existing(path.parent / "dense"), np.ones((3, 2)))
    assert (path / "data.ninja").stat().st_size == 32


def test_strings_that_are_all_empty_open_and_grow(path):
    StringsMmap.from_strings(path, ["", ""])
    strings = StringsMmap(path)
    strings.extend(["", "a"])
    assert StringsMmap(path)[:] == ["", "", "", "a"]


@pytest.mark.parametrize("first", ["C", "F"])
@pytest.mark.parametrize("second", ["C", "F"])
def test_extending_an_array_in_any_order_keeps_its_values(path, first, second):
    array = values("int32", (4, 3, 2))
    dense = np_ninja.from_ndarray(path, np.array(array[:2], order=first))
    np_ninja.extend(dense, np.array(array[2:], order=second))
    np_ninja.append(dense, array[0])
    assert_identical(np_ninja.open_existing(path), np.concatenate([array, array[:1]]))


def test_two_handles_that_append_in_turns_lose_nothing(path):
    first, second = RaggedMmap(path), RaggedMmap(path)
    for number in range(5):
        first.append(np.full(2, 2 * number))
        second.append(np.full((1, 3), 2 * number + 1))
        assert (len(first), len(second)) == (2 * number + 1, 2 * number + 2)
    assert [sample.flat[0] for sample in RaggedMmap(path)] == list(range(10))


def test_processes_that_append_at_once_lose_nothing(path):
    command = [sys.executable, workers.__file__, "append_many", str(path)]
    processes = [subprocess.Popen([*command, str(number), "50"]) for number in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    numbers = sorted(sample[0] for sample in RaggedMmap(path))
    assert numbers == sorted(list(range(3)) * 50)
    assert sorted(StringsMmap(f"{path}.strings")) == [f"from {number}" for number in numbers]


def test_threads_that_append_at_once_lose_nothing(path):
    ragged = RaggedMmap(path)
    threads = [
        threading.Thread(target=lambda: [ragged.append(np.arange(3)) for _ in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ragged) == 100
    assert all(sample.tolist() == [0, 1, 2] for sample in RaggedMmap(path))


def test_a_killed_append_leaves_the_old_or_the_new_state(path):
    for _ in range(6):
        process = subprocess.Popen([sys.executable, workers.__file__, "append_forever", str(path)], stdout=-1)
        process.stdout.read(97)
        process.kill()
        process.wait()
        process.stdout.close()
        ragged = RaggedMmap(path)
        ragged.append(np.full((1, 2), len(ragged)))
        for index, sample in enumerate(RaggedMmap(path)):
            assert sample.shape in [(index % 7, 2), (1, 2)]
            assert np.all(sample == index)
    RaggedMmap.from_lists(whole := path.parent / "whole", ragged[:])
    assert tree(path) == tree(whole)


def test_an_append_that_fails_midway_is_undone(path):
    RaggedMmap.from_lists(path, [np.ones((2, 2))])
    before = tree(path)
    command = [sys.executable, workers.__file__, "append_beyond_the_limit", str(path)]
    assert str(path) in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert tree(path) == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a mapping has no room for more than its file")
@pytest.mark.parametrize("kind", ["bytes", "strings"])
def test_an_append_that_cannot_be_mapped_changes_nothing(path, kind):
    before = tree(KINDS[kind].create(path))
    command = program("append_short_of_addresses", path)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["MemoryError", str(len(KINDS[kind].samples))]
    assert tree(path) == before
