"""Batches of maps that grow and close, in threads and in processes."""

import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from batch_maps import calls, lists
from conftest import assert_identical
from mmap_ninja import RaggedMmap, StringsMmap

# Maps that grow, are empty or closed


def test_a_batch_holds_what_its_own_handle_appended(ragged, strings):
    for length in 1, 100_000, 3:
        ragged.append(np.full(length, length))
        strings.append("x" * length)
        assert lists(ragged.gather([-1, 1])) == [[length] * length + [10], [0, length, length + 1]]
        assert ragged.padded([-1, 1])[1].tolist() == [length, 1]
        assert ragged.lengths.tolist()[-1] == strings.lengths[-1] == length
        assert strings.gather([-1])[0].tobytes() == b"x" * length
    assert len(ragged.lengths) == len(strings.lengths) == 7


def test_a_batch_holds_what_another_handle_appended_after_refresh_only(path, ragged, strings):
    others = RaggedMmap(path), StringsMmap(strings.out_dir)
    ragged.append(np.arange(50_000))
    strings.append("x" * 100_000)
    for other in others:
        for call in calls(other):
            with pytest.raises(IndexError, match="4 samples"):
                call([4])
        assert (len(other.lengths), len(other.gather(slice(None))[1])) == (4, 5)
        other.refresh()
        assert (len(other.lengths), len(other.gather(slice(None))[1])) == (5, 6)
        assert other.prefetch([4]) is None
    assert others[0].gather([4, 1])[0].tolist() == [*range(50_000), 10]
    assert others[0].padded([4])[0].shape == (1, 50_000)
    assert others[1].gather([4])[0].tobytes() == b"x" * 100_000


def test_a_batch_holds_an_image_appended_to_a_map_of_rows(ragged):
    ragged.append(np.arange(4).reshape(2, 2))
    assert ragged.padded([-1])[0].tolist() == [[[0, 1], [2, 3]]]
    assert lists(ragged.gather([1, -1])) == [[10, 0, 1, 2, 3], [0, 1, 5]]
    assert ragged.lengths.tolist() == [3, 1, 0, 2, 4]
    with pytest.raises(ValueError, match="sample 0 has 1 ax.* sample 4 has 2"):
        ragged.padded([0, 4])


def test_batches_and_lengths_outlive_appends_and_the_handle(ragged):
    lengths, (values, offsets) = ragged.lengths, ragged.gather([0, 3])
    for _ in range(20):
        ragged.append(np.zeros(1000, int))
    ragged.close()
    del ragged
    assert lists([lengths, values, offsets]) == [[3, 1, 0, 2], [0, 1, 2, 20, 21], [0, 3, 5]]


def test_a_replaced_map_is_read_by_handles_that_are_opened_later(path, ragged):
    RaggedMmap.from_lists(path, [np.full(2, 5)])
    assert ragged.gather([0])[0].tolist() == [0, 1, 2]
    assert RaggedMmap(path).gather([0])[0].tolist() == [5, 5]
    ragged.refresh()
    assert (ragged.gather([0])[0].tolist(), ragged.lengths.tolist()) == ([5, 5], [2])


def test_an_empty_map_has_no_samples_to_batch(path):
    ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
    for call in calls(ragged, strings):
        with pytest.raises(IndexError, match=f"{path}.*0 samples"):
            call([0])
    for memmap in ragged, strings:
        assert_identical(memmap.lengths, np.empty(0, "int64"))
        assert memmap.__getitems__([]) == []
        assert memmap.prefetch([]) is None
        assert memmap.prefetch(slice(None)) is None
    for call in ragged.gather, ragged.padded:
        with pytest.raises(ValueError, match=f"{path}.*no samples"):
            call([])
    assert lists(strings.gather([])) == [[], [0]]


def test_a_map_that_was_empty_is_batched_once_it_holds_samples(path):
    ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
    ragged.append(np.arange(3, dtype="u1"))
    strings.append("é")
    assert_identical(ragged.gather([0])[0], np.arange(3, dtype="u1"))
    assert strings.gather([0])[0].tobytes() == "é".encode()
    assert (ragged.lengths.tolist(), strings.lengths.tolist()) == ([3], [2])


@pytest.mark.parametrize("indices", [[0], [-1], [], slice(None), range(2)], ids=repr)
def test_every_batch_call_of_a_closed_handle_says_that_it_is_closed(ragged, strings, indices):
    for memmap in ragged, strings:
        memmap.close()
        for call in calls(memmap):
            with pytest.raises(ValueError, match=f"{memmap.out_dir}.*closed"):
                call(indices)


def test_a_closed_handle_has_no_lengths(ragged, strings):
    for memmap in ragged, strings:
        memmap.close()
        with pytest.raises(ValueError, match=f"{memmap.out_dir}.*closed"):
            _ = memmap.lengths


