"""Write a dataset card: a README.md for hubs, with pictures of samples.

The card says what the dataset holds: its kind and size, and the kind, dtype,
shapes and size of each field. Its header is the YAML that the Hugging Face Hub
reads. If samples look like images, the first ones are drawn in samples.png.
Complete it with what only you know: where the data comes from, its license,
and what it is for.
"""

import argparse
import json
import os
from collections.abc import Iterator
from errno import EEXIST
from pathlib import Path
from typing import Any

from mmap_ninja._display.format import escape, human_size, pluralize
from mmap_ninja._replacing import replacing
from mmap_ninja.cli._common import add_dir, num_samples, open_dataset
from mmap_ninja.cli._facts import facts_of, field_columns
from mmap_ninja.cli._thumbnails import thumbnails

EXAMPLES = """\
  mmap-ninja card train
"""
_CARD, _PICTURES, _SHOWN = "README.md", "samples.png", 16
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dir(parser)
    parser.add_argument("--overwrite", action="store_true", help=f"replace {_CARD} and {_PICTURES}, if any")


def run(arguments: argparse.Namespace) -> int:
    directory = Path(arguments.dir)
    dataset, facts = open_dataset(directory), facts_of(arguments.dir)
    content, _ = thumbnails(dataset, range(min(_SHOWN, num_samples(dataset))))
    files = {_PICTURES: content, _CARD: "\n".join(_lines(directory, facts, content is not None)).encode()}
    for name in files:
        if not arguments.overwrite and os.path.lexists(directory / name):
            raise FileExistsError(EEXIST, os.strerror(EEXIST), str(directory / name))
    for name, written in files.items():
        if written is not None:
            with replacing(directory / name) as temporary:
                temporary.write_bytes(written)
            print(escape(str(directory / name)))
    return 0


def _lines(directory: Path, facts: dict[str, Any], has_pictures: bool) -> Iterator[str]:
    name = escape(directory.resolve().name)
    fields = facts.get("fields") or [{"name": "text" if facts["kind"] == "string" else "sample", **facts}]
    yield from (
        "---",
        f"pretty_name: {_quoted(name)}",
        "size_categories:",
        f"- {_category(facts['samples'])}",
    )
    yield from ("tags:", "- mmap_ninja", "viewer: false", "dataset_info:", "  features:")
    for field in fields:
        yield f"  - name: {_quoted(field['name'])}"
        yield from _feature(field)
    yield from (f"  dataset_size: {facts['bytes']}", "---", "", f"# {_cell(name)}", "")
    kind = {"numpy": "dense array", "string": "texts", "ragged": "ragged arrays"}.get(
        facts["kind"], "records"
    )
    yield f"{pluralize(facts['samples'], 'sample')}, {human_size(facts['bytes'])}: {kind}."
    yield from ("", "| field | kind | dtype | shape or length | size |", "|---|---|---|---|---|")
    for field in fields:
        yield f"| {' | '.join(map(_cell, field_columns(field)))} |"
    if has_pictures:
        yield from ("", f"![The first samples]({_PICTURES})")
    yield from ("", "Open it with [mmap_ninja](https://pypi.org/project/mmap_ninja/):", "", "```python")
    yield from ("from huggingface_hub import snapshot_download", "from mmap_ninja import open_existing", "")
    yield from (
        'dataset = open_existing(snapshot_download("USER/NAME", repo_type="dataset"))',
        "dataset[0]",
        "```",
        "",
    )


def _feature(field: dict[str, Any]) -> Iterator[str]:
    """The type of a field, as `datasets.Features` has it: lists in lists for the axes."""
    axes = (
        len(field["shape"]) - 1
        if "shape" in field
        else max((group["ndim"] for group in field.get("shapes", ())), default=0)
    )
    indent = "    "
    for _ in range(axes - 1):
        yield f"{indent}list:"
        indent += "  "
    yield f"{indent}{'list' if axes else 'dtype'}: {_quoted(field.get('dtype', 'string'))}"


def _category(samples: int) -> str:
    """The category of a size on the Hugging Face Hub."""
    for power, (below, above) in enumerate(zip(("", *_SIZES), _SIZES, strict=False), 3):
        if samples < 10**power:
            return f"{below}<n<{above}" if below else f"n<{above}"
    return f"n>{_SIZES[-1]}"


def _quoted(text: str) -> str:
    return json.dumps(escape(text), ensure_ascii=False)


def _cell(text: str) -> str:
    """Text that means nothing to Markdown."""
    return "".join(
        f"\\{character}" if character in "\\`*_{}[]<>#|!" else character for character in escape(text)
    )
