"""Fields that are added to each file of a folder: from the names of folders, or from the lines of a CSV or JSON-lines file."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np

from mmap_ninja import _core
from mmap_ninja._display.format import pluralize
from mmap_ninja._exact import first_rounded, is_exact, is_int64

# The column that names the files; the second is what Hugging Face's folders of images call it.
_NAME_COLUMNS = ("name", "file_name")
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
# Numbers with a leading zero, such as postal codes, are texts.
_FLOAT = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
# NumPy 1 has no more.
_MAX_AXES = 32

FOLDERS = "folders"


@dataclass(frozen=True)
class Labels:
    """The fields that labels add to records.

    Attributes:
        fields: their declarations, by name.
        attrs: attributes of the dataset that say what they mean.
        of: the values of these fields for the name of a file; ValueError if it has no label.
        unused: describes the labels without a file among `names`, if there are any.
    """

    fields: dict[str, Any]
    attrs: dict[str, Any]
    of: Callable[[str], dict[str, Any]]
    unused: Callable[[Sequence[str]], str | None] = lambda _names: None


NO_LABELS = Labels({}, {}, lambda _name: {})


def from_folders(folder: Path, names: Sequence[str]) -> Labels:
    """Label each file by its first folder: `label` is the place of this folder's name among the sorted names of classes."""
    classes = sorted({name.partition("/")[0] for name in names if "/" in name})
    numbers = {name: number for number, name in enumerate(classes)}

    def of(name: str) -> dict[str, Any]:
        first, is_nested, _ = name.partition("/")
        if not is_nested:
            raise ValueError(f"{folder / name}: this file is not in the folder of a class")
        return {"label": numbers[first]}

    return Labels({"label": np.int64}, {"classes": classes}, of)


