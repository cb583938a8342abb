"""Appends by the original and by us in turns: both read the same at every step."""

import numpy as np
import pytest
import stores
from mmap_ninja import RaggedMmap
from original_driver import Session, describe
from scale import scaled

ROUNDS = scaled(30, 1000)
# Rounds between which a data set is begun anew, since every step reads all of it.
ROUNDS_EACH = 25

# The original appends wrongly to elements that are none at all: the first sample of a data set has some.
SAMPLES = {
    "flat": lambda rng, number: np.full(rng.integers(number % ROUNDS_EACH == 0, 5), number, "int32"),
    "images": lambda rng, number: np.full(
        (*rng.integers(number % ROUNDS_EACH == 0, 4, 2), 3), number % 256, "uint8"
    ),
    "strings": lambda rng, number: f"{number} é" * rng.integers(1, 9),
    "frames": lambda rng, number: f"{number} zwei " * rng.integers(1, 9),
}
OPENERS = {"strings": "StringsMmap", "frames": "StringsMmap"}
OPTIONS = {"frames": {"zstd_level": 3}}


@pytest.mark.parametrize("store", SAMPLES)
def test_appends_in_turns_read_alike(original, store):
    rng, sides = np.random.default_rng(0), [Session(), original]
    opener = OPENERS.get(store, "RaggedMmap")
    with stores.memory_folder() as folder:
        for begun in range(0, ROUNDS, ROUNDS_EACH):
            path, model = str(folder / f"{store} {begun}"), []
            for number in range(begun, min(begun + ROUNDS_EACH, ROUNDS)):
                samples = [SAMPLES[store](rng, number) for _ in range(rng.integers(1, 4))]
                append(sides[number % 2], path, opener, samples, OPTIONS.get(store, {}), is_first=not model)
                model += [describe(sample) for sample in samples]
                for side in sides:
                    side.open("read", opener, path)
                    assert side.items("read") == model
            if store in ("flat", "images"):
                check_files(path, folder / "whole")


def append(side, path, opener, samples, options, is_first):
    if is_first:
        constructor = "from_lists" if opener == "RaggedMmap" else "from_strings"
        side.create("append", f"{opener}.{constructor}", path, samples, **options)
    else:
        side.open("append", opener, path)
        side.extend("append", samples)
    side.close("append")


def check_files(path, whole):
    """The files are those of a single build."""
    from conftest import tree

    RaggedMmap.from_lists(whole, RaggedMmap(path)[:])
    assert tree(path) == tree(whole)
