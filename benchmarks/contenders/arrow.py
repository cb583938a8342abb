"""pyarrow: one record batch in a mapped file."""

from pathlib import Path

import numpy as np
import pyarrow as pa


class Arrow:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        table = pa.table(columns(kind, samples))
        with (
            pa.OSFile(str(folder / "samples.arrow"), "wb") as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)

    def open(self, folder: Path, kind: str):
        batch = pa.ipc.open_file(pa.memory_map(str(folder / "samples.arrow"))).get_batch(0)
        return {"texts": Texts, "sequences": Sequences, "images": Images}[kind](batch)


def columns(kind: str, samples: list) -> dict[str, pa.Array]:
    """The samples, and the shapes of images."""
    if kind == "texts":
        return {"sample": pa.array(samples, pa.large_string())}
    ends = np.cumsum([0, *(sample.size for sample in samples)])
    values = np.concatenate([sample.ravel() for sample in samples])
    arrays = {"sample": pa.LargeListArray.from_arrays(ends, values)}
    if kind == "images":
        axes = np.array([sample.shape for sample in samples]).ravel()
        arrays["shape"] = pa.FixedSizeListArray.from_arrays(axes, 3)
    return arrays


class Texts:
    def __init__(self, batch: pa.RecordBatch):
        self.column = batch.column("sample")

    def __getitem__(self, i: int) -> str:
        return self.column[i].as_py()


class Sequences:
    def __init__(self, batch: pa.RecordBatch):
        self.column = batch.column("sample")

    def __getitem__(self, i: int) -> np.ndarray:
        return self.column[i].values.to_numpy()


class Images(Sequences):
    def __init__(self, batch: pa.RecordBatch):
        super().__init__(batch)
        self.shapes = batch.column("shape").values.to_numpy().reshape(-1, 3).tolist()

    def __getitem__(self, i: int) -> np.ndarray:
        return super().__getitem__(i).reshape(self.shapes[i])
