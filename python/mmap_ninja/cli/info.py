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
from typing import Any

from mmap_ninja._display.format import escape, human_size, pluralize
from mmap_ninja.cli import _terminal
from mmap_ninja.cli._common import add_dirs, aligned, examine_each
from mmap_ninja.cli._facts import axes_of, facts_of, field_columns, interval, zstd_of

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
    for directory, facts in examine_each(arguments.dirs, facts_of):
        if facts is None:
            failed = True
            continue
        facts = {"path": directory, **facts}
        print(json.dumps(facts) if arguments.json else separator + "\n".join(_lines(facts)))
        separator = "\n"
    return 1 if failed else 0


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    columns = _terminal.width()
    for name, text in _rows(facts):
        yield _terminal.truncate(f"{name:<8}  {escape(text)}", columns)
    if "fields" in facts:
        yield ""
        for line in aligned([field_columns(field) for field in facts["fields"]]):
            yield _terminal.truncate(line, columns)
    if lengths := facts.get("lengths"):
        yield ""
        bins = lengths["histogram"]
        labels = [interval(part["from"], part["to"], ",") for part in bins]
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
        yield "zstd", zstd_of(facts)
    if "attrs" in facts:
        yield "attrs", json.dumps(facts["attrs"], ensure_ascii=False)
    for group in facts.get("shapes", []):
        yield "shapes", f"{axes_of(group)}, {pluralize(group['samples'], 'sample')}"
    if lengths := facts.get("lengths"):
        parts = (f"{name} {_number(lengths[name])}" for name in ("min", "median", "mean", "max"))
        yield lengths["unit"], ", ".join(parts)


def _size(n_bytes: int) -> str:
    exact = f" ({n_bytes:,} bytes)" if n_bytes >= 1000 else ""
    return human_size(n_bytes) + exact


def _number(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")
