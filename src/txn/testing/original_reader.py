"""Reads datasets with the original. Each line of the input has a kind and a path, each line of the output is JSON."""

import json
import sys

import mmap_ninja
import numpy as np


def see(kind, path):
    if kind == "strings":
        return [[[], text.encode().hex()] for text in mmap_ninja.StringsMmap(path)[:]]
    samples = mmap_ninja.RaggedMmap(path) if kind == "ragged" else mmap_ninja.np_open_existing(path)
    arrays = [np.asarray(samples[index]) for index in range(len(samples))]
    return [[list(array.shape), array.tobytes().hex()] for array in arrays]


for line in sys.stdin:
    kind, path = line.rstrip("\n").split(" ", 1)
    try:
        answer = see(kind, path)
    except Exception as error:  # noqa: BLE001 - the test gets it
        answer = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
