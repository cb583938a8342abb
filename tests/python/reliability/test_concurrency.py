"""Concurrent writers lose nothing, and readers that open beside them see only consistent data."""

import struct
import subprocess
import sys
import threading
import time
from collections import Counter

import crowd
import numpy as np
import pytest
import readers
from conftest import names, tree
from crowd import append_all, array, text
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, verify
from mmap_ninja import numpy as np_ninja
from scale import scaled

PROCESSES, THREADS, READERS, BUILDERS = 8, 8, 4, 3
APPENDS = scaled(40, 1000)
TURNS = scaled(300, 10_000)
SECONDS = scaled(1.0, 60.0)


def check_all(path, writers):
    """Every sample is there once, those of each writer in its order, and the files are those of a single build."""
    ragged, strings = RaggedMmap(path / "ragged"), StringsMmap(path / "strings")
    expected = {writer: list(range(APPENDS)) for writer in range(writers)}
    found = {writer: [] for writer in range(writers)}
    for item in ragged:
        writer, number = divmod(int(item.flat[0]), 100_000)
        assert np.array_equal(item, array(writer, number))
        found[writer].append(number)
    assert found == expected
    assert Counter(strings) == Counter(
        text(writer, number) for writer in expected for number in range(APPENDS)
    )
    rows = np_ninja.open_existing(path / "dense")[1:]
    assert {writer: rows[rows[:, 0] == writer, 1].tolist() for writer in expected} == expected
    RaggedMmap.from_lists(path / "whole", ragged[:])
    assert tree(path / "whole") == tree(path / "ragged")
    records = RecordsMmap(path / "records")
    seen = {writer: [] for writer in range(writers)}
    for found in records:
        writer, number = map(int, found["text"].split())
        crowd.check_record(found, writer, number)
        seen[writer].append(number)
    assert seen == expected
    RecordsMmap.from_lists(path / "all", records[:])
    assert tree(path / "all") == tree(path / "records")


@pytest.fixture
def folder():
    with readers.memory_folder() as folder:
        np_ninja.from_ndarray(folder / "dense", np.array([[-1, -1]]))
        yield folder


def begin(*args, **options):
    return subprocess.Popen([sys.executable, crowd.__file__, *map(str, args)], **options)


def test_processes_that_append_at_once_lose_nothing(folder):
    writers = [begin("append_all", folder, writer, APPENDS) for writer in range(PROCESSES)]
    assert [writer.wait() for writer in writers] == [0] * PROCESSES
    check_all(folder, PROCESSES)


def test_threads_with_handles_of_their_own_lose_nothing(folder):
    run([threading.Thread(target=append_all, args=(folder, writer, APPENDS)) for writer in range(THREADS)])
    check_all(folder, THREADS)


def test_threads_that_share_a_handle_lose_nothing(folder):
    handles = RaggedMmap(folder / "ragged"), StringsMmap(folder / "strings"), RecordsMmap(folder / "records")
    run(
        [
            threading.Thread(target=append_all, args=(folder, writer, APPENDS, *handles))
            for writer in range(THREADS)
        ]
    )
    assert [len(handle) for handle in handles] == [THREADS * APPENDS] * 3
    check_all(folder, THREADS)


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_handles_that_append_in_turns_lose_nothing_over_many_turns(folder):
    ragged = [RaggedMmap(folder / "ragged") for _ in range(2)]
    strings = [StringsMmap(folder / "strings") for _ in range(2)]
    for number in range(TURNS):
        ragged[number % 2].append(np.full(number % 3 + 1, number))
        strings[number % 2].append(f"{number}")
        assert len(ragged[number % 2]) == len(strings[number % 2]) == number + 1
    opened = RaggedMmap(folder / "ragged")
    assert [item.tolist() for item in opened] == [[number] * (number % 3 + 1) for number in range(TURNS)]
    assert list(StringsMmap(folder / "strings")) == [str(number) for number in range(TURNS)]


def test_readers_that_open_beside_a_writer_see_only_consistent_data(folder, tmp_path):
    (counter := tmp_path / "count").write_bytes(bytes(8))
    with begin("append_and_count", folder, counter) as writer:
        reading = ["open_and_check", folder, counter, SECONDS]
        readers = [begin(*reading, stdout=-1, stderr=-1, text=True) for _ in range(READERS)]
        answers = [reader.communicate() for reader in readers]
        assert writer.poll() is None
        writer.kill()
    assert [errors for _, errors in answers] == [""] * READERS
    assert all(int(opened) > 0 for opened, _ in answers)
    (least,) = struct.unpack("q", counter.read_bytes())
    assert len(RaggedMmap(folder / "ragged")) >= least > 0


@pytest.fixture
def built():
    with readers.memory_folder() as folder:
        crowd.replace_again(path := folder / "data", time.monotonic() + 0.01)
        yield path


@pytest.mark.parametrize("replacers", [0, 2])
def test_builders_of_one_dataset_never_mix_their_samples(built, replacers):
    crew = [("build", built, SECONDS, writer) for writer in range(BUILDERS)]
    crew += [("replace", built, SECONDS)] * replacers + [("read", built, SECONDS)]
    members = [begin(*member, stdout=-1, stderr=-1, text=True) for member in crew]
    answers = [member.communicate() for member in members]
    assert [errors for _, errors in answers] == [""] * len(crew)
    assert sum(int(done) for done, _ in answers[:BUILDERS]) > 0
    assert names(built.parent) == ["data"]
    assert verify(built).ok


def test_killed_builders_leave_nothing_that_hinders_other_builders(built):
    crew = [("build", built, SECONDS, writer) for writer in range(2)] + [("read", built, SECONDS)]
    members = [begin(*member, stdout=-1, stderr=-1, text=True) for member in crew]
    while any(member.poll() is None for member in members):
        victim = begin("build", built, SECONDS, BUILDERS)
        time.sleep(0.3 + time.monotonic() % 0.3)
        victim.kill()
        victim.wait()
    assert [member.communicate()[1] for member in members] == [""] * len(crew)
    crowd.check_build(RaggedMmap.from_generator(built, iter([np.arange(3)] * crowd.BUILT), 10))
    assert names(built.parent) == ["data"]
