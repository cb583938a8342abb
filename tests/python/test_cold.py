"""Samples that are not in memory: what is read from the disk for them, and what that costs those that are."""

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="residency is asked of Linux")

COUNT = 600
PAGE = mmap.PAGESIZE
# Half a page each, and eight pages each.
SMALL, LARGE = PAGE // 2, 8 * PAGE
CHOSEN = [500, 3, 250, 420, 111, 77, 340, 9, 580, 200]


def drop(folder):
    """Empty the page cache of all data, which nobody has mapped; skip the test where they cannot be dropped."""
    for path in folder.rglob("data.ninja"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    for path in folder.rglob("data.ninja"):
        if resident(path).any():
            pytest.skip("this file system is in memory")


def resident(path):
    """Whether each page of a file is in memory."""
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_PRIVATE)
    pages = (ctypes.c_ubyte * -(-len(mapping) // PAGE))()
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(mapping)), pages) == 0
    return np.frombuffer(pages, np.uint8) & 1 == 1


def check_read(path, size, chosen, most):
    """The pages of the samples of `size` bytes at `chosen` come into memory, and at most `most` others."""
    wanted = np.zeros(-(-path.stat().st_size // PAGE), bool)
    for index in chosen:
        wanted[index * size // PAGE : -(-(index + 1) * size // PAGE)] = True
    deadline = time.monotonic() + 20
    while not (found := resident(path))[wanted].all():
        assert time.monotonic() < deadline, f"{found[wanted].sum()} of {wanted.sum()} pages were read"
        time.sleep(0.01)
    assert found[~wanted].sum() <= most


def ragged(folder, size):
    values = np.zeros(size * COUNT, np.uint8)
    return RaggedMmap.from_gathered(folder, values, np.arange(COUNT + 1) * size)


def strings(folder, size):
    return StringsMmap.from_strings(folder, ["x" * size] * COUNT)


def records(folder, size):
    row = np.zeros(size, np.uint8)
    sample = {"ragged": row, "text": "x" * size, "dense": row}
    RecordsMmap.from_generator(folder, (sample for _ in range(COUNT)), 100, fields={"dense": ("u1", (size,))})


LISTS = {
    "list": lambda m: m[CHOSEN],
    "array": lambda m: m[np.array(CHOSEN)],
    "mask": lambda m: m[np.isin(np.arange(COUNT), CHOSEN)],
    "getitems": lambda m: m.__getitems__(CHOSEN),
}


@pytest.mark.parametrize("way", LISTS)
def test_a_list_of_cold_samples_is_prefetched(tmp_path, way):
    ragged(tmp_path / "m", LARGE)
    drop(tmp_path)
    memmap = RaggedMmap(tmp_path / "m")
    items = LISTS[way](memmap)
    check_read(tmp_path / "m" / "data.ninja", LARGE, CHOSEN, 0)
    assert len(items) == len(CHOSEN)


def test_a_slice_of_cold_samples_is_prefetched(tmp_path):
    ragged(tmp_path / "m", LARGE)
    drop(tmp_path)
    items = RaggedMmap(tmp_path / "m")[100:160:2]
    # Ranges that are close together are read as one.
    check_read(tmp_path / "m" / "data.ninja", LARGE, range(100, 160, 2), 0)
    assert len(items) == 30


def test_a_list_of_cold_texts_is_prefetched(tmp_path):
    strings(tmp_path / "m", 64)
    drop(tmp_path)
    memmap = StringsMmap(tmp_path / "m")
    assert memmap[CHOSEN] == ["x" * 64] * len(CHOSEN)
    check_read(tmp_path / "m" / "data.ninja", 64, CHOSEN, COUNT)


@pytest.mark.parametrize("field", ["ragged", "dense"])
def test_a_list_of_cold_records_is_prefetched(tmp_path, field):
    records(tmp_path / "m", LARGE)
    drop(tmp_path)
    items = RecordsMmap(tmp_path / "m")[CHOSEN]
    check_read(tmp_path / "m" / field / "data.ninja", LARGE, CHOSEN, 0)
    assert len(items) == len(CHOSEN)


def test_all_pages_of_a_cold_item_are_requested_before_it_is_touched(tmp_path):
    ragged(tmp_path / "m", LARGE)
    drop(tmp_path)
    item = RaggedMmap(tmp_path / "m")[300]
    check_read(tmp_path / "m" / "data.ninja", LARGE, [300], 0)
    assert not item.any()


def test_a_cold_item_whose_neighbour_was_read_is_requested_whole(tmp_path):
    # Neighbours have a page in common.
    size = LARGE + SMALL
    ragged(tmp_path / "m", size)
    drop(tmp_path)
    memmap = RaggedMmap(tmp_path / "m")
    assert not memmap[301].any()
    item = memmap[300]
    check_read(tmp_path / "m" / "data.ninja", size, [300, 301], 0)
    assert not item.any()


def test_steps_over_large_cold_items_do_not_count_as_an_order(tmp_path):
    ragged(tmp_path / "m", LARGE)
    drop(tmp_path)
    memmap = RaggedMmap(tmp_path / "m")
    items = [memmap[300], memmap[310], memmap[320]]
    check_read(tmp_path / "m" / "data.ninja", LARGE, [300, 310, 320], 0)
    assert not any(item.any() for item in items)


def test_small_cold_items_in_random_order_are_read_without_their_neighbours(tmp_path):
    ragged(tmp_path / "m", SMALL)
    drop(tmp_path)
    memmap = RaggedMmap(tmp_path / "m")
    assert not any(memmap[index].any() for index in CHOSEN)
    check_read(tmp_path / "m" / "data.ninja", SMALL, CHOSEN, 0)


def test_items_in_order_are_read_ahead(tmp_path):
    ragged(tmp_path / "m", SMALL)
    drop(tmp_path)
    assert not any(item.any() for item, _ in zip(RaggedMmap(tmp_path / "m"), range(8), strict=False))
    assert resident(tmp_path / "m" / "data.ninja").sum() > 8


READING = """
import os, sys
from mmap_ninja import open_existing
m = open_existing(sys.argv[1])
sum(len(m[i]) for i in range(len(m)))
items = range(len(m))
os.access("/trace begins", os.F_OK)
for _ in range(20):
    for i in items:
        m[i]
os.access("/trace ends", os.F_OK)
"""


@pytest.mark.parametrize("make", [ragged, strings])
def test_items_in_memory_make_next_to_no_system_calls(tmp_path, make):
    if shutil.which("strace") is None:
        # A tool of the system that pip cannot bring; CI installs it.
        pytest.skip("strace is not installed")
    make(tmp_path / "m", 64)
    command = ["strace", "-o", tmp_path / "trace", sys.executable, "-c", READING, tmp_path / "m"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr.lower():
        pytest.skip("strace is not permitted here")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "trace").read_text()
    calls = text[text.index("/trace begins") : text.index("/trace ends")].splitlines()[1:-1]
    assert len(calls) <= 20 * COUNT / 256 + 10
