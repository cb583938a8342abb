"""Loaders: beside a consumer, cold, from the import to the first batch, over a billion samples, and over many epochs."""

import gc
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks import memory, sparse
from benchmarks.contenders import CONTENDERS, MEMORY, OURS, opened
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites import cold

SUITE = "loading"
BATCH = 256
LOADER, PADDED = "this library, Loader", "this library, padded"
CONSUMED, COLD, FIRST = "a consumer that computes as long", "cold samples of 2 kB", "the first batch"
HUGE, EPOCHS = "a billion samples", "100 epochs"
START, RESUME = "this library, from the start", "this library, resumed in the middle"
TORCH, TORCH_WORKERS = "torch's DataLoader, list in memory", "torch's DataLoader, list in memory, 2 workers"
BILLION = 1_000_000_000
# Cold batches of the loader for one of the suite of cold samples, whose ways take longer.
LONGER = 50
turns = count()


def groups(settings: Settings) -> list[Group]:
    return [consumed(settings), cold_samples(settings), first(settings), huge(settings), epochs(settings)]


def consumed(settings: Settings) -> Group:
    place = CONTENDERS[OURS].place(settings, "sequences")
    cases = [
        Case(CONSUMED, who, "ours", f"{__name__}:consume", {"who": who, **place}) for who in (PADDED, LOADER)
    ]
    return Group(SUITE, cases, settings.rounds)


def cold_samples(settings: Settings) -> Group:
    samples = settings.cold_bytes // (4 * cold.SAMPLE)
    folder = str(settings.data / "cold" / cold.SMALL.split()[0])
    arguments = {"folder": folder, "samples": samples, "batches": settings.cold_batches * LONGER}
    cases = [
        Case(COLD, who, "ours", f"{__name__}:microseconds", {"who": who, **arguments})
        for who in (LOADER, cold.DEVICE)
    ]
    prepare = [("ours", f"{__name__}:write_cold", {"folder": folder, "samples": samples})]
    return Group(SUITE, cases, rounds=min(cold.ROUNDS, settings.rounds), prepare=prepare)


def first(settings: Settings) -> Group:
    cases = [
        Case(
            FIRST, who, environment, f"{__name__}:{function}", CONTENDERS[whose].place(settings, "sequences")
        )
        for who, whose, function, environment in (
            (LOADER, OURS, "first_of_loader", "ours"),
            (TORCH, MEMORY, "first_of_torch", "torch"),
            (TORCH_WORKERS, MEMORY, "first_of_workers", "torch"),
        )
    ]
    return Group(SUITE, cases, settings.rounds, fresh=True)


def huge(settings: Settings) -> Group:
    folder = str(settings.data / "billion")
    prepare = [("ours", f"{__name__}:write_huge", {"folder": folder})]
    cases = [
        Case(HUGE, who, "ours", f"{__name__}:open_huge", {"who": who, "folder": folder})
        for who in (START, RESUME)
    ]
    return Group(SUITE, cases, settings.rounds, fresh=True, prepare=prepare)


def epochs(settings: Settings) -> Group:
    place = CONTENDERS[OURS].place(settings, "sequences")
    return Group(SUITE, [Case(EPOCHS, LOADER, "ours", f"{__name__}:repeat", place)], rounds=1, fresh=True)


def loader(reader, **options):
    from mmap_ninja import Loader

    return Loader(reader, BATCH, shuffle=True, pad=0, **options)


def padded(reader) -> Iterator:
    order = np.random.default_rng().permutation(len(reader))
    return (reader.padded(order[start : start + BATCH]) for start in range(0, len(order), BATCH))


