"""What is done otherwise than in the original, on purpose."""

import gc
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import workers
from conftest import assert_identical, tree, values
from mmap_ninja import RaggedMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja

LOSSY = [
    (1.9, "int64", TypeError),
    (300, "int8", OverflowError),
    (300.0, "uint8", OverflowError),
    (-1, "uint64", OverflowError),
    (2**63, "int64", OverflowError),
    (np.nan, "int32", TypeError),
    (np.inf, "int32", (TypeError, OverflowError)),
    (np.nan, "bool", TypeError),
    (2, "bool", (TypeError, OverflowError)),
    (1e300, "float32", OverflowError),
    (-1e6, "float16", OverflowError),
    (2**53 + 1, "float64", TypeError),
    (1j, "float64", TypeError),
    ("text", "float64", TypeError),
    ("long text", "U4", TypeError),
    (b"long text", "S4", TypeError),
    ("é", "S4", TypeError),
    (np.datetime64("2020-01-01T12"), "M8[D]", TypeError),
    (np.datetime64(10**13, "D"), "M8[ns]", (TypeError, OverflowError)),
    (5, "M8[D]", TypeError),
    (np.timedelta64(5, "s"), "int64", TypeError),
]
LOSSLESS = [
    (0.1, "float32"),
    (1 / 3, "float16"),
    (np.nan, "float16"),
    (np.inf, "float32"),
    (7.0, "int8"),
    (2**53, "float64"),
    (True, "float32"),
    (1, "bool"),
    (1 + 0j, "float64"),
    (1.5, "complex64"),
    ("ab", "U4"),
    (np.datetime64("2020-01-01"), "M8[ns]"),
    (np.datetime64("NaT"), "M8[s]"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data"


@pytest.mark.parametrize(("value", "dtype", "error"), LOSSY)
def test_a_lossy_cast_names_the_sample_and_writes_nothing(path, value, dtype, error):
    good, bad = np.zeros(2, dtype), np.asarray([value])
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 1\b"):
        RaggedMmap.from_lists(path, [good, bad], dtype=dtype)
    assert tree(path.parent) == {}
    ragged = RaggedMmap.from_lists(path, [good, np.zeros(1, dtype)])
    np_ninja.from_ndarray(dense := path.parent / "dense", good)
    before = tree(path.parent)
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 3\b"):
        ragged.extend([good, bad])
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 2\b"):
        ragged.append(bad)
    with pytest.raises(error, match=rf"{re.escape(str(path))}.* 1\b"):
        ragged[:] = [good, bad]
    with pytest.raises(error, match=re.escape(str(dense))):
        np_ninja.extend_dir(dense, bad)
    assert tree(path.parent) == before


@pytest.mark.parametrize(("value", "dtype"), LOSSLESS)
def test_a_cast_that_keeps_the_values_passes(path, value, dtype):
    ragged = RaggedMmap.from_lists(path, [np.zeros(1, dtype)])
    ragged.append(np.asarray([value]))
    ragged[0] = np.asarray([value])
    for index in 0, 1:
        assert_identical(ragged[index], np.asarray([value]).astype(dtype))


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


def test_a_scalar_among_images_reads_back(path):
    ragged = RaggedMmap.from_lists(path, [np.ones((2, 2)), np.array(3.0)])
    assert ragged[1] == 3.0
    assert isinstance(ragged[1], float)


def test_an_empty_first_batch_grows_rightly(path):
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


@pytest.mark.parametrize("create", [RaggedMmap.from_lists, np_ninja.from_ndarray])
def test_creating_anew_leaves_open_readers_and_foreign_files_alone(path, create):
    create(path, np.arange(6.0).reshape(3, 2))
    (path / "README.md").write_text("mine")
    (path / "extras").mkdir()
    (path / "extras" / "labels.txt").write_text("mine too")
    reader = open_existing(path)
    item = reader[1]
    create(path, np.zeros((2, 7), "int8"))
    gc.collect()
    assert item.tolist() == [2.0, 3.0]
    assert [list(row) for row in reader] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert [row.tolist() for row in open_existing(path)] == [[0] * 7] * 2
    assert (path / "README.md").read_text() == "mine"
    assert (path / "extras" / "labels.txt").read_text() == "mine too"
    assert [entry.name for entry in path.parent.iterdir()] == ["data"]


def test_creating_anew_may_change_the_kind(path):
    RaggedMmap.from_lists(path, [np.ones((2, 2))])
    StringsMmap.from_strings(path, ["a"])
    StringsMmap.from_strings(path.parent / "fresh", ["a"])
    assert tree(path) == tree(path.parent / "fresh")


def test_a_build_that_fails_leaves_the_old_map(path):
    def failing():
        yield from [np.zeros(3)] * 5
        raise RuntimeError("no more")

    RaggedMmap.from_lists(path, [np.arange(4)])
    before = tree(path)
    with pytest.raises(RuntimeError, match="no more"):
        RaggedMmap.from_generator(path, failing(), 2)
    assert tree(path) == before


@pytest.mark.parametrize("error", [KeyError, ValueError, RuntimeError, StopIteration])
@pytest.mark.parametrize("as_callable", [False, True])
def test_an_error_of_an_indexable_reaches_the_caller(path, error, as_callable):
    def load(index):
        if index == 3:
            raise error("broken")
        return np.arange(index)

    loader = load if as_callable else type("Loader", (), {"__getitem__": lambda _, index: load(index)})()
    with pytest.raises(error, match="broken"):
        RaggedMmap.from_indexable(path, loader, 2)
    assert not path.exists()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
def test_an_index_error_ends_an_indexable_without_length_only(path, batch_size):
    samples = [np.arange(n) for n in range(4)]
    assert len(RaggedMmap.from_indexable(path, lambda index: samples[index], batch_size)) == 4
    sized = type("Sized", (), {"__len__": lambda _: 6, "__getitem__": lambda _, index: samples[index]})()
    with pytest.raises(IndexError):
        RaggedMmap.from_indexable(path, sized, batch_size)
    assert len(RaggedMmap(path)) == 4
