"""How the entries of a plan become what a feed reads."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmap_ninja import _core
from mmap_ninja.plans import Budget, Plan
from mmap_ninja.records import RecordsMmap

_MOST = np.iinfo(np.int64).max


def take(plan: Any, entries: NDArray[np.int64]) -> Any:
    """Entries of a plan joined into one: an array of indices, or what the plan itself can read."""
    if hasattr(plan, "take") and hasattr(plan, "read"):  # An array has a `take` as well, of single elements.
        return plan.take(entries)
    return np.concatenate([_indices(plan[int(entry)], int(entry)) for entry in entries])


def _indices(entry: Any, number: int) -> NDArray[np.int64]:
    """An entry of a plan as indices of samples.

    Raises:
        TypeError: it is not made of integers.
        IndexError: one of them is beyond int64.
    """
    try:
        found = np.asarray(entry)
    except ValueError as error:  # Lists of different lengths.
        raise TypeError(f"plan: entry {number} is not an array of integers: {entry!r}") from error
    if not found.size:
        return np.empty(0, np.int64)
    if found.dtype.kind not in "iu":
        mask = "; numpy.flatnonzero gives the indices of a mask" if found.dtype.kind == "b" else ""
        raise TypeError(
            f"plan: entry {number} must be an array of integers, the indices of samples, not {entry!r}{mask}"
        )
    if found.dtype == np.uint64 and found.max() > np.uint64(_MOST):
        raise IndexError(f"plan: entry {number} has the index {found.max()}, which is out of range")
    return found.astype(np.int64).reshape(-1)


def is_of_indices(plan: Any) -> bool:
    """Whether entries are arrays of indices, rather than of pieces of samples."""
    return not len(plan) or isinstance(take(plan, np.zeros(1, np.int64)), np.ndarray)


def samples(plan: Any, given: int) -> int:
    """The number of samples that the plan was made for, if it tells."""
    report = getattr(plan, "report", None)
    return report.given.samples if report is not None else given


def fingerprint(plan: Any) -> str:
    """16 digits that tell the plan from others."""
    if plan is None:
        return ""
    if isinstance(known := getattr(plan, "fingerprint", None), str):
        return known[:16]
    digest = hashlib.sha256()
    for number, entry in enumerate(plan):
        indices = _indices(entry, number).astype("<i8", copy=False)
        digest.update(len(indices).to_bytes(8, "little") + indices.tobytes())
    return digest.hexdigest()[:16]


def check(plan: Any, data: Any, pad: Any) -> None:
    """Refuse what is not a sequence, a plan of pieces whose batches cannot be read, and a plan for other samples."""
    if isinstance(plan, Mapping) or not (hasattr(plan, "__len__") and hasattr(plan, "__getitem__")):
        raise TypeError(f"plan must be a sequence of arrays of indices, not {type(plan).__name__}")
    if not is_of_indices(plan):
        if not isinstance(data, _core.Ragged):
            raise TypeError(f"a plan of pieces of samples is for a ragged map, not for {type(data).__name__}")
        if pad is not None:
            raise ValueError("pieces of samples are not padded; pad is for a plan of indices")
    if isinstance(plan, Plan):
        _check_lengths(plan, data, pad)


def _check_lengths(plan: "Plan[Any]", data: Any, pad: Any) -> None:
    """Refuse a plan that was made for another number of samples or, as far as the source tells, for other lengths.

    One for the first samples of a map, by their very lengths, reads these: so a run goes on after the map has grown.
    """
    made_for, found = plan.report.given.samples, len(data)
    maps = _maps(data, list(data.fields) if isinstance(data, RecordsMmap) else [])
    if made_for <= found and any(plan._is_of(each.lengths[:made_for]) for each in maps):
        return
    advice = "make the plan from the lengths of what the loader reads"
    if made_for != found:
        raise ValueError(f"plan: it was made for {made_for} samples, the source has {found}; {advice}")
    padded = [
        each for each in _maps(data, list(pad) if isinstance(pad, Mapping) else []) if _has_one_axis(each)
    ]
    if padded and not any(plan._fits(each.lengths) for each in padded):
        effect = "exceed their budget" if isinstance(plan, Budget) else "have other pieces than were planned"
        raise ValueError(
            f"plan: it was made for other lengths than those of {padded[0].out_dir}, so that batches would {effect}; {advice}"
        )


def _maps(data: Any, fields: list[str]) -> list[Any]:
    """The source, or these fields of records, as far as their samples have lengths."""
    maps = [data.field(name) for name in fields] if isinstance(data, RecordsMmap) else [data]
    return [each for each in maps if isinstance(each, (_core.Ragged, _core.Strings))]


def _has_one_axis(data: Any) -> bool:
    """Whether the lengths of a map decide how large its padded batches are."""
    return isinstance(data, _core.Ragged) and len(data) > 0 and np.ndim(data._stored(0)) == 1
