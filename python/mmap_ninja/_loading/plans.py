"""How the entries of a plan become what a feed reads."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmap_ninja import _core


def take(plan: Any, entries: NDArray[np.int64]) -> Any:
    """Entries of a plan joined into one: an array of indices, or what the plan itself can read."""
    if hasattr(plan, "take"):
        return plan.take(entries)
    return np.concatenate([np.asarray(plan[int(entry)], np.int64).reshape(-1) for entry in entries])


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
    for entry in plan:
        indices = np.asarray(entry, "<i8")
        digest.update(len(indices).to_bytes(8, "little") + indices.tobytes())
    return digest.hexdigest()[:16]


def check(plan: Any, data: Any, pad: Any) -> None:
    """Refuse what is not a sequence, and a plan of pieces whose batches cannot be read."""
    if not (isinstance(plan, Sequence) or (hasattr(plan, "__len__") and hasattr(plan, "__getitem__"))):
        raise TypeError(f"plan must be a sequence of arrays of indices, not {type(plan).__name__}")
    if is_of_indices(plan):
        return
    if not isinstance(data, _core.Ragged):
        raise TypeError(f"a plan of pieces of samples is for a ragged map, not for {type(data).__name__}")
    if pad is not None:
        raise ValueError("pieces of samples are not padded; pad is for a plan of indices")
