"""A file that was cut short is detected: a read gives all the data or an error."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import readers
from catalogue import create_all
from mmap_ninja import RecordsMmap, open_existing
from place import Place
from scale import SOAK

# A reader retries before it reports damage; others use the processor while it waits.
THREADS = 24


def everything(path):
    """All that the dataset in `path` holds, in a form that can be compared."""
    data = open_existing(path, mode="r")
    if isinstance(data, np.memmap):
        return data.dtype, data.shape, data.tobytes()
    items = data[:]
    if isinstance(data, RecordsMmap):
        items = [value for item in items for value in item.values()]
    return [item if isinstance(item, str) else (np.shape(item), np.asarray(item).tobytes()) for item in items]


def lengths(size, rng):
    """All lengths that a file of `size` bytes can be cut to; of a large file, unless in a soak, the edges and a sample."""
    if SOAK or size <= 48:
        return range(size)
    return sorted({0, 1, size // 2, size - 8, size - 1, *rng.sample(range(size), 24)})


def silent_differences(place, name, rng):
    """The lengths at which a cut of the file `name` goes undetected and changes what is read."""
    whole, content = everything(place.path), place.content[name]
    found = []
    for length in lengths(len(content), rng):
        os.truncate(place.path / name, length)
        try:
            if everything(place.path) != whole:
                found.append((place.origin.name, name, length))
        except readers.EXPECTED:
            pass
        (place.path / name).write_bytes(content)
    return found


def test_no_cut_file_reads_as_other_data():
    with readers.memory_folder() as folder, ThreadPoolExecutor(THREADS) as pool:
        work = []
        for store in create_all(folder / "origins"):
            for number, name in enumerate(Place(folder / store, folder / "origins" / store).files):
                place = Place(folder / f"{store} {number}", folder / "origins" / store)
                work.append(pool.submit(silent_differences, place, name, random.Random(name)))
        assert [found for done in work for found in done.result()] == []
