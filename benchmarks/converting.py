"""How long tables, tars, arrays and tokens take to become datasets: `python -m benchmarks.converting`.

It needs pyarrow, datasets and Pillow. It prints medians of the CPU time, that of all threads, for the page "In and out"; the
contenders take turns.
"""

import io
import json
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, disable_progress_bars
from mmap_ninja import RecordsMmap, convert, export
from PIL import Image
from pyarrow import parquet

ROWS, PICTURES, ROUNDS = 100_000, 500, 3


def main() -> None:
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_sources(place)
        ways = {
            "Parquet: `convert`": lambda: convert(place / "a.parquet", place / "out", overwrite=True),
            "Parquet: `Dataset.from_parquet`, `save_to_disk`": lambda: hugging(place),
            "Parquet: `from_generator` over rows": lambda: by_rows(place),
            "JSON lines: `convert`": lambda: convert(place / "a.jsonl", place / "out", overwrite=True),
            "JSON lines: `from_generator` over `json.loads`": lambda: by_lines(place),
            "Megatron: `convert`": lambda: convert(place / "pair", place / "out", overwrite=True),
            "Megatron: `shutil.copy` of both files": lambda: copy_pair(place),
            "`.npz`: `convert`": lambda: convert(place / "a.npz", place / "out", overwrite=True),
            "tar of JPEGs: `convert`": lambda: convert(place / "a.tar", place / "out", overwrite=True),
            "tar of JPEGs: Pillow alone": lambda: decode(place),
            "Arrow: `convert`": lambda: convert(place / "a.arrow", place / "out", overwrite=True),
            "Arrow: `from_generator` over rows of `Dataset`": lambda: by_dataset(place),
            "to Parquet: `export`": lambda: export(place / "records", place / "b.parquet"),
            "to Parquet: `Dataset.to_parquet`": lambda: Dataset.from_file(str(place / "a.arrow")).to_parquet(
                place / "b.parquet"
            ),
        }
        convert(place / "a.parquet", place / "records")
        for name, seconds in measured(ways).items():
            print(f"| {name} | {seconds:.3f} s |")


def measured(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median CPU time of each way, which other programs on the machine change little."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = process_time()
            way()
            times[name].append(process_time() - start)
    return {name: median(found) for name, found in times.items()}


def write_sources(place: Path) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(16, 128, ROWS)
    tokens = rng.integers(0, 50_000, int(lengths.sum()), np.int64)
    offsets = np.append(0, np.cumsum(lengths))
    texts = [f"text {n} " + "word " * (n % 30) for n in range(ROWS)]
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(tokens))
    table = pa.table({"text": texts, "tokens": lists, "label": pa.array(np.arange(ROWS) % 10)})
    parquet.write_table(table, place / "a.parquet")
    with pa.ipc.new_stream(place / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    with (place / "a.jsonl").open("w") as file:
        for batch in table.to_batches(10_000):
            file.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())
    np.savez(place / "a.npz", x=rng.random((ROWS, 64), np.float32), label=np.arange(ROWS))
    tokens.astype(np.uint16).tofile(place / "pair.bin")
    header = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, ROWS, ROWS + 1)
    columns = lengths.astype(np.int32), 2 * offsets[:-1], np.arange(ROWS + 1)
    (place / "pair.idx").write_bytes(header + b"".join(column.tobytes() for column in columns))
    with tarfile.open(place / "a.tar", "w") as tar:
        for number in range(PICTURES):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (28, 32, 3), np.uint8)).resize((256, 224)).save(
                buffer, "jpeg"
            )
            for extension, content in ("jpg", buffer.getvalue()), ("cls", b"%d" % (number % 10)):
                info = tarfile.TarInfo(f"{number:06}.{extension}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def hugging(place: Path) -> None:
    shutil.rmtree(place / "cache", ignore_errors=True)
    Dataset.from_parquet(str(place / "a.parquet"), cache_dir=str(place / "cache")).save_to_disk(place / "hf")


def by_rows(place: Path) -> None:
    batches = parquet.ParquetFile(place / "a.parquet").iter_batches()
    rows = (row for batch in batches for row in batch.to_pylist())
    RecordsMmap.from_generator(place / "out", rows, 1024)


def by_dataset(place: Path) -> None:
    RecordsMmap.from_generator(place / "out", Dataset.from_file(str(place / "a.arrow")), 1024)


def by_lines(place: Path) -> None:
    with (place / "a.jsonl").open() as file:
        RecordsMmap.from_generator(place / "out", map(json.loads, file), 1024)


def copy_pair(place: Path) -> None:
    for extension in "idx", "bin":
        shutil.copy(place / f"pair.{extension}", place / f"copy.{extension}")


def decode(place: Path) -> None:
    with tarfile.open(place / "a.tar") as tar:
        for content in contents(tar):
            np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def contents(tar: tarfile.TarFile) -> Iterator[bytes]:
    for member in tar:
        if member.name.endswith(".jpg") and (file := tar.extractfile(member)):
            yield file.read()


if __name__ == "__main__":
    main()
