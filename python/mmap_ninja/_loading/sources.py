"""What a loader reads from."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mmap_ninja import _core


class ArraySpec(NamedTuple):
    """The shape and dtype of an array of a batch; an axis whose length varies is None. Texts have the dtype `str`."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Mixed(NamedTuple):
    """A source with its name and weight."""

    name: str
    data: Any
    weight: float


# The state names each source, and must stay within 1 kB.
MOST_SOURCES = 24


def parse(source: Any) -> list[Mixed]:
    """One source, or those of a mixture.

    Raises:
        TypeError, ValueError: a source or a weight cannot be used.
    """
    if not isinstance(source, Mapping):
        return [Mixed("", _checked(source), 1.0)]
    if not 1 <= len(source) <= MOST_SOURCES:
        raise ValueError(f"a mixture has 1 to {MOST_SOURCES} sources, not {len(source)}")
    mixed = []
    for name, pair in source.items():
        try:
            data, weight = pair
            weight = float(weight)
        except (TypeError, ValueError):
            raise TypeError(f"source {name!r}: expected a pair of a dataset and its weight") from None
        if not 0 < weight < float("inf"):
            raise ValueError(f"source {name!r}: the weight must be positive and finite, not {weight}")
        if not len(_checked(data)):
            raise ValueError(f"source {name!r} has no samples")
        mixed.append(Mixed(str(name), data, weight))
    if len(mixed) > 1 and not all(is_read_by_threads(each.data) for each in mixed):
        raise TypeError("a mixture is of ragged maps, texts, or arrays in C order")
    return mixed


def _checked(data: Any) -> Any:
    if isinstance(data, (_core.Ragged, _core.Strings, np.ndarray)) or callable(getattr(data, "batch", None)):
        if isinstance(data, np.ndarray) and (data.ndim == 0 or data.dtype.hasobject):
            raise ValueError("an array to load must have at least one axis, and no objects")
        return data
    raise TypeError(
        f"a loader reads a map of mmap_ninja, a NumPy array, or what has a method `batch`, not {type(data).__name__}"
    )


def is_read_by_threads(data: Any) -> bool:
    """Whether threads can read it without the interpreter."""
    if isinstance(data, np.ndarray):
        return bool(data.flags.c_contiguous)
    return isinstance(data, (_core.Ragged, _core.Strings))


def reader(data: Any, pad: Any) -> Callable[[Any], Any]:
    """What reads a batch of a source that threads cannot read."""
    if isinstance(data, np.ndarray):
        return lambda indices: data[indices]
    if pad is None:
        return lambda indices: data.batch(indices)
    return lambda indices: data.batch(indices, pad=pad)


def check_pad(data: Any, pad: Any) -> None:
    """Refuse to pad what is not padded."""
    if pad is not None and isinstance(data, (_core.Strings, np.ndarray)):
        raise ValueError("pad is for ragged maps and records; texts and rows of an array are not padded")


def spec(data: Any, samples: int | None, pad: Any) -> Any:
    """What a batch looks like, where it has that many samples."""
    int64 = np.dtype(np.int64)
    if isinstance(data, np.ndarray):
        return ArraySpec((samples, *data.shape[1:]), data.dtype)
    if isinstance(data, _core.Strings):
        return ArraySpec((samples,), np.dtype(str))
    if not isinstance(data, _core.Ragged):
        return _spec_of(data.batch([0]) if pad is None else data.batch([0], pad=pad))
    dtype = data.dtype
    if dtype is None:
        raise ValueError("a map without samples has no dtype yet")
    if pad is None:
        return ArraySpec((None,), dtype), ArraySpec((None if samples is None else samples + 1,), int64)
    axes = np.ndim(data._stored(0))
    lengths = (samples,) if axes == 1 else (samples, axes)
    return ArraySpec((samples, *[None] * axes), dtype), ArraySpec(lengths, int64)


def _spec_of(batch: Any) -> Any:
    """The specs of the arrays in an example, whose lengths may vary along every axis."""
    if isinstance(batch, Mapping):
        return {name: _spec_of(value) for name, value in batch.items()}
    if isinstance(batch, tuple):
        return tuple(_spec_of(value) for value in batch)
    array = np.asarray(batch)
    return ArraySpec((None,) * array.ndim, np.dtype(str) if array.dtype.kind == "U" else array.dtype)


def fingerprint(data: Any, count: int) -> str:
    """16 digits that tell the first `count` samples from others. Few samples are read."""
    if is_read_by_threads(data):
        return f"{_core.Source([data], None).fingerprint(0, count):016x}"
    digest = hashlib.sha256(f"{type(data).__name__} {count}".encode())
    if count:
        _update(digest, reader(data, None)(np.unique([0, count // 2, count - 1])))
    return digest.hexdigest()[:16]


def _update(digest: Any, batch: Any) -> None:
    """Hash whatever a batch is made of."""
    if isinstance(batch, Mapping):
        for name in batch:
            digest.update(str(name).encode())
            _update(digest, batch[name])
    elif isinstance(batch, (list, tuple)):
        for part in batch:
            _update(digest, part)
    else:
        array = np.asarray(batch)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
