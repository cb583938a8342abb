"""Splits of a dataset, the same on every platform."""

import math
import operator
from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def split(
    n: SupportsIndex | Sized,
    fractions: Sequence[float],
    *,
    seed: int = 0,
    by: "ArrayLike | None" = None,
) -> "list[NDArray[np.int64]]":
    """Divide the indices of a dataset into parts at random, each index in one part.

    The parts depend on the arguments alone: they are the same on every platform and with every release of NumPy.

    Args:
        n: the number of samples, or a dataset.
        fractions: the share of each part, numbers of at least 0 that add up to 1.
        seed: from 0 to 2**64 - 1; another one gives other parts.
        by: an id for every sample, such as a patient or a document: numbers or strings, of shape (n,). All samples of one
            id are in one part.

    Returns:
        An array of indices for each fraction, int64, in ascending order.

        - Without `by`, the sizes are those of the largest remainder method, at most one sample off `n * fraction`.
        - With `by`, a part exceeds `n * fraction` by less than the largest group, and is short of it by less than the
          largest group times the number of the other parts; with many small groups, it is close to it.

    Raises:
        ValueError: the fractions are negative or do not add up to 1, or `by` does not have one id per sample.

    The order is that of the outputs of SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*,
    OOPSLA 2014), one for each sample, or for each id in sorted order. Groups then go, one by one, to the part that lacks the most
    samples.

    >>> train, val = split(10, [0.8, 0.2])
    >>> len(train), len(val)
    (8, 2)
    >>> [part.tolist() for part in split(6, [0.5, 0.5], by=["a", "a", "b", "b", "b", "a"])]
    [[2, 3, 4], [0, 1, 5]]
    """
    n = _count(n)
    targets = _targets(n, fractions)
    if by is None:
        ends = np.cumsum(_largest_remainder(n, targets))
        return [np.sort(part) for part in np.split(permutation(n, seed), ends[:-1])]
    ids = np.asarray(by)
    if ids.shape != (n,):
        raise ValueError(f"by must have one id for each of the {n} samples, not the shape {ids.shape}")
    _, groups, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    parts = _assign(sizes, permutation(len(sizes), seed), targets)[groups]
    return [np.flatnonzero(parts == part).astype(np.int64) for part in range(len(targets))]


def permutation(n: int, seed: int) -> "NDArray[np.int64]":
    """The numbers below `n` in the order of the outputs of SplitMix64, of which no two are equal."""
    seed = operator.index(seed)
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed must be from 0 to 2**64 - 1, not {seed}")
    state = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(state ^ (state >> np.uint64(31))).astype(np.int64)


def _count(n: SupportsIndex | Sized) -> int:
    number = len(n) if isinstance(n, Sized) else operator.index(n)
    if number < 0:
        raise ValueError(f"n must be at least 0, not {number}")
    return number


def _targets(n: int, fractions: Sequence[float]) -> list[float]:
    """The number of samples that each part should have."""
    shares = [float(fraction) for fraction in fractions]
    if not all(math.isfinite(share) and share >= 0 for share in shares) or abs(math.fsum(shares) - 1) > 1e-9:
        raise ValueError(f"fractions must be numbers of at least 0 that add up to 1, not {list(fractions)}")
    total = math.fsum(shares)
    return [n * share / total for share in shares]


def _largest_remainder(n: int, targets: list[float]) -> list[int]:
    """Whole numbers that add up to `n`, each its target rounded down or up."""
    sizes = [math.floor(target) for target in targets]
    by_remainder = sorted(range(len(sizes)), key=lambda part: sizes[part] - targets[part])
    for part in by_remainder[: n - sum(sizes)]:
        sizes[part] += 1
    return sizes


def _assign(sizes: "NDArray[Any]", order: "NDArray[np.int64]", targets: list[float]) -> "NDArray[np.int64]":
    """The part of each group."""
    parts = np.zeros(len(sizes), np.int64)
    lacking = list(targets)
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        part = max(range(len(lacking)), key=lacking.__getitem__)
        lacking[part] -= size
        parts[group] = part
    return parts
