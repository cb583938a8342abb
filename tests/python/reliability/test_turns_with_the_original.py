"""The original and this library append in turns, and both read the same after every step."""

import numpy as np
import pytest
import readers
from catalogue import KINDS
from conftest import tree
from mmap_ninja import RaggedMmap
from original_driver import Session, describe
from scale import scaled

ROUNDS = scaled(30, 1000)
# Rounds after which another dataset begins, since every step reads all of it.
ROUNDS_EACH = 25

# The original appends wrongly where there are no elements yet, so the first sample of a dataset has some.
SAMPLES = {
    "flat": lambda rng, number: np.full(rng.integers(number % ROUNDS_EACH == 0, 5), number, "int32"),
    "n-d": lambda rng, number: np.full(
        (*rng.integers(number % ROUNDS_EACH == 0, 4, 2), 3), number % 256, "uint8"
    ),
    "strings": lambda rng, number: f"{number} é" * rng.integers(1, 9),
    "zstd": lambda rng, number: f"{number} zwei " * rng.integers(1, 9),
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_appends_in_turns_read_alike(original, kind):
    rng, sides, store = np.random.default_rng(0), [Session(), original], KINDS[kind]
    with readers.memory_folder() as folder:
        for begun in range(0, ROUNDS, ROUNDS_EACH):
            path, model = folder / f"{kind} {begun}", []
            for number in range(begun, min(begun + ROUNDS_EACH, ROUNDS)):
                samples = [SAMPLES[kind](rng, number) for _ in range(rng.integers(1, 4))]
                write = store.extend if model else store.create
                write(path, samples, sides[number % 2])
                model += [describe(sample) for sample in samples]
                for side in sides:
                    assert store.read(path, side) == model
            if store.store == "ragged":
                assert tree(path) == tree(
                    RaggedMmap.from_lists(folder / "whole", RaggedMmap(path)[:]).out_dir
                )
