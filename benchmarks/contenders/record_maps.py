"""Records in maps of this library or, in its environment, of the original: as a whole, or one map for each field."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

from benchmarks.contenders.plain import InMemory as SamplesInMemory
from benchmarks.data import samples as make_samples
from benchmarks.suites.ways import collated

BATCH_SIZE = 1024
# How each field is written from a generator.
WRITERS: dict[str, Callable] = {
    "tokens": RaggedMmap.from_generator,
    "label": np_ninja.from_generator,
    "text": StringsMmap.from_generator,
}


class Records:
    """`RecordsMmap`."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        from mmap_ninja import RecordsMmap

        RecordsMmap.from_generator(folder, (record for record in samples), batch_size=BATCH_SIZE)

    def open(self, folder: Path, kind: str):
        from mmap_ninja import RecordsMmap

        return RecordsMmap(folder)

    def batch(self, reader, indices: list[int]) -> dict[str, Any]:
        return reader.batch(indices, pad={"tokens": 0})

    def append(self, reader, record: dict[str, Any]) -> None:
        reader.append(record)


def write_field(name: str, folder: Path, samples: list) -> None:
    WRITERS[name](folder, (record[name] for record in samples), batch_size=BATCH_SIZE)


class Maps:
    """A map for each field, read in a dict comprehension."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        for name in WRITERS:
            write_field(name, folder / name, samples)

    def open(self, folder: Path, kind: str):
        return OpenMaps(folder)

    def batch(self, reader, indices: list[int]) -> dict[str, Any]:
        """By `padded` where there is one, else in a loop."""
        maps = reader.maps
        if not hasattr(RaggedMmap, "padded"):
            return collated([reader[i] for i in indices])
        return {
            "tokens": maps["tokens"].padded(indices),
            "label": np.asarray(maps["label"][indices]),
            "text": maps["text"][indices],
        }

    def append(self, reader, record: dict[str, Any]) -> None:
        reader.append(record)


class OpenMaps:
    def __init__(self, folder: Path):
        self.labels = folder / "label"
        self.maps = {
            "tokens": RaggedMmap(folder / "tokens"),
            "label": np_ninja.open_existing(self.labels),
            "text": StringsMmap(folder / "text"),
        }

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {name: samples[i] for name, samples in self.maps.items()}

    def append(self, record: dict[str, Any]) -> None:
        """The array of labels must be opened again to show the new one."""
        self.maps["tokens"].append(record["tokens"])
        np_ninja.append(self.maps["label"], record["label"])
        self.maps["label"] = np_ninja.open_existing(self.labels)
        self.maps["text"].append(record["text"])


class DataFrame:
    """`DataFrameMmap` of mmap_ninja_dataframe, on the original."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        from mmap_ninja_dataframe import DataFrameMmap

        records: Iterator = (record for record in samples)
        DataFrameMmap.from_generator(folder, records, mode="sample", batch_size=BATCH_SIZE)

    def open(self, folder: Path, kind: str):
        from mmap_ninja_dataframe import DataFrameMmap

        return DataFrameMmap(folder)

    def batch(self, reader, indices: list[int]) -> dict[str, Any]:
        return collated([reader[i] for i in indices])

    def append(self, reader, record: dict[str, Any]) -> None:
        reader.append(record)


class InMemory(SamplesInMemory):
    """A list of dicts, and no file."""

    def open(self, folder: Path, kind: str) -> list:
        records = make_samples(kind, int((folder / "count").read_text()))
        return [{**record, "tokens": record["tokens"].copy()} for record in records]

    def batch(self, reader, indices: list[int]) -> dict[str, Any]:
        return collated([reader[i] for i in indices])


class Bare(Records):
    """The bytes of these files, through C that does nothing but make the dict and its values (see floor.c)."""

    def open(self, folder: Path, kind: str):
        import floor

        tokens, text = folder / "tokens", folder / "text"
        return floor.Records(
            floor.Views(
                mapped(tokens, np.uint16), positions(tokens / "starts"), positions(tokens / "shapes")
            ),
            mapped(folder / "label", np.int64),
            floor.Texts(mapped(text, np.uint8), positions(text / "starts"), positions(text / "ends")),
        )


def mapped(folder: Path, dtype: type) -> np.ndarray:
    return np.asarray(np.memmap(folder / "data.ninja", dtype, mode="r"))


def positions(folder: Path) -> np.ndarray:
    return mapped(folder, np.int64)
