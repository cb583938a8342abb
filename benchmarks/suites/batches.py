"""Batches by random indices, warm: one array of many samples."""

from dataclasses import dataclass
from functools import cache
from itertools import cycle

import numpy as np

from benchmarks.clock import seconds
from benchmarks.contenders import CONTENDERS, LANCE, MEMORY, ORIGINAL, OURS, VORTEX, opened
from benchmarks.rounds import Case, Group
from benchmarks.settings import WORK, Settings
from benchmarks.suites import ways

SUITE = "batches"
BATCHES = 40
GATHER, PADDED, PADDED_OUT = "this library, gather", "this library, padded", "this library, padded into out"
IN_MEMORY, BY_ORIGINAL = "loop over samples in memory", "loop over the original's items"
TORCH = "torch's pad_sequence of tensors in memory"
UNASKED = "this library, gather, not looking for cold pages"


@dataclass(frozen=True)
class Way:
    """A row: whose samples, what of `ways` makes a batch of them, and where."""

    who: str
    samples: str
    function: str
    environment: str | None = None
    preload: str | None = None


def gathering(loop: str) -> list[Way]:
    return [Way(GATHER, OURS, "gather"), Way(IN_MEMORY, MEMORY, loop), Way(BY_ORIGINAL, ORIGINAL, loop)]


PADDING = [
    Way(PADDED, OURS, "padded"),
    Way(PADDED_OUT, OURS, "padded_out"),
    Way(IN_MEMORY, MEMORY, "padded_in_a_loop"),
    Way(BY_ORIGINAL, ORIGINAL, "padded_in_a_loop"),
]
WITH_TORCH = Way(TORCH, MEMORY, "pad_sequence", environment="torch")
BY_ROWS = [Way(name, name, "gather") for name in (LANCE, VORTEX)]
NOT_ASKING = Way(UNASKED, OURS, "gather", preload=str(WORK / "native" / "resident.so"))

SEQUENCES_GATHERED, SEQUENCES_PADDED = "256 sequences, gathered", "256 sequences, padded"
IMAGES_GATHERED, IMAGES_PADDED = "32 images, gathered", "32 images, padded"
TEXTS_GATHERED = "256 texts, gathered"

# What, the samples in a batch, their kind, and how it is made.
TABLE = (
    (SEQUENCES_GATHERED, 256, "sequences", [*gathering("concatenated"), *BY_ROWS, NOT_ASKING]),
    (SEQUENCES_PADDED, 256, "sequences", [*PADDING, WITH_TORCH]),
    (IMAGES_GATHERED, 32, "images", [*gathering("concatenated"), NOT_ASKING]),
    (IMAGES_PADDED, 32, "images", PADDING),
    (TEXTS_GATHERED, 256, "texts", gathering("joined")),
)


def groups(settings: Settings) -> list[Group]:
    return [group(settings, *row) for row in TABLE]


def group(settings: Settings, what: str, size: int, kind: str, rows: list[Way]) -> Group:
    cases = []
    for way in rows:
        contender = CONTENDERS[way.samples]
        arguments = {"way": way.function, "size": size, **contender.place(settings, kind)}
        environment = way.environment or contender.environment
        cases.append(Case(what, way.who, environment, f"{__name__}:microseconds", arguments, way.preload))
    return Group(SUITE, cases, settings.rounds, settings.processes)


@cache
def made(way: str, **place) -> ways.Batch:
    """A way, made once for the samples of a contender."""
    return getattr(ways, way)(opened(**place))


def microseconds(way: str, size: int, **place) -> dict[str, float]:
    """What a batch costs."""
    batch, batches = made(way, **place), cycle(random_batches(place["count"], size))
    return {"µs": seconds(lambda: batch(*next(batches))) * 1e6}


def random_batches(count: int, size: int) -> list[tuple[list[int], np.ndarray]]:
    """The indices of some batches, each as a list and as an array."""
    drawn = np.random.default_rng(seed=0).integers(0, count, (BATCHES, size))
    return [(batch.tolist(), batch) for batch in drawn]
