"""Building a data set from samples in memory: seconds, and the memory that it needs beside them."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks import memory
from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS, make
from benchmarks.data import samples
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites.items import KINDS

SUITE = "building"
PLAIN, PLAIN_SYNCED = "plain write", "plain write and sync"
OURS_DURABLE = "this library, durability='full'"
OURS_STREAMED, ORIGINAL_STREAMED = "this library, from_generator", "the original, from_generator"
ZSTD, ZSTD_DICTIONARY = "texts, zstd level 3", "texts, zstd level 3 and a dictionary"
# From one array and offsets, without an object for each sample.
GATHERED, GATHERED_COUNT, GATHERED_LENGTH = "10 million sequences of 8, from_gathered", 10_000_000, 8
PEERS = ("bagz", "lmdb", "pyarrow", "h5py", "datasets")


@dataclass(frozen=True)
class Builder:
    """A row: what writes where, and its options."""

    who: str
    environment: str
    adapter: str
    options: dict = field(default_factory=dict)


STREAMED = {"way": "generator"}
BUILDERS = (
    Builder(PLAIN, "ours", "plain.OneFile"),
    Builder(PLAIN_SYNCED, "ours", "plain.OneFile", {"synced": True}),
    Builder(OURS, "ours", "ninja.Ninja"),
    Builder(OURS_DURABLE, "ours", "ninja.Ninja", {"durability": "full"}),
    Builder(OURS_STREAMED, "ours", "ninja.Ninja", STREAMED),
    Builder(ORIGINAL, "original", "ninja.Ninja"),
    Builder(ORIGINAL_STREAMED, "original", "ninja.Ninja", STREAMED),
    *(Builder(name, CONTENDERS[name].environment, CONTENDERS[name].adapter) for name in PEERS),
)
# Tens of seconds to write and to remove: once will do.
MANY_FILES = Builder("one file a sample", "ours", "plain.Files")
LEVEL_3 = {"zstd_level": 3}
DICTIONARY = {"zstd_level": 3, "zstd_train_dictionary_size": 16_384}
COMPRESSED = ((ZSTD, LEVEL_3), (ZSTD_DICTIONARY, DICTIONARY))


def groups(settings: Settings) -> list[Group]:
    rounds = settings.slow_rounds
    return [
        *(group(settings, kind, kind, BUILDERS, rounds) for kind in KINDS),
        *(group(settings, kind, kind, [MANY_FILES], rounds=1) for kind in KINDS),
        *(group(settings, what, "texts", compressing(options), rounds) for what, options in COMPRESSED),
        gathered(settings),
    ]


def compressing(options: dict) -> list[Builder]:
    return [
        Builder(OURS, "ours", "ninja.Ninja", options),
        Builder(OURS_STREAMED, "ours", "ninja.Ninja", options | STREAMED),
        Builder(ORIGINAL, "original", "ninja.Ninja", options),
        Builder(ORIGINAL_STREAMED, "original", "ninja.Ninja", options | STREAMED),
    ]


def group(settings: Settings, what: str, kind: str, builders: Iterable[Builder], rounds: int) -> Group:
    cases = []
    for builder in builders:
        arguments = {
            "adapter": builder.adapter,
            "folder": str(settings.data / "building" / f"{builder.who}, {what}".replace(", ", "_")),
            "kind": kind,
            "count": settings.count(kind),
            "options": builder.options,
        }
        cases.append(Case(what, builder.who, builder.environment, f"{__name__}:build", arguments))
    return Group(SUITE, cases, rounds, fresh=True)


def gathered(settings: Settings) -> Group:
    cases = []
    for who in (PLAIN, PLAIN_SYNCED, OURS, OURS_DURABLE):
        folder = str(settings.data / "building" / "gathered")
        arguments = {"who": who, "folder": folder, "count": GATHERED_COUNT // settings.smaller}
        cases.append(Case(GATHERED, who, "ours", f"{__name__}:build_gathered", arguments))
    return Group(SUITE, cases, settings.slow_rounds, fresh=True)


def build(adapter: str, folder: str, kind: str, count: int, options: dict) -> dict[str, float]:
    writer, wanted = make(adapter), samples(kind, count)
    return measured(Path(folder), lambda path: writer.write(path, kind, wanted, **options))


def build_gathered(who: str, folder: str, count: int) -> dict[str, float]:
    """Store values and offsets as a map, or write them and columns of the size of a map's index to plain files."""
    from mmap_ninja import RaggedMmap

    values = np.arange(count * GATHERED_LENGTH, dtype=np.int32)
    offsets = np.arange(count + 1) * GATHERED_LENGTH
    if who in (OURS, OURS_DURABLE):
        durability = "full" if who == OURS_DURABLE else "process"
        return measured(
            Path(folder), lambda path: RaggedMmap.from_gathered(path, values, offsets, durability=durability)
        )
    lengths = np.diff(offsets)
    columns = [values, offsets[:-1], offsets[1:], lengths, lengths]
    return measured(Path(folder), lambda path: write_columns(path, columns, is_synced=who == PLAIN_SYNCED))


def write_columns(folder: Path, columns: Iterable[np.ndarray], is_synced: bool) -> None:
    for i, column in enumerate(columns):
        with open(folder / str(i), "wb", buffering=0) as file:
            column.tofile(file)
            if is_synced:
                os.fsync(file.fileno())


def measured(path: Path, write: Callable[[Path], object]) -> dict[str, float]:
    """Seconds; seconds with a sync after it, so that the samples are on the disk; and the peak of the memory that the
    process gained.
    """
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    os.sync()
    memory.forget_peak()
    before, start = memory.resident(), perf_counter()
    write(path)
    written = perf_counter() - start
    used = memory.peak() - before
    os.sync()
    synced = perf_counter() - start
    shutil.rmtree(path)
    return {"s": written, "s with sync": synced, "MB": used / 1e6}
