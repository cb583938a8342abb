"""Records in what comes with a whole PyTorch: shards of LitData and of MosaicML's streaming. A mapped TensorDict takes no part:
its samples have one shape and no texts.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suites.ways import pad


class Shards:
    """What opens as a dataset of dicts, of which a batch is padded in Python."""

    def batch(self, reader, indices: list[int]) -> dict[str, Any]:
        records = [reader[i] for i in indices]
        return {
            "tokens": pad([np.asarray(record["tokens"]) for record in records]),
            "label": np.array([record["label"] for record in records]),
            "text": [record["text"] for record in records],
        }


class LitData(Shards):
    """Chunks of 64 MB, written by the class below `optimize`, which would start processes."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        from litdata.streaming import Cache

        cache = Cache(str(folder), chunk_bytes="64MB")
        for i, record in enumerate(samples):
            cache[i] = record
        cache.done()
        cache.merge(1)

    def open(self, folder: Path, kind: str):
        from litdata import StreamingDataset

        return StreamingDataset(str(folder))


class Streaming(Shards):
    """Uncompressed MDS shards."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        from streaming import MDSWriter

        columns = {"tokens": "ndarray:uint16", "label": "int64", "text": "str"}
        with MDSWriter(out=str(folder), columns=columns, exist_ok=True) as writer:
            for record in samples:
                writer.write(record)

    def open(self, folder: Path, kind: str):
        from streaming import StreamingDataset

        return StreamingDataset(local=str(folder), shuffle=False, batch_size=1)
