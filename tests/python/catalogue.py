"""A small dataset of every kind: how it is created, appended to and read, by this library or by the original."""

from dataclasses import dataclass, field

import numpy as np
from original_driver import Session

CONSTRUCTORS = {
    "ragged": "RaggedMmap.from_lists",
    "string": "StringsMmap.from_strings",
    "numpy": "numpy.from_ndarray",
    "records": "RecordsMmap.from_lists",
}
FIELDS = np.dtype([("box", "<i2", (2, 2)), ("label", "S4"), ("inner", [("score", "<f4")])])
LENGTHS = [(number % 5,) for number in range(9)]
TEXTS = ["one", "", "zwei", "três " * 20, "四", "one more", "ten " * 50, "x"]
SIMILAR_TEXTS = [f"text {number} of {number * number}" for number in range(60)]


def values(dtype, shape, seed=0):
    """An array of random bits, where every pattern of bits is a value of `dtype`."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
    if dtype.kind in "bUgGS" or dtype.char in "gG":
        return np.asarray(rng.integers(0, 2 if dtype.kind == "b" else 1000, shape)).astype(dtype)
    size = int(np.prod(shape))
    return np.frombuffer(bytearray(rng.bytes(size * dtype.itemsize)), dtype, size).reshape(shape)


@dataclass(frozen=True)
class Kind:
    """A kind of dataset, by its samples.

    `side` performs an operation: a `Session` of this library, or the `original` of the tests.

    Attributes:
        store: what `type.ninja` says.
        samples: the samples that it is created with; of a dense dataset, the array.
        more: what can be appended, a sample or an array of rows; None where nothing can.
        options: what its constructor takes besides.
    """

    store: str
    samples: list | np.ndarray
    more: str | dict | np.ndarray | None
    options: dict = field(default_factory=dict)

    def create(self, path, samples=None, side=None):
        """Write a new dataset of these samples, or of the kind's own; return its path."""
        side, samples = side or Session(), self.samples if samples is None else samples
        source = "array" if self.store == "numpy" else "list"
        side.create("created", CONSTRUCTORS[self.store], str(path), samples, source=source, **self.options)
        side.close("created")
        return path

    def extend(self, path, samples, side=None):
        """Append samples; to a dense dataset, an array of rows."""
        side = side or Session()
        if self.store == "numpy":
            side.run("numpy.extend_dir", str(path), samples)
        else:
            side.open("extended", "open_existing", str(path))
            side.extend("extended", samples)
            side.close("extended")

    def append(self, path, side=None):
        """Append one more sample, of one element or a few characters."""
        self.extend(path, self.more if self.store == "numpy" else [self.more], side)

    def read(self, path, side=None):
        """Every sample as `describe` shows it, so that equal samples are equal whoever has read them."""
        side = side or Session()
        side.open("read", "open_existing", str(path))
        try:
            is_scalar = self.store == "numpy" and not self.samples.ndim
            return [side.get("read", ())] if is_scalar else side.items("read")
        finally:
            side.close("read")


def ragged(dtype, shapes):
    samples = [values(dtype, shape, seed) for seed, shape in enumerate(shapes)]
    return Kind("ragged", samples, np.zeros(1, dtype))


def strings(texts, **options):
    return Kind("string", texts, "one more", options)


def dense(dtype, shape, order="C"):
    more = np.zeros((1, *shape[1:]), dtype) if shape else None
    return Kind("numpy", np.asarray(values(dtype, shape, 1), order=order), more)


KINDS = {
    "flat": Kind(
        "ragged",
        [*(np.arange(count, dtype="int32") for count in (3, 0, 1, 5, 2, 8)), np.array(7, "int32")],
        np.zeros(1, "int32"),
    ),
    "bytes": ragged("uint8", LENGTHS),
    "one byte": ragged("uint8", [(1,)]),
    "scalars": ragged("float64", [()] * 9),
    "no elements": ragged("int64", [(0,)] * 5),
    "n-d": ragged("float32", [(1, 2, 3), (2, 2, 3), (0, 2, 3), (3, 2, 3), (4,), (2, 1), (0,)]),
    "n-d without elements": ragged("uint8", [(0, 3), (2, 0, 5)]),
    "big-endian": ragged(">i4", LENGTHS),
    "structured": ragged(FIELDS, [(2,), (0,), (1,), (3,)]),
    "times": ragged("datetime64[ns]", LENGTHS),
    "unicode": ragged("<U3", LENGTHS),
    "strings": strings(TEXTS),
    "empty strings": strings([""] * 5),
    "zstd": strings(TEXTS, zstd_level=3),
    "zstd with a dictionary": strings(SIMILAR_TEXTS, zstd_level=1, zstd_train_dictionary_size=256),
    "dense": dense("float32", (7, 3)),
    "dense in F order": dense("int16", (7, 3), "F"),
    "dense 0-D": dense("int64", ()),
    "dense byte": dense("uint8", (1,)),
    "dense without elements": dense("int64", (0, 3)),
    "dense structured": dense(FIELDS, (3,)),
    "records": Kind(
        "records",
        [{"tokens": list(range(count)), "label": count, "name": f"{count}.txt"} for count in (3, 0, 1, 5)],
        {"tokens": [7], "label": 7, "name": "more"},
    ),
}
# One kind for each form that the files have; all others are edge cases of these.
FORMS = [
    *["flat", "n-d", "big-endian", "structured", "unicode", "strings", "zstd", "zstd with a dictionary"],
    *["dense", "dense in F order", "dense 0-D", "dense structured", "records"],
]


def create_all(folder, kinds=FORMS):
    """Create a dataset of each of these kinds, in directories of their names; return the names in order."""
    folder.mkdir(exist_ok=True)
    for kind in kinds:
        KINDS[kind].create(folder / kind)
    return sorted(kinds)
