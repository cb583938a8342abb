"""Builds whose process was killed are resumed, and what the crash left is put in order."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import building_workers
import pytest
from building_workers import STORES, Recording, interrupted, sized
from conftest import held, names, partial_of, tree
from mmap_ninja import RaggedMmap, open_existing

ROUNDS = 4
COUNT = 1500


def start(function, *args):
    command = [sys.executable, building_workers.__file__, function, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process):
    output = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), output


def test_a_build_killed_at_random_ends_as_a_single_run(tmp_path):
    rng = random.Random()

    def kill_on_the_way(name):
        process = start("build", name, tmp_path / name / "data", COUNT, 3)
        process.stdout.read(rng.randrange(2, COUNT))
        time.sleep(rng.random() / 1000)
        process.kill()
        end(process)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            list(pool.map(kill_on_the_way, STORES))
    for name, store in STORES.items():
        path = tmp_path / name / "data"
        store.generate(path, store.samples(COUNT), 3, resume=True)
        store.create(tmp_path / "whole" / name, store.samples(COUNT))
        assert tree(path) == tree(tmp_path / "whole" / name), name
        assert names(path.parent) == ["data"], name


def test_a_build_killed_while_it_replaces_the_old_map_loses_nothing(path, store):
    """The old map is held by a writer, so that the new one has to wait for its place."""
    name = next(name for name in STORES if STORES[name] is store)
    store.create(path, store.samples(3))
    before = tree(path)
    with held(path):
        process = start("build", name, path, 9, 3)
        process.stdout.read(9)
        time.sleep(0.1)
        process.kill()
        end(process)
    assert tree(path) == before
    recording = Recording(store, 12)
    store.index(path, sized(recording.__getitem__, 12), 3, resume=True)
    assert recording.asked == [9, 10, 11]
    store.create(whole := path.parent / "whole", store.samples(12))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def test_a_parallel_build_that_is_killed_goes_on_and_leaves_no_shards(path):
    store = STORES["mixed"]
    pids = path.parent / "pids"
    command = [sys.executable, building_workers.__file__, "build_in_parallel", "mixed", path, "40", "4", "30"]
    ended = subprocess.run(
        [*command, pids], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert ended.returncode == -signal.SIGKILL
    for pid in pids.read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    pids.unlink()
    safe = len(RaggedMmap(partial_of(path)))
    assert safe >= 4
    assert safe % 4 == 0
    store.index(path, sized(store.sample, 40), 4, n_jobs=2, resume=True)
    store.create(whole := path.parent / "whole", store.samples(40))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def write_intent(directory, member, rows, size):
    """What an append leaves that was killed after its commit, before it removed the intent."""
    entry = {"member": member, "rows": rows, "bytes": size}
    line = json.dumps({"entries": [entry]}, separators=(",", ":")).encode()
    (directory / "append.ninja").write_bytes(line + f"\n{zlib.crc32(line):08x}".encode())


@pytest.mark.parametrize("name", STORES)
def test_what_a_killed_append_has_left_is_finished_even_if_there_are_no_more_samples(path, name):
    store = STORES[name]
    interrupted(store, path, store.samples(6), 3)
    member = "" if name == "dense" else "starts"
    size = (partial_of(path) / member / "data.ninja").stat().st_size
    write_intent(partial_of(path), member, [3, 6], [size // 2, size])
    assert len(open_existing(partial_of(path))) == 6
    store.generate(path, iter(store.samples(6)), 3, resume=True)
    store.create(whole := path.parent / "whole", store.samples(6))
    assert tree(path) == tree(whole)


def test_a_resumed_build_reads_what_the_crate_left(path):
    """The lock of the build is all that a partial map has besides its own files."""
    interrupted(STORES["mixed"], path, STORES["mixed"].samples(8), 4)
    RaggedMmap.from_lists(whole := path.parent / "whole", STORES["mixed"].samples(8))
    left = tree(partial_of(path))
    assert left.pop("building.ninja") == b""
    assert left == tree(whole)
