"""Everything that samples can be kept in. A contender writes samples to a folder and opens it again as something that
is indexed; it is imported where its packages are.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from benchmarks.data import are_equal, samples
from benchmarks.settings import Settings


class Adapter(Protocol):
    """How a contender is used; each method is what its documentation recommends."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        """Store samples in the folder, which is empty."""

    def open(self, folder: Path, kind: str) -> Sequence:
        """What has the samples at its indices."""


def make(adapter: str) -> Adapter:
    """A new adapter, by `module.Class` below this package."""
    module, name = adapter.split(".")
    return getattr(import_module(f"benchmarks.contenders.{module}"), name)()


class RecordsAdapter(Adapter, Protocol):
    """What a contender for records also does."""

    def batch(self, reader: Any, indices: list[int]) -> dict[str, Any]:
        """The padded tokens and their lengths, an array of labels, and a list of texts."""

    def append(self, reader: Any, record: dict[str, Any]) -> None:
        """Store one more record."""


@dataclass(frozen=True)
class Contender:
    """A row of the tables.

    Attributes:
        environment: where it runs.
        adapter: what `make` is called with.
        kinds: what it takes part in.
    """

    name: str
    environment: str
    adapter: str
    kinds: tuple[str, ...] = ("sequences", "images", "texts")

    def make(self) -> Adapter:
        return make(self.adapter)

    def place(self, settings: Settings, kind: str) -> dict:
        """The arguments for `opened`."""
        folder = settings.data / self.name.replace(" ", "_") / kind
        return {"name": self.name, "folder": str(folder), "kind": kind, "count": settings.count(kind)}


WITH_CYRILLIC = ("sequences", "images", "texts", "Cyrillic texts")
LANCE, VORTEX = "lance", "vortex"
MEMORY, BARE, OURS, SUBCLASS, ORIGINAL, BY_HAND = (
    "list in memory",
    "bare C view",
    "this library",
    "this library, subclass",
    "the original",
    "np.memmap by hand",
)
CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(MEMORY, "ours", "plain.InMemory", kinds=WITH_CYRILLIC),
        Contender(BY_HAND, "ours", "plain.ByHand", kinds=WITH_CYRILLIC),
        Contender(BARE, "ours", "plain.Bare", kinds=WITH_CYRILLIC),
        Contender(OURS, "ours", "ninja.Ninja", kinds=WITH_CYRILLIC),
        Contender(SUBCLASS, "ours", "ninja.Subclass"),
        Contender(ORIGINAL, "original", "ninja.Ninja", kinds=WITH_CYRILLIC),
        Contender("bagz", "peers", "bags.Bagz"),
        Contender("lmdb", "peers", "lightning.Lmdb"),
        Contender("pyarrow", "peers", "arrow.Arrow"),
        Contender("h5py", "peers", "hierarchical.Hdf5"),
        Contender("datasets", "peers", "hugging.Datasets"),
        Contender(LANCE, "peers", "rows.Lance"),
        Contender(VORTEX, "peers", "rows.Vortex"),
        Contender("one file a sample", "ours", "plain.Files"),
    )
}

BARE_RECORDS, MAPS, ORIGINAL_MAPS, DATAFRAME, DATASETS, LITDATA, STREAMING = (
    "bare C dict",
    "this library, three maps in a dict",
    "the original, three maps in a dict",
    "mmap_ninja_dataframe",
    "datasets",
    "litdata",
    "streaming",
)
# The same for records, whose adapters do more.
RECORDS = {
    contender.name: contender
    for contender in (
        Contender(MEMORY, "ours", "record_maps.InMemory", kinds=("records",)),
        Contender(BARE_RECORDS, "ours", "record_maps.Bare", kinds=("records",)),
        Contender(OURS, "ours", "record_maps.Records", kinds=("records",)),
        Contender(MAPS, "ours", "record_maps.Maps", kinds=("records",)),
        Contender(ORIGINAL_MAPS, "original", "record_maps.Maps", kinds=("records",)),
        Contender(DATAFRAME, "original", "record_maps.DataFrame", kinds=("records",)),
        Contender(DATASETS, "peers", "record_tables.Datasets", kinds=("records",)),
        Contender(LANCE, "peers", "record_tables.Lance", kinds=("records",)),
        Contender(LITDATA, "torch, newest", "record_shards.LitData", kinds=("records",)),
        Contender(STREAMING, "torch, newest", "record_shards.Streaming", kinds=("records",)),
    )
}


def find(name: str, kind: str) -> Contender:
    return (RECORDS if kind == "records" else CONTENDERS)[name]


@cache
def opened(name: str, folder: str, kind: str, count: int) -> Any:
    """The samples of a contender, which stay open in this process. They are written if they are not there."""
    adapter, path = find(name, kind).make(), Path(folder)
    if not path.exists():
        write(adapter, path, kind, count)
    return adapter.open(path, kind)


def write(adapter: Adapter, folder: Path, kind: str, count: int) -> None:
    """Write samples, and see that they come back as they were."""
    expected = samples(kind, count)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    adapter.write(partial, kind, expected)
    reader = adapter.open(partial, kind)
    for i in (0, count // 2, count - 1):
        if not are_equal(reader[i], expected[i]):
            raise ValueError(f"another sample comes back at {i} of the {kind}")
    partial.rename(folder)
