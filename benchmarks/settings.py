"""How much is measured, and where."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Settings:
    """Sizes of the data, and how often to measure.

    Attributes:
        sequences, images, texts, records: samples of each kind.
        cold_bytes: of the file of 2 kB samples that is read cold; those of texts and of records are smaller.
        cold_images: images of about 0.5 MB that are read cold.
        cold_batches: batches in one measurement of cold pages.
        joined: samples that the parallel build loads, with 5 ms of work each.
        smaller: the large data sets have so many times fewer samples.
        counted_kinds: of how many kinds instructions are counted.
        rounds, processes: of what is fast: rounds in one set of processes, and sets of processes.
        slow_rounds: of what takes seconds.
    """

    name: str
    sequences: int
    images: int
    texts: int
    records: int
    cold_bytes: int
    cold_images: int
    cold_batches: int
    joined: int
    smaller: int
    counted_kinds: int
    rounds: int
    processes: int
    slow_rounds: int

    @property
    def data(self) -> Path:
        return WORK / self.name

    def count(self, kind: str) -> int:
        """Samples of a kind of `data.KINDS`."""
        return self.texts if kind.endswith("texts") else getattr(self, kind)


FULL = Settings(
    name="full",
    sequences=100_000,
    images=1_000,
    texts=50_000,
    records=100_000,
    cold_bytes=6_000_000_000,
    cold_images=4_000,
    cold_batches=8,
    joined=2_000,
    smaller=1,
    counted_kinds=3,
    rounds=7,
    processes=3,
    slow_rounds=3,
)
QUICK = Settings(
    name="quick",
    sequences=5_000,
    images=60,
    texts=3_000,
    records=3_000,
    cold_bytes=300_000_000,
    cold_images=100,
    cold_batches=2,
    joined=100,
    smaller=100,
    counted_kinds=1,
    rounds=2,
    processes=1,
    slow_rounds=1,
)
