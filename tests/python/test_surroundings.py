"""Odd file systems, containers and limits: what is missing is named, and nothing sound is called damaged."""

import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from catalogue import KINDS
from conftest import names, program, tree
from mmap_ninja import RaggedMmap, StringsMmap, open_existing, repair, verify, write_checksums
from mmap_ninja import numpy as np_ninja

if sys.platform != "linux":
    pytest.skip("these surroundings are made by means of Linux", allow_module_level=True)

DENIED = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the filter is for the system calls of x86-64"
)


def run(name, *args, **environment):
    command = program(name, *args)
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | environment, timeout=120
    )
    return done.stdout.splitlines()


@DENIED
@pytest.mark.parametrize("error", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_named_with_the_way_out(tmp_path, error):
    created, *others = run("write_where_calls_are_denied", tmp_path, "flock", error)
    assert created == "done"  # Nothing was there that others could write to.
    for told in others:
        assert "has no locks" in told or "No such file" in told or "No dataset" in told
    assert sum("MMAP_NINJA_LOCKING=off" in told for told in others) >= 3


@DENIED
def test_without_locking_all_is_written_where_there_are_no_locks(tmp_path):
    told = run("write_where_calls_are_denied", tmp_path, "flock", "ENOSYS", MMAP_NINJA_LOCKING="off")
    assert told == ["done"] * 6
    assert sorted(names(tmp_path)) == ["built", "joined", "map"]
    assert [sample.tolist() for sample in RaggedMmap(tmp_path / "joined")] == [[1], [2], [1]]


@DENIED
def test_directories_that_cannot_be_synced_fail_no_build(tmp_path):
    assert run("write_where_calls_are_denied", tmp_path, "fsync", "EINVAL") == ["done"] * 6


def test_refused_memory_is_a_memory_error_and_not_damage(tmp_path, large_files):
    StringsMmap.from_strings(tmp_path / "zstd", ["x" * (500 << 20)], zstd_level=1)
    StringsMmap.from_strings(tmp_path / "plain", ["x" * (150 << 20)])
    RaggedMmap.from_lists(tmp_path / "ragged", [[1, 2, 3]])
    assert run("read_short_of_memory", tmp_path) == ["MemoryError"] * 7


def test_batches_and_builds_need_no_threads(tmp_path):
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if not os.access(parent, os.X_OK) or not parent.stat().st_mode & stat.S_IXOTH:
            folder = Path("/dev/shm") / f"{tmp_path.name}-{os.getpid()}"
            folder.mkdir(mode=0o777)
            folder.chmod(0o777)
            break
    else:
        folder = tmp_path
    try:
        samples = [np.full(2500, number, "int32") for number in range(1000)]
        RaggedMmap.from_lists(folder / "map", samples)
        total = str(sum(int(sample.sum()) for sample in samples))
        assert run("work_without_threads", folder) == [f"{total} {total}", total, "1000"]
    finally:
        if folder != tmp_path:
            shutil.rmtree(folder)


def linked(path, kind):
    """A dataset all files of which are links to files elsewhere, as in the cache of a hub."""
    blobs = path.with_name("blobs")
    KINDS[kind].create(blobs)
    for place in [blobs, *blobs.rglob("*")]:
        target = path / place.relative_to(blobs)
        if place.is_dir():
            target.mkdir(parents=True)
        else:
            target.symlink_to(place)
    return blobs


@pytest.mark.parametrize("kind", ["flat", "n-d", "strings", "zstd with a dictionary", "dense"])
def test_a_dataset_of_links_is_read_and_verified_and_never_written_through(path, kind):
    blobs = linked(path, kind)
    before = tree(blobs)
    assert KINDS[kind].read(path) == KINDS[kind].read(blobs)
    assert verify(path).ok
    for write in (
        lambda: KINDS[kind].append(path),
        lambda: KINDS[kind].create(path),
        lambda: RaggedMmap.from_generator(path, [[1]], 1),
    ):
        with pytest.raises(ValueError, match=rf"{path}/\S+: this is a symbolic link.*copy the dataset"):
            write()
    assert tree(blobs) == before
    assert names(path.parent) == ["blobs", "data"]
    write_checksums(path)
    assert verify(path).checked > 0
    assert tree(blobs) == before


def test_a_writable_map_and_a_repair_refuse_links(path):
    blobs = linked(path, "flat")
    with pytest.raises(ValueError, match="symbolic link"):
        RaggedMmap(path, mode="r+")
    with (blobs / "data.ninja").open("ab") as file:
        file.write(b"surplus")
    before = tree(blobs)
    assert not repair(path).ok or repair(path).actions
    with pytest.raises(ValueError, match="symbolic link"):
        repair(path, apply=True)
    assert tree(blobs) == before
    assert names(path.parent) == ["blobs", "data"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("build", ["at once", "from a generator", "by the first append"])
@pytest.mark.parametrize("bits", [0o700, 0o2750, 0o755])
def test_a_build_into_an_empty_directory_keeps_its_permissions(path, build, bits):
    path.mkdir()
    path.chmod(bits)
    os.setxattr(path, "user.note", b"mine")
    seen = []

    def samples():
        for place in path.parent.iterdir():
            seen.append(mode(place))
        yield [1]

    match build:
        case "at once":
            RaggedMmap.from_lists(path, [[1]])
        case "from a generator":
            RaggedMmap.from_generator(path, samples(), 1)
        case _:
            RaggedMmap(path).append([1])
    assert mode(path) == bits
    assert os.getxattr(path, "user.note") == b"mine"
    assert all(found & ~bits == 0 for found in seen)


def test_what_is_built_beside_a_private_dataset_is_private(path):
    RaggedMmap.from_lists(path, [[1]])
    path.chmod(0o700)

    def samples():
        for place in path.parent.iterdir():
            assert mode(place) == 0o700, place
        yield [2]

    RaggedMmap.from_generator(path, samples(), 1)
    assert mode(path) == 0o700


def test_names_of_255_bytes_are_built_replaced_and_resumed(path):
    path = path.with_name("n" * 255)
    RaggedMmap.from_lists(path, [[1]])
    RaggedMmap.from_lists(path, [[2]])

    def failing():
        yield [3]
        yield [4]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        RaggedMmap.from_generator(path, failing(), 1)
    RaggedMmap.from_generator(path, [[3], [4], [5]], 1, resume=True)
    assert [sample.tolist() for sample in RaggedMmap(path)] == [[3], [4], [5]]
    assert names(path.parent) == [path.name]


def test_a_name_that_is_too_long_is_refused_before_a_sample_is_asked_for(path):
    def samples():
        raise AssertionError("a sample is asked for")
        yield

    with pytest.raises(OSError, match="File name too long"):
        RaggedMmap.from_generator(path.with_name("n" * 256), samples(), 1)
    assert names(path.parent) == []


def test_a_place_above_which_nothing_may_be_written_is_refused_with_what_to_do():
    (told,) = run("build_as_nobody", "/usr/map")
    assert told.startswith("PermissionError")
    assert "choose another place" in told


def test_the_error_for_too_many_files_says_what_to_do(path):
    resource = pytest.importorskip("resource")
    RaggedMmap.from_lists(path, [[1]])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 2, hard))
    try:
        while len(held) < 100:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        with pytest.raises(OSError, match="ulimit -n"):
            RaggedMmap(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    assert len(held) < 100


def test_files_that_are_kept_open_for_appends_are_given_up_when_too_many_are_open(path):
    resource = pytest.importorskip("resource")
    maps = [RaggedMmap.from_lists(path.with_name(f"map{number}"), [[1]]) for number in range(4)]
    for memmap in maps:
        memmap.append([2])  # From now on each keeps ten files open.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 5, hard))
    try:
        more = RaggedMmap(maps[0].out_dir)
        more.append([3])
        maps[1].append([3])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(RaggedMmap(maps[0].out_dir)) == len(RaggedMmap(maps[1].out_dir)) == 3


@pytest.mark.skipif(not shutil.which("bindfs") or os.getuid() != 0, reason="needs bindfs and root")
def test_a_file_system_without_shared_mappings_is_read_and_loses_nothing(tmp_path):
    source, mount = tmp_path / "source", tmp_path / "mount"
    source.mkdir()
    mount.mkdir()
    RaggedMmap.from_lists(source / "map", [[1], [2, 3]])
    np_ninja.from_ndarray(source / "dense", np.arange(3))
    before = tree(source)
    subprocess.run(["bindfs", "-o", "direct_io", source, mount], check=True)
    try:
        assert [sample.tolist() for sample in RaggedMmap(mount / "map")] == [[1], [2, 3]]
        assert open_existing(mount / "dense").tolist() == [0, 1, 2]
        assert verify(mount / "map").ok
        with pytest.raises(OSError, match="cannot share mappings"):
            RaggedMmap.from_lists(mount / "map", [[7]])
        with pytest.raises(OSError, match="cannot share mappings"):
            np_ninja.from_ndarray(mount / "dense", np.arange(9))
        with pytest.raises(OSError, match="cannot share mappings"):
            RaggedMmap.from_generator(mount / "map", [[7]], 1)
        with pytest.raises(OSError, match="cannot share mappings"):
            open_existing(mount / "dense", mode="r+")
    finally:
        subprocess.run(["fusermount", "-u", "-z", mount], check=True)
    assert {name: content for name, content in tree(source).items() if ".partial" not in name} == before
