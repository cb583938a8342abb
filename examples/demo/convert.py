"""Converts files into a map, and checks that every sample equals its source."""

import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinds import Kind


class NoSamples(Exception):
    """There is nothing to convert."""


class Difference(Exception):
    """A sample differs from its source."""


@dataclass
class Converted:
    """A map, and the source files of its samples in the same order."""

    kind: Kind
    map_folder: Path
    sources: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)

    def open(self) -> Any:
        return self.kind.store(self.map_folder)


def convert(kind: Kind, files: list[Path], map_folder: Path) -> Converted:
    """Store all files that can be read, and skip the others.

    Raises:
        NoSamples: no file can be read.
    """
    converted = Converted(kind, map_folder)
    store = kind.store.from_generator(
        map_folder, readable_samples(files, converted), batch_size=kind.batch_size, n=len(files), verbose=True
    )
    if store is None:
        folder = os.path.commonpath(file.parent for file in files)
        raise NoSamples(f"no file can be read as {kind.name}, of {len(files):,} in {folder}")
    return converted


def readable_samples(files: list[Path], converted: Converted) -> Iterator[Any]:
    """The samples of the files; `converted` records which files were read and which were skipped."""
    for file in files:
        try:
            sample = converted.kind.read(file)
        except Exception:  # noqa: BLE001 - Pillow raises many types for broken files
            converted.skipped.append(file)
        else:
            converted.sources.append(file)
            yield sample


def check(converted: Converted) -> None:
    """Read all sources again and compare the samples with them, once in order and once shuffled.

    Raises:
        Difference: a sample differs; the message names its source.
    """
    samples, n = converted.open(), len(converted.sources)
    if len(samples) != n:
        raise Difference(f"the map holds {len(samples):,} {converted.kind.name}, not {n:,}")
    compare(converted, enumerate(samples))
    compare(converted, ((i, samples[i]) for i in shuffled(n)))


def compare(converted: Converted, samples: Iterable[tuple[int, Any]]) -> None:
    kind = converted.kind
    for i, sample in samples:
        if not kind.equal(sample, kind.read(converted.sources[i])):
            raise Difference(f"{kind.name}: sample {i} differs from its source {converted.sources[i]}")


def shuffled(n: int) -> list[int]:
    """The indices of n samples in an order that is always the same."""
    return random.Random(0).sample(range(n), n)
