"""Sheets of thumbnails of the samples that look like images."""

from typing import TypeAlias

import numpy as np

from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja._display.format import escape, preview
from mmap_ninja._display.image import is_image, png, sheet
from mmap_ninja.cli._common import Dataset

_SIDE, _MAX_IMAGES, _MAX_CAPTIONS = 128, 1024, 4

Array: TypeAlias = RaggedMmap | np.memmap


def thumbnails(dataset: Dataset, indices: range) -> tuple[bytes | None, int]:
    """A PNG file of the samples that look like images, with the other fields as captions, and their number.

    Raises:
        ValueError: there are too many for a sheet.
    """
    source = _image_field(dataset, indices) if isinstance(dataset, RecordsMmap) else dataset
    samples = (
        [] if isinstance(source, StringsMmap) else [(index, sample_of(source, index)) for index in indices]
    )
    images = [(index, sample) for index, sample in samples if is_image(sample)]
    if len(images) > _MAX_IMAGES:
        raise ValueError(f"{len(images)} images are too many; at most {_MAX_IMAGES} fit")
    if not images:
        return None, 0
    captions = _captions(dataset, source, [index for index, _ in images])
    return png(sheet([image for _, image in images], _SIDE, captions)), len(images)


def sample_of(dataset: Array, index: int) -> np.ndarray:
    """A sample as an array; the whole array if it has no axes."""
    return np.asarray(dataset[index] if isinstance(dataset, RaggedMmap) or dataset.ndim else dataset)


def _image_field(records: RecordsMmap, indices: range) -> Array | StringsMmap:
    """The first field with a sample that looks like an image, or any field if there is none."""
    fields: list[Array | StringsMmap] = [records.field(name) for name in records.fields]
    for field in fields:
        if not isinstance(field, StringsMmap) and any(is_image(sample_of(field, index)) for index in indices):
            return field
    return fields[0]


def _captions(dataset: Dataset, shown: object, indices: list[int]) -> list[list[str]]:
    """The other fields of each record, in a line each: a text as it is, a number behind its name, an array as its shape."""
    if not isinstance(dataset, RecordsMmap):
        return []
    fields = [(name, dataset.field(name)) for name in dataset.fields if dataset.field(name) is not shown]
    return [[_caption(name, field, index) for name, field in fields[:_MAX_CAPTIONS]] for index in indices]


def _caption(name: str, field: Array | StringsMmap, index: int) -> str:
    if isinstance(field, StringsMmap):
        return escape(field[index][:_SIDE])
    sample = sample_of(field, index)
    return f"{name} {sample.shape if sample.ndim else preview(sample)}"
