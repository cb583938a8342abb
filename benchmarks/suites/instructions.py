"""The instructions that an item takes, as callgrind counts them: they repeat where times do not.

Run as a program, this reads items one by one.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.contenders import BARE, CONTENDERS, OURS, SUBCLASS
from benchmarks.environments import Environment
from benchmarks.rounds import Case, Group
from benchmarks.settings import ROOT, WORK, Settings
from benchmarks.suites.items import KINDS, random_indices, written_before

SUITE = "instructions"
FEW, MANY = 500, 10_500
ROWS = ((BARE, KINDS), (OURS, KINDS), (SUBCLASS, KINDS[:1]))


def groups(settings: Settings) -> list[Group]:
    cases, written = [], []
    for kind in KINDS:
        written += written_before(settings, kind, (BARE, OURS))
    for name, kinds in ROWS:
        for kind in kinds[: settings.counted_kinds]:
            folder = str(CONTENDERS[name].folder(settings, kind))
            arguments = {"name": name, "folder": folder, "kind": kind}
            cases.append(Case(kind, name, "ours", f"{__name__}:count", arguments))
    return [Group(SUITE, cases, rounds=1, fresh=True, prepare=written)]


def count(name: str, folder: str, kind: str) -> dict[str, float]:
    """Instructions an item: the difference between a long and a short run of the same program."""
    if not shutil.which("valgrind"):
        raise FileNotFoundError("valgrind is not installed")
    with ThreadPoolExecutor() as pool:
        few, many = pool.map(lambda items: instructions(name, folder, kind, items), (FEW, MANY))
    return {"instructions": (many - few) / (MANY - FEW)}


def instructions(name: str, folder: str, kind: str, items: int) -> int:
    environment = Environment(sys.executable, (WORK / "ours", WORK / "native"))
    program = environment.command("-m", __name__, name, folder, kind, str(items))
    with tempfile.NamedTemporaryFile() as counts:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts.name}"]
        variables = environment.variables() | {"PYTHONHASHSEED": "0"}
        subprocess.run([*valgrind, *program], check=True, capture_output=True, cwd=ROOT, env=variables)
        return int(re.search(r"^(?:summary|totals): (\d+)", Path(counts.name).read_text(), re.MULTILINE)[1])


def read(name: str, folder: str, kind: str, items: int) -> None:
    reader = CONTENDERS[name].make().open(Path(folder), kind)
    indices = random_indices(len(reader))
    for i in indices[:items]:
        reader[i]


if __name__ == "__main__":
    read(*sys.argv[1:4], int(sys.argv[4]))
