"""Batches of many megabytes, which several threads copy, into huge pages or past the caches, are what NumPy makes of them."""

import numpy as np
import pytest
from conftest import assert_identical
from mmap_ninja import Loader, RaggedMmap
from mmap_ninja import numpy as np_ninja

SAMPLE = 1 << 16
# Bytes from which two threads copy, and from which memory is aligned to huge pages or written past the caches.
THRESHOLDS = [8 << 20, 32 << 20]
SIZES = [(threshold, step) for threshold in THRESHOLDS for step in (-1, 0, 1)]


def unaligned(shape, dtype):
    """Writable memory that begins at an odd address."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.full(size + 2, 0xAA, "u1")[1 : 1 + size].view(dtype).reshape(shape)


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(8).integers(0, 256, (7, SAMPLE), dtype="u1")


@pytest.fixture
def images(path, rows):
    return RaggedMmap.from_lists(path, list(rows))


@pytest.mark.parametrize(("threshold", "step"), SIZES)
def test_a_copy_around_a_threshold_is_exact(path, images, rows, threshold, step):
    picks = np.arange(threshold // SAMPLE + step) % len(rows)
    dense = np_ninja.from_ndarray(path.parent / "rows", rows)
    expected = rows[picks]
    assert_identical(images.padded(picks, out=unaligned(expected.shape, "u1"))[0], expected)
    assert_identical(images.gather(picks, out=unaligned(expected.size, "u1"))[0], expected.ravel())
    assert_identical(images.padded(picks)[0], expected)
    assert_identical(images.gather(picks)[0], expected.ravel())
    assert_identical(np_ninja.gather(dense, picks), expected)


@pytest.mark.parametrize(("threshold", "step"), SIZES)
def test_a_cast_around_a_threshold_is_exact(path, images, rows, threshold, step):
    picks = np.arange(threshold // SAMPLE // 4 + step) % len(rows)
    dense = np_ninja.from_ndarray(path.parent / "rows", rows)
    expected = rows[picks].astype("f4")
    out = unaligned(expected.shape, "f4")
    assert_identical(images.padded(picks, dtype="f4", out=out)[0], expected)
    assert_identical(images.padded(picks, dtype="f4")[0], expected)
    assert_identical(images.gather(picks, dtype="f4")[0], expected.ravel())
    assert_identical(np_ninja.gather(dense, picks, dtype="f4"), expected)


@pytest.mark.parametrize("dtype", ["<i2", "<i4"])
def test_large_batches_of_big_endian_samples_are_swapped(path, rows, dtype):
    numbers = rows.view(">i2")
    swapped = RaggedMmap.from_lists(path, list(numbers))
    picks = np.arange(520) % len(rows)
    expected = numbers[picks].astype(dtype)
    assert_identical(swapped.padded(picks, dtype=dtype)[0], expected)
    assert_identical(swapped.padded(picks, dtype=dtype, out=unaligned(expected.shape, dtype))[0], expected)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_a_large_batch_is_padded_on_its_side(path, side, dtype):
    rng = np.random.default_rng(9)
    samples = [rng.integers(0, 256, length, dtype="u1") for length in (70_001, 4095, 0, 5, 69_999)]
    ragged = RaggedMmap.from_lists(path, samples)
    picks = np.arange(500) % len(samples)
    expected = np.full((len(picks), 70_001), 7, dtype)
    for row, pick in zip(expected, picks, strict=True):
        length = len(samples[pick])
        row[len(row) - length if side == "left" else 0 :][:length] = samples[pick]
    for out in (None, unaligned(expected.shape, dtype)):
        assert_identical(ragged.padded(picks, 7, side, dtype=dtype, out=out)[0], expected)


def test_a_large_new_batch_is_an_array_of_its_own(images, rows):
    picks = np.zeros(520, int)
    batch, other = images.padded(picks)[0], images.padded(picks)[0]
    assert batch.flags.writeable
    assert batch.flags.c_contiguous
    assert not np.shares_memory(batch, other)
    batch[:] = 1
    del batch
    assert_identical(other, rows[picks])


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_large_batches_of_a_loader_are_exact_in_new_memory_and_in_that_of_earlier_ones(rows, dtype):
    data = rows[np.arange(1100) % len(rows)] if dtype == "u1" else rows[np.arange(280) % len(rows)]
    loader = Loader(data, len(data) // 2, dtype=dtype, threads=1)
    for _ in range(2):
        for number, batch in enumerate(loader):
            assert_identical(batch, data[number * len(batch) : (number + 1) * len(batch)].astype(dtype))
