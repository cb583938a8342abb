"""What is known of a dataset: its kind, dtype, size, shapes and lengths, and how these are written."""

from math import prod
from typing import Any

import numpy as np

from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, read_attrs
from mmap_ninja._display.format import human_size
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import Dataset, mentioning_partial, num_samples, open_dataset
from mmap_ninja.cli._stats import histogram, shape_ranges, statistics

# Datasets of more samples than the first are examined in a subset of the second: each sample reads a page or more.
_MAX_EXAMINED, _SUBSET = 1 << 20, 1 << 10


def facts_of(directory: str) -> dict[str, Any]:
    """What `info --json` prints of a dataset, without its path."""
    attrs = _attrs(directory)
    return _facts(open_dataset(directory)) | ({"attrs": attrs} if attrs else {})


def _attrs(directory: str) -> dict[str, Any]:
    with mentioning_partial(directory):
        return read_attrs(directory)


def _facts(dataset: Dataset) -> dict[str, Any]:
    if isinstance(dataset, RecordsMmap):
        return _records_facts(dataset)
    if isinstance(dataset, StringsMmap):
        return _string_facts(dataset)
    samples, dtype, n_bytes = num_samples(dataset), str(dataset.dtype), dataset.nbytes
    if isinstance(dataset, np.memmap):
        order = "C" if dataset.flags.c_contiguous else "F"
        facts = {"kind": "numpy", "samples": samples, "dtype": dtype, "bytes": n_bytes}
        return {**facts, "shape": dataset.shape, "order": order}
    facts = {"kind": "ragged", "samples": samples, "dtype": dtype, "bytes": n_bytes}
    indices = _examined(dataset)
    # Scalars have no shape.
    shapes = [getattr(dataset._stored(index), "shape", ()) for index in indices]
    lengths = np.array([prod(shape) for shape in shapes])
    return {**facts, **_subset(indices), "shapes": shape_ranges(shapes), **_lengths(lengths, "elements")}


def _records_facts(records: RecordsMmap) -> dict[str, Any]:
    fields = [{"name": name, **_facts(records.field(name))} for name in records.fields]
    return {"kind": "records", "samples": len(records), "bytes": records.nbytes, "fields": fields}


def _string_facts(texts: StringsMmap) -> dict[str, Any]:
    facts = {"kind": "string", "samples": len(texts), "bytes": texts.nbytes, "zstd_level": texts.zstd_level}
    dictionary = texts.out_dir / "zstd_dict.ninja"
    facts["zstd_dictionary_bytes"] = dictionary.stat().st_size if dictionary.exists() else 0
    indices = _examined(texts)
    lengths = texts.lengths if indices.step == 1 else np.array([texts._length(index) for index in indices])
    return {**facts, **_subset(indices), **_lengths(lengths, "bytes")}


def _examined(dataset: RaggedMmap | StringsMmap) -> range:
    """The indices of the samples whose shapes and lengths are read."""
    if len(dataset) <= _MAX_EXAMINED:
        return range(len(dataset))
    dataset._expect_few_reads()
    return range(0, len(dataset), -(-len(dataset) // _SUBSET))


def _subset(indices: range) -> dict[str, int]:
    return {} if indices.step == 1 else {"examined": len(indices)}


def _lengths(lengths: np.ndarray, unit: str) -> dict[str, Any]:
    if not len(lengths):
        return {}
    return {"lengths": {"unit": unit, **statistics(lengths), "histogram": histogram(lengths)}}


def field_columns(facts: dict[str, Any]) -> list[str]:
    """The columns of the line about a field."""
    if "shape" in facts:
        extent = str(tuple(facts["shape"][1:])) if len(facts["shape"]) > 1 else "scalars"
    elif "dtype" in facts:
        extent = "; ".join(map(axes_of, facts["shapes"]))
    else:
        lengths = facts.get("lengths")
        extent = f"{interval(lengths['min'], lengths['max'], ',')} bytes" if lengths else ""
    zstd = f", zstd {zstd_of(facts)}" if facts.get("zstd_level") is not None else ""
    return [facts["name"], facts["kind"], facts.get("dtype", ""), extent + zstd, human_size(facts["bytes"])]


def zstd_of(facts: dict[str, Any]) -> str:
    level, dictionary = facts["zstd_level"], facts["zstd_dictionary_bytes"]
    return f"level {level}, {f'dictionary of {human_size(dictionary)}' if dictionary else 'no dictionary'}"


def axes_of(group: dict[str, Any]) -> str:
    if not group["ndim"]:
        return "scalars"
    axes = ", ".join(interval(low, high) for low, high in zip(group["min"], group["max"], strict=True))
    return f"({axes},)" if group["ndim"] == 1 else f"({axes})"


def interval(low: int, high: int, separator: str = "") -> str:
    if low == high:
        return f"{low:{separator}}"
    return f"{low:{separator}}{_terminal.with_fallback('–', '-')}{high:{separator}}"
