"""One item by a random index, warm: every contender."""

import random
from time import perf_counter

from benchmarks.clock import BUDGET, seconds
from benchmarks.contenders import CONTENDERS, opened
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings

SUITE = "items"
KINDS = ("sequences", "images", "texts")
MOST = 20_000


def groups(settings: Settings) -> list[Group]:
    return [group(settings, kind) for kind in (*KINDS, "Cyrillic texts")]


def group(settings: Settings, kind: str) -> Group:
    cases = [
        Case(kind, each.name, each.environment, f"{__name__}:one_by_one", each.place(settings, kind))
        for each in CONTENDERS.values()
        if kind in each.kinds
    ]
    return Group(SUITE, cases, settings.rounds, settings.processes)


def one_by_one(**place) -> dict[str, float]:
    """Nanoseconds an item in a loop that does nothing else; the loop itself is a part of them."""
    reader, indices = opened(**place), random_indices(place["count"])
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
