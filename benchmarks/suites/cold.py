"""Samples that are not in memory: the page cache is emptied of the file before each measurement.

Every way ends with a copy of the sample in the process's own memory.
"""

import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks import memory
from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings

SUITE = "cold"
SMALL, IMAGES = "2 kB samples", "images of 0.5 MB"
PLAIN, RANDOM = "this library, items", "this library, items, access='random'"
GATHER, GATHER_RANDOM = "this library, gather", "this library, gather, access='random'"
PADDED, PREFETCH = "this library, padded", "this library, prefetch and items"
AHEAD = "this library, items, the next batch prefetched"
BY_ORIGINAL = "the original, items"
ACCESS = {RANDOM: "random", GATHER_RANDOM: "random"}
SAMPLE = 500
ROUNDS = 5
turns = count()


def groups(settings: Settings) -> list[Group]:
    small = settings.cold_bytes // (4 * SAMPLE)
    return [
        group(settings, SMALL, small, 256, settings.cold_batches),
        group(settings, IMAGES, settings.cold_images, 32, max(1, settings.cold_batches // 4)),
    ]


def group(settings: Settings, what: str, samples: int, size: int, batches: int) -> Group:
    folder = str(settings.data / "cold" / what.split()[0])
    cases = []
    for who in (PLAIN, RANDOM, GATHER, GATHER_RANDOM, PADDED, PREFETCH, AHEAD, BY_ORIGINAL):
        arguments = {"way": who, "folder": folder, "samples": samples, "size": size, "batches": batches}
        environment = "original" if who == BY_ORIGINAL else "ours"
        cases.append(Case(what, who, environment, f"{__name__}:microseconds", arguments))
    prepare = [("ours", f"{__name__}:write", {"folder": folder, "what": what, "samples": samples})]
    return Group(SUITE, cases, rounds=min(ROUNDS, settings.rounds), prepare=prepare)


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
    reader = open_map(way, folder)
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


def open_map(way: str, folder: str):
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


def in_batches(method: str) -> Callable:
    def read(reader, batches: np.ndarray) -> None:
        for batch in batches:
            getattr(reader, method)(batch)

    return read


WAYS = {
    GATHER: in_batches("gather"),
    GATHER_RANDOM: in_batches("gather"),
    PADDED: in_batches("padded"),
    PREFETCH: prefetched,
    AHEAD: prefetched_ahead,
}
