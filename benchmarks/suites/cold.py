"""Samples that are not in memory: the page cache is emptied of the file before each measurement.

Every way ends with a copy of the sample in the process's own memory. Everything is measured with the
read-ahead that the disk is set to, and again with Linux's default.
"""

import ctypes
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks import machine, memory
from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS
from benchmarks.rounds import Case, Group
from benchmarks.settings import WORK, Settings

SUITE = "cold"
SMALL, IMAGES = "2 kB samples", "images of 0.5 MB"
# In kB: Linux's default.
DEFAULT_READ_AHEAD = 128
PLAIN, RANDOM = "this library, items", "this library, items, access='random'"
GATHER, GATHER_RANDOM = "this library, gather", "this library, gather, access='random'"
PADDED, PREFETCH = "this library, padded", "this library, prefetch and items"
AHEAD = "this library, items, the next batch prefetched"
LISTED, GETITEMS = "this library, m[list]", "this library, __getitems__"
BY_ORIGINAL = "the original, items"
IN_FLIGHT = 128
DEVICE, DEVICE_ALONE = f"direct I/O, {IN_FLIGHT} requests in flight", "direct I/O, one request in flight"
ROWS = (
    DEVICE,
    DEVICE_ALONE,
    PLAIN,
    RANDOM,
    LISTED,
    GETITEMS,
    GATHER,
    GATHER_RANDOM,
    PADDED,
    PREFETCH,
    AHEAD,
    BY_ORIGINAL,
)
ACCESS = {RANDOM: "random", GATHER_RANDOM: "random"}
SAMPLE = 500
ROUNDS = 5
turns = count()


def groups(settings: Settings) -> list[Group]:
    small = settings.cold_bytes // (4 * SAMPLE)
    rows = (
        (SMALL, small, 256, settings.cold_batches),
        (IMAGES, settings.cold_images, 32, max(1, settings.cold_batches // 4)),
    )
    return [group(settings, *row, has_default=has_default) for has_default in (False, True) for row in rows]


def with_default(what: str) -> str:
    return f"{what}, read-ahead of {DEFAULT_READ_AHEAD} kB"


def group(
    settings: Settings, kind: str, samples: int, size: int, batches: int, has_default: bool = False
) -> Group:
    """With Linux's default, the samples are those that the same group has written without it."""
    folder, what = str(settings.data / "cold" / kind.split()[0]), with_default(kind) if has_default else kind
    cases = []
    for who in ROWS:
        arguments = {"way": who, "folder": folder, "samples": samples, "size": size, "batches": batches}
        environment = "original" if who == BY_ORIGINAL else "ours"
        cases.append(Case(what, who, environment, f"{__name__}:microseconds", arguments))
    rounds = min(ROUNDS, settings.rounds)
    if has_default:
        return Group(SUITE, cases, rounds, around=partial(machine.read_ahead_of, DEFAULT_READ_AHEAD))
    prepare = [("ours", f"{__name__}:write", {"folder": folder, "what": kind, "samples": samples})]
    return Group(SUITE, cases, rounds, prepare=prepare)


def write(folder: str, what: str, samples: int) -> None:
    """A map of random numbers, no two samples of it alike, that is on the disk."""
    from mmap_ninja import RaggedMmap

    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).parent.mkdir(parents=True, exist_ok=True)
    shape, dtype = ((SAMPLE,), np.int32) if what == SMALL else ((400, 400, 3), np.uint8)
    RaggedMmap.from_generator(folder, cuts(samples, shape, dtype), batch_size=1024)
    os.sync()


def cuts(samples: int, shape: tuple[int, ...], dtype: type) -> Iterator[np.ndarray]:
    length = int(np.prod(shape))
    source = np.random.default_rng(seed=0).integers(0, 256, length + (1 << 20), dtype)
    for i in range(samples):
        start = i * 37 % (1 << 20)
        yield source[start : start + length].reshape(shape)


def microseconds(way: str, folder: str, samples: int, size: int, batches: int) -> dict[str, float]:
    """What a sample costs, and how much is read from the disk for it. Each time other samples are read."""
    random = np.random.default_rng([zlib.crc32(way.encode()), next(turns)])
    drawn = random.integers(0, samples, (batches, size))
    drop(Path(folder, "data.ninja"))
    reader = open_map(way, folder, samples)
    read_before, start = memory.read_from_disk(), perf_counter()
    WAYS.get(way, items)(reader, drawn)
    taken, read = perf_counter() - start, memory.read_from_disk() - read_before
    return {"µs": taken / drawn.size * 1e6, "kB read": read / drawn.size / 1e3}


def drop(file: Path) -> None:
    """Empty the page cache of a file that nobody has mapped."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def open_map(way: str, folder: str, samples: int):
    if way in (DEVICE, DEVICE_ALONE):
        return Device(Path(folder, "data.ninja"), samples)
    if way == BY_ORIGINAL:
        return CONTENDERS[ORIGINAL].make().open(Path(folder), "sequences")
    cls = type(CONTENDERS[OURS].make().open(Path(folder), "sequences"))
    return cls(folder, access=ACCESS.get(way, "normal"))


def items(reader, batches: np.ndarray) -> None:
    for batch in batches:
        copied(reader, batch)


def copied(reader, batch: np.ndarray) -> list[np.ndarray]:
    return [np.array(reader[i]) for i in batch.tolist()]


def prefetched(reader, batches: np.ndarray) -> None:
    for batch in batches:
        reader.prefetch(batch)
        copied(reader, batch)


def prefetched_ahead(reader, batches: np.ndarray) -> None:
    reader.prefetch(batches[0])
    for batch, following in zip(batches, [*batches[1:], []], strict=True):
        reader.prefetch(following)
        copied(reader, batch)


def copied_at_once(method: str) -> Callable:
    def read(reader, batches: np.ndarray) -> None:
        for batch in batches:
            for item in getattr(reader, method)(batch.tolist()):
                np.array(item)

    return read


def in_batches(method: str) -> Callable:
    def read(reader, batches: np.ndarray) -> None:
        for batch in batches:
            getattr(reader, method)(batch)

    return read


class Device:
    """The file as it lies on the disk, whose samples all have one size."""

    def __init__(self, file: Path, samples: int):
        self.file, self.size = os.fsencode(file), file.stat().st_size // samples

    def read(self, indices: np.ndarray, in_flight: int) -> float:
        """Seconds to read these samples, a number of them at once, past the page cache."""
        read = ctypes.CDLL(str(WORK / "native" / "direct.so")).read_direct
        read.restype, offsets = ctypes.c_double, np.ascontiguousarray(indices.ravel() * self.size, np.int64)
        address, wanted = ctypes.c_void_p(offsets.ctypes.data), ctypes.c_long(offsets.size)
        taken = read(self.file, address, wanted, ctypes.c_long(self.size), min(in_flight, offsets.size))
        if taken < 0:
            raise OSError(f"{os.fsdecode(self.file)} cannot be read past the page cache")
        return taken


WAYS = {
    DEVICE: lambda device, batches: device.read(batches, IN_FLIGHT),
    DEVICE_ALONE: lambda device, batches: device.read(batches, 1),
    LISTED: copied_at_once("__getitem__"),
    GETITEMS: copied_at_once("__getitems__"),
    GATHER: in_batches("gather"),
    GATHER_RANDOM: in_batches("gather"),
    PADDED: in_batches("padded"),
    PREFETCH: prefetched,
    AHEAD: prefetched_ahead,
}