def consume(who: str, **place) -> dict[str, float]:
    """An epoch whose consumer computes for as long as `padded` takes, and how much longer that is than the computation."""
    reader = opened(**place)
    batches, alone = -(-len(reader) // BATCH), timed(padded(reader), 0)
    work = alone / batches
    computing = timed(iter(range(batches)), work)
    taken = timed(padded(reader) if who == PADDED else iter(loader(reader)), work)
    return {"s": taken, "times the longer": taken / max(alone, computing)}


def timed(batches: Iterator, work: float) -> float:
    """How long a loop takes that computes for `work` seconds in every turn."""
    start = perf_counter()
    for _ in batches:
        end = time.thread_time() + work
        while work and time.thread_time() < end:
            pass
    return perf_counter() - start


def write_cold(folder: str, samples: int) -> None:
    """The map of the suite of cold samples, unless it is there."""
    from mmap_ninja import RaggedMmap

    if not Path(folder).exists() or len(RaggedMmap(folder)) != samples:
        cold.write(folder, cold.SMALL, samples)


def microseconds(who: str, folder: str, samples: int, batches: int) -> dict[str, float]:
    """What a sample costs that is not in memory. Each time other samples are read."""
    from mmap_ninja import RaggedMmap

    seed = zlib.crc32(f"{who} {next(turns)}".encode())
    data, wanted = Path(folder), batches * BATCH
    cold.drop(data)
    if who == cold.DEVICE:
        drawn = np.random.default_rng(seed).integers(0, samples, wanted)
        return {"µs": cold.Device(data, samples).read(drawn, cold.IN_FLIGHT) / wanted * 1e6}
    reader = RaggedMmap(folder)
    start = perf_counter()
    seen = sum(len(lengths) for _, lengths in islice(loader(reader, seed=seed), batches))
    return {"µs": (perf_counter() - start) / seen * 1e6}


def first_of_loader(**place) -> dict[str, float]:
    """From the import to the first batch, with the map opened in between."""
    folder = Path(place["folder"])
    if not folder.exists():
        opened(**place)
    start = perf_counter()
    import mmap_ninja

    imported = perf_counter()
    next(iter(loader(mmap_ninja.RaggedMmap(folder))))
    return milliseconds(start, imported)


def first_of_torch(workers: int = 0, **place) -> dict[str, float]:
    samples = opened(**place)
    start = perf_counter()
    import torch
    from torch.nn.utils.rnn import pad_sequence
    from torch.utils.data import DataLoader

    imported = perf_counter()

    def collate(items: list[np.ndarray]):
        return pad_sequence([torch.from_numpy(np.array(item)) for item in items], batch_first=True)

    next(iter(DataLoader(samples, BATCH, shuffle=True, collate_fn=collate, num_workers=workers)))
    return milliseconds(start, imported)


def first_of_workers(**place) -> dict[str, float]:
    return first_of_torch(2, **place)


def milliseconds(start: float, imported: float) -> dict[str, float]:
    return {"ms": (perf_counter() - imported) * 1e3, "ms of import": (imported - start) * 1e3}


def write_huge(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    sparse.write(Path(folder), BILLION)


def open_huge(who: str, folder: str) -> dict[str, float]:
    """From an open map to the first batch, and the memory that the process gained without the pages of the map."""
    from mmap_ninja import Loader, RaggedMmap

    small = RaggedMmap.from_lists(Path(folder).parent / "tiny", [[0]])
    next(iter(loader(small)))
    reader = RaggedMmap(folder)
    state = loader(reader).state_dict() | {"epoch": 7, "batch": BILLION // BATCH // 2}
    gc.collect()
    before, start = private(), perf_counter()
    made = Loader(reader, BATCH, shuffle=True, pad=0)
    if who == RESUME:
        made.load_state_dict(state)
    batches = iter(made)
    next(batches)
    return {"ms": (perf_counter() - start) * 1e3, "MB": max(0, private() - before) / 1e6}


def private() -> int:
    """Bytes in memory that belong to no file."""
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - shared) * memory.PAGE


def repeat(**place) -> dict[str, float]:
    """What a process has gained after a hundred epochs."""
    made = loader(opened(**place), indices=range(min(place["count"], 5_000)))
    for _ in range(10):
        sum(1 for _ in made)
    before = held()
    for _ in range(100):
        sum(1 for _ in made)
    return {
        unit: after - held_before
        for (unit, after), held_before in zip(held().items(), before.values(), strict=True)
    }


def held() -> dict[str, float]:
    gc.collect()
    threads = len(os.listdir("/proc/self/task"))
    return {"MB": private() / 1e6, "descriptors": memory.open_files(), "threads": threads}
