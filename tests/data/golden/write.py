"""Writes a small directory of every kind with the release of mmap_ninja that is installed.

    build/original/bin/python tests/data/golden/write.py

The directories go below one that is named for the release, and `manifest.json` says what they hold. Run it again only
to add a release or a kind: the directories that are checked in prove that files of released versions stay readable.
"""

import json
import shutil
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mmap_ninja import numpy as np_ninja
from mmap_ninja.ragged import RaggedMmap
from mmap_ninja.string import StringsMmap

HERE = Path(__file__).parent
NEWEST = "0.9.0"
# Until 0.8 there was no compression, and other kinds add nothing to what these few show of the files.
EVERY_RELEASE = ["ragged-scalars", "ragged-1d", "ragged-nd", "strings", "dense-c", "dense-f"]

TEXTS = ["one", "", "zwei", "três", "четыре", "五 🥷"]
SIMILAR = [
    f"the {number}th of many similar texts, {number * number} bytes into the page" for number in range(80)
]

RAGGED = {
    "ragged-scalars": [np.array(number / 4) for number in (1, -2, 3, 10)],
    "ragged-1d": [np.arange(count, dtype="int32") - 1 for count in (3, 1, 4, 2)],
    "ragged-1d-empty-sample": [np.arange(count, dtype="int16") for count in (2, 0, 3, 0)],
    "ragged-nd": [
        np.arange(rows * columns, dtype="uint8").reshape(rows, columns)
        for rows, columns in ((2, 3), (1, 4), (3, 2))
    ],
    "ragged-nd-empty-sample": [np.full((count, 2, 1), count, "float32") for count in (1, 0, 2)],
}
STRINGS = {
    "strings": (TEXTS, {}),
    "strings-zstd": (TEXTS, {"zstd_level": 3}),
    "strings-zstd-dictionary": (SIMILAR, {"zstd_level": 3, "zstd_train_dictionary_size": 256}),
}
DENSE = {
    "dense-c": np.arange(12, dtype="float32").reshape(4, 3),
    "dense-f": np.asfortranarray(np.arange(12, dtype="int16").reshape(4, 3)),
    "dense-1d-bool": np.array([True, False, True]),
    "dense-empty": np.zeros((0, 3), "float64"),
}


def write_ragged(path, samples):
    """Creates with all samples but the last one, which is appended."""
    RaggedMmap.from_lists(path, samples[:-1]).append(samples[-1])
    return {
        "store": "ragged",
        "dtype": samples[0].dtype.name,
        "samples": [describe(sample) for sample in samples],
    }


def write_strings(path, strings, options):
    StringsMmap.from_strings(path, strings[:-1], **options).append(strings[-1])
    return {"store": "string", "options": options, "samples": strings}


def write_dense(path, array):
    """Extends what these releases can extend, which is an array in C order that has elements."""
    if array.size and array.flags.c_contiguous:
        np_ninja.from_ndarray(path, array[:-1])
        np_ninja.extend_dir(path, array[-1:])
    else:
        np_ninja.from_ndarray(path, array)
    order = "F" if np.isfortran(array) else "C"
    return {"store": "numpy", "dtype": array.dtype.name, "order": order, "array": describe(array)}


def describe(array):
    return {"shape": array.shape, "values": array.ravel().tolist()}


def main():
    release = version("mmap_ninja")
    folder = HERE / release
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    manifest = {}
    for kind, write in WRITERS.items():
        if release == NEWEST or kind in EVERY_RELEASE:
            manifest[kind] = write(folder / kind)
    if release == NEWEST:
        lines = [
            f"{json.dumps(kind)}: {json.dumps(entry, ensure_ascii=False)}" for kind, entry in manifest.items()
        ]
        (HERE / "manifest.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


WRITERS = {
    **{kind: partial(write_ragged, samples=samples) for kind, samples in RAGGED.items()},
    **{
        kind: partial(write_strings, strings=strings, options=options)
        for kind, (strings, options) in STRINGS.items()
    },
    **{kind: partial(write_dense, array=array) for kind, array in DENSE.items()},
}

if __name__ == "__main__":
    main()
