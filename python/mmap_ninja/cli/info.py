"""Show the kind, dtype, size, shapes and lengths of datasets.

Lengths count the elements of arrays and the UTF-8 bytes of texts. The
histogram has bins of equal width, or powers of two if some samples are much
longer than most. The size is that of the stored samples, without the index. In
very large datasets, shapes and lengths come from an evenly spaced subset of
samples. Of records, there is a line for each field: its name, kind, dtype,
shapes or lengths, and size.
"""

import argparse
import json
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, read_attrs
from mmap_ninja._display.format import escape, human_size, pluralize
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import (
    Dataset,
    add_dirs,
    aligned,
    examine_each,
    mentioning_partial,
    num_samples,
    open_dataset,
)
from mmap_ninja.cli._stats import histogram, shape_ranges, statistics

# Datasets of more samples than the first are examined in a subset of the second: each sample reads a page or more.
_MAX_EXAMINED, _SUBSET = 1 << 20, 1 << 10

EXAMPLES = """\
  mmap-ninja info images
  mmap-ninja info train test
  mmap-ninja info --json images | jq .samples
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dirs(parser)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per dataset and line, for programs"
    )


def run(arguments: argparse.Namespace) -> int:
    separator, failed = "", False
    for directory, facts in examine_each(arguments.dirs, _facts_of):
        if facts is None:
            failed = True
            continue
        facts = {"path": directory, **facts}
        print(json.dumps(facts) if arguments.json else separator + "\n".join(_lines(facts)))
        separator = "\n"
    return 1 if failed else 0


def _facts_of(directory: str) -> dict[str, Any]:
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


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    columns = _terminal.width()
    for name, text in _rows(facts):
        yield _terminal.truncate(f"{name:<8}  {escape(text)}", columns)
    if "fields" in facts:
        yield ""
        for line in aligned([_field_columns(field) for field in facts["fields"]]):
            yield _terminal.truncate(line, columns)
    if lengths := facts.get("lengths"):
        yield ""
        bins = lengths["histogram"]
        labels = [_interval(part["from"], part["to"], ",") for part in bins]
        for bar in _terminal.bar_chart(labels, [part["samples"] for part in bins], columns or 80):
            yield _terminal.truncate(bar, columns)


def _rows(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "path", facts["path"]
    yield "kind", facts["kind"]
    yield "samples", f"{facts['samples']:,}"
    if "examined" in facts:
        yield "examined", f"{facts['examined']:,}, evenly spaced, for shapes and lengths"
    if "dtype" in facts:
        yield "dtype", facts["dtype"]
    if "shape" in facts:
        yield "shape", f"{tuple(facts['shape'])}, order {facts['order']}"
    yield "size", _size(facts["bytes"])
    if facts.get("zstd_level") is not None:
        yield "zstd", _zstd(facts)
    if "attrs" in facts:
        yield "attrs", json.dumps(facts["attrs"], ensure_ascii=False)
    for group in facts.get("shapes", []):
        yield "shapes", f"{_axes(group)}, {pluralize(group['samples'], 'sample')}"
    if lengths := facts.get("lengths"):
        parts = (f"{name} {_number(lengths[name])}" for name in ("min", "median", "mean", "max"))
        yield lengths["unit"], ", ".join(parts)


def _field_columns(facts: dict[str, Any]) -> list[str]:
    """The columns of the line about a field."""
    if "shape" in facts:
        extent = str(tuple(facts["shape"][1:])) if len(facts["shape"]) > 1 else "scalars"
    elif "dtype" in facts:
        extent = "; ".join(map(_axes, facts["shapes"]))
    else:
        lengths = facts.get("lengths")
        extent = f"{_interval(lengths['min'], lengths['max'], ',')} bytes" if lengths else ""
    zstd = f", zstd {_zstd(facts)}" if facts.get("zstd_level") is not None else ""
    return [facts["name"], facts["kind"], facts.get("dtype", ""), extent + zstd, human_size(facts["bytes"])]


def _size(n_bytes: int) -> str:
    exact = f" ({n_bytes:,} bytes)" if n_bytes >= 1000 else ""
    return human_size(n_bytes) + exact


def _number(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")


def _zstd(facts: dict[str, Any]) -> str:
    level, dictionary = facts["zstd_level"], facts["zstd_dictionary_bytes"]
    return f"level {level}, {f'dictionary of {human_size(dictionary)}' if dictionary else 'no dictionary'}"


def _axes(group: dict[str, Any]) -> str:
    if not group["ndim"]:
        return "scalars"
    axes = ", ".join(_interval(low, high) for low, high in zip(group["min"], group["max"], strict=True))
    return f"({axes},)" if group["ndim"] == 1 else f"({axes})"


def _interval(low: int, high: int, separator: str = "") -> str:
    if low == high:
        return f"{low:{separator}}"
    return f"{low:{separator}}{_terminal.with_fallback('–', '-')}{high:{separator}}"
