"""Opens or appends many times; prints what the process holds half-way and at the end."""

import json
import os
import sys
from pathlib import Path

import numpy as np
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja


def held():
    """The numbers of descriptors and mappings, and the bytes of anonymous memory."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    with open("/proc/self/maps") as maps:
        mappings = sum(1 for _ in maps)
    return [len(os.listdir("/proc/self/fd")), mappings, int(status["RssAnon"].split()[0]) * 1024]


def opening(folder):
    """Open and read every kind, drop some handles and close others."""
    names = sorted(os.listdir(folder))

    def once(number):
        data = open_existing(folder / names[number % len(names)])
        data[()] if isinstance(data, np.ndarray) else data[:2]
        if number % 2 and not isinstance(data, np.ndarray):
            data.close()

    return once


def failing(folder):
    """Open what cannot be opened."""
    (folder / "flat" / "ends" / "shape.ninja").write_bytes(b"torn")
    (folder / "strings" / "data.ninja").write_bytes(b"")

    def once(number):
        try:
            open_existing(folder / ["flat", "strings", "missing"][number % 3])
        except (ValueError, OSError):
            return
        raise AssertionError("it opened")

    return once


def appending(folder):
    """Append with handles that stay open."""
    flat, images = RaggedMmap(folder / "flat"), RaggedMmap(folder / "n-d")
    texts, frames = StringsMmap(folder / "strings"), StringsMmap(folder / "zstd")
    records = RecordsMmap(folder / "records")

    def once(number):
        flat.append(np.arange(3, dtype="int32"))
        images.append(np.ones((1, 2, 3), "uint8"))
        texts.append("appended")
        frames.append("appended")
        records.append({"tokens": [1, 2], "label": 3, "name": "appended"})
        np_ninja.extend_dir(folder / "dense", np.ones((1, 3)))

    return once


def many_handles(folder):
    """Append with hundreds of handles in turn."""
    ragged = [RaggedMmap(folder / "n-d") for _ in range(200)]

    def once(number):
        ragged[number % 200].append(np.ones((1, 2, 3), "uint8"))

    return once


def replacing(folder):
    """Replace datasets while handles of the old ones are open."""

    def once(number):
        RaggedMmap.from_lists(folder / "flat", [np.arange(number % 5 + 1)])
        StringsMmap.from_generator(folder / "strings", ["a", "b"], 1)

    return once


if __name__ == "__main__":
    once, times = globals()[sys.argv[1]](Path(sys.argv[2])), int(sys.argv[3])
    for number in range(times // 2):
        once(number)
    before = held()
    for number in range(times // 2, times):
        once(number)
    print(json.dumps([before, held()]))
