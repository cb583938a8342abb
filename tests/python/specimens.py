"""A small data set of every kind, for tests that damage them."""

import os

import numpy as np
from conftest import values
from mmap_ninja import RaggedMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja

IS_SOAK = "SOAK" in os.environ
TEXTS = [f"text {i}: " + "äöü€🙂"[: i % 6] * (i % 4) for i in range(40)]
SHAPES = [(i % 5,) for i in range(40)]
ND_SHAPES = [(i % 3, 2, i % 4) if i % 2 else (i % 5,) for i in range(40)]


def ragged(dtype, shapes):
    return lambda path: RaggedMmap.from_lists(
        path, [values(dtype, shape, 1) for shape in shapes], dtype=dtype
    )


def dense(dtype, shape, order="C"):
    return lambda path: np_ninja.from_ndarray(path, np.asarray(values(dtype, shape, 1), order=order))


def texts(strings=TEXTS, **options):
    return lambda path: StringsMmap.from_strings(path, strings, **options)


STORES = {
    "flat": ragged("int32", SHAPES),
    "bytes": ragged("uint8", SHAPES),
    "one byte": ragged("uint8", [(1,)]),
    "scalars": ragged("float64", [()] * 10),
    "no elements": ragged("int64", [(0,)] * 5),
    "n-d": ragged("float32", ND_SHAPES),
    "n-d without elements": ragged("uint8", [(0, 3), (2, 0, 5)]),
    "big-endian": ragged(">i4", SHAPES),
    "structured": ragged([("a", "<i4"), ("b", "S3")], [(3,), (0,), (2,)]),
    "times": ragged("datetime64[ns]", SHAPES),
    "unicode": ragged("<U3", SHAPES),
    "strings": texts(),
    "empty strings": texts([""] * 5),
    "frames": texts(zstd_level=3),
    "frames with a dictionary": texts(TEXTS * 4, zstd_level=3, zstd_train_dictionary_size=512),
    "dense": dense("float32", (7, 3)),
    "dense in F order": dense("int16", (7, 3), "F"),
    "dense 0-D": dense("int64", ()),
    "dense byte": dense("uint8", (1,)),
    "dense without elements": dense("int64", (0, 3)),
}


def build(kind, path):
    STORES[kind](path)
    return path


def append(path):
    """One more sample, of one element or character."""
    data = open_existing(path)
    if isinstance(data, StringsMmap):
        data.append("one more")
    elif isinstance(data, RaggedMmap):
        data.append(np.zeros(1, data.dtype))
    else:
        np_ninja.extend_dir(path, np.zeros((1, *data.shape[1:]), data.dtype))


def read(path):
    """Every sample, copied."""
    data = open_existing(path)
    if isinstance(data, np.ndarray) and not data.ndim:
        return [data.copy()]
    return [np.array(item) for item in data]


def files(path):
    return sorted(file for file in path.rglob("*") if file.is_file())


def flip(file, bit):
    """Flip a bit; again, to flip it back."""
    with open(file, "r+b") as opened:
        opened.seek(bit // 8)
        byte = opened.read(1)[0] ^ (1 << bit % 8)
        opened.seek(bit // 8)
        opened.write(bytes([byte]))
