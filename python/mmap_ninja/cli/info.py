"""Show the kind, samples, dtype, size, shapes and lengths.

Lengths are elements of arrays and UTF-8 bytes of texts. The histogram shows
them in equal steps, or in powers of two where some are much longer than most.
The size is that of the samples as they are stored, without the index.
Of very many samples, shapes and lengths are those of an evenly spaced part.
"""

import argparse
import json
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja._show import clean, count, size
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._data import Data, opened, samples_in
from mmap_ninja.cli._lengths import histogram, statistics
from mmap_ninja.cli._shapes import ranges

# Of more than so many samples, a part is looked at, which reads a page or more for each.
_MANY, _PART = 1 << 20, 1 << 10

EXAMPLES = """\
  mmap-ninja info images
  mmap-ninja info --json images | jq .samples
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="the data set")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def run(arguments: argparse.Namespace) -> int:
    facts = {"path": arguments.dir, **_facts(opened(arguments.dir))}
    print(json.dumps(facts) if arguments.json else "\n".join(_lines(facts)))
    return 0


def _facts(data: Data) -> dict[str, Any]:
    if isinstance(data, RaggedMmap):
        basics = {"kind": "ragged", "samples": len(data), "dtype": str(data.dtype), "bytes": data.nbytes}
        step = _step(data)
        # Scalars have no shape.
        shapes = [getattr(data._stored(i), "shape", ()) for i in range(0, len(data), step)]
        lengths = np.array([prod(shape) for shape in shapes])
        return {**basics, **_part(step, lengths), "shapes": ranges(shapes), **_lengths(lengths, "elements")}
    if isinstance(data, StringsMmap):
        basics = {"kind": "string", "samples": len(data), "bytes": data.nbytes, "zstd_level": data.zstd_level}
        step = _step(data)
        lengths = (
            data.lengths if step == 1 else np.array([data._length(i) for i in range(0, len(data), step)])
        )
        basics["zstd_dictionary_bytes"] = _dictionary(data)
        return {**basics, **_part(step, lengths), **_lengths(lengths, "bytes")}
    order = "C" if data.flags.c_contiguous else "F"
    basics = {"kind": "numpy", "samples": samples_in(data), "dtype": str(data.dtype), "bytes": data.nbytes}
    return {**basics, "shape": data.shape, "order": order}


def _step(data: RaggedMmap | StringsMmap) -> int:
    """Every so many samples, one is looked at."""
    if len(data) <= _MANY:
        return 1
    data._expect_few_reads()
    return -(-len(data) // _PART)


def _part(step: int, lengths: np.ndarray) -> dict[str, int]:
    """How many samples were looked at, where that is not all of them."""
    return {} if step == 1 else {"examined": len(lengths)}


def _dictionary(data: StringsMmap) -> int:
    file = data.out_dir / "zstd_dict.ninja"
    return file.stat().st_size if file.exists() else 0


def _lengths(lengths: np.ndarray, unit: str) -> dict[str, Any]:
    if not len(lengths):
        return {}
    return {"lengths": {"unit": unit, **statistics(lengths), "histogram": histogram(lengths)}}


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    columns = _terminal.width()
    for name, text in _rows(facts):
        yield _terminal.cut(f"{name:<8}  {clean(text)}", columns)
    if lengths := facts.get("lengths"):
        yield ""
        parts = lengths["histogram"]
        labels = [_interval(part["from"], part["to"], ",") for part in parts]
        for bar in _terminal.bars(labels, [part["samples"] for part in parts], columns or 80):
            yield _terminal.cut(bar, columns)


def _rows(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "path", facts["path"]
    yield "kind", facts["kind"]
    yield "samples", f"{facts['samples']:,}"
    if "examined" in facts:
        yield "examined", f"{facts['examined']:,}, evenly spaced: shapes and lengths are theirs"
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
        yield lengths["unit"], ", ".join(parts)


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
    axes = ", ".join(_interval(low, high) for low, high in zip(group["min"], group["max"], strict=True))
    return f"({axes},)" if group["ndim"] == 1 else f"({axes})"


def _interval(low: int, high: int, separator: str = "") -> str:
    if low == high:
        return f"{low:{separator}}"
    return f"{low:{separator}}{_terminal.or_else('–', '-')}{high:{separator}}"
