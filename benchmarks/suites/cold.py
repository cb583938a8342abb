"""Samples that are not in memory: the page cache is emptied of the data before each measurement.

Every way ends with a copy of the sample in the process's own memory: an array, a `str`, or a dict of them. Everything is
measured with the read-ahead that the disk is set to, and again with Linux's default.
"""

import ctypes
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import machine, memory
from benchmarks.contenders import CONTENDERS, ORIGINAL
from benchmarks.rounds import Case, Group
from benchmarks.settings import WORK, Settings

SUITE = "cold"
SMALL, IMAGES, TEXTS, RECORDS = (
    "2 kB samples",
    "images of 0.5 MB",
    "texts of 2 kB",
    "records with 2 kB of tokens",
)
# In kB: Linux's default.
DEFAULT_READ_AHEAD = 128
PLAIN, RANDOM = "this library, items", "this library, items, access='random'"
GATHER, GATHER_RANDOM = "this library, gather", "this library, gather, access='random'"
PADDED, PREFETCH = "this library, padded", "this library, prefetch and items"
AHEAD = "this library, items, the next batch prefetched"
LISTED, GETITEMS = "this library, m[list]", "this library, __getitems__"
BATCH = "this library, batch"
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
TEXT_ROWS = (DEVICE, DEVICE_ALONE, PLAIN, RANDOM, LISTED, GETITEMS, BY_ORIGINAL)
RECORD_ROWS = (DEVICE, DEVICE_ALONE, PLAIN, RANDOM, LISTED, GETITEMS, BATCH)
ACCESS = {RANDOM: "random", GATHER_RANDOM: "random"}
SAMPLE = 500
# How many times larger the file of 2 kB samples is than those of texts and of records.
LARGER = 6
ROUNDS = 5
turns = count()


@dataclass(frozen=True)
class Kind:
    """What is read, in batches.

    Attributes:
        size: samples of a batch.
        batches: in one measurement.
        rows: the ways to read it.
    """

    name: str
    samples: int
    size: int
    batches: int
    rows: tuple[str, ...]


