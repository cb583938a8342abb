"""Plans from lengths alone, and batches that are read by them."""

from functools import cache
from itertools import cycle
from time import perf_counter

import numpy as np

from benchmarks.clock import seconds
from benchmarks.contenders import CONTENDERS, MEMORY, OURS, opened
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites.batches import IN_MEMORY

SUITE = "plans"
COUNT = 10_000_000
ROW, WINDOW, BATCHES, AT_ONCE = 2048, 257, 40, 32
LOG_NORMAL, ZIPF = "log-normal lengths", "Zipf lengths"
PACK, BUDGET, WINDOWS = "pack", "budget", "windows"
PACKED, SLICES = f"{AT_ONCE} packed rows of {ROW}", f"{AT_ONCE} windows of {WINDOW}"


def groups(settings: Settings) -> list[Group]:
    planning = [
        Case(
            what,
            who,
            CONTENDERS[OURS].environment,
            f"{__name__}:plan",
            {"what": what, "who": who, "count": COUNT // settings.smaller},
        )
        for what in (LOG_NORMAL, ZIPF)
        for who in (PACK, BUDGET, WINDOWS)
    ]
    reading = []
    for what in (PACKED, SLICES):
        for who, samples in ((OURS, OURS), (IN_MEMORY, MEMORY)):
            contender = CONTENDERS[samples]
            arguments = {"what": what, "who": who, **contender.place(settings, "sequences")}
            reading.append(Case(what, who, contender.environment, f"{__name__}:read", arguments))
    return [
        Group(SUITE, planning, settings.rounds),
        Group(SUITE, reading, settings.rounds, settings.processes),
    ]


def lengths(what: str, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed=0)
    found = rng.lognormal(5.5, 1.2, count) if what == LOG_NORMAL else rng.zipf(1.3, count)
    return np.minimum(found, 100_000).astype(np.int64)


def plan(what: str, who: str, count: int) -> dict[str, float]:
    """Seconds until the plan is there, and how much of its batches is samples."""
    from mmap_ninja import plans

    given = lengths(what, count)
    make = {
        PACK: lambda: plans.pack(given, ROW, "split"),
        BUDGET: lambda: plans.budget(given, 1 << 20),
        WINDOWS: lambda: plans.windows(given, WINDOW, across=True),
    }
    start = perf_counter()
    made = make[who]()
    return {"s": perf_counter() - start, "% filled": made.report.fill * 100}


def read(what: str, who: str, **place) -> dict[str, float]:
    """What a batch costs, from the numbers of its rows or windows."""
    batch, drawn = made(what, who, **place)
    batches = cycle(drawn)
    return {"µs": seconds(lambda: batch(next(batches))) * 1e6}


@cache
def made(what: str, who: str, **place):
    """What reads a batch, and what it is called with for some batches."""
    from mmap_ninja import plans

    samples = opened(**place)
    sizes = [len(samples[index]) for index in range(place["count"])]
    plan = plans.pack(sizes, ROW, "split") if what == PACKED else plans.windows(sizes, WINDOW)
    drawn = np.random.default_rng(seed=0).integers(0, len(plan), (BATCHES, AT_ONCE))
    if who == OURS:
        return lambda indices: plan.read(samples, indices), list(drawn)
    loop = packed if what == PACKED else sliced
    return lambda item: loop(samples, *item), [plan.take(indices)[:3] for indices in drawn]


def packed(samples: list, *pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pieces by a loop over samples in memory."""
    found = [
        samples[sample][start : start + length]
        for sample, start, length in zip(*(column.tolist() for column in pieces), strict=True)
    ]
    offsets = np.zeros(len(found) + 1, np.int32)
    np.cumsum(pieces[2], out=offsets[1:])
    return np.concatenate(found), offsets, np.concatenate([np.arange(len(piece)) for piece in found])


def sliced(samples: list, which: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """The windows by a loop over samples in memory."""
    pairs = zip(which.tolist(), starts.tolist(), strict=True)
    return np.stack([samples[sample][start : start + length] for sample, start in pairs])
