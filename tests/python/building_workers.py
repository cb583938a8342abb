"""Stores whose samples are functions of the index, and builds that tests run in other processes."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

WORDS = ["", "one", "zwei", "três", "четыре", "五", "🥷 " * 9, "nul \0 byte", "seven\n" * 40]
SHAPES = [(5,), (), (0,), (2, 3), (1,), (0, 4), (1, 2, 2), (3,), (4, 0, 1)]


@dataclass(frozen=True)
class Store:
    """A kind of dataset, and the samples that tests store in it.

    Attributes:
        home: the class or module with `from_generator` and `from_indexable`.
        sample: returns the sample at an index.
        whole: builds a dataset from a list in one call.
        show: opens a dataset.
        options: further options of builds.
    """

    home: Any
    sample: Callable[[int], Any]
    whole: Callable
    show: Callable[[Any], list]
    options: dict = field(default_factory=dict)

    def samples(self, stop, start=0):
        return [self.sample(index) for index in range(start, stop)]

    def create(self, path, samples):
        return self.whole(path, samples, **self.options)

    def generate(self, path, samples, batch_size, **options):
        return self.home.from_generator(path, samples, batch_size, **self.options, **options)

    def index(self, path, indexable, batch_size, n_jobs=None, **options):
        return self.home.from_indexable(path, indexable, batch_size, n_jobs, **self.options, **options)

    def items(self, path):
        """The stored samples in a form that can be compared."""
        return [plain(item) for item in self.show(path)]


@contextmanager
def in_memory():
    """A temporary directory, in memory if the system has a place for that."""
    with TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield Path(folder).resolve()


def plain(sample):
    """A sample in a form that can be compared."""
    return sample if isinstance(sample, str) else (np.shape(sample), np.asarray(sample).tolist())


def stack(path, rows):
    return np_ninja.from_ndarray(path, np.stack(rows))


def tokens(index):
    return np.arange(index % 7) * index


def mixed(index):
    """The first five samples are 1-D."""
    shape = SHAPES[index % 3 if index < 5 else index % len(SHAPES)]
    return np.full(shape, index, "int16") + np.arange(np.prod(shape, dtype=int), dtype="int16").reshape(shape)


def text(index):
    return WORDS[index % len(WORDS)] + str(index) * (index % 3)


def like(index):
    """Short texts that resemble each other, so that a dictionary compresses them."""
    return f"the {index}th of many texts, {WORDS[index % 4]} which {index * 7} readers saw"


def row(index):
    return np.full((3, 2), index, "float32") + np.arange(2)


STORES = {
    "tokens": Store(RaggedMmap, tokens, RaggedMmap.from_lists, RaggedMmap),
    "mixed": Store(RaggedMmap, mixed, RaggedMmap.from_lists, RaggedMmap),
    "texts": Store(StringsMmap, text, StringsMmap.from_strings, StringsMmap),
    "packed": Store(StringsMmap, text, StringsMmap.from_strings, StringsMmap, {"zstd_level": 3}),
    "dense": Store(np_ninja, row, stack, np_ninja.open_existing),
}
# The first batch trains the dictionary: builds are equal only if their first batches are.
DICTIONARY = Store(
    StringsMmap,
    like,
    StringsMmap.from_strings,
    StringsMmap,
    {"zstd_level": 3, "zstd_train_dictionary_size": 512},
)


class Indexable(SimpleNamespace):
    """The first `count` samples of a loader; only `Sized` has a length."""

    def __getitem__(self, index):
        if index >= self.count:
            raise IndexError(index)
        return self.load(index)


class Sized(Indexable):
    def __len__(self):
        return self.count


def sized(load, count):
    return Sized(load=load, count=count)


def unsized(load, count):
    return Indexable(load=load, count=count)


def breaking_at(index, sample, make_error):
    """A loader that raises an error at an index."""

    def load(asked):
        if asked == index:
            raise make_error()
        return sample(asked)

    return load


def noting_pids(path, sample):
    """A loader that writes the process id and the index of each sample to a file."""

    def load(index):
        with open(path, "a") as file:
            file.write(f"{os.getpid()} {index}\n")
        return sample(index)

    return load


def noted(path):
    """The process ids and the indices in that file, in the order of the indices."""
    pairs = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
    return [pid for pid, _ in sorted(pairs, key=lambda pair: pair[1])], sorted(index for _, index in pairs)


def report(samples):
    """Write a dot to the standard output after each sample."""
    for sample in samples:
        yield sample
        os.write(1, b".")


def build(name, path, count, batch_size):
    """Resume a build, and report each sample."""
    store = STORES[name]
    store.generate(path, report(store.samples(int(count))), int(batch_size), resume=True)


def build_in_parallel(name, path, count, batch_size, last, pids):
    """A parallel build that dies when a worker loads the index `last`; the file `pids` then names its workers."""
    store, parent, last = STORES[name], os.getpid(), int(last)

    def load(index):
        if index == last:
            Path(pids).write_text(" ".join(workers_of(parent)))
            os.kill(parent, signal.SIGKILL)
        return store.sample(index)

    store.index(path, sized(load, int(count)), int(batch_size), n_jobs=2)


def workers_of(parent):
    """The process ids of the workers of `parent`. They would outlive it by minutes."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")).split()
    return [pid for pid in children if b"LokyProcess" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def peak():
    """The peak memory of this process in MB. (`ru_maxrss` starts at that of the parent.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def measure(kind, path, batch_size, count):
    """Build from `count` samples of 100 kB; print by how many MB that raises the peak memory."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    home, sample = {
        "arrays": (RaggedMmap, lambda index: np.full(100_000, index % 256, "uint8")),
        "strided": (RaggedMmap, lambda index: np.full((50_000, 2), index % 256, "uint8")[:, 1]),
        "lists": (RaggedMmap, lambda index: [float(index + place) for place in range(3_125)]),
        "texts": (StringsMmap, lambda index: chr(97 + index % 26) * 100_000),
        "rows": (np_ninja, lambda index: np.full(100_000, index % 256, "uint8")),
    }[kind]
    home.from_generator(path, (sample(index) for index in range(2)), 1)
    before = peak()
    home.from_generator(path, (sample(index) for index in range(int(count))), int(batch_size))
    print(peak() - before)