def groups(settings: Settings) -> list[Group]:
    small, batches = settings.cold_bytes // (4 * SAMPLE), settings.cold_batches
    kinds = (
        Kind(SMALL, small, 256, batches, ROWS),
        Kind(IMAGES, settings.cold_images, 32, max(1, batches // 4), ROWS),
        Kind(TEXTS, small // LARGER, 256, max(1, batches // 2), TEXT_ROWS),
        Kind(RECORDS, small // LARGER, 256, max(1, batches // 2), RECORD_ROWS),
    )
    return [group(settings, kind, has_default=has_default) for has_default in (False, True) for kind in kinds]


def with_default(what: str) -> str:
    return f"{what}, read-ahead of {DEFAULT_READ_AHEAD} kB"


def group(settings: Settings, kind: Kind, has_default: bool) -> Group:
    """With Linux's default, the samples are those that the same group has written without it."""
    folder, what = str(settings.data / "cold" / kind.name.split()[0]), kind.name
    place = {"folder": folder, "what": what, "samples": kind.samples}
    cases = []
    for who in kind.rows:
        arguments = {"way": who, **place, "size": kind.size, "batches": kind.batches}
        environment = "original" if who == BY_ORIGINAL else "ours"
        shown = with_default(what) if has_default else what
        cases.append(Case(shown, who, environment, f"{__name__}:microseconds", arguments))
    rounds = min(ROUNDS, settings.rounds)
    if has_default:
        return Group(SUITE, cases, rounds, around=partial(machine.read_ahead_of, DEFAULT_READ_AHEAD))
    return Group(SUITE, cases, rounds, prepare=[("ours", f"{__name__}:write", place)])


def write(folder: str, what: str, samples: int) -> None:
    """Samples of random numbers or letters, no two of them alike, that are on the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).parent.mkdir(parents=True, exist_ok=True)
    made = {
        SMALL: lambda: cuts(samples, (SAMPLE,), np.int32),
        IMAGES: lambda: cuts(samples, (400, 400, 3), np.uint8),
        TEXTS: lambda: texts(samples),
        RECORDS: lambda: records(samples),
    }[what]()
    class_of(what).from_generator(folder, made, batch_size=1024)
    os.sync()


def cuts(samples: int, shape: tuple[int, ...], dtype: type) -> Iterator[np.ndarray]:
    length = int(np.prod(shape))
    source = np.random.default_rng(seed=0).integers(0, 256, length + (1 << 20), dtype)
    for i in range(samples):
        start = i * 37 % (1 << 20)
        yield source[start : start + length].reshape(shape)


def texts(samples: int) -> Iterator[str]:
    """Hexadecimal digits, which take as many bytes as the numbers of a small sample."""
    return (cut.tobytes().hex() for cut in cuts(samples, (2 * SAMPLE,), np.uint8))


def records(samples: int) -> Iterator[dict[str, Any]]:
    for i, tokens in enumerate(cuts(samples, (SAMPLE,), np.int32)):
        yield {"tokens": tokens, "label": i % 1000, "text": f"photographs/{i:08x}.jpg"}


def microseconds(way: str, folder: str, what: str, samples: int, size: int, batches: int) -> dict[str, float]:
    """What a sample costs, and how much is read from the disk for it. Each time other samples are read."""
    random = np.random.default_rng([zlib.crc32(way.encode()), next(turns)])
    drawn = random.integers(0, samples, (batches, size))
    drop(Path(folder))
    reader = open_map(way, Path(folder), what, samples)
    read_before, start = memory.read_from_disk(), perf_counter()
    WAYS.get(way, items)(reader, drawn)
    taken, read = perf_counter() - start, memory.read_from_disk() - read_before
    return {"µs": taken / drawn.size * 1e6, "kB read": read / drawn.size / 1e3}


def data_files(folder: Path) -> list[Path]:
    """The file of the samples, or of each field of records."""
    alone = folder / "data.ninja"
    return [alone] if alone.exists() else sorted(folder.glob("*/data.ninja"))


def drop(folder: Path) -> None:
    """Empty the page cache of samples that nobody has mapped."""
    for file in data_files(folder):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def open_map(way: str, folder: Path, what: str, samples: int):
    if way in (DEVICE, DEVICE_ALONE):
        return Device(folder, samples)
    if way == BY_ORIGINAL:
        return CONTENDERS[ORIGINAL].make().open(folder, "texts" if what == TEXTS else "sequences")
    return class_of(what)(folder, access=ACCESS.get(way, "normal"))


def class_of(what: str) -> type:
    """What stores these samples."""
    from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap

    return {TEXTS: StringsMmap, RECORDS: RecordsMmap}.get(what, RaggedMmap)


def items(reader, batches: np.ndarray) -> None:
    for batch in batches:
        copied(reader, batch)


def copied(reader, batch: np.ndarray) -> None:
    for i in batch.tolist():
        copy(reader[i])


def copy(item) -> None:
    """Copy what is mapped of an item, as direct I/O does: into memory that the process has used before. To get new memory for
    an image takes the system as long as to read it.
    """
    if isinstance(item, dict):
        for value in item.values():
            copy(value)
    elif isinstance(item, np.ndarray):
        np.copyto(room(item.shape, item.dtype), item)


@cache
def room(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.ones(shape, dtype)


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
                copy(item)

    return read


def in_batches(method: str) -> Callable:
    def read(reader, batches: np.ndarray) -> None:
        for batch in batches:
            getattr(reader, method)(batch)

    return read


class Device:
    """The files as they lie on the disk, whose samples all have one size. Of records, every field is a file."""

    def __init__(self, folder: Path, samples: int):
        self.files = [(file, file.stat().st_size // samples) for file in data_files(folder)]

    def read(self, indices: np.ndarray, in_flight: int) -> float:
        """Seconds to read these samples past the page cache: a number of them at once, from one file after another."""
        return sum(self.read_file(*each, indices.ravel(), in_flight) for each in self.files)

    def read_file(self, file: Path, size: int, indices: np.ndarray, in_flight: int) -> float:
        read = ctypes.CDLL(str(WORK / "native" / "direct.so")).read_direct
        read.restype, offsets = ctypes.c_double, np.ascontiguousarray(indices * size, np.int64)
        address, wanted = ctypes.c_void_p(offsets.ctypes.data), ctypes.c_long(offsets.size)
        taken = read(os.fsencode(file), address, wanted, ctypes.c_long(size), min(in_flight, offsets.size))
        if taken < 0:
            raise OSError(f"{file} cannot be read past the page cache")
        return taken


WAYS = {
    DEVICE: lambda device, batches: device.read(batches, IN_FLIGHT),
    DEVICE_ALONE: lambda device, batches: device.read(batches, 1),
    LISTED: copied_at_once("__getitem__"),
    GETITEMS: copied_at_once("__getitems__"),
    BATCH: in_batches("batch"),
    GATHER: in_batches("gather"),
    GATHER_RANDOM: in_batches("gather"),
    PADDED: in_batches("padded"),
    PREFETCH: prefetched,
    AHEAD: prefetched_ahead,
}
