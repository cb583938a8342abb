"""Lance and Vortex: columnar files, of which single rows are read by their numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.contenders.arrow import columns

Take = Callable[[list[int]], pa.ChunkedArray | pa.Array]


class Lance:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        import lance

        lance.write_dataset(pa.table(columns(kind, samples)), str(folder / "samples.lance"))

    def open(self, folder: Path, kind: str):
        import lance

        dataset = lance.dataset(str(folder / "samples.lance"))

        def take(indices: list[int]) -> pa.ChunkedArray:
            return dataset.take(indices, columns=["sample"]).column("sample")

        if kind == "images":
            return Images(take, dataset.to_table(columns=["shape"]).column("shape"))
        return Texts(take) if kind == "texts" else Sequences(take)


class Vortex:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        import vortex

        vortex.io.write(pa.table(columns(kind, samples)), str(folder / "samples.vortex"))

    def open(self, folder: Path, kind: str):
        import vortex

        file = vortex.open(str(folder / "samples.vortex"))

        def take(indices: list[int]) -> pa.Array:
            # A scan wants sorted rows; the batch then gets its order.
            rows, places = np.unique(indices, return_inverse=True)
            found = file.scan(["sample"], indices=vortex.array(pa.array(rows))).read_all().to_arrow_array()
            found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
            return found.field("sample").take(pa.array(places))

        if kind == "images":
            return Images(take, file.to_arrow(["shape"]).read_all().column("shape"))
        return Scalars(file.to_repeated_scan(["sample"]).scalar_at, take)


class Texts:
    def __init__(self, take: Take):
        self.take = take

    def __getitem__(self, i: int) -> str:
        return self.take([i])[0].as_py()


class Sequences:
    def __init__(self, take: Take):
        self.take = take

    def __getitem__(self, i: int) -> np.ndarray:
        return self.take([i])[0].values.to_numpy()

    def gather(self, indices: np.ndarray) -> np.ndarray:
        found = self.take(indices)
        found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
        return found.flatten().to_numpy()


class Images(Sequences):
    def __init__(self, take: Take, shapes: pa.ChunkedArray):
        super().__init__(take)
        self.shapes = [tuple(shape) for shape in shapes.to_pylist()]

    def __getitem__(self, i: int) -> np.ndarray:
        return super().__getitem__(i).reshape(self.shapes[i])


class Scalars(Sequences):
    """Texts and sequences by Vortex's scalars, which become Python objects: for small samples, faster than a scan."""

    def __init__(self, scalar_at: Callable, take: Take):
        super().__init__(take)
        self.scalar_at = scalar_at

    def __getitem__(self, i: int) -> str | np.ndarray:
        found = self.scalar_at(i).as_py()["sample"]
        return found if isinstance(found, str) else np.array(found, np.int32)
