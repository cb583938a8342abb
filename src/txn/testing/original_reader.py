"""Reads the maps whose kinds and paths arrive as lines, by the original; answers what it sees as lines of JSON."""

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
    except Exception as error:  # noqa: BLE001 - it is handed over
        answer = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
