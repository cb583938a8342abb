"""Everything that a reader can ask of a directory, whatever its files hold."""

import os
import pickle
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, open_existing, repair, verify
from mmap_ninja import numpy as np_ninja

# The errors that a damaged directory may raise.
EXPECTED = (ValueError, OSError)

# The most elements or bytes that a reader copies, since sound files may be large.
MOST = 1 << 16


@contextmanager
def memory_folder():
    """A folder in memory, where the system has such a thing."""
    with TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield Path(folder)


def read_ragged(path, mode="r"):
    """Every way to read a `RaggedMmap`."""
    memmap = RaggedMmap(path, mode=mode)
    first = range(min(len(memmap), 20))
    for index in (*first, -1):
        with suppress(IndexError, *EXPECTED):
            np.ravel(memmap[index])[:MOST].tobytes()
    indices = [index for index in first if memmap.lengths[index] < MOST]
    for ask in (
        lambda: memmap[: len(first)],
        lambda: memmap[indices],
        lambda: list(islice(memmap, 20)),
        lambda: memmap.gather(indices),
        lambda: memmap.padded(indices) if sum(memmap.lengths[indices]) < MOST else None,
        lambda: memmap.prefetch(indices),
        lambda: memmap.__getitems__(indices),
        lambda: [memmap.starts[-1:], memmap.ends[-1:], memmap.flattened_shapes[-1:], memmap.memmap[-1:]],
        lambda: memmap.shapes[: len(first)],
        lambda: memmap.refresh(),
        lambda: pickle.loads(pickle.dumps(memmap))[0],
    ):
        with suppress(IndexError, *EXPECTED):
            ask()


def read_strings(path, mode="r"):
    """Every way to read a `StringsMmap`."""
    memmap = StringsMmap(path, mode="r" if mode == "c" else mode)
    with suppress(*EXPECTED):
        lengths = memmap.lengths[:20]
        indices = [index for index, length in enumerate(lengths) if length < MOST]
        for index in indices:
            with suppress(*EXPECTED):
                memmap[index].encode()
        for ask in (
            lambda: memmap[indices],
            lambda: memmap.gather(indices),
            lambda: memmap.prefetch(indices),
            lambda: memmap.__getitems__(indices),
            lambda: [memmap.starts[-1:], memmap.ends[-1:]],
            lambda: memmap.refresh(),
            lambda: pickle.loads(pickle.dumps(memmap))[0] if 0 in indices else None,
        ):
            with suppress(IndexError, *EXPECTED):
                ask()


def read_dense(path, mode="r"):
    """Every way to read a dense array."""
    array = np_ninja.open_existing(path, mode)
    for part in (array[:2], array[-1:]) if array.ndim else (array,):
        if part.size < MOST:
            part.tobytes()


def read_records(path, mode="r"):
    """Every way to read a `RecordsMmap`, and the fields that open without the others."""
    for names in (["tokens"], ["label"], ["name"], None):
        with suppress(*EXPECTED):
            memmap = RecordsMmap(path, mode=mode, fields=names)
    memmap = RecordsMmap(path, mode=mode)
    indices = range(min(len(memmap), 20))
    for ask in (
        lambda: [np.ravel(value)[:MOST].tobytes() for index in indices for value in memmap[index].values()],
        lambda: memmap[-1],
        lambda: memmap[: len(indices)],
        lambda: list(islice(memmap, 20)),
        lambda: memmap.__getitems__(indices),
        lambda: [memmap[name] for name in memmap.fields],
        lambda: memmap.batch(indices) if memmap.nbytes < MOST else None,
        lambda: memmap.refresh(),
        lambda: pickle.loads(pickle.dumps(memmap))[0],
    ):
        with suppress(IndexError, *EXPECTED):
            ask()


READERS = {"ragged": read_ragged, "string": read_strings, "numpy": read_dense, "records": read_records}


def read_any(path, mode="r"):
    """`open_existing`, and the first items."""
    data = open_existing(path, mode="r+b" if mode == "r+" else mode)
    if isinstance(data, np.memmap):
        return
    with suppress(IndexError, *EXPECTED):
        if len(data) and (isinstance(data, RecordsMmap) or data.lengths[0] < MOST):
            data[0]


def look_over(path, mode="r"):
    """`verify`, what `repair` would do, and the `repr` of what opens."""
    report, proposal = verify(path), repair(path)
    f"{report} {proposal} {open_existing(path, mode='r')!r}"


def mend(path):
    """Repair, and check that what is then reported as sound opens."""
    repair(path, apply=True)
    if verify(path).ok:
        open_existing(path)


def append_one(path):
    """Append to the dataset, and check the outcome with another handle."""
    data = open_existing(path, mode="r")
    if isinstance(data, StringsMmap):
        data.append("appended")
        opened = StringsMmap(path)
        assert (len(opened), opened[-1]) == (len(data), "appended")
    elif isinstance(data, RaggedMmap):
        sample = np.zeros(3, data.dtype)
        data.append(sample)
        opened = RaggedMmap(path)
        assert len(opened) == len(data)
        assert opened[-1].tobytes() == sample.tobytes()
    elif isinstance(data, RecordsMmap):
        if data.fields == ["tokens", "label", "name"]:
            tokens, label = data["tokens"], data["label"]
            label = np.zeros(label.shape[1:], label.dtype)
            data.append({"tokens": np.zeros(1, tokens.dtype), "label": label, "name": "appended"})
            opened = RecordsMmap(path)
            assert (len(opened), opened[-1]["name"]) == (len(data), "appended")
    elif data.ndim and data.shape[1:] and np.prod(data.shape[1:], dtype=object) < MOST:
        np_ninja.append(data, np.zeros(data.shape[1:], data.dtype))
        assert np_ninja.open_existing(path).shape == (data.shape[0] + 1, *data.shape[1:])
