"""Records whose fields are of every kind, and what they must be read as."""

import numpy as np
import pytest
from building_workers import plain
from mmap_ninja import RecordsMmap, verify

# Declarations without which the fields would be of other kinds, shapes or dtypes.
FIELDS = {
    "tokens": np.uint16,
    "boxes": {"shape": (-1, 4), "dtype": "float32"},
    "embedding": np.dtype(("float32", (3,))),
    "caption": {"zstd_level": 3},
}


def record(index):
    """Record `index`; the image of every fifth one has three axes."""
    shape = (2, index % 3, 3) if index % 5 == 4 else (index % 4,)
    return {
        "tokens": list(range(index % 7)),
        "label": index * 3 - 5,
        "name": f"{index} é.jpg",
        "boxes": [[index, 0, 9, 9]] * (index % 3),
        "image": np.full(shape, index, "uint8"),
        "embedding": np.arange(3) + index,
        "caption": f"the {index}th " * (index % 4),
    }


def records(stop, start=0):
    return [record(index) for index in range(start, stop)]


def shown(found):
    """A record in a form that can be compared."""
    return {name: plain(value) for name, value in found.items()}


def expected(samples):
    """What records of `FIELDS` show."""
    found = []
    for sample in samples:
        boxes = np.array(sample["boxes"], "float32").reshape(-1, 4)
        found.append(shown(sample | {"boxes": boxes}))
    return found


@pytest.fixture
def train(request, path):
    """As many records as the test's module says in `COUNT`."""
    return RecordsMmap.from_lists(path, records(request.module.COUNT), fields=FIELDS)


def kinds(memmap):
    """The kind of each field."""
    return {name: kind for name, kind, _ in memmap._specs()}


def check(memmap, count):
    """All handles show the first `count` records."""
    for each in memmap, RecordsMmap(memmap.out_dir):
        assert [shown(found) for found in each] == expected(records(count))
    assert verify(memmap.out_dir).ok
