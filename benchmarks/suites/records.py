"""Records of three fields: an item, a batch, an append, opening and building."""

import os
import shutil
import tempfile
from itertools import cycle
from pathlib import Path
from time import perf_counter

from benchmarks.clock import seconds
from benchmarks.contenders import (
    DATAFRAME,
    DATASETS,
    LANCE,
    LITDATA,
    MAPS,
    MEMORY,
    ORIGINAL_MAPS,
    OURS,
    RECORDS,
    STREAMING,
    opened,
)
from benchmarks.data import samples
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites import items
from benchmarks.suites.batches import random_batches

SUITE, KIND, FIELDS = "records", "records", ("tokens", "label", "text")
SIZE = 256
ITEM, BATCH, APPEND = "one record", f"{SIZE} records, tokens padded", "appending one record"
OPEN, BUILD = "opening", "building from a generator"
STORED = (OURS, MAPS, ORIGINAL_MAPS, DATAFRAME, DATASETS, LANCE, LITDATA, STREAMING)
# datasets cannot append to what it has saved.
GROWING = (OURS, MAPS, ORIGINAL_MAPS, DATAFRAME, LANCE)
ONE_MAP = "this library, the tokens alone"


def groups(settings: Settings) -> list[Group]:
    rounds, processes = settings.rounds, settings.processes
    return [
        Group(SUITE, cases(settings, ITEM, "nanoseconds", tuple(RECORDS)), rounds, processes),
        Group(SUITE, cases(settings, BATCH, "microseconds", (MEMORY, *STORED)), rounds, processes),
        Group(SUITE, cases(settings, OPEN, "milliseconds", STORED), rounds, processes),
        Group(SUITE, growing(settings), rounds),
        Group(SUITE, cases(settings, BUILD, "build", STORED), rounds),
    ]


def cases(settings: Settings, what: str, function: str, names: tuple[str, ...]) -> list[Case]:
    return [
        Case(
            what,
            name,
            RECORDS[name].environment,
            f"{__name__}:{function}",
            RECORDS[name].place(settings, KIND),
        )
        for name in names
    ]


def growing(settings: Settings) -> list[Case]:
    place, environment = RECORDS[OURS].place(settings, KIND), RECORDS[OURS].environment
    alone = Case(APPEND, ONE_MAP, environment, f"{__name__}:append_tokens", place)
    return [*cases(settings, APPEND, "append", GROWING), alone]


def nanoseconds(**place) -> dict[str, float]:
    """What a record costs in a loop that does nothing else."""
    return items.one_by_one(**place)


def microseconds(**place) -> dict[str, float]:
    """What a batch costs."""
    reader, adapter = opened(**place), RECORDS[place["name"]].make()
    batches = cycle([indices for indices, _ in random_batches(place["count"], SIZE)])
    return {"µs": seconds(lambda: adapter.batch(reader, next(batches))) * 1e6}


def milliseconds(name: str, folder: str, kind: str, count: int) -> dict[str, float]:
    """What opening costs."""
    opened(name, folder, kind, count)
    adapter, path = RECORDS[name].make(), Path(folder)
    return {"ms": seconds(lambda: adapter.open(path, kind)) * 1e3}


def append(name: str, folder: str, kind: str, count: int) -> dict[str, float]:
    """What an append costs on a handle that has appended before.

    Each measurement has a new copy: what it costs to create a file depends on where a directory lies.
    """
    opened(name, folder, kind, count)
    adapter, record = RECORDS[name].make(), samples(kind, 1)[0]
    copied = shutil.copytree(folder, tempfile.mkdtemp(dir=Path(folder).parent), dirs_exist_ok=True)
    reader = adapter.open(Path(copied), kind)
    adapter.append(reader, record)
    taken = seconds(lambda: adapter.append(reader, record))
    shutil.rmtree(copied)
    return {"µs": taken * 1e6}


def append_tokens(name: str, folder: str, kind: str, count: int) -> dict[str, float]:
    """The same for the tokens, as a map that belongs to no records."""
    from mmap_ninja import RaggedMmap

    opened(name, folder, kind, count)
    sample = samples(kind, 1)[0]["tokens"]
    copied = tempfile.mkdtemp(dir=Path(folder).parent)
    shutil.copytree(Path(folder) / "tokens", copied, dirs_exist_ok=True)
    tokens = RaggedMmap(copied)
    tokens.append(sample)
    taken = seconds(lambda: tokens.append(sample))
    shutil.rmtree(copied)
    return {"µs": taken * 1e6}


def build(name: str, folder: str, kind: str, count: int) -> dict[str, float]:
    """The time until the call returns."""
    adapter, wanted = RECORDS[name].make(), samples(kind, count)
    path = Path(tempfile.mkdtemp(dir=Path(folder).parent))
    os.sync()
    start = perf_counter()
    adapter.write(path, kind, wanted)
    taken = perf_counter() - start
    shutil.rmtree(path)
    return {"s": taken}
