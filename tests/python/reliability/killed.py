"""A child that appends and acknowledges each append until it is killed, and what must be there afterwards."""

import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

# The number of killed writers after which another dataset begins.
ROUNDS_EACH = 40


def array(number):
    """Sample `number`; the first ones are 1-D, so that the map becomes N-D as it grows."""
    shape = (number % 5,) if number < 8 else (number % 4, 2)
    return np.full(shape, number, "int32")


def text(number):
    return f"{number} " * (number % 9 + 1)


class Ragged:
    name = "ragged"

    def open(self, path):
        return RaggedMmap(path)

    def extend(self, path, memmap, numbers):
        memmap.extend([array(number) for number in numbers])

    def is_right(self, memmap, number):
        expected, found = array(number), np.asarray(memmap[number])
        return found.shape == expected.shape and bool((found == expected).all())


class Strings(Ragged):
    name = "strings"

    def open(self, path):
        return StringsMmap(path)

    def extend(self, path, memmap, numbers):
        memmap.extend([text(number) for number in numbers])

    def is_right(self, memmap, number):
        return memmap[number] == text(number)


class Frames(Strings):
    name = "frames"

    def extend(self, path, memmap, numbers):
        if not len(memmap) and not path.exists():
            StringsMmap.from_strings(path, [text(0)], zstd_level=1)
            memmap.refresh()
            numbers = numbers[1:]
        super().extend(path, memmap, numbers)


class Dense(Ragged):
    name = "dense"

    def open(self, path):
        return np_ninja.open_existing(path) if path.exists() else np.empty((0, 3))

    def extend(self, path, memmap, numbers):
        rows = np.repeat(np.array(numbers, "int32")[:, None], 3, axis=1)
        if path.exists():
            np_ninja.extend_dir(path, rows)
        else:
            np_ninja.from_ndarray(path, rows)

    def is_right(self, memmap, number):
        return memmap[number].tolist() == [number] * 3


class Records(Ragged):
    name = "records"

    def open(self, path):
        return RecordsMmap(path)

    def extend(self, path, memmap, numbers):
        memmap.extend({"a": array(number), "t": text(number), "n": number} for number in numbers)

    def is_right(self, memmap, number):
        found = memmap[number]
        is_right = found["t"] == text(number) and found["n"] == number
        return is_right and super().is_right(memmap["a"], number)


STORES = [Ragged(), Strings(), Frames(), Dense(), Records()]


def append_until_killed(store, path, writing, rng):
    """What the child does: batches of rising numbers, and after each one how many samples there are now."""
    memmap = store.open(path)
    count = len(memmap)
    while True:
        numbers = range(count, count + rng.choice([1, 1, 1, 2, 5]))
        store.extend(path, memmap, numbers)
        count = numbers.stop
        os.write(writing, struct.pack("<q", count))


def kill_one(store, path, rng):
    """Let a child append, kill it at a random moment; the number of samples that it acknowledged last."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            append_until_killed(store, path, writing, rng)
        except BaseException as error:  # noqa: BLE001
            os.write(writing, b"error:" + repr(error).encode())
        finally:
            os._exit(1)
    os.close(writing)
    first = os.read(reading, 8) if rng.random() < 0.8 else b""
    time.sleep(rng.random() * rng.choice([0.0005, 0.002, 0.004]))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as rest:
        answers = first + rest.read()
    assert b"error" not in answers, answers
    whole = len(answers) // 8 * 8
    return struct.unpack("<q", answers[whole - 8 : whole])[0] if whole else 0


def check(store, path, least, checked):
    """Check that all samples are there, right and in order; return how many there are."""
    memmap = store.open(path)
    count = len(memmap)
    assert count >= least, f"{store.name}: {least} samples were acknowledged, {count} are there"
    wrong = [number for number in range(checked, count) if not store.is_right(memmap, number)]
    assert not wrong, f"{store.name}: samples {wrong} of {count} are wrong"
    return count


def kill_many(folder, kills, seed=0):
    """Kill writers at random moments, each going on where the last one was cut off; samples that are there."""
    rng, total = random.Random(seed), 0
    for begun in range(0, kills, ROUNDS_EACH):
        counts = {}
        for number in range(begun, min(begun + ROUNDS_EACH, kills)):
            store = STORES[number % len(STORES)]
            path = Path(folder) / f"{begun} {store.name}"
            least = kill_one(store, path, random.Random(rng.random()))
            counts[store] = check(store, path, max(least, counts.get(store, 0)), counts.get(store, 0))
        for store, count in counts.items():
            path = Path(folder) / f"{begun} {store.name}"
            total += check(store, path, count, 0)
            check_at_rest(store, path, count)
    return total


def check_at_rest(store, path, count):
    """The next append is right, and leaves nothing of the killed ones in the directory."""
    store.extend(path, store.open(path), range(count, count + 3))
    check(store, path, count + 3, 0)
    assert not (path / "append.ninja").exists()


if __name__ == "__main__":
    print(kill_many(sys.argv[1], int(sys.argv[2])))