# Threads and processes


def check_batches(ragged, strings, indices):
    """Samples at `indices` of maps that `numbered` made."""
    values, offsets = ragged.gather(indices)
    assert values.tolist() == [index for index in indices for _ in range(index % 7)]
    assert offsets.tolist() == np.cumsum([0, *[index % 7 for index in indices]]).tolist()
    for side in "right", "left":
        batch, lengths = ragged.padded(indices, -1, side)
        assert lengths.tolist() == [index % 7 for index in indices]
        assert batch.shape == (len(indices), max(index % 7 for index in indices))
        assert np.array_equal(batch[batch >= 0], values)
    assert strings.gather(indices)[0].tobytes() == "".join(map(str, indices)).encode()
    assert ragged.prefetch(indices) is strings.prefetch(indices) is None


def numbered(path, count):
    """A map whose sample i is i % 7 times i, and its texts."""
    ragged = RaggedMmap.from_lists(path, [np.full(index % 7, index) for index in range(count)])
    return ragged, StringsMmap.from_strings(path.parent / "strings", map(str, range(count)))


def run_threads(functions):
    """Run all at once; raise what any of them raised."""
    errors = []

    def run(function):
        try:
            function()
        except BaseException as error:  # noqa: BLE001 handed to the caller
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def read_batches(ragged, strings, seed, known=300):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        check_batches(ragged, strings, rng.integers(0, known, 50).tolist())


def test_eight_threads_read_the_right_samples_while_another_handle_appends(path):
    ragged, strings = numbered(path, 300)
    writer, text_writer, done = RaggedMmap(path), StringsMmap(strings.out_dir), threading.Event()

    def append():
        while not done.is_set():
            index = len(writer)
            writer.append(np.full(index % 7, index))
            text_writer.append(str(index))
            if index % 10 == 0:
                ragged.refresh()
                strings.refresh()

    appender = threading.Thread(target=append)
    appender.start()
    try:
        run_threads([lambda seed=seed: read_batches(ragged, strings, seed) for seed in range(8)])
    finally:
        done.set()
        appender.join()
    ragged.refresh()
    strings.refresh()
    assert len(ragged) == len(strings) == len(writer) > 300
    check_batches(ragged, strings, list(range(len(ragged))))


def test_threads_that_append_by_one_handle_leave_it_with_all_samples(path):
    ragged, switch_interval = RaggedMmap.from_lists(path, [np.zeros(2)]), sys.getswitchinterval()
    strings = StringsMmap.from_strings(path.parent / "strings", ["text"])
    sys.setswitchinterval(1e-5)
    try:
        for length in range(5, 240, 4):
            run_threads([lambda: ragged.append(np.zeros(2))] * 4)
            run_threads([lambda: strings.append("text")] * 4)
            assert len(ragged) == len(strings) == length
            assert ragged.prefetch([length - 1]) is strings.prefetch([length - 1]) is None
    finally:
        sys.setswitchinterval(switch_interval)


def test_eight_threads_copy_large_batches_at_once(path):
    ragged = RaggedMmap.from_lists(path, [np.full(20_000 + index, index) for index in range(100)])

    def read(seed):
        order = np.random.default_rng(seed).permutation(100)
        values, offsets = ragged.gather(order)
        assert np.array_equal(values, np.repeat(order, 20_000 + order))
        batch, lengths = ragged.padded(order, -1)
        assert np.array_equal(lengths, np.diff(offsets))
        assert np.array_equal(batch[batch >= 0], values)

    run_threads([lambda seed=seed: read(seed) for seed in range(8)])


def read_in_worker(content, indices):
    """What a worker does with pickled maps: small batches, and one that several threads copy."""
    ragged, strings = pickle.loads(content)
    check_batches(ragged, strings, indices)
    values, _ = ragged.gather([6] * 200_000)
    batch, _ = ragged.padded([6] * 200_000)
    return len(ragged), int(values.sum()), int(batch.sum()), ragged.lengths.tolist()[:3]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_read_batches_of_pickled_maps(path, method):
    ragged, strings = numbered(path, 300)
    ragged.gather([6] * 200_000)
    context, order = multiprocessing.get_context(method), np.random.default_rng(0).permutation(300).tolist()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        content = pickle.dumps((ragged, strings))
        answers = [pool.submit(read_in_worker, content, order[start:]) for start in (0, 100, 200)]
        found = [answer.result(timeout=120) for answer in answers]
    assert found == [(300, 7_200_000, 7_200_000, [0, 1, 2])] * 3


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_forked_worker_reads_batches_of_an_inherited_map(path):
    ragged, strings = numbered(path, 300)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=read_batches, args=(ragged, strings, 5))
    process.start()
    process.join(120)
    assert process.exitcode == 0