def pieces(samples, cuts):
    """Split `samples` before each of these indices."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(samples)}), len(samples)]
    return [samples[start:stop] for start, stop in pairwise(places)]


def parts(store, folder, samples, cuts):
    """Store each piece as a dataset of its own; return their directories."""
    folder.mkdir(exist_ok=True)
    directories = []
    for number, piece in enumerate(pieces(samples, cuts)):
        store.create(folder / f"part {number}", piece)
        directories.append(folder / f"part {number}")
    return directories


def interrupted(store, path, samples, batch_size, **options):
    """Start a build that fails after `samples`; return its error."""

    def endless():
        yield from samples
        raise ConnectionError("interrupted")

    try:
        store.generate(path, endless(), batch_size, **options)
    except ConnectionError as error:
        return error
    raise AssertionError("the build was not interrupted")


def build_with_a_fork(path, index, way):
    """Build while the loader of the sample at `index` forks; print the number of stored samples."""

    def load(asked):
        if asked == int(index):
            if child := os.fork():
                os.waitpid(child, 0)
            elif way == "exit":
                sys.exit(0)
            elif way == "raise":
                raise ValueError("of the child")
        return [asked]

    builder = os.getpid()
    try:
        print(len(RaggedMmap.from_indexable(path, sized(load, 90), 4, n_jobs=2)))
    except BaseException:
        if os.getpid() == builder:
            raise
        os._exit(1)


def wait_until(condition):
    """Wait for a condition; fail after two minutes."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 120
        time.sleep(0.001)


def written(store, path):
    """The samples of a running build; None while it is writing."""
    partial = path.with_name(f"{path.name}.partial")
    if (partial / "type.ninja").exists() and not (partial / "append.ninja").exists():
        return len(store.show(partial))
    return None


class Recording:
    """An iterable or a loader that knows what was asked for."""

    def __init__(self, store, stop):
        self.store, self.stop, self.asked = store, stop, []

    def __iter__(self):
        return (self[index] for index in range(self.stop))

    def __getitem__(self, index):
        self.asked.append(index)
        return self.store.sample(index)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
