"""Large data sets from a generator: many small samples, and more than 4 GiB."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks import memory
from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings

SUITE = "scale"
MANY, LARGE = "10 million sequences of 8", "3 million sequences of 500"
# Samples in a full run, and their elements.
TABLE = ((MANY, 10_000_000, 8), (LARGE, 3_000_000, 500))


def groups(settings: Settings) -> list[Group]:
    return [group(settings, *row) for row in TABLE]


def group(settings: Settings, what: str, count: int, length: int) -> Group:
    cases = []
    for name in (OURS, ORIGINAL):
        environment = CONTENDERS[name].environment
        arguments = {
            "folder": str(settings.data / "scale" / environment),
            "count": count // settings.smaller,
            "length": length,
        }
        cases.append(Case(what, name, environment, f"{__name__}:build", arguments))
    return Group(SUITE, cases, rounds=1, fresh=True)


def build(folder: str, count: int, length: int) -> dict[str, float]:
    """Seconds until the call returns, and the peak of the memory that the process gained."""
    from mmap_ninja import RaggedMmap

    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).parent.mkdir(parents=True, exist_ok=True)
    os.sync()
    memory.forget_peak()
    before, start = memory.resident(), perf_counter()
    built = RaggedMmap.from_generator(folder, cuts(count, length), batch_size=10_000)
    taken, used = perf_counter() - start, memory.peak() - before
    if len(built) != count or built[count - 1].size != length:
        raise ValueError(f"the map has {len(built)} samples")
    shutil.rmtree(folder)
    return {"s": taken, "MB": used / 1e6}


def cuts(count: int, length: int) -> Iterator[np.ndarray]:
    """int32 samples from all over a larger array."""
    source = np.random.default_rng(seed=0).integers(0, 50_000, 1 << 20, dtype=np.int32)
    for i in range(count):
        start = i * 37 % (len(source) - length)
        yield source[start : start + length]
