"""Many small samples, warm: maps whose index alone is larger than the caches, beside a small map."""

import ctypes
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.clock import seconds
from benchmarks.rounds import Case, Group
from benchmarks.settings import WORK, Settings

SUITE = "large"
FEW, MANY = "100,000 samples", "20 million samples"
# Samples in a full run.
TABLE = ((FEW, 100_000), (MANY, 20_000_000))
BATCH = 256
# So many batches are read in one measurement that the caches hold none of the samples when it is repeated.
BATCHES = 4_000
CHAINED, OVERLAPPED = "bare C loads, one after another", "bare C loads, several at once"
VIEW, ITEM = "bare C view, m[i]", "this library, m[i]"
LISTED, INDEXED = "this library, m[list]", "this library, m[index array]"
GATHER, PADDED = "this library, gather", "this library, padded"


def groups(settings: Settings) -> list[Group]:
    cases, prepare = [], []
    for what, full in TABLE:
        folder, count = str(settings.data / "large" / what.replace(" ", "_")), full // settings.smaller
        prepare.append(("ours", f"{__name__}:write", {"folder": folder, "count": count}))
        for who in WAYS:
            arguments = {"who": who, "folder": folder, "count": count}
            cases.append(Case(what, who, "ours", f"{__name__}:nanoseconds", arguments))
    return [Group(SUITE, cases, settings.rounds, settings.processes, prepare=prepare)]


def write(folder: str, count: int) -> None:
    """A map of `count` int32 samples of 8 to 15 elements, none of them negative."""
    from mmap_ninja import RaggedMmap

    shutil.rmtree(folder, ignore_errors=True)
    random = np.random.default_rng(seed=0)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(random.integers(8, 16, count), out=offsets[1:])
    RaggedMmap.from_gathered(folder, random.integers(0, 50_000, offsets[-1], np.int32), offsets)


@cache
def made(who: str, folder: str, count: int) -> Callable[[], object]:
    """An action that reads samples in random order, made once in a process."""
    indices = np.random.default_rng(seed=1).integers(0, count, BATCH * BATCHES)
    return WAYS[who](Path(folder), indices)


def nanoseconds(**place) -> dict[str, float]:
    """What a sample costs."""
    return {"ns": seconds(made(**place), min) / (BATCH * BATCHES) * 1e9}


def opened(folder: Path):
    from mmap_ninja import RaggedMmap

    return RaggedMmap(folder)


def loads(is_chained: bool) -> Callable:
    def make(folder: Path, indices: np.ndarray) -> Callable[[], object]:
        from benchmarks.contenders.record_maps import mapped, positions

        load = ctypes.CDLL(str(WORK / "native" / "loads.so")).load
        arrays = [mapped(folder, np.int32), positions(folder / "starts"), positions(folder / "ends"), indices]
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        # The arrays live as long as the action that holds them.
        return lambda: load(*addresses, ctypes.c_long(len(arrays[-1])), ctypes.c_int(is_chained))

    return make


def items(reader, indices: np.ndarray) -> Callable[[], object]:
    each = indices.tolist()

    def read() -> None:
        for i in each:
            reader[i]

    return read


def bare_views(folder: Path, indices: np.ndarray) -> Callable[[], object]:
    import floor

    from benchmarks.contenders.record_maps import mapped, positions

    return items(
        floor.Views(mapped(folder, np.int32), positions(folder / "starts"), positions(folder / "shapes")),
        indices,
    )


def own_items(folder: Path, indices: np.ndarray) -> Callable[[], object]:
    return items(opened(folder), indices)


def lists(folder: Path, indices: np.ndarray) -> Callable[[], object]:
    return in_batches(opened(folder).__getitem__, [batch.tolist() for batch in cut(indices)])


def batches(method: str) -> Callable:
    return lambda folder, indices: in_batches(getattr(opened(folder), method), cut(indices))


def cut(indices: np.ndarray) -> list[np.ndarray]:
    return np.split(indices, BATCHES)


def in_batches(read: Callable, wanted: list) -> Callable[[], object]:
    def action() -> None:
        for batch in wanted:
            read(batch)

    return action


WAYS = {
    CHAINED: loads(is_chained=True),
    OVERLAPPED: loads(is_chained=False),
    VIEW: bare_views,
    ITEM: own_items,
    LISTED: lists,
    INDEXED: batches("__getitem__"),
    GATHER: batches("gather"),
    PADDED: batches("padded"),
}
