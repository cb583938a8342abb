"""Everything that samples can be kept in. A contender writes samples to a folder and opens it again as something that
is indexed; it is imported where its packages are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

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


@dataclass(frozen=True)
class Contender:
    """A row of the tables.

    Attributes:
        environment: where it runs.
        adapter: what `make` is called with.
        files: the contender whose files it opens; its own if None.
        kinds: what it takes part in.
    """

    name: str
    environment: str
    adapter: str
    files: str | None = None
    kinds: tuple[str, ...] = ("sequences", "images", "texts")

    def folder(self, settings: Settings, kind: str) -> Path:
        return settings.data / (self.files or self.name).replace(" ", "_") / kind

    def make(self) -> Adapter:
        return make(self.adapter)


WITH_CYRILLIC = ("sequences", "images", "texts", "Cyrillic texts")
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
        # What opens the files of another comes after it.
        Contender(BY_HAND, "ours", "plain.ByHand", kinds=WITH_CYRILLIC),
        Contender(BARE, "ours", "plain.Bare", files=BY_HAND, kinds=WITH_CYRILLIC),
        Contender(OURS, "ours", "ninja.Ninja", kinds=WITH_CYRILLIC),
        Contender(SUBCLASS, "ours", "ninja.Subclass", files=OURS),
        Contender(ORIGINAL, "original", "ninja.Ninja", kinds=WITH_CYRILLIC),
        Contender("bagz", "peers", "bags.Bagz"),
        Contender("lmdb", "peers", "lightning.Lmdb"),
        Contender("pyarrow", "peers", "arrow.Arrow"),
        Contender("h5py", "peers", "hierarchical.Hdf5"),
        Contender("datasets", "peers", "hugging.Datasets"),
        Contender("one file a sample", "ours", "plain.Files"),
    )
}


@cache
def opened(name: str, folder: str, kind: str) -> Any:
    """The samples of a contender, which stay open in this process."""
    return CONTENDERS[name].make().open(Path(folder), kind)
