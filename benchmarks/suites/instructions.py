"""The instructions that an item takes, as callgrind counts them: they repeat where times do not.

Run as a program, this reads items one by one.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.contenders import BARE, CONTENDERS, OURS, SUBCLASS, opened
from benchmarks.environments import Environment
from benchmarks.rounds import Case, Group
from benchmarks.settings import ROOT, WORK, Settings
from benchmarks.suites.items import KINDS, random_indices

SUITE = "instructions"
FEW, MANY = 500, 10_500
ROWS = ((BARE, KINDS), (OURS, KINDS), (SUBCLASS, KINDS[:1]))


def groups(settings: Settings) -> list[Group]:
    cases = [
        Case(kind, name, "ours", f"{__name__}:count", {"place": CONTENDERS[name].place(settings, kind)})
        for name, kinds in ROWS
        for kind in kinds[: settings.counted_kinds]
    ]
    return [Group(SUITE, cases, rounds=1, fresh=True)]


def count(place: dict) -> dict[str, float]:
    """Instructions an item: the difference between a long and a short run of the same program."""
    if not shutil.which("valgrind"):
        raise FileNotFoundError("valgrind is not installed")
    opened(**place)
    # What is not in memory is probed and requested, which takes instructions as well.
    for file in Path(place["folder"]).rglob("*.ninja"):
        file.read_bytes()
    with ThreadPoolExecutor() as pool:
        few, many = pool.map(lambda items: instructions(place, items), (FEW, MANY))
    return {"instructions": (many - few) / (MANY - FEW)}


def instructions(place: dict, items: int) -> int:
    environment = Environment(sys.executable, (WORK / "ours", WORK / "native"))
    program = environment.command("-m", __name__, json.dumps(place), str(items))
    with tempfile.NamedTemporaryFile() as counts:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts.name}"]
        variables = environment.variables() | {"PYTHONHASHSEED": "0"}
        subprocess.run([*valgrind, *program], check=True, capture_output=True, cwd=ROOT, env=variables)
        found = re.search(r"^(?:summary|totals): (\d+)", Path(counts.name).read_text(), re.MULTILINE)
    return int(found[1])


def read(place: dict, items: int) -> None:
    reader = opened(**place)
    for i in random_indices(place["count"])[:items]:
        reader[i]


if __name__ == "__main__":
    read(json.loads(sys.argv[1]), int(sys.argv[2]))
