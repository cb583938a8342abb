"""Splits are disjoint and complete, of the right sizes, and the same everywhere."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import StringsMmap, split
from mmap_ninja._split import permutation

WEIGHTS = st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any)


def shares(weights):
    return [weight / sum(weights) for weight in weights]


def check_partition(parts, n):
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))


@settings(max_examples=30)
@given(n=st.integers(0, 300), weights=WEIGHTS, seed=st.integers(0, 2**64 - 1))
def test_every_index_is_in_one_part_of_nearly_its_share(n, weights, seed):
    parts = split(n, shares(weights), seed=seed)
    check_partition(parts, n)
    for part, share in zip(parts, shares(weights), strict=True):
        assert math.floor(n * share - 1e-9) <= len(part) <= math.ceil(n * share + 1e-9)


@settings(max_examples=30)
@given(ids=st.lists(st.sampled_from("abcdefghijk"), max_size=80), weights=WEIGHTS, seed=st.integers(0, 99))
def test_samples_of_one_id_are_in_one_part_of_the_documented_size(ids, weights, seed):
    parts = split(len(ids), shares(weights), seed=seed, by=np.array(ids, "U1"))
    check_partition(parts, len(ids))
    found = [{ids[index] for index in part} for part in parts]
    assert sum(map(len, found)) == len(set(ids))
    largest = max(map(ids.count, ids), default=0)
    for part, share in zip(parts, shares(weights), strict=True):
        excess = len(part) - len(ids) * share
        assert excess < largest + 1e-9
        assert excess > -largest * (len(parts) - 1) - 1e-9


def splitmix64(seed, count):
    """The first outputs of SplitMix64, as its authors wrote it."""
    outputs, mask = [], (1 << 64) - 1
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        outputs.append(z ^ (z >> 31))
    return outputs


@settings(max_examples=30)
@given(seed=st.integers(0, 2**64 - 1), n=st.integers(0, 50))
def test_the_order_is_that_of_the_outputs_of_splitmix64(seed, n):
    outputs = splitmix64(seed, n)
    assert permutation(n, seed).tolist() == sorted(range(n), key=outputs.__getitem__)


def test_splits_are_the_same_in_every_release():
    # The first outputs for the seed 1234567, as published with the algorithm.
    assert splitmix64(1234567, 2) == [6457827717110365317, 3203168211198807973]
    assert [part.tolist() for part in split(10, [0.5, 0.3, 0.2])] == [[2, 4, 5, 6, 8], [0, 1, 7], [3, 9]]
    assert [part.tolist() for part in split(6, [0.5, 0.5], by=[3, 3, 1, 1, 1, 3])] == [[0, 1, 5], [2, 3, 4]]
    assert split(1000, [0.9, 0.1], seed=1)[1][:4].tolist() != split(1000, [0.9, 0.1])[1][:4].tolist()


def test_a_dataset_is_split_by_its_length(path):
    texts = StringsMmap.from_strings(path, ["a", "b", "c", "d"])
    assert [part.tolist() for part in split(texts, [0.5, 0.5])] == [
        part.tolist() for part in split(np.int64(4), (0.5, 0.5))
    ]


@pytest.mark.parametrize(
    "fractions", [[], [0.5], [0.5, 0.6], [1.5, -0.5], [math.nan, 1], [math.inf], [0.9, 0.1 + 1e-6]]
)
def test_fractions_that_are_no_division_are_refused(fractions):
    with pytest.raises(ValueError, match="fractions"):
        split(10, fractions)


def test_other_arguments_that_do_not_fit_are_refused():
    for n, options in [
        (-1, {}),
        (3, {"seed": -1}),
        (3, {"seed": 2**64}),
        (3, {"by": [1, 2]}),
        (2, {"by": [[1, 2]]}),
    ]:
        with pytest.raises(ValueError, match="must"):
            split(n, [1], **options)
    for n, options in [(2.5, {}), (3, {"seed": 0.5})]:
        with pytest.raises(TypeError):
            split(n, [1], **options)
