"""What a loader reads from."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmap_ninja import _core, _handle, _paths
from mmap_ninja.records import RecordsMmap


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
        raise TypeError("a mixture is of ragged maps, texts, records, or arrays in C order")
    return mixed


def _checked(data: Any) -> Any:
    if isinstance(data, (_core.Ragged, _core.Strings, np.ndarray)) or callable(getattr(data, "batch", None)):
        if isinstance(data, np.ndarray) and (data.ndim == 0 or data.dtype.hasobject):
            raise ValueError("an array to load must have at least one axis, and no objects")
        if isinstance(data, _handle.Handle) and not len(data) and _core.kind(data._place) is None:
            raise _paths.missing(data.out_dir)
        return data
    raise TypeError(
        f"a loader reads a map of mmap_ninja, a NumPy array, or what has a method `batch`, not {type(data).__name__}"
    )


def is_read_by_threads(data: Any) -> bool:
    """Whether threads can read it without the interpreter."""
    if isinstance(data, np.ndarray):
        return bool(data.flags.c_contiguous)
    return isinstance(data, (_core.Ragged, _core.Strings)) or _has_fields(data)


def _has_fields(data: Any) -> bool:
    """Whether these are records whose batches consist of those of their fields."""
    return isinstance(data, RecordsMmap) and type(data).batch is RecordsMmap.batch


def opened(datasets: Sequence[Any], pad: Any = None, dtype: Any = None) -> _core.Source:
    """What threads read datasets of one kind by.

    Raises:
        TypeError, ValueError: they cannot be read so.
    """
    first = datasets[0]
    if not _has_fields(first):
        return _core.Source(datasets, pad, dtype, [])
    names = first.fields
    if not all(_has_fields(each) and sorted(each.fields) == sorted(names) for each in datasets):
        raise ValueError(f"records of a mixture must have the same fields: {', '.join(names)}")
    pads, dtypes = _by_field("pad", first, pad), _by_field("dtype", first, dtype)

    def field(name: str) -> _core.Source:
        maps = [each.field(name) for each in datasets]
        check_options(maps[0], pads.get(name), dtypes.get(name), f"field {name!r}: ")
        return _core.Source(maps, pads.get(name), dtypes.get(name), _axes(first, name))

    return _core.Source.of_fields([(name, field(name)) for name in names])


def _by_field(option: str, records: "RecordsMmap[Any]", given: Any) -> dict[str, Any]:
    """An option of records: a dict of names of fields to values."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{option} of records must be a dict of fields to values, not {given!r}")
    if unknown := [name for name in given if name not in records.fields]:
        raise ValueError(f"{records.out_dir}: {option} names {unknown[0]!r}, but there is no such field")
    return dict(given)


def _axes(records: "RecordsMmap[Any]", name: str) -> list[int]:
    """The axes behind the first one of a ragged field, if they are declared."""
    shapes = {known: shape for known, _, shape in records._specs()}
    return list((shapes[name] or [])[1:])


def reader(data: Any, pad: Any, dtype: Any) -> Callable[[Any], Any]:
    """What reads a batch of a source that threads cannot read."""
    if isinstance(data, np.ndarray):
        return lambda indices: data[indices].astype(dtype or data.dtype, copy=False)
    options = {name: value for name, value in (("pad", pad), ("dtype", dtype)) if value is not None}
    return lambda indices: data.batch(indices, **options)


def check(datasets: Sequence[Any], pad: Any, dtype: Any) -> None:
    """Refuse what cannot be padded or cast, before anything is read."""
    check_options(datasets[0], pad, dtype, "")
    if all(is_read_by_threads(each) for each in datasets):
        opened(datasets, pad, dtype)


def check_options(data: Any, pad: Any, dtype: Any, place: str) -> None:
    """Refuse options that this kind of source does not have, and values that they cannot have."""
    if isinstance(data, (_core.Ragged, np.ndarray)):
        for option, given in (("pad", pad), ("dtype", dtype)):
            if isinstance(given, Mapping):
                raise TypeError(f"{place}{option} is a dict for records alone; give one value, not {given!r}")
        if dtype is not None:
            _check_dtype(dtype, place)
    if pad is not None and isinstance(data, (_core.Strings, np.ndarray)):
        raise ValueError(
            f"{place}pad is for ragged maps and records; texts and rows of an array are not padded"
        )
    if dtype is not None and isinstance(data, _core.Strings):
        raise ValueError(f"{place}dtype is for arrays; texts are not cast")
    if dtype is not None and isinstance(data, np.ndarray) and not np.can_cast(data.dtype, dtype, "safe"):
        raise TypeError(
            f"{place}a cast from {data.dtype} to {np.dtype(dtype)} could change a value; cast the batch in `transform` instead"
        )


def _check_dtype(dtype: Any, place: str) -> None:
    try:
        np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{place}dtype must be one of NumPy, not {dtype!r} ({error})") from error


def spec(data: Any, samples: int | None, pad: Any, dtype: Any) -> Any:
    """What a batch looks like, where it has that many samples."""
    if _has_fields(data):
        pads, dtypes = _by_field("pad", data, pad), _by_field("dtype", data, dtype)
        return {
            name: _spec_of_map(data.field(name), samples, pads.get(name), dtypes.get(name), _axes(data, name))
            for name in data.fields
        }
    if is_read_by_threads(data) or isinstance(data, np.ndarray):
        return _spec_of_map(data, samples, pad, dtype, [])
    return _spec_of(reader(data, pad, dtype)([0]))


def _spec_of_map(data: Any, samples: int | None, pad: Any, dtype: Any, axes: list[int]) -> Any:
    """That of a map or an array; `axes` are those that all samples of a ragged map have behind the first one."""
    int64 = np.dtype(np.int64)
    if isinstance(data, _core.Strings):
        return ArraySpec((samples,), np.dtype(str))
    if data.dtype is None:
        raise ValueError("a map without samples has no dtype yet")
    dtype = np.dtype(data.dtype if dtype is None else dtype)
    if isinstance(data, np.ndarray):
        return ArraySpec((samples, *data.shape[1:]), dtype)
    if pad is None:
        ends = None if samples is None else samples + 1
        return ArraySpec((None, *([] if 0 in axes else axes)), dtype), ArraySpec((ends,), int64)
    rank = np.ndim(data._stored(0))
    lengths = (samples,) if rank == 1 else (samples, rank)
    others: list[int | None] = [*axes] or [None] * (rank - 1)
    return ArraySpec((samples, None, *others), dtype), ArraySpec(lengths, int64)


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
        return f"{opened([data]).fingerprint(0, count):016x}"
    digest = hashlib.sha256(f"{type(data).__name__} {count}".encode())
    if count:
        _update(digest, reader(data, None, None)(np.unique([0, count // 2, count - 1])))
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
