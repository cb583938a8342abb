"""What one would do with NumPy and files alone."""

import os
from pathlib import Path

import numpy as np

from benchmarks.data import samples as make_samples


class InMemory:
    """A list, and no file."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        (folder / "count").write_text(str(len(samples)))

    def open(self, folder: Path, kind: str) -> list:
        samples = make_samples(kind, int((folder / "count").read_text()))
        return samples if "texts" in kind else [sample.copy() for sample in samples]


class Files:
    """One file a sample."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        for i, sample in enumerate(samples):
            if "texts" in kind:
                (folder / f"{i}.txt").write_text(sample, encoding="utf-8")
            else:
                np.save(folder / f"{i}.npy", sample)

    def open(self, folder: Path, kind: str):
        return TextFiles(folder) if "texts" in kind else ArrayFiles(folder)


class TextFiles:
    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __getitem__(self, i: int) -> str:
        with open(f"{self.folder}/{i}.txt", encoding="utf-8") as file:
            return file.read()


class ArrayFiles:
    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __getitem__(self, i: int) -> np.ndarray:
        return np.load(f"{self.folder}/{i}.npy")


class ByHand:
    """All samples in one file, and where each begins and ends in others."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        pieces = [sample.encode() for sample in samples] if "texts" in kind else samples
        with open(folder / "values", "wb") as file:
            file.writelines(pieces)
        sizes = [len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces]
        np.save(folder / "ends.npy", np.cumsum(sizes))
        np.save(folder / "shapes.npy", [getattr(piece, "shape", (len(piece),)) for piece in pieces])

    def open(self, folder: Path, kind: str):
        return {"sequences": SlicedSequences, "images": SlicedImages}.get(kind, SlicedTexts)(folder, kind)


class Sliced:
    def __init__(self, folder: Path, kind: str):
        dtype = np.int32 if kind == "sequences" else np.uint8
        # A plain array on the mapped bytes: slicing an np.memmap itself takes three times as long.
        self.values = np.asarray(np.memmap(folder / "values", dtype, mode="r"))
        ends = np.load(folder / "ends.npy").tolist()
        self.starts, self.ends = [0, *ends[:-1]], ends
        self.shapes = np.load(folder / "shapes.npy").tolist()


class SlicedSequences(Sliced):
    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[self.starts[i] : self.ends[i]]


class SlicedImages(Sliced):
    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[self.starts[i] : self.ends[i]].reshape(self.shapes[i])


class SlicedTexts(Sliced):
    def __getitem__(self, i: int) -> str:
        return str(self.values[self.starts[i] : self.ends[i]], "utf-8")


class Bare:
    """The files written by hand, through C that does nothing but make the view or the str (see floor.c)."""

    def write(self, folder: Path, kind: str, samples: list) -> None:
        ByHand().write(folder, kind, samples)

    def open(self, folder: Path, kind: str):
        import floor

        sliced = ByHand().open(folder, kind)
        values, starts, ends = sliced.values, np.array(sliced.starts), np.array(sliced.ends)
        if "texts" in kind:
            return floor.Texts(values, starts, ends)
        return floor.Views(values, starts, np.array(sliced.shapes))


class OneFile:
    """The bytes of all samples, and nothing to find one by: the least that a build can do."""

    def write(self, folder: Path, kind: str, samples: list, synced: bool = False) -> None:
        with open(folder / "values", "wb") as file:
            file.writelines(sample.encode() if "texts" in kind else sample for sample in samples)
            if synced:
                file.flush()
                os.fsync(file.fileno())
