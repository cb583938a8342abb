"""The two tables by which the original introduces itself, on real data: photographs and source files.

The samples, the ways to them and what is measured are those of `examples/demo`.
"""

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.contenders import CONTENDERS, ORIGINAL, OURS
from benchmarks.rounds import Case, Group
from benchmarks.settings import ROOT, Settings

SUITE = "headline"
MEMORY, FILES = "in memory", {"images": "imread from JPEG", "texts": "one file a text"}
MOST = {"full": None, "quick": 100}
UNITS = {
    "load": ("ms to load", 1e3),
    "in_order": ("ms in order", 1e3),
    "shuffled": ("ms shuffled", 1e3),
    "memory": ("MB memory", 1e-6),
    "mapped": ("MB mapped", 1e-6),
    "disk": ("MB on disk", 1e-6),
}


def groups(settings: Settings) -> list[Group]:
    return [group(settings, kind) for kind in FILES]


def group(settings: Settings, kind: str) -> Group:
    folder = str(settings.data / "headline")
    rows = (
        (MEMORY, "memory", OURS),
        (OURS, "map", OURS),
        (ORIGINAL, "map", ORIGINAL),
        (FILES[kind], "files", OURS),
    )
    cases = []
    for who, way, name in rows:
        arguments = {"kind": kind, "folder": folder, "way": way, "mapped_by": name}
        cases.append(Case(kind, who, CONTENDERS[name].environment, f"{__name__}:probe", arguments))
    prepare = [
        ("ours", f"{__name__}:list_sources", {"kind": kind, "folder": folder, "most": MOST[settings.name]})
    ]
    for name in (OURS, ORIGINAL):
        arguments = {"kind": kind, "folder": folder, "name": name}
        prepare.append((CONTENDERS[name].environment, f"{__name__}:convert", arguments))
    return Group(SUITE, cases, rounds=settings.slow_rounds, fresh=True, prepare=prepare)


def demo(module: str):
    """A module of the demonstration."""
    sys.path.insert(0, str(ROOT / "examples" / "demo"))
    return __import__(module)


def listing_of(folder: str, kind: str) -> Path:
    return Path(folder, f"{kind}.json")


def map_of(folder: str, kind: str, name: str) -> Path:
    return Path(folder, name.replace(" ", "_"), kind)


def list_sources(kind: str, folder: str, most: int | None) -> None:
    """Write the paths of all files that can be read; photographs are cut first."""
    sources = demo("sources")
    files = sources.standard_library() if kind == "texts" else sources.crops(Path(folder, "crops"))
    read = demo("kinds").KINDS[kind].read
    readable = [str(file) for file in files[:most] if is_readable(read, file)]
    listing_of(folder, kind).parent.mkdir(parents=True, exist_ok=True)
    listing_of(folder, kind).write_text(json.dumps(readable))


def is_readable(read, file: Path) -> bool:
    try:
        read(file)
    except ValueError:
        return False
    return True


def convert(kind: str, folder: str, name: str) -> None:
    files = json.loads(listing_of(folder, kind).read_text())
    kinds, target = demo("kinds").KINDS[kind], map_of(folder, kind, name)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    samples = (kinds.read(Path(file)) for file in files)
    kinds.store.from_generator(target, samples, batch_size=kinds.batch_size)


def probe(kind: str, folder: str, way: str, mapped_by: str) -> dict[str, float]:
    """Time and memory to load the samples and to go through all of them twice."""
    measure, chosen = demo("measure"), demo("kinds").KINDS[kind]
    listing, target = listing_of(folder, kind), map_of(folder, kind, mapped_by)
    costs = measure.probe(chosen, way, listing, target)
    files = target.rglob("*") if way == "map" else map(Path, json.loads(listing.read_text()))
    costs.disk = measure.total_size(file for file in files if file.is_file())
    return {
        unit: value * factor
        for field, (unit, factor) in UNITS.items()
        if (value := asdict(costs)[field]) is not None
    }
