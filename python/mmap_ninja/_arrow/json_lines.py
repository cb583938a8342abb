"""Files of JSON lines, whose columns have the types of all lines."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mmap_ninja._arrow import types
from mmap_ninja._arrow.integers import long_integers
from mmap_ninja._arrow.package import pyarrow
from mmap_ninja._exact import integers, is_exact, is_int64

# The bytes that are parsed at once, and the rest of their last line.
_BYTES_AT_ONCE = 16 << 20
# Those that a thread parses; no line may be longer.
_BYTES_PER_THREAD = 1 << 20
_KINDS = {
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


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

    def check_integers(self, names: Sequence[str], schema: Any) -> None:
        """Raise ValueError if an integer of these columns, which Arrow reads as floats in silence, would be rounded.

        Args:
            schema: that of all files that are read together.
        """
        is_floating = pyarrow().types.is_floating
        floating = {name for name in names if is_floating(types.levels(schema.field(name).type)[1])}
        exact = {name.encode() for name in schema.names if name not in floating}
        for first, block in self._blocks() if floating else ():
            line, end = first, 0
            for position in long_integers(block):
                if position < end or _key(block, position) in exact:
                    continue  # In a line that was looked at, or in a column that holds it.
                start = block.rfind(b"\n", 0, position) + 1
                line += block.count(b"\n", end, start)
                end = len(block) if (found := block.find(b"\n", position)) < 0 else found
                if line not in self._broken:
                    self._check_line(line, self._object(line, block[start:end]), floating)

    def _check_line(self, line: int, row: dict[str, Any], floating: set[str]) -> None:
        for name in floating & row.keys():
            for number in integers(row[name]):
                if not is_int64(number):
                    what = "is beyond int64; store such numbers as texts"
                elif not is_exact(number):
                    what = "would be rounded, as the column also holds floats; store all as integers, or as texts"
                else:
                    continue
                raise ValueError(f"{self.path}, line {line}: column '{name}': the integer {number} {what}")

    def _object(self, line: int, text: bytes) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path}, line {line}: {error}") from error
        return found

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
                raise ValueError(self._conflict() or f"{self.path}, from line {line} on: {error}") from error
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
            raise ValueError(self._conflict() or f"{self.path}, from line {line} on: {error}") from error

    def _conflict(self) -> str | None:
        """Two lines in which a column has values of different kinds."""
        seen: dict[tuple[str, ...], tuple[str, int]] = {}
        for first, block in self._blocks():
            for line, text in enumerate(block.split(b"\n"), first):
                if line in self._broken or not text.strip():
                    continue
                for path, kind in _kinds((), self._object(line, text)):
                    before, where = seen.setdefault(path, (kind, line))
                    if before != kind:
                        return (
                            f"{self.path}, line {line}: column '{path[0]}' has {kind} here, but {before} in line {where}; "
                            "a column holds values of one kind"
                        )
        return None


def _kinds(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The kinds of the values within a value, and their places. A null is of any kind."""
    if path and value is not None:
        yield path, _KINDS[type(value)]
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _kinds((*path, name), each)
    elif isinstance(value, list):
        for each in value:
            yield from _kinds((*path, "[]"), each)


def _key(block: bytes, position: int) -> bytes | None:
    """The key of the number at a position, unless it stands in a list or the key has escapes."""
    end = block.rfind(b'"', 0, position)
    if end < 0 or block[end + 1 : position].strip(b" \t-") != b":":
        return None
    key = block[block.rfind(b'"', 0, end) - 1 : end]
    return None if b"\\" in key else key[2:]


def _without_times(arrow_type: Any) -> Any:
    """The type with texts where Arrow takes texts for times: JSON has none."""
    pa = pyarrow()
    if pa.types.is_timestamp(arrow_type):
        return pa.string()
    if pa.types.is_list(arrow_type):
        return pa.list_(_without_times(arrow_type.value_type))
    return arrow_type
