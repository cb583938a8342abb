"""datasets of Hugging Face: Arrow files with a layer of features and formats."""

from pathlib import Path

import datasets
import numpy as np

from benchmarks.contenders.arrow import columns


class Datasets:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        columns_ = {"sample": samples} if kind == "texts" else columns(kind, samples)
        made = {"texts": datasets.Dataset.from_dict}.get(kind, _from_arrow)(columns_)
        made.save_to_disk(folder)

    def open(self, folder: Path, kind: str):
        stored = datasets.load_from_disk(str(folder))
        return {"texts": Texts, "sequences": Sequences, "images": Images}[kind](stored)


def _from_arrow(arrays: dict) -> datasets.Dataset:
    from pyarrow import table

    return datasets.Dataset(table(arrays))


class Texts:
    def __init__(self, stored: datasets.Dataset):
        self.stored = stored

    def __getitem__(self, i: int) -> str:
        return self.stored[i]["sample"]


class Sequences(Texts):
    def __init__(self, stored: datasets.Dataset):
        super().__init__(stored.with_format("numpy", columns=["sample"], dtype=np.int32))


class Images(Texts):
    def __init__(self, stored: datasets.Dataset):
        super().__init__(stored.with_format("numpy", columns=["sample"], dtype=np.uint8))
        self.shapes = [tuple(shape) for shape in stored["shape"]]

    def __getitem__(self, i: int) -> np.ndarray:
        return super().__getitem__(i).reshape(self.shapes[i])
