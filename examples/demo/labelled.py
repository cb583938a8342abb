"""Stores images with their names and labels as records, and reads them in batches as a training loop does."""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from convert import Converted, Difference
from mmap_ninja import RecordsMmap
from report import markdown

BATCH_SIZE = 64


def store(images: Converted, folder: Path) -> RecordsMmap:
    """Store each image with the name of its file and the number of its class; the names of classes are an attribute."""
    classes = sorted(set(map(class_of, images.sources)))

    def samples() -> Iterator[dict[str, Any]]:
        for image, file in zip(images.open(), images.sources, strict=True):
            yield {"image": image, "name": file.name, "label": classes.index(class_of(file))}

    fields = {"image": "ragged", "label": np.int64}
    n, size = len(images.sources), images.kind.batch_size
    records = RecordsMmap.from_generator(folder, samples(), size, fields=fields, n=n, verbose=True)
    records.attrs = {"classes": classes}
    return records


def class_of(file: Path) -> str:
    """The photograph of a crop, which its name tells; of other files, their folder."""
    return file.stem.partition("_")[2] or file.parent.name


def check(records: RecordsMmap, images: Converted) -> None:
    """Compare the records with the map of images and the names of the files.

    Raises:
        Difference: a record differs.
    """
    for record, image, file in zip(records, images.open(), images.sources, strict=True):
        if not np.array_equal(record["image"], image) or record["name"] != file.name:
            raise Difference(f"the record of {file} differs from it")


def train(records: RecordsMmap) -> tuple[dict[str, tuple[int, float]], float]:
    """Read every record once, shuffled and in batches.

    Returns:
        For each class, the number of its images and their mean brightness; and the seconds that the epoch took.
    """
    start = perf_counter()
    classes = records.attrs["classes"]
    n_classes = len(classes)
    counts, sums = np.zeros(n_classes, int), np.zeros(n_classes)
    order = np.random.default_rng(0).permutation(len(records))
    for first in range(0, len(order), BATCH_SIZE):
        batch = records.batch(order[first : first + BATCH_SIZE])
        pixels, offsets = batch["image"]
        brightness = np.add.reduceat(pixels, offsets[:-1], dtype=np.int64) / np.diff(offsets)
        counts += np.bincount(batch["label"], minlength=n_classes)
        sums += np.bincount(batch["label"], brightness, minlength=n_classes)
    seconds = perf_counter() - start
    return {name: (int(counts[i]), sums[i] / counts[i]) for i, name in enumerate(classes)}, seconds


def report(classes: dict[str, tuple[int, float]], seconds: float) -> str:
    """What the epoch found, as a table and in words."""
    rows = [(name, f"{count:,}", f"{mean:.1f}") for name, (count, mean) in classes.items()]
    n = sum(count for count, _ in classes.values())
    speed = f"{n:,} records in shuffled batches of {BATCH_SIZE}: {seconds:.2f} s, {n / seconds:,.0f} records per second."
    return f"{markdown([('class', 'images', 'mean brightness'), *rows])}\n\n{speed}"
