"""Stores whose samples follow from their index, and builds of them that run in other processes."""

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
    """A store, and what is built in it.

    Attributes:
        home: has `from_generator` and `from_indexable`.
        sample: the sample of an index.
        whole: builds from a list in one call.
        show: opens a map as a list.
        options: what builds take besides.
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
    """A directory whose small files cost little, where the system has such a place."""
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
    """The first five are flat."""
    shape = SHAPES[index % 3 if index < 5 else index % len(SHAPES)]
    return np.full(shape, index, "int16") + np.arange(np.prod(shape, dtype=int), dtype="int16").reshape(shape)


def text(index):
    return WORDS[index % len(WORDS)] + str(index) * (index % 3)


def like(index):
    """Short texts that are alike, which is what dictionaries are for."""
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
# Its first batch decides on the dictionary, so that only builds of equal first batches are equal.
DICTIONARY = Store(
    StringsMmap,
    like,
    StringsMmap.from_strings,
    StringsMmap,
    {"zstd_level": 3, "zstd_train_dictionary_size": 512},
)


class Indexable(SimpleNamespace):
    """`count` samples of a loader, with a length unless `unsized`."""

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


def report(samples):
    """Say so after each sample."""
    for sample in samples:
        yield sample
        os.write(1, b".")


def build(name, path, count, batch_size):
    """Go on with a build, and say so after each sample."""
    store = STORES[name]
    store.generate(path, report(store.samples(int(count))), int(batch_size), resume=True)


def build_in_parallel(name, path, count, batch_size, last, pids):
    """A parallel build that is killed when a worker comes to the index `last`; `pids` are its workers then."""
    store, parent, last = STORES[name], os.getpid(), int(last)

    def load(index):
        if index == last:
            Path(pids).write_text(" ".join(workers_of(parent)))
            os.kill(parent, signal.SIGKILL)
        return store.sample(index)

    store.index(path, sized(load, int(count)), int(batch_size), n_jobs=2)


def workers_of(parent):
    """The ids of the processes that load samples for `parent`; they would outlive it by minutes."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")).split()
    return [pid for pid in children if b"LokyProcess" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def peak():
    """The most memory that this process has had at once, in MB. (`ru_maxrss` begins at the parent's.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def measure(kind, path, batch_size, count):
    """Print by how many MB a build of `count` samples of 100 kB has grown this process."""
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
    """`samples` cut before these places."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(samples)}), len(samples)]
    return [samples[start:stop] for start, stop in pairwise(places)]


def parts(store, folder, samples, cuts):
    """A map of each piece."""
    folder.mkdir(exist_ok=True)
    directories = []
    for number, piece in enumerate(pieces(samples, cuts)):
        store.create(folder / f"part {number}", piece)
        directories.append(folder / f"part {number}")
    return directories


def interrupted(store, path, samples, batch_size, **options):
    """Leave a build of `samples` that comes to no end."""

    def endless():
        yield from samples
        raise ConnectionError("interrupted")

    try:
        store.generate(path, endless(), batch_size, **options)
    except ConnectionError as error:
        return error
    raise AssertionError("the build was not interrupted")


def build_with_a_fork(path, index, way):
    """Print how many samples there are where the loader of one of them forks."""

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
    """Fail if that never comes."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 120
        time.sleep(0.001)


def written(store, path):
    """Samples of a build at work; None while it writes."""
    partial = path.with_name(f"{path.name}.partial")
    if (partial / "type.ninja").exists() and not (partial / "append.ninja").exists():
        return len(store.show(partial))
    return None


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
