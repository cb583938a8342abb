"""Samples that come in one after another, with their offsets: no Python object for each."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap, verify

LENGTHS = st.lists(st.integers(0, 5), max_size=12)


def files(directory):
    """The bytes of every file below a directory."""
    paths = sorted(path for path in Path(directory).rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def offsets_of(lengths, dtype=np.int64, first=0):
    return (first + np.concatenate([[0], np.cumsum(lengths)])).astype(dtype)


@given(
    lengths=LENGTHS,
    split=st.integers(0, 12),
    before=st.integers(0, 3),
    offset_type=st.sampled_from([np.int32, np.int64]),
    dtype=st.sampled_from(["int32", ">i2", "float16", "bool", "datetime64[s]"]),
)
def test_the_files_are_those_of_samples_stored_one_by_one(
    tmp_path_factory, lengths, split, before, offset_type, dtype
):
    directory = tmp_path_factory.mktemp("maps")
    values = np.arange(before + sum(lengths) + 2).astype(dtype)
    offsets = offsets_of(lengths, offset_type, first=before)
    samples = [values[start:end] for start, end in pairwise(offsets)]
    memmap = RaggedMmap.from_gathered(directory / "gathered", values, offsets[: split + 1])
    memmap.extend_gathered(values, offsets[min(split, len(lengths)) :])
    memmap.extend_gathered(values, offsets[:1])
    assert len(memmap) == len(samples)
    assert memmap.dtype == values.dtype
    if samples:
        RaggedMmap.from_lists(directory / "listed", samples[: max(split, 1)], dtype=dtype).extend(
            samples[max(split, 1) :]
        )
        assert files(directory / "gathered") == files(directory / "listed")


@given(shapes=st.lists(st.tuples(*[st.integers(0, 3)] * 2), max_size=6), rank=st.integers(0, 2))
def test_samples_of_several_axes_have_their_shapes(tmp_path_factory, shapes, rank):
    directory = tmp_path_factory.mktemp("maps")
    shapes = [shape[:rank] for shape in shapes]
    sizes = [int(np.prod(shape)) for shape in shapes]
    values, offsets = np.arange(sum(sizes)), offsets_of(sizes)
    expected = [
        values[start:end].reshape(shape)
        for start, end, shape in zip(offsets, offsets[1:], shapes, strict=False)
    ]
    memmap = RaggedMmap.from_gathered(
        directory / "gathered", values, offsets, np.array(shapes, np.int64).reshape(len(shapes), rank)
    )
    assert len(memmap) == len(expected)
    assert all(np.array_equal(found, sample) for found, sample in zip(memmap, expected, strict=True))
    if shapes:
        RaggedMmap.from_lists(directory / "listed", expected)
        assert files(directory / "gathered") == files(directory / "listed")


def test_what_is_gathered_extends_maps_of_one_axis_and_of_several(tmp_path):
    flat = RaggedMmap.from_lists(tmp_path / "flat", [[1, 2], [3]])
    images = RaggedMmap.from_lists(tmp_path / "images", [np.zeros((2, 3), int)])
    images.extend_gathered(*flat.gather([1, 0]))
    flat.extend_gathered(*images.gather([0]), [[3, 2]])
    assert [image.tolist() for image in images] == [[[0, 0, 0], [0, 0, 0]], [3], [1, 2]]
    assert flat[2].shape == (3, 2)
    assert verify(images.out_dir).ok
    assert verify(flat.out_dir).ok


def test_values_are_cast_to_the_dtype_of_the_map_if_they_survive_it(tmp_path):
    memmap = RaggedMmap.from_lists(tmp_path / "map", [np.array([1], np.uint8)])
    memmap.extend_gathered([2, 3], [0, 2])
    assert memmap[1].dtype == np.uint8
    with pytest.raises(OverflowError, match="300"):
        memmap.extend_gathered([300], [0, 1])
    assert len(memmap) == 2


@pytest.mark.parametrize(
    ("values", "offsets", "shapes", "error", "message"),
    [
        ([1, 2, 3], [0, 2, 1], None, ValueError, "sample 1 ends at offset 1, before its start at 2"),
        ([1, 2, 3], [0, 4], None, ValueError, "ends at offset 4, but there are 3 values"),
        ([1, 2, 3], [-1, 2], None, ValueError, r"offsets\[0\] is -1"),
        ([1, 2, 3], np.array([], np.int64), None, ValueError, "no offsets"),
        ([1, 2, 3], [0.0, 3.0], None, TypeError, "int32 or int64, not float64"),
        ([1, 2, 3], np.array([0, 3], np.uint64), None, TypeError, "int32 or int64"),
        ([1, 2, 3], np.array([0, 3], ">i8"), None, TypeError, "int32 or int64"),
        ([1, 2, 3], [[0, 3]], None, ValueError, "number of axes 1, not 2"),
        ([[1], [2]], [0, 2], None, ValueError, "values has 2 axes instead of one"),
        ([1, 2, 3], [0, 3], [[2, 2]], ValueError, "do not fill the shape"),
        ([1, 2, 3], [0, 3], [[-1, -3]], ValueError, "do not fill the shape"),
        ([1, 2, 3], [0, 3], [[3], [1]], ValueError, "shapes has 2 rows for 1 samples"),
        (np.array([{}]), [0, 1], None, TypeError, "cannot be stored"),
        (np.ma.masked_array([1], [True]), [0, 1], None, TypeError, "mask"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path, values, offsets, shapes, error, message
):
    with pytest.raises(error, match=message):
        RaggedMmap.from_gathered(tmp_path / "new", values, offsets, shapes)
    assert list(tmp_path.iterdir()) == []
    memmap = RaggedMmap.from_lists(tmp_path / "map", [[7]])
    before = files(tmp_path)
    with pytest.raises(error, match=message):
        memmap.extend_gathered(values, offsets, shapes)
    assert files(tmp_path) == before


@given(texts=st.lists(st.text(max_size=8), max_size=12), split=st.integers(0, 12), zstd=st.booleans())
def test_texts_come_back_from_their_bytes(tmp_path_factory, texts, split, zstd):
    directory = tmp_path_factory.mktemp("maps")
    encoded = [text.encode() for text in texts]
    values, offsets = b"".join(encoded), offsets_of(list(map(len, encoded)), np.int32)
    memmap = StringsMmap.from_gathered(
        directory / "map", values, offsets[: split + 1], zstd_level=3 if zstd else None
    )
    memmap.extend_gathered(values, offsets[min(split, len(texts)) :])
    assert memmap[:] == texts
    assert memmap.zstd_level == (3 if zstd else None)
    if texts and not zstd:
        StringsMmap.from_strings(directory / "listed", texts)
        assert files(directory / "map") == files(directory / "listed")


@pytest.mark.parametrize(
    ("values", "offsets", "message"),
    [
        (b"ok\xff", [0, 1, 3], "string 1 is not UTF-8"),
        ("é".encode(), [0, 1, 2], "string 0 is not UTF-8"),
        ("aé".encode(), [0, 1, 1, 2], "string 2 is not UTF-8"),
        ("aé".encode()[:2], [0, 1, 2], "string 1 is not UTF-8"),
        (b"abc", [0, 4], "ends at offset 4"),
    ],
)
def test_bytes_that_are_not_texts_are_refused_before_anything_is_written(tmp_path, values, offsets, message):
    with pytest.raises(ValueError, match=message):
        StringsMmap.from_gathered(tmp_path / "new", values, offsets)
    assert list(tmp_path.iterdir()) == []


def test_only_bytes_are_texts(tmp_path):
    with pytest.raises(TypeError, match="values must be uint8"):
        StringsMmap.from_gathered(tmp_path / "new", np.array([65], np.int64), [0, 1])


def test_a_map_that_exists_is_replaced_or_kept(tmp_path):
    RaggedMmap.from_lists(tmp_path / "map", [[1]])
    with pytest.raises(FileExistsError):
        RaggedMmap.from_gathered(tmp_path / "map", [2], [0, 1], overwrite=False)
    assert RaggedMmap.from_gathered(tmp_path / "map", [2], [0, 1])[0].tolist() == [2]
    with pytest.raises(FileExistsError):
        StringsMmap.from_gathered(tmp_path / "map", b"a", [0, 1], overwrite=False)


def test_a_map_can_be_stored_without_samples(tmp_path):
    empty = RaggedMmap.from_gathered(tmp_path / "map", np.array([], np.int16), [0])
    assert len(empty) == 0
    assert empty.dtype == np.int16
    texts = StringsMmap.from_gathered(tmp_path / "texts", b"", [0])
    texts.append("one")
    assert texts[:] == ["one"]
    assert verify(empty.out_dir).ok
