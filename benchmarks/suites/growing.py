"""Appending one sample, to a small map and to a large one."""

import shutil
import tempfile
from itertools import repeat
from pathlib import Path

import numpy as np

from benchmarks.clock import seconds
from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings

SUITE = "growing"
SMALL, LARGE = 10, 1_000_000
SAMPLES = {"sequences": np.arange(20, dtype=np.int32), "texts": "twenty letters, so so"}


def what(kind: str, count: int) -> str:
    return f"{kind}, to a map of {count:,}"


def groups(settings: Settings) -> list[Group]:
    cases, prepare = [], []
    for kind in SAMPLES:
        for count in (SMALL, LARGE):
            for name in (OURS, ORIGINAL):
                environment = CONTENDERS[name].environment
                folder = str(settings.data / "growing" / f"{environment}_{kind}_{count}")
                arguments = {"kind": kind, "folder": folder}
                prepare.append(("ours", f"{__name__}:write", {**arguments, "count": count}))
                cases.append(
                    Case(
                        what(kind, count),
                        name,
                        environment,
                        f"{__name__}:append",
                        {**arguments, "name": name},
                    )
                )
    return [Group(SUITE, cases, settings.rounds, prepare=prepare)]


def write(kind: str, folder: str, count: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    CONTENDERS[OURS].make().write(Path(folder), kind, list(repeat(SAMPLES[kind], count)), way="generator")


def append(name: str, kind: str, folder: str) -> dict[str, float]:
    """One append on a handle that has appended before.

    Each measurement has a new copy of the map: what it costs to create a file depends on where a directory lies.
    """
    copied = shutil.copytree(folder, tempfile.mkdtemp(dir=Path(folder).parent), dirs_exist_ok=True)
    opened, sample = CONTENDERS[name].make().open(Path(copied), kind), SAMPLES[kind]
    opened.append(sample)
    taken = seconds(lambda: opened.append(sample))
    shutil.rmtree(copied)
    return {"µs": taken * 1e6}
