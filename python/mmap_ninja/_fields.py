"""Declarations of the fields of records: what a user says about them before the first record comes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mmap_ninja._typing import FieldDeclaration

# The kind, the dtype, the shape, and the level and dictionary size of zstd; None for what the first value decides.
Declared = tuple[str | None, np.dtype[Any] | None, tuple[int, ...] | None, tuple[int | None, int | None]]

_KINDS = {"ragged": "ragged", "strings": "string", "string": "string", "dense": "numpy", "numpy": "numpy"}
_OPTIONS = {
    "ragged": {"dtype", "shape"},
    "string": {"zstd_level", "zstd_train_dictionary_size"},
    "numpy": {"dtype", "shape"},
}


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
    dtype, shape = _dtype(name, declaration)
    return ("numpy" if shape else None), dtype, shape, (None, None)


def _dtype(name: str, given: Any) -> tuple[np.dtype[Any], tuple[int, ...] | None]:
    """A dtype, and the shape of a row if it is a subarray dtype."""
    try:
        dtype = np.dtype(given)
    except TypeError as error:
        raise TypeError(
            f"the field '{name}' is declared as {given!r}, which is neither a dtype nor one of 'ragged', 'strings' and 'dense'"
        ) from error
    if dtype.kind in "US" and not dtype.itemsize:
        raise TypeError(f"the field '{name}' is declared as {given!r}; declare texts as str")
    if dtype.subdtype is None:
        return dtype, None
    base, shape = dtype.subdtype
    return base, shape


def _of_options(name: str, options: dict[str, Any]) -> Declared:
    dtype, shape = options.pop("dtype", None), options.pop("shape", None)
    kind = options.pop("kind", None)
    if kind is not None and kind not in _KINDS:
        raise ValueError(
            f"the field '{name}' is declared as of kind {kind!r}; the kinds are 'ragged', 'strings' and 'dense'"
        )
    zstd = options.pop("zstd_level", None), options.pop("zstd_train_dictionary_size", None)
    if options:
        raise ValueError(f"the field '{name}' has the unknown option '{next(iter(options))}'")
    found = _KINDS[kind] if kind is not None else _kind_of(name, dtype, shape, zstd)
    given = {
        "dtype": dtype,
        "shape": shape,
        "zstd_level": zstd[0],
        "zstd_train_dictionary_size": zstd[1],
    }
    for option, value in given.items():
        if value is not None and found is not None and option not in _OPTIONS[found]:
            raise ValueError(f"the field '{name}' of kind '{found}' has no option '{option}'")
    parsed = None if dtype is None else _dtype(name, dtype)
    if parsed is not None and parsed[1] is not None:
        raise ValueError(
            f"the field '{name}' is declared with a subarray dtype and options; give one of the two"
        )
    return found, parsed and parsed[0], _shape(name, found, shape), zstd


def _kind_of(name: str, dtype: Any, shape: Any, zstd: tuple[Any, Any]) -> str | None:
    """The kind that options imply: -1 is the first axis of ragged samples."""
    if zstd != (None, None) or dtype is str:
        return "string"
    if shape is None:
        return None
    return "ragged" if tuple(shape)[:1] == (-1,) else "numpy"


def _shape(name: str, kind: str | None, shape: Any) -> tuple[int, ...] | None:
    if shape is None:
        return None
    axes = tuple(int(axis) for axis in shape)
    first = axes[:1] == (-1,) and len(axes) > 1 if kind == "ragged" else True
    if not first or any(axis < 0 for axis in axes[kind == "ragged" :]):
        expected = "-1 and then the fixed axes" if kind == "ragged" else "the axes of a row"
        raise ValueError(f"the field '{name}' is declared with the shape {shape!r}, expected {expected}")
    return axes