def from_file(file: Path, taken: str) -> Labels:
    """Read labels from a table with a column of names; the other columns become fields.

    Args:
        file: CSV, or JSON lines if its name ends in .jsonl.
        taken: the field of the samples, which no column may have.
    """
    try:
        lines, columns = (_read_json_lines if file.suffix == ".jsonl" else _read_csv)(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not valid UTF-8 ({error.reason} at byte {error.start})") from error
    name_column = next((column for column in _NAME_COLUMNS if column in columns), None)
    if name_column is None:
        found = ", ".join(map(repr, columns)) or "none"
        raise ValueError(f"{file}: a column 'name' or 'file_name' is needed; the columns are {found}")
    names = columns.pop(name_column)
    for column in columns:
        if not column or column in (taken, "name"):
            raise ValueError(f"{file}: a column cannot be called '{column}'")
    try:
        _core.check_field_names([taken, "name", *columns])
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    rows = _by_name(file, lines, names)
    typed = {column: _typed(file, column, lines, values) for column, values in columns.items()}

    def of(name: str) -> dict[str, Any]:
        row = rows.get(name)
        if row is None:
            raise ValueError(f"{file}: there is no line for the file '{name}'")
        return {column: values[row] for column, (_, values) in typed.items()}

    def unused(converted: Sequence[str]) -> str | None:
        surplus = rows.keys() - converted
        if not surplus:
            return None
        row = min(rows[name] for name in surplus)
        example = f"the first is line {lines[row]}, '{names[row]}'"
        return f"{file}: {pluralize(len(surplus), 'line')} without a file to convert; {example}"

    return Labels({column: declaration for column, (declaration, _) in typed.items()}, {}, of, unused)


Columns = tuple[list[int], dict[str, list[Any]]]


def _read_csv(file: Path) -> Columns:
    """The numbers of the lines, and the cells of each column."""
    lines: list[int] = []
    with file.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.reader(text, strict=True)
        try:
            header = next(reader, [])
            if len(set(header)) < len(header):
                raise ValueError(f"{file}, line 1: two columns have the same name")
            columns: list[list[str]] = [[] for _ in header]
            for row in filter(None, reader):
                if len(row) != len(header):
                    cells = f"{pluralize(len(row), 'cell')}, but there are {pluralize(len(header), 'column')}"
                    raise ValueError(f"{file}, line {reader.line_num}: {cells}")
                lines.append(reader.line_num)
                for column, cell in zip(columns, row, strict=True):
                    column.append(cell)
        except csv.Error as error:
            raise ValueError(f"{file}, line {reader.line_num}: {error}") from error
    return lines, dict(zip(header, map(_parsed, columns), strict=True))


def _parsed(cells: list[str]) -> list[Any]:
    """The numbers of a column whose filled cells are all numbers, None for its empty cells; otherwise its texts."""
    filled = [cell for cell in cells if cell]
    if filled and all(map(_INTEGER.fullmatch, filled)):
        return [int(cell) if cell else None for cell in cells]
    if filled and all(map(_FLOAT.fullmatch, filled)):
        return [_number(cell) if cell else None for cell in cells]
    return list(cells)


def _number(cell: str) -> int | float:
    return int(cell) if _INTEGER.fullmatch(cell) else float(cell)


def _read_json_lines(file: Path) -> Columns:
    lines: list[int] = []
    columns: dict[str, list[Any]] = {}
    for number, row in _json_objects(file):
        if not lines:
            columns = {column: [] for column in row}
        if row.keys() != columns.keys():
            column = min(row.keys() ^ columns.keys())
            what = "missing here" if column in columns else "not in the first line"
            raise ValueError(f"{file}, line {number}: '{column}' is {what}")
        lines.append(number)
        for column, value in row.items():
            columns[column].append(value)
    return lines, columns


def _json_objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig") as text:
        for number, line in enumerate(text, 1):
            if line.isspace():
                continue
            try:
                row = json.loads(line, parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{file}, line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"{file}, line {number}: not a JSON object")  # noqa: TRY004 - a file is at fault
            yield number, row


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _by_name(file: Path, lines: Sequence[int], names: Sequence[Any]) -> dict[str, int]:
    """The row of each name."""
    rows: dict[str, int] = {}
    for row, given in enumerate(names):
        name = PurePosixPath(str(given)).as_posix()  # As `name_of` writes it, without the `./` of `find`.
        if name in rows:
            raise ValueError(
                f"{file}, line {lines[row]}: the file '{name}' is in line {lines[rows[name]]} too"
            )
        rows[name] = row
    return rows


def _typed(file: Path, column: str, lines: Sequence[int], values: list[Any]) -> tuple[Any, list[Any]]:
    """The declaration of a field, and its values. All of them decide it, not only the first ones."""
    for line, value in zip(lines, values, strict=True):
        if value is None:
            raise ValueError(f"{file}, line {line}: the column '{column}' is empty")
    types = set(map(type, values))
    if types <= {str}:
        return str, values
    if types == {list}:
        return _lists(file, column, lines, values)
    if types == {bool}:
        return np.bool_, list(np.array(values))
    if not types <= {int, float}:
        raise ValueError(
            f"{file}: the column '{column}' mixes texts, numbers, truth values, lists or objects"
        )
    for line, value in zip(lines, values, strict=True):
        if type(value) is int:
            place = f"{file}, line {line}: the column '{column}'"
            if float not in types and not is_int64(value):
                raise ValueError(f"{place} has integers beyond int64, such as {value}")
            if float in types and not is_exact(value):
                raise ValueError(f"{place} also holds floats, by which the integer {value} would be rounded")
    numbers = np.array(values, np.float64 if float in types else np.int64)
    return numbers.dtype, list(numbers)


def _lists(file: Path, column: str, lines: Sequence[int], values: list[Any]) -> tuple[Any, list[Any]]:
    """A ragged field. If the trailing axes are the same in all lists, such as those of boxes, they are fixed."""
    arrays = [
        array_of(f"{file}, line {line}: the column '{column}'", value)
        for line, value in zip(lines, values, strict=True)
    ]
    filled = [array for array in arrays if array.size]
    dtype = np.result_type(*filled) if filled else np.dtype(np.float64)
    if dtype.kind == "f":
        for line, value in zip(lines, values, strict=True):
            _refuse_rounded(f"{file}, line {line}: the column '{column}'", value)
    trailing = {array.shape[1:] for array in filled}
    axes = trailing.pop() if len(trailing) == 1 else ()
    declaration = {"kind": "ragged", "dtype": dtype} | ({"shape": (-1, *axes)} if axes else {})
    return declaration, [array if array.size else np.zeros((0, *axes), dtype) for array in arrays]


def array_of(where: str, value: list[Any]) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{where} has lists of different lengths within one value") from error
    if array.size and (array.dtype.kind not in "ifb" or array.ndim > _MAX_AXES):
        raise ValueError(f"{where} is not a list of numbers within int64 or float64")
    if array.dtype.kind == "f":
        _refuse_rounded(where, value)
    return array


def _refuse_rounded(where: str, value: list[Any]) -> None:
    """Raise ValueError for an integer that would be rounded among floats."""
    if (number := first_rounded(value)) is not None:
        raise ValueError(f"{where} has the integer {number}, which would be rounded among floats")
