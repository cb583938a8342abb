"""The cost of opening and reading does not grow with the number of samples."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import program
from mmap_ninja import RaggedMmap, StringsMmap, open_existing

COUNT = 100_000_000


MIB = 1 << 20


def stretch(member, *values, rows=COUNT):
    """Give the member `rows` rows, of which `values` are the last one and all others are zeros."""
    with (member / "data.ninja").open("wb") as data:
        data.seek((rows - 1) * 8 * len(values))
        data.write(np.array(values, "<i8").tobytes())
    shape = member / "shape.ninja"
    axes = np.frombuffer(shape.read_bytes(), "<u8").copy()
    axes[0] = rows * len(values)
    shape.write_bytes(axes.tobytes())


def stretch_data(path, last, start):
    """Make `last` the bytes at `start`, after zeros."""
    with (path / "data.ninja").open("r+b") as data:
        data.truncate(start)
        data.seek(start)
        data.write(last)
    shape = path / "shape.ninja"
    if shape.exists():
        shape.write_bytes(np.array([start + len(last)], "<u8").tobytes())


def sparse_tokens(path):
    """Empty samples, and at last [1, 2, 3] after 8 GiB of elements that belong to no sample."""
    RaggedMmap.from_lists(path, [np.array([1, 2, 3], "u1")])
    start = 8 << 30
    stretch_data(path, bytes([1, 2, 3]), start)
    for member, value in [("starts", start), ("ends", start + 3), ("flattened_shapes", 3), ("shapes", 3)]:
        stretch(path / member, value)
    return path


def sparse_images(path):
    """Samples that no test reads, and at last [[1, 2, 3]]."""
    RaggedMmap.from_lists(path, [np.array([[1, 2, 3]], "u1")])
    for member, value in [("starts", 0), ("ends", 3), ("flattened_shapes", 3)]:
        stretch(path / member, value)
    shapes = path / "shapes"
    stretch(shapes, 1, 3)
    for member, value in [
        ("starts", 2 * COUNT - 2),
        ("ends", 2 * COUNT),
        ("flattened_shapes", 2),
        ("shapes", 2),
    ]:
        stretch(shapes / member, value)
    return path


def sparse_texts(path):
    """Empty texts, and at last "one" after 8 GiB."""
    StringsMmap.from_strings(path, ["one"])
    start = 8 << 30
    stretch_data(path, b"one", start)
    for member, value in [("starts", start), ("ends", start + 3)]:
        stretch(path / member, value)
    return path


SPARSE = {
    sparse_tokens: ("RaggedMmap", [1, 2, 3]),
    sparse_images: ("RaggedMmap", [[1, 2, 3]]),
    sparse_texts: ("StringsMmap", "one"),
}


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
sparse = pytest.mark.parametrize("make", SPARSE, ids=lambda make: make.__name__)


def size_on_disk(path):
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*"))


@sparse
def test_a_map_of_100_million_samples_opens_and_reads_its_last(path, large_files, make):
    name, last = SPARSE[make]
    make(path)
    if size_on_disk(path) > MIB:
        # The map would take gigabytes.
        pytest.skip("this file system has no sparse files")
    memmap = open_existing(path)
    assert (type(memmap).__name__, len(memmap)) == (name, COUNT)
    for item in memmap[-1], memmap[COUNT - 1], memmap[[COUNT - 1]][0], memmap[COUNT - 1 :][0]:
        assert (item if name == "StringsMmap" else item.tolist()) == last
    values, offsets = memmap.gather([-1])
    assert (values.tolist(), offsets.tolist()) == (list(b"one") if last == "one" else [1, 2, 3], [0, 3])
    with pytest.raises(IndexError, match=str(COUNT)):
        memmap[COUNT]
    with pytest.raises(IndexError, match=str(COUNT)):
        memmap.gather([COUNT])


def test_samples_far_into_a_map_of_100_million_are_padded_and_appended_to(path, large_files):
    ragged = RaggedMmap(sparse_tokens(path))
    batch, lengths = ragged.padded([-1, 0, COUNT // 2], 9)
    assert (batch.tolist(), lengths.tolist()) == ([[1, 2, 3], [9, 9, 9], [9, 9, 9]], [3, 0, 0])
    ragged.append(np.array([4, 5], "u1"))
    assert (len(ragged), ragged[-1].tolist(), ragged[-2].tolist()) == (COUNT + 1, [4, 5], [1, 2, 3])
    assert size_on_disk(path) < MIB


@pytest.mark.parametrize("kind", ["ragged", "strings"])
def test_a_batch_whose_size_overflows_is_refused(path, large_files, kind):
    """The sizes of the overlapping samples add up to 2^64, which overflows to 0."""
    if kind == "ragged":
        RaggedMmap.from_lists(path, [np.zeros(1, "uint8")])
    else:
        StringsMmap.from_strings(path, ["a"])
    size = 1 << 43
    for member, values in (".", [size]), ("ends", [size]), ("flattened_shapes", [size]), ("shapes", [size]):
        if (path / member).exists():
            (path / member / "data.ninja").write_bytes(np.array(values).tobytes())
    (path / "shape.ninja").exists() and (path / "shape.ninja").write_bytes(np.array([size]).tobytes())
    try:
        os.truncate(path / "data.ninja", size)
    except OSError:
        # ext4, for one, ends files at 16 TiB or less.
        pytest.skip("the file system has no such files")
    data = open_existing(path)
    for call in [data.gather, getattr(data, "padded", data.gather)]:
        with pytest.raises((MemoryError, ValueError)):
            call(np.zeros((1 << 64) // size, int))


def footprint(path, warm, indices):
    command = program("measure_reading", path, warm, json.dumps(indices))
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


@needs_proc
@sparse
def test_opening_100_million_samples_takes_less_than_a_mebibyte(path, large_files, make):
    name, _ = SPARSE[make]
    warm = path.parent / "warm"
    if name == "RaggedMmap":
        RaggedMmap.from_lists(warm, [np.array([1], "u1")])
    else:
        StringsMmap.from_strings(warm, ["one"])
    indices = [-1] if make is sparse_images else [0, COUNT // 2, -1]
    for growth in footprint(make(path), warm, indices):
        assert growth < MIB
