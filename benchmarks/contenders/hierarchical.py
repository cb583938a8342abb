"""h5py: one data set of all elements and the end of each sample; a data set of strings for texts."""

from pathlib import Path

import h5py
import numpy as np


class Hdf5:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        with h5py.File(folder / "samples.h5", "w") as file:
            if kind == "texts":
                file.create_dataset("values", data=samples, dtype=h5py.string_dtype())
                return
            file["values"] = np.concatenate([sample.ravel() for sample in samples])
            file["ends"] = np.cumsum([sample.size for sample in samples])
            file["shapes"] = np.array([sample.shape for sample in samples])

    def open(self, folder: Path, kind: str):
        file = h5py.File(folder / "samples.h5")
        return file["values"].asstr() if kind == "texts" else Arrays(file)


class Arrays:
    def __init__(self, file: h5py.File):
        ends = file["ends"][()].tolist()
        self.values, self.starts, self.ends = file["values"], [0, *ends[:-1]], ends
        self.shapes = file["shapes"][()].tolist()

    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[self.starts[i] : self.ends[i]].reshape(self.shapes[i])
