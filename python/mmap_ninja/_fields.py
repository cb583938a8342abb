"""Declarations of the fields of records: what a user says about them before the first record comes."""

from collections.abc import Iterable, Mapping
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mmap_ninja._typing import FieldDeclaration

# The kind, the dtype, the shape, and the level and dictionary size of zstd; None for what the first value decides.
Declared = tuple[str | None, np.dtype[Any] | None, tuple[int, ...] | None, tuple[int | None, int | None]]

_KINDS = {"ragged": "ragged", "strings": "string", "string": "string", "dense": "numpy", "numpy": "numpy"}
_ZSTD = ("zstd_level", "zstd_train_dictionary_size")
_OPTIONS = {"ragged": ("dtype", "shape"), "string": _ZSTD, "numpy": ("dtype", "shape")}
# What NumPy allows.
_MAX_AXES = 64


def names(fields: Iterable[str]) -> list[str]:
    """The names of fields that a user lists.

    Raises:
        TypeError: `fields` is one str.
        ValueError: there are none, or one occurs twice.
    """
    if isinstance(fields, str):
        raise TypeError(f"fields must be a list of names, not the str {fields!r}")
    listed = list(fields)
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"fields must be the names of one or more fields, each once, not {listed!r}")
    return listed


def declared(fields: "Mapping[str, FieldDeclaration] | None") -> dict[str, Declared]:
    """What is declared about each field.

    Raises:
        TypeError: `fields` is not a mapping, or a declaration is not understood.
        ValueError: a kind, an option or a shape is unknown.
    """
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields must be a dict of declarations by name, not {type(fields).__name__}")
    return {name: _parse(name, declaration) for name, declaration in fields.items()}


def _parse(name: str, declaration: Any) -> Declared:
    if isinstance(declaration, Mapping):
        return _of_options(name, dict(declaration))
    if declaration is str:
        return "string", None, None, (None, None)
    if isinstance(declaration, str) and declaration in _KINDS:
        return _KINDS[declaration], None, None, (None, None)
    dtype, row = _dtype(name, declaration)
    return (None if row is None else "numpy"), dtype, row, (None, None)


def _dtype(name: str, given: Any) -> tuple[np.dtype[Any], tuple[int, ...] | None]:
    """A dtype, and the shape of a row if it is a subarray dtype."""
    try:
        dtype = None if given is None else np.dtype(given)  # NumPy takes None for float64.
    except (TypeError, ValueError) as error:
        raise _unknown(name, given) from error
    if dtype is None:
        raise _unknown(name, given)
    if dtype.kind in "US" and not dtype.itemsize:
        raise TypeError(f"the field '{name}' is declared as {given!r}; declare texts as str")
    if dtype.subdtype is None:
        return dtype, None
    base, shape = dtype.subdtype
    return base, shape


def _unknown(name: str, given: Any) -> TypeError:
    return TypeError(
        f"the field '{name}' is declared as {given!r}, which is neither a dtype nor one of 'ragged', 'strings' and 'dense'"
    )


def _of_options(name: str, options: dict[str, Any]) -> Declared:
    given = {option: options.pop(option, None) for option in ("kind", "dtype", "shape", *_ZSTD)}
    if options:
        raise ValueError(f"the field '{name}' has the unknown option '{next(iter(options))}'")
    kind = None if given["kind"] is None else _kind(name, given["kind"])
    dtype, row = (None, None) if given["dtype"] is None else _dtype(name, given["dtype"])
    shape = row if given["shape"] is None else _axes(name, given["shape"])
    if row is not None and given["shape"] is not None:
        raise ValueError(f"the field '{name}' is declared with a shape and a subarray dtype, which has one")
    zstd = _integer(name, given, "zstd_level"), _integer(name, given, "zstd_train_dictionary_size")
    implied = "string" if zstd != (None, None) else _kind_of_shape(shape)
    kind = kind or implied
    for option, value in given.items():
        if value is not None and kind is not None and option not in ("kind", *_OPTIONS[kind]):
            raise ValueError(f"the field '{name}' of kind '{kind}' has no option '{option}'")
    if kind != _kind_of_shape(shape) and shape is not None:
        expected = "-1 and then the fixed axes" if kind == "ragged" else "the axes of a row"
        raise ValueError(f"the field '{name}' is declared with the shape {shape!r}, expected {expected}")
    return kind, dtype, shape, zstd


def _kind(name: str, kind: Any) -> str:
    found = _KINDS.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise ValueError(
            f"the field '{name}' is declared as of kind {kind!r}; the kinds are 'ragged', 'strings' and 'dense'"
        )
    return found


def _kind_of_shape(shape: tuple[int, ...] | None) -> str | None:
    """The kind of samples of this shape: -1 is the first axis of ragged ones."""
    if shape is None:
        return None
    return "ragged" if shape[:1] == (-1,) else "numpy"


def _axes(name: str, shape: Any) -> tuple[int, ...]:
    try:
        axes = tuple(index(axis) for axis in shape)
    except TypeError as error:
        raise TypeError(
            f"the field '{name}' is declared with the shape {shape!r}, expected a tuple of integers"
        ) from error
    is_ragged = axes[:1] == (-1,)
    if axes == (-1,) or any(not 0 <= axis < 1 << 63 for axis in axes[is_ragged:]) or len(axes) > _MAX_AXES:
        expected = "-1 and then the fixed axes" if is_ragged else "the axes of a row"
        raise ValueError(f"the field '{name}' is declared with the shape {shape!r}, expected {expected}")
    return axes


def _integer(name: str, given: dict[str, Any], option: str) -> int | None:
    value = given[option]
    try:
        return None if value is None else index(value)
    except TypeError as error:
        raise TypeError(f"the field '{name}' has the {option} {value!r}, expected an integer") from error
