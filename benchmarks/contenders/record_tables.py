"""Records as rows of Arrow tables: datasets of Hugging Face, and Lance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import lance
import numpy as np
import pyarrow as pa

from benchmarks.suites.ways import pad

BATCH_SIZE = 1024
SCHEMA = pa.schema({"tokens": pa.list_(pa.uint16()), "label": pa.int64(), "text": pa.string()})


class Datasets:
    """A dataset made by `from_generator`, and saved."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        features = datasets.Features.from_arrow_schema(SCHEMA)
        made = datasets.Dataset.from_generator(
            # Its fingerprint is given, since that of a generator is a hash of all samples.
            lambda: iter(samples),
            features=features,
            cache_dir=str(folder / "cache"),
            fingerprint="records",
        )
        made.save_to_disk(folder / "saved")

    def open(self, folder: Path, kind: str):
        return datasets.load_from_disk(str(folder / "saved")).with_format("numpy")

    def batch(self, reader: datasets.Dataset, indices: list[int]) -> dict[str, Any]:
        columns = reader[indices]
        return {**columns, "tokens": pad(list(columns["tokens"])), "text": columns["text"].tolist()}


class Lance:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        lance.write_dataset(batches(samples), str(folder / "records.lance"), schema=SCHEMA)

    def open(self, folder: Path, kind: str):
        return Rows(lance.dataset(str(folder / "records.lance")))

    def batch(self, reader: "Rows", indices: list[int]) -> dict[str, Any]:
        table = reader.dataset.take(indices)
        return {
            "tokens": pad([row.values.to_numpy() for row in table["tokens"]]),
            "label": table["label"].to_numpy(),
            "text": table["text"].to_pylist(),
        }

    def append(self, reader: "Rows", record: dict[str, Any]) -> None:
        reader.dataset.insert(pa.Table.from_batches(list(batches([record]))))


class Rows:
    def __init__(self, dataset: lance.LanceDataset):
        self.dataset = dataset

    def __getitem__(self, i: int) -> dict[str, Any]:
        table = self.dataset.take([i])
        return {
            "tokens": table["tokens"][0].values.to_numpy(),
            "label": table["label"][0].as_py(),
            "text": table["text"][0].as_py(),
        }


def batches(samples: list) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(samples), BATCH_SIZE):
        records = samples[start : start + BATCH_SIZE]
        tokens = [record["tokens"] for record in records]
        ends = np.cumsum([0, *map(len, tokens)], dtype=np.int32)
        yield pa.record_batch(
            [
                pa.ListArray.from_arrays(ends, np.concatenate(tokens)),
                pa.array([record["label"] for record in records]),
                pa.array([record["text"] for record in records]),
            ],
            schema=SCHEMA,
        )
