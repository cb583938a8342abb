"""Show what a data set is: its kind, samples, dtype, sizes and lengths.

Lengths are elements of arrays and UTF-8 bytes of texts. The histogram shows
them in equal steps, or in powers of two where they differ widely. The size is
that of the samples as they are stored, without the index.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, open_existing
from mmap_ninja._show import clean, count, size
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._lengths import histogram, statistics

EXAMPLES = """\
  mmap-ninja info images
  mmap-ninja info --json images | jq .samples
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="the data set")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def run(arguments: argparse.Namespace) -> int:
    facts = {"path": arguments.dir, **_facts(open_existing(arguments.dir, mode="r"))}
    print(json.dumps(facts) if arguments.json else "\n".join(_lines(facts)))
    return 0


def _facts(data: RaggedMmap | StringsMmap | np.memmap) -> dict[str, Any]:
    if isinstance(data, RaggedMmap):
        basics = {"kind": "ragged", "samples": len(data), "dtype": str(data.dtype), "bytes": data.nbytes}
        if len(data) and data.lengths.min() < 0:
            raise CorruptDatasetError(
                f"{data.out_dir / data.flattened_shapes_key}: a sample has less than no elements"
            )
        return {**basics, "shapes": _shapes(data), **_lengths(data.lengths, "elements")}
    if isinstance(data, StringsMmap):
        basics = {"kind": "string", "samples": len(data), "bytes": data.nbytes, "zstd_level": data.zstd_level}
        return {**basics, "zstd_dictionary_bytes": _dictionary(data), **_lengths(data.lengths, "bytes")}
    samples = data.shape[0] if data.ndim else 1
    order = "C" if data.flags.c_contiguous else "F"
    basics = {"kind": "numpy", "samples": samples, "dtype": str(data.dtype), "bytes": data.nbytes}
    return {**basics, "shape": data.shape, "order": order}


def _dictionary(data: StringsMmap) -> int:
    file = data.out_dir / "zstd_dict.ninja"
    return file.stat().st_size if file.exists() else 0


def _lengths(lengths: np.ndarray, unit: str) -> dict[str, Any]:
    if not len(lengths):
        return {}
    return {"lengths": {"unit": unit, **statistics(lengths), "histogram": histogram(lengths)}}


def _shapes(data: RaggedMmap) -> list[dict[str, Any]]:
    """The smallest and the largest shape, axis by axis, for every number of axes."""
    groups = dict(_by_axes(data)) if len(data) else {}
    if 1 in groups:
        # A scalar is stored with the axis 0 and one element.
        shapes, lengths = groups[1]
        is_scalar = (shapes[:, 0] == 0) & (lengths == 1)
        groups = {0: (shapes[is_scalar, :0], None), **groups, 1: (shapes[~is_scalar], None)}
    return [
        {"ndim": n, "samples": len(shapes), "min": shapes.min(0).tolist(), "max": shapes.max(0).tolist()}
        for n, (shapes, _) in groups.items()
        if len(shapes)
    ]


def _by_axes(data: RaggedMmap) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """Stored shapes and numbers of elements of the samples with so many axes."""
    if data.shapes_are_flat:
        yield 1, (data.shapes, data.lengths)
        return
    axes = data.shapes.lengths
    for n in map(int, np.unique(axes)):
        yield n, (data.shapes.gather(axes == n)[0].reshape(-1, n), data.lengths[axes == n])


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    columns = _terminal.width() or 80
    for name, text in _rows(facts):
        yield _terminal.cut(f"{name:<8}  {clean(text)}", columns)
    if lengths := facts.get("lengths"):
        yield ""
        parts = lengths["histogram"]
        labels = [_interval(part["from"], part["to"]) for part in parts]
        for bar in _terminal.bars(labels, [part["samples"] for part in parts], columns):
            yield _terminal.cut(bar, columns)


def _rows(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "path", facts["path"]
    yield "kind", facts["kind"]
    yield "samples", f"{facts['samples']:,}"
    if "dtype" in facts:
        yield "dtype", facts["dtype"]
    if "shape" in facts:
        yield "shape", f"{tuple(facts['shape'])}, order {facts['order']}"
    yield "size", _size(facts["bytes"])
    if facts.get("zstd_level") is not None:
        yield "zstd", _zstd(facts)
    for group in facts.get("shapes", []):
        yield "shapes", f"{_range(group)}, {count(group['samples'], 'sample')}"
    if lengths := facts.get("lengths"):
        parts = (f"{name} {_number(lengths[name])}" for name in ("min", "median", "mean", "max"))
        yield "lengths", f"{', '.join(parts)} {lengths['unit']}"


def _size(n_bytes: int) -> str:
    return size(n_bytes) if n_bytes < 1000 else f"{size(n_bytes)} ({n_bytes:,} bytes)"


def _number(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")


def _zstd(facts: dict[str, Any]) -> str:
    level, dictionary = facts["zstd_level"], facts["zstd_dictionary_bytes"]
    return f"level {level}, {f'dictionary of {size(dictionary)}' if dictionary else 'no dictionary'}"


def _range(group: dict[str, Any]) -> str:
    """A range for every axis."""
    if not group["ndim"]:
        return "scalars"
    axes = zip(group["min"], group["max"], strict=True)
    return "(" + ", ".join(_interval(low, high) for low, high in axes) + ("," * (group["ndim"] == 1)) + ")"


def _interval(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
