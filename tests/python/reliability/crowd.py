"""Writers and readers at once: what each of them does, in a process or a thread of its own."""

import mmap
import struct
import sys
import time
from pathlib import Path

import numpy as np
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

BUILT = 50


def array(writer, number):
    """Sample `number` of a writer, which tells both; every fourth one has two axes."""
    return np.full((2, 3) if number % 4 == 3 else 3, writer * 100_000 + number)


def text(writer, number):
    return f"{writer} {number}"


def record(writer, number):
    return {"array": array(writer, number), "text": text(writer, number), "number": number}


def append_all(path, writer, appends, ragged=None, strings=None, records=None):
    """Append to four datasets; open handles where none are given."""
    records = RecordsMmap(path / "records") if records is None else records
    ragged = RaggedMmap(path / "ragged") if ragged is None else ragged
    strings = StringsMmap(path / "strings") if strings is None else strings
    for number in range(appends):
        ragged.append(array(writer, number))
        strings.append(text(writer, number))
        np_ninja.extend_dir(path / "dense", np.array([[writer, number]]))
        records.append(record(writer, number))


def append_and_count(path, count):
    """Append until killed; `count` is a lower bound of the number of samples."""
    ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
    records = RecordsMmap(path / "records")
    for number in range(10**9):
        ragged.append(array(0, number))
        strings.append(text(0, number))
        np_ninja.extend_dir(path / "dense", np.array([[0, number]]))
        records.append(record(0, number))
        struct.pack_into("q", count, 0, number + 1)
        # The new dataset replaces the one of the turn before.
        RaggedMmap.from_lists(path / "replaced", [np.full(5, number)] * (number % 3 + 1))


def check_record(found, writer, number):
    assert np.array_equal(found["array"], array(writer, number))
    assert (found["text"], found["number"]) == (text(writer, number), number)


def open_and_check(path, count, until):
    """Open again and again, and check the first, the last and some other samples; return how often."""
    opened = 0
    while time.monotonic() < until:
        (least,) = struct.unpack_from("q", count)
        ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
        rows, records = np_ninja.open_existing(path / "dense"), RecordsMmap(path / "records")
        assert min(len(ragged), len(strings), len(rows) - 1, len(records)) >= least
        for number in (0, least // 2, least - 1, len(ragged) - 1, least) if least else ():
            if number < len(ragged):
                assert np.array_equal(ragged[number], array(0, number))
            if number < len(strings):
                assert strings[number] == text(0, number)
            if number < len(records):
                check_record(records[number], 0, number)
                assert {len(records[name]) for name in records.fields} == {len(records)}
            if number + 1 < len(rows):
                assert rows[number + 1].tolist() == [0, number]
        if least > 1:
            replaced = RaggedMmap(path / "replaced")
            assert len(replaced) == int(replaced[0][0]) % 3 + 1
            assert all(np.array_equal(item, replaced[0]) for item in replaced)
        opened += 1
    return opened


def build_again(path, writer, until):
    """Build one dataset again and again; return how often no other builder was at work."""
    built = 0
    for number in range(10**9):
        if time.monotonic() > until:
            return built
        try:
            samples = iter([np.full(number % 7 + 1, writer * 100_000 + number)] * BUILT)
            check_build(RaggedMmap.from_generator(path, samples, 10))
            built += 1
        except TimeoutError as error:
            assert str(error).startswith(f"{path}: another builder is at work"), error


def replace_again(path, until):
    """Replace the dataset by single calls, which builders do not block; return how often."""
    replaced = 0
    while time.monotonic() < until:
        RaggedMmap.from_lists(path, [np.full(replaced % 5 + 1, replaced)] * BUILT)
        replaced += 1
    return replaced


def read_again(path, until):
    opened = 0
    while time.monotonic() < until:
        check_build(RaggedMmap(path))
        opened += 1
    return opened


def check_build(built):
    """All samples are of one builder."""
    items = {item.tobytes() for item in built}
    assert (len(built), len(items)) == (BUILT, 1)


def main(action, path, *args):
    path = Path(path)
    if action == "append_all":
        append_all(path, int(args[0]), int(args[1]))
        return
    if action in AGAIN:
        print(AGAIN[action](path, *map(int, args[1:]), time.monotonic() + float(args[0])))
        return
    with open(args[0], "r+b") as handle:
        count = mmap.mmap(handle.fileno(), 8)
    if action == "append_and_count":
        append_and_count(path, count)
    else:
        print(open_and_check(path, count, time.monotonic() + float(args[1])))


AGAIN = {"build": build_again, "replace": replace_again, "read": read_again}

if __name__ == "__main__":
    main(*sys.argv[1:])
