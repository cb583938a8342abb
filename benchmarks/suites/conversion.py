"""Building while a generator works, in two processes, and from parts."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS
from benchmarks.data import samples
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings

SUITE = "conversion"
SLOW, JOBS, JOINED = "a generator as slow as the writing", "5 ms of work a sample", "4 maps of images joined"
SERIAL, PARALLEL = "n_jobs=None", "n_jobs=2"
CP, CP_SYNCED = "cp -r", "cp -r and sync"
WORK = 0.005
NAMES = (OURS, ORIGINAL)


def groups(settings: Settings) -> list[Group]:
    return [slow_generator(settings), parallel(settings), joining(settings)]


def slow_generator(settings: Settings) -> Group:
    cases = []
    for name in NAMES:
        folder = str(settings.data / "conversion" / f"slow_{CONTENDERS[name].environment}")
        arguments = {"folder": folder, "count": settings.images}
        cases.append(Case(SLOW, name, CONTENDERS[name].environment, f"{__name__}:generate", arguments))
    return Group(SUITE, cases, rounds=settings.slow_rounds, fresh=True)


def parallel(settings: Settings) -> Group:
    cases = []
    for name in NAMES:
        for who, n_jobs in ((SERIAL, None), (PARALLEL, 2)):
            environment = CONTENDERS[name].environment
            folder = str(settings.data / "conversion" / f"jobs_{environment}_{n_jobs}")
            arguments = {"folder": folder, "count": settings.joined, "n_jobs": n_jobs}
            cases.append(Case(JOBS, f"{name}, {who}", environment, f"{__name__}:index", arguments))
    return Group(SUITE, cases, rounds=1, fresh=True)


def joining(settings: Settings) -> Group:
    folder = str(settings.data / "conversion" / "parts")
    cases = [
        Case(JOINED, who, "ours", f"{__name__}:{function}", {"folder": folder, **options})
        for who, function, options in (
            (OURS, "join", {}),
            (CP, "copy", {"synced": False}),
            (CP_SYNCED, "copy", {"synced": True}),
        )
    ]
    prepare = [("ours", f"{__name__}:write_parts", {"folder": folder, "count": settings.images})]
    return Group(SUITE, cases, rounds=settings.slow_rounds, fresh=True, prepare=prepare)


def emptied(folder: str | Path) -> Path:
    """A new place to build in; what is there goes, and nothing is left to be written to the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).parent.mkdir(parents=True, exist_ok=True)
    os.sync()
    return Path(folder)


def generate(folder: str, count: int) -> dict[str, float]:
    """Seconds for the generator alone, the writing alone, and both together."""
    from mmap_ninja import RaggedMmap

    images, path = samples("images", count), emptied(folder)
    start = perf_counter()
    RaggedMmap.from_generator(path, iter(images), batch_size=64)
    writing = perf_counter() - start
    start = perf_counter()
    for _ in slowly(images, writing / count):
        pass
    generating = perf_counter() - start
    path = emptied(folder)
    start = perf_counter()
    RaggedMmap.from_generator(path, slowly(images, writing / count), batch_size=64)
    both = perf_counter() - start
    return {
        "s writing": writing,
        "s generating": generating,
        "s both": both,
        "% lost": (both / generating - 1) * 100,
    }


def slowly(items: list, pause: float) -> Iterator:
    """The items, each after some work."""
    for item in items:
        busy(pause)
        yield item


def busy(pause: float) -> None:
    until = perf_counter() + pause
    while perf_counter() < until:
        pass


class Worked:
    """Sequences, each of which takes its time."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> np.ndarray:
        if i >= self.count:
            raise IndexError(i)
        busy(WORK)
        return np.full(10 + i % 490, i, np.int32)


def index(folder: str, count: int, n_jobs: int | None) -> dict[str, float]:
    """Seconds to build from something that is indexed."""
    from mmap_ninja import RaggedMmap

    path = emptied(folder)
    start = perf_counter()
    RaggedMmap.from_indexable(path, Worked(count), batch_size=256, n_jobs=n_jobs)
    return {"s": perf_counter() - start}


def write_parts(folder: str, count: int) -> None:
    images = samples("images", count)
    for part in range(4):
        path = emptied(Path(folder, f"part_{part}"))
        CONTENDERS[OURS].make().write(path, "images", images[part::4])


def parts_of(folder: str) -> list[str]:
    return sorted(map(str, Path(folder).glob("part_*")))


def join(folder: str) -> dict[str, float]:
    import mmap_ninja

    target = emptied(Path(folder, "joined"))
    start = perf_counter()
    mmap_ninja.concatenate(target, parts_of(folder))
    return {"s": perf_counter() - start}


def copy(folder: str, synced: bool) -> dict[str, float]:
    target = emptied(Path(folder, "copied"))
    target.mkdir()
    start = perf_counter()
    subprocess.run(["cp", "-r", *parts_of(folder), target], check=True)
    if synced:
        os.sync()
    return {"s": perf_counter() - start}
