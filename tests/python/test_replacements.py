"""Data sets that are replaced while others open them, or show them."""

import multiprocessing
import os
import pickle

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap, _cast, _core, verify
from mmap_ninja import numpy as np_ninja


@pytest.fixture
def replaced_while_opening(monkeypatch):
    """Lets another process replace an array just after its description was read."""

    def arm(path, *arrays):
        read, waiting = _core.read_dense, list(arrays)

        def read_and_replace(out_dir):
            found = read(out_dir)
            if waiting:
                _core.create_dense(path, waiting.pop(0), _core.Options())
            return found

        monkeypatch.setattr(_core, "read_dense", read_and_replace)

    return arm


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize(
    "arrays",
    [
        [np.ones(10)],
        [np.ones(4000)],
        [np.ones((4, 5), np.float32), np.arange(3)],
        [np.asfortranarray(np.arange(1000.0).reshape(20, 50))],
        [np.zeros((0, 3))],
    ],
    ids=["shorter", "longer", "twice", "other order", "nothing"],
)
def test_an_array_that_is_replaced_while_it_is_opened_is_opened_again(
    path, mode, arrays, replaced_while_opening
):
    np_ninja.from_ndarray(path, np.zeros(1000))
    replaced_while_opening(path, *arrays)
    found = np_ninja.open_existing(path, mode)
    np.testing.assert_array_equal(found, arrays[-1], strict=True)
    assert found.filename == str(path / "data.ninja")
    assert verify(path).ok


def test_an_empty_array_that_is_replaced_while_it_is_opened_is_opened_again(path, replaced_while_opening):
    np_ninja.from_ndarray(path, np.zeros((0, 4), np.int8))
    replaced_while_opening(path, np.arange(5))
    assert np_ninja.open_existing(path).tolist() == [0, 1, 2, 3, 4]


def test_an_array_that_becomes_another_kind_while_it_is_opened_is_refused(path, monkeypatch):
    np_ninja.from_ndarray(path, np.zeros(3))
    read = _core.read_dense

    def read_and_replace(out_dir):
        found = read(out_dir)
        StringsMmap.from_strings(path, ["text"])
        return found

    monkeypatch.setattr(_core, "read_dense", read_and_replace)
    with pytest.raises(ValueError, match="string"):
        np_ninja.open_existing(path)


def replace_on_and_on(path, stop):
    rows = 0
    while not stop.is_set():
        rows = 3000 if rows == 1000 else 1000
        _core.create_dense(path, np.full((rows, 4), rows), _core.Options())


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_readers_beside_a_replacing_writer_see_whole_arrays(path, mode):
    np_ninja.from_ndarray(path, np.full((1000, 4), 1000))
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=replace_on_and_on, args=(path, stop))
    writer.start()
    shapes = set()
    try:
        while len(shapes) < 2:
            shapes.add(np_ninja.open_existing(path).shape)
        for _ in range(1500):
            array = np_ninja.open_existing(path, mode)
            assert (array == len(array)).all()
    finally:
        stop.set()
        writer.join()
    assert verify(path).ok


def test_rows_are_laid_out_for_the_array_that_they_are_appended_to(path, monkeypatch):
    rows = np.arange(6).reshape(2, 3)
    np_ninja.from_ndarray(path, np.zeros((4, 3), np.int64))

    def cast_and_replace(array, dtype, place):
        _core.create_dense(path, np.zeros((4, 3), np.int64, order="F"), _core.Options())
        return array.astype(dtype)

    monkeypatch.setattr(_cast, "cast", cast_and_replace)
    with pytest.raises(ValueError, match="order"):
        np_ninja.extend_dir(path, rows.astype(np.int32))
    assert not np_ninja.open_existing(path).any()
    assert np_ninja.open_existing(path).shape == (4, 3)


MEMBERS = ["memmap", "starts", "ends", "flattened_shapes", "shapes"]


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(
    "samples", [[[1, 1], [1]], [[[1, 1]], [[1], [1]]], [[], []]], ids=["1-D", "N-D", "empty"]
)
def test_members_are_never_those_of_another_dataset_than_the_samples(path, name, samples):
    first = RaggedMmap.from_lists(path, samples, dtype=np.int64)
    second = RaggedMmap(path)
    RaggedMmap.from_lists(path, [[9.0], [9, 9], [[9.0]]])
    with pytest.raises(ValueError, match=f"{path}: the dataset was replaced"):
        getattr(first, name)
    second.refresh()
    assert len(getattr(second, name)) == {"memmap": 4}.get(name, 3)
    assert [sample.tolist() for sample in first] == samples


@pytest.mark.parametrize("name", ["starts", "ends"])
def test_offsets_are_never_those_of_other_strings(path, name):
    first = StringsMmap.from_strings(path, ["one", "two"])
    second = StringsMmap(path)
    RaggedMmap.from_lists(path, [[1, 2]])
    with pytest.raises(ValueError, match="the dataset was replaced"):
        getattr(first, name)
    StringsMmap.from_strings(path, ["three"])
    second.refresh()
    assert len(getattr(second, name)) == 1
    assert first[:] == ["one", "two"]


def test_members_that_were_opened_before_a_replacement_stay_and_those_of_as_many_samples_are_new(path):
    ragged = RaggedMmap.from_lists(path, [[1], [2, 3]])
    starts = ragged.starts
    RaggedMmap.from_lists(path, [[4, 5], [6]])
    assert ragged.starts is starts
    ragged.refresh()
    assert ragged.starts.tolist() == [0, 2]


def test_shapes_stay_flat_for_a_handle_that_knows_no_others(path):
    ragged = RaggedMmap.from_lists(path, [[1], [2, 3]])
    RaggedMmap(path).append([[4, 5]])
    assert ragged.shapes.tolist() == [[1], [2]]
    assert ragged.memmap.tolist() == [1, 2, 3]
    ragged.refresh()
    assert [shape.tolist() for shape in ragged.shapes] == [[1], [2], [1, 2]]


@pytest.mark.parametrize("form", [str, type], ids=["text", "path"])
def test_a_handle_survives_a_change_of_the_working_directory(path, monkeypatch, form):
    monkeypatch.chdir(path.parent)
    relative = path.name if form is str else path.relative_to(path.parent)
    ragged = RaggedMmap.from_lists(relative, [[[1], [2]], [[3]]])
    texts = StringsMmap.from_strings(f"{path.name}-texts", ["one", "two"])
    (path.parent / "sub").mkdir()
    monkeypatch.chdir(path.parent / "sub")
    assert ragged.memmap.tolist() == [1, 2, 3]
    assert ragged.starts.filename == str(path / "starts" / "data.ninja")
    assert [shape.tolist() for shape in ragged.shapes] == [[2, 1], [1, 1]]
    assert texts.ends.tolist() == [3, 6]
    assert [sample.tolist() for sample in pickle.loads(pickle.dumps(ragged))] == [[[1], [2]], [[3]]]
    assert pickle.loads(pickle.dumps(texts))[:] == ["one", "two"]
    assert os.fspath(ragged.out_dir) == path.name
