"""Opening a map: small ones, one of 100 million samples, and what a handle holds and pickles."""

import pickle
import shutil
from pathlib import Path
from time import perf_counter

from benchmarks import memory, sparse
from benchmarks.clock import seconds
from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS, opened
from benchmarks.data import samples
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites.items import KINDS

SUITE = "opening"
SMALL = 10
HUGE = 100_000_000
NAMES = (OURS, ORIGINAL)
HUGE_MAP, HANDLE = "100 million samples", "an open map of all sequences"


def groups(settings: Settings) -> list[Group]:
    return [small(settings), huge(settings), handle(settings)]


def small(settings: Settings) -> Group:
    cases, prepare = [], []
    for kind in KINDS:
        folder = str(settings.data / "small" / kind)
        prepare.append(("ours", f"{__name__}:write_small", {"folder": folder, "kind": kind}))
        for name in NAMES:
            arguments = {"name": name, "folder": folder, "kind": kind}
            environment = CONTENDERS[name].environment
            cases.append(Case(f"{SMALL} {kind}", name, environment, f"{__name__}:open_small", arguments))
    return Group(SUITE, cases, settings.rounds, settings.processes, prepare=prepare)


def huge(settings: Settings) -> Group:
    folder = str(settings.data / "huge")
    prepare = [("ours", f"{__name__}:write_huge", {"folder": folder})]
    cases = [
        Case(
            HUGE_MAP,
            name,
            CONTENDERS[name].environment,
            f"{__name__}:open_huge",
            {"name": name, "folder": folder},
        )
        for name in NAMES
    ]
    return Group(SUITE, cases, rounds=settings.rounds, fresh=True, prepare=prepare)


def handle(settings: Settings) -> Group:
    cases = []
    for name in NAMES:
        place = CONTENDERS[name].place(settings, "sequences")
        cases.append(Case(HANDLE, name, CONTENDERS[name].environment, f"{__name__}:hold", place))
    return Group(SUITE, cases, rounds=1, fresh=True)


def write_small(folder: str, kind: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    CONTENDERS[OURS].make().write(Path(folder), kind, samples(kind, SMALL))


def write_huge(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    sparse.write(Path(folder), HUGE)


def open_small(name: str, folder: str, kind: str) -> dict[str, float]:
    make, path = CONTENDERS[name].make(), Path(folder)
    return {"µs": seconds(lambda: make.open(path, kind)) * 1e6}


def open_huge(name: str, folder: str) -> dict[str, float]:
    """The first map that this process opens."""
    make, path = CONTENDERS[name].make(), Path(folder)
    before, start = memory.resident(), perf_counter()
    found = make.open(path, "sequences")
    taken, grown = perf_counter() - start, memory.resident() - before
    if len(found) != HUGE or found[HUGE - 1].tolist() != [0] * sparse.LENGTH:
        raise ValueError(f"{name} does not find the last sample")
    return {"ms": taken * 1e3, "MB": grown / 1e6}


def hold(**place) -> dict[str, float]:
    """The descriptors that one more open map holds, and the size of its pickle."""
    opened(**place)
    before = memory.open_files()
    another = CONTENDERS[place["name"]].make().open(Path(place["folder"]), place["kind"])
    return {"descriptors": memory.open_files() - before, "bytes pickled": len(pickle.dumps(another))}
