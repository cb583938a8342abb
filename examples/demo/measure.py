"""Measures the time and memory of each method of reading samples, in a separate process so that none affects another.

Run as a program, this file is that process.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from convert import Converted, Difference, shuffled
from kinds import KINDS, Kind

WAYS = {"files": "files on disk", "memory": "everything in memory", "map": "the map"}
MEMORY_LIMIT = 2_000_000_000


@dataclass
class Measurement:
    """The cost of one method.

    Attributes:
        load, in_order, shuffled: seconds.
        memory: bytes of private memory that the process gained; None if the system does not report it.
        mapped: bytes of file pages that it gained in its address space, in the page cache that all processes share.
        disk: bytes of the files that this method needs.
        outcome: the result of the work on all samples, which is the same for all methods.
    """

    load: float
    in_order: float
    shuffled: float
    memory: int | None
    mapped: int | None
    outcome: int
    disk: int = 0


class Files(Sequence):
    """Samples that are read from their files on access."""

    def __init__(self, files: list[Path], kind: Kind):
        self.files, self.kind = files, kind

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> Any:
        return self.kind.read(self.files[i])


def measure(converted: Converted, listing: Path) -> dict[str, Measurement]:
    """Measure all methods that are feasible.

    Args:
        listing: the file to which the paths of the sources are written.

    Raises:
        Difference: the methods do not return the same samples.
    """
    listing.write_text(json.dumps([str(file) for file in converted.sources]))
    files_size = total_size(converted.sources)
    map_size = total_size(file for file in converted.map_folder.rglob("*") if file.is_file())
    measured = {}
    for way in WAYS:
        if way == "memory" and map_size > MEMORY_LIMIT:
            continue
        measured[way] = run(converted.kind.name, way, str(listing), str(converted.map_folder))
        measured[way].disk = map_size if way == "map" else files_size
    if len({measurement.outcome for measurement in measured.values()}) > 1:
        raise Difference(f"{converted.kind.name}: the map, memory and the files contain different samples")
    return measured


def total_size(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def run(*args: str) -> Measurement:
    done = subprocess.run([sys.executable, __file__, *args], stdout=subprocess.PIPE, check=True)
    return Measurement(**json.loads(done.stdout))


def probe(kind: Kind, way: str, listing: Path, map_folder: Path) -> Measurement:
    """Load, iterate in order, iterate shuffled, and measure the memory."""
    memory_before, mapped_before = used_memory()
    start = perf_counter()
    samples = load(kind, way, listing, map_folder)
    loading = perf_counter() - start
    in_order, outcome = iteration(kind, samples)
    order = shuffled(len(samples))
    out_of_order, _ = iteration(kind, (samples[i] for i in order))
    memory, mapped = used_memory()
    return Measurement(
        load=loading,
        in_order=in_order,
        shuffled=out_of_order,
        memory=growth(memory_before, memory),
        mapped=growth(mapped_before, mapped),
        outcome=outcome,
    )


def load(kind: Kind, way: str, listing: Path, map_folder: Path) -> Sequence:
    """Do everything that is needed before the first sample can be read."""
    if way == "map":
        return kind.store(map_folder)
    files = Files([Path(file) for file in json.loads(listing.read_text())], kind)
    return list(files) if way == "memory" else files


def iteration(kind: Kind, samples: Iterable) -> tuple[float, int]:
    """Iterate; return the seconds it takes and its outcome."""
    start = perf_counter()
    outcome = sum(map(kind.touch, samples))
    return perf_counter() - start, outcome


def used_memory() -> tuple[int | None, int | None]:
    """The bytes of private memory, or their peak if the system is not Linux, and the bytes of mapped files."""
    try:
        rollup = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return peak_memory(), None
    sizes = {name: int(size.split()[0]) * 1024 for name, size in (line.split(":") for line in rollup)}
    return sizes["Anonymous"], sizes["Rss"] - sizes["Anonymous"]


def peak_memory() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)


if __name__ == "__main__":
    kind_name, way_name, *paths = sys.argv[1:]
    print(json.dumps(asdict(probe(KINDS[kind_name], way_name, *map(Path, paths)))))
