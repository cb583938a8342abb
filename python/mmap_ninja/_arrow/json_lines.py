"""Files of JSON lines, whose columns have the types of all lines."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mmap_ninja._arrow.package import pyarrow

# The bytes that are parsed at once, and the rest of their last line.
_BYTES_AT_ONCE = 16 << 20
# Those that a thread parses; no line may be longer.
_BYTES_PER_THREAD = 1 << 20


class JsonLines:
    """A file with a JSON object in each line.

    It is parsed twice: for the types of its columns, which all lines decide together, and for its rows.

    Args:
        skipped: takes a message about each line that is not a JSON object; without it, such a line is an error.
    """

    def __init__(self, path: str, skipped: list[str] | None = None):
        self.path = path
        self._skipped = skipped
        self._broken: set[int] = set()
        pa = pyarrow()
        self.rows: int | None = 0
        self.schema = pa.schema([])
        for line, block in self._blocks():
            table = self._parsed_first(line, block)
            self.rows += len(table)
            self.schema = self._unified(table.schema, line)

    def batches(self, names: Sequence[str], schema: Any) -> Iterator[Any]:
        chosen = pyarrow().schema([schema.field(name) for name in names])
        for line, block in self._blocks():
            yield from self._parsed(self._sound(line, block), chosen).to_batches()

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines, with the number of the first one."""
        with open(self.path, "rb") as file:
            line = 1
            while block := file.read(_BYTES_AT_ONCE):
                block += file.readline()
                yield line, block
                line += block.count(b"\n")

    def _parsed_first(self, line: int, block: bytes) -> Any:
        try:
            return self._parsed(block)
        except pyarrow().ArrowInvalid as error:
            found = dict(self._found(line, block))
            if not found:  # Each line is sound, but they do not fit together.
                raise ValueError(f"{self.path}, from line {line} on: {error}") from error
            if self._skipped is None:
                raise ValueError(next(iter(found.values()))) from error
            self._broken |= found.keys()
            self._skipped += found.values()
            return self._parsed_first(line, self._sound(line, block))

    def _parsed(self, block: bytes, schema: Any = None) -> Any:
        pa = pyarrow()
        from pyarrow import json as arrow_json

        if block.isspace() or not block:
            return (schema or pa.schema([])).empty_table()
        longest = max(map(len, block.split(b"\n"))) + 1
        return arrow_json.read_json(
            pa.BufferReader(block),
            arrow_json.ReadOptions(block_size=max(_BYTES_PER_THREAD, longest)),
            arrow_json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
            ),
        )

    def _found(self, line: int, block: bytes) -> Iterator[tuple[int, str]]:
        """The lines that are not JSON objects, and why."""
        for number, text in enumerate(block.splitlines(), line):
            try:
                if not isinstance(json.loads(text or "{}"), dict):
                    yield number, f"{self.path}, line {number}: not a JSON object"
            except (ValueError, RecursionError) as error:
                yield number, f"{self.path}, line {number}: {error}"

    def _sound(self, line: int, block: bytes) -> bytes:
        """The block without the broken lines."""
        lines = range(line, line + block.count(b"\n") + 1)
        if self._broken.isdisjoint(lines):
            return block
        texts = zip(lines, block.splitlines(keepends=True), strict=False)
        return b"".join(text for number, text in texts if number not in self._broken)

    def _unified(self, schema: Any, line: int) -> Any:
        pa = pyarrow()
        schemas = self.schema, pa.schema([field.with_type(_without_times(field.type)) for field in schema])
        try:
            return pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise ValueError(f"{self.path}, from line {line} on: {error}") from error


def _without_times(arrow_type: Any) -> Any:
    """The type with texts where Arrow takes texts for times: JSON has none."""
    pa = pyarrow()
    if pa.types.is_timestamp(arrow_type):
        return pa.string()
    if pa.types.is_list(arrow_type):
        return pa.list_(_without_times(arrow_type.value_type))
    return arrow_type
