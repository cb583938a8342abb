"""One item by a random index, warm: every contender."""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.clock import BUDGET, seconds
from benchmarks.contenders import CONTENDERS, opened
from benchmarks.data import samples
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings

SUITE = "items"
KINDS = ("sequences", "images", "texts")
MOST = 20_000


def groups(settings: Settings) -> list[Group]:
    return [group(settings, kind) for kind in (*KINDS, "Cyrillic texts")]


def group(settings: Settings, kind: str) -> Group:
    taking_part = [contender for contender in CONTENDERS.values() if kind in contender.kinds]
    cases = []
    for contender in taking_part:
        arguments = {
            "name": contender.name,
            "folder": str(contender.folder(settings, kind)),
            "kind": kind,
            "count": settings.count(kind),
        }
        cases.append(Case(kind, contender.name, contender.environment, f"{__name__}:one_by_one", arguments))
    written = written_before(settings, kind, CONTENDERS)
    return Group(SUITE, cases, settings.rounds, settings.processes, prepare=written)


def written_before(settings: Settings, kind: str, names: Iterable[str]) -> list[tuple[str, str, dict]]:
    """The calls that see to it that these contenders have their files."""
    names = {*names, *(CONTENDERS[name].files for name in names)}
    calls = []
    for contender in CONTENDERS.values():
        if kind in contender.kinds and contender.name in names:
            folder = str(contender.folder(settings, kind))
            arguments = {
                "name": contender.name,
                "folder": folder,
                "kind": kind,
                "count": settings.count(kind),
            }
            calls.append((contender.environment, f"{__name__}:write_and_check", arguments))
    return calls


def write_and_check(name: str, folder: str, kind: str, count: int) -> None:
    """Write the samples unless they are there, and see that they come back as they were."""
    expected, contender = samples(kind, count), CONTENDERS[name]
    if contender.files is None and not Path(folder).exists():
        partial = Path(f"{folder}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        contender.make().write(partial, kind, expected)
        partial.rename(folder)
    reader = opened(name, folder, kind)
    for i in (0, count // 2, count - 1):
        if not np.array_equal(reader[i], expected[i]):
            raise ValueError(f"{name} gives back another sample at {i} of the {kind}")


def one_by_one(name: str, folder: str, kind: str, count: int) -> dict[str, float]:
    """Nanoseconds an item in a loop that does nothing else; the loop itself is a part of them."""
    reader, indices = opened(name, folder, kind), random_indices(count)
    indices = indices[: affordable(reader, indices)]

    def read() -> None:
        for i in indices:
            reader[i]

    return {"ns": seconds(read, min) / len(indices) * 1e9}


def random_indices(count: int) -> list[int]:
    source = random.Random(0)
    return [source.randrange(count) for _ in range(MOST)]


def affordable(reader, indices: list[int]) -> int:
    """How many items fit into the time for one measurement."""
    few = indices[:20]
    start = perf_counter()
    for i in few:
        reader[i]
    each = (perf_counter() - start) / len(few)
    return max(20, min(MOST, int(BUDGET / each)))
