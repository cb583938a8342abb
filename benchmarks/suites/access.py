"""The ways to items: by Python's and by NumPy's integers, in a loop, by slices, lists and index arrays."""

from collections.abc import Callable

import numpy as np

from benchmarks.clock import seconds
from benchmarks.contenders import BARE, CONTENDERS, ORIGINAL, OURS, SUBCLASS, opened
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites.items import KINDS, affordable, random_indices

SUITE = "access"
MANY = 1_000
ALONE = ("m[i]", "m[np.int64(i)]", "for x in m")
EACH = "[m[i] for i in list]"
TOGETHER = (EACH, "m[slice]", "m[list]", "m[index array]")
WAYS = {BARE: ALONE, OURS: ALONE + TOGETHER, SUBCLASS: ALONE, ORIGINAL: ALONE + TOGETHER}


def groups(settings: Settings) -> list[Group]:
    return [group(settings, kind) for kind in KINDS]


def group(settings: Settings, kind: str) -> Group:
    cases = []
    for name, ways in WAYS.items():
        contender = CONTENDERS[name]
        for way in ways:
            arguments = {"way": way, **contender.place(settings, kind)}
            what = f"{kind}, {way}"
            cases.append(Case(what, name, contender.environment, f"{__name__}:nanoseconds", arguments))
    return Group(SUITE, cases, settings.rounds, settings.processes)


def nanoseconds(way: str, **place) -> dict[str, float]:
    """What an item costs that way."""
    reader = opened(**place)
    action, count = together(reader, way) if way in TOGETHER else alone(reader, way)
    return {"ns": seconds(action, min) / count * 1e9}


def alone(reader, way: str) -> tuple[Callable[[], None], int]:
    """An action that reads items one by one, and how many."""
    if way == "for x in m":
        return lambda: each(reader), len(reader)
    indices = random_indices(len(reader))
    indices = indices[: affordable(reader, indices)]
    if way == "m[np.int64(i)]":
        indices = list(np.array(indices))
    return lambda: one_by_one(reader, indices), len(indices)


def each(reader) -> None:
    for _ in reader:
        pass


def one_by_one(reader, indices: list) -> None:
    for i in indices:
        reader[i]


def together(reader, way: str) -> tuple[Callable[[], list], int]:
    """An action that reads many items at once, and how many."""
    count = min(MANY, len(reader))
    indices = random_indices(len(reader))[:count]
    if way == EACH:
        return lambda: [reader[i] for i in indices], count
    selection = {"m[slice]": slice(0, count), "m[list]": indices, "m[index array]": np.array(indices)}[way]
    return lambda: reader[selection], count
