"""The original in a process of its own, and helpers of several test modules."""

import os
import pickle
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from building_workers import STORES, in_memory
from hypothesis import settings
from original_driver import Session
from original_driver import __file__ as driver

PROGRAMS = Path(__file__).with_name("programs")
ORIGINAL = Path(__file__).parents[2] / "build" / "original"

# A shell starts background jobs with interrupts ignored, and the tests' children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# These modules define fixtures for several test modules.
pytest_plugins = ["batch_maps", "record_samples", "shell"]

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60, print_blob=False)
settings.load_profile("suite")


class OriginalError(Exception):
    """What the original raised."""


class Original:
    """A `Session` of the original: the same methods, performed in its own environment."""

    def __init__(self):
        if not (ORIGINAL / ".installed").exists():
            pytest.fail(f"{ORIGINAL} is missing: run `make test`, which builds it", pytrace=False)
        # -E: a PYTHONPATH that leads to this package must not hide the original.
        command = [ORIGINAL / "bin" / "python", "-E", "-W", "ignore", driver]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __getattr__(self, operation):
        return partial(self._perform, operation)

    def _perform(self, operation, *args, **options):
        pickle.dump((operation, args, options), self.process.stdin, protocol=4)
        self.process.stdin.flush()
        succeeded, answer = pickle.load(self.process.stdout)
        if not succeeded:
            raise OriginalError(answer)
        return answer

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Both:
    """One map made twice, by us and by the original, in equal steps."""

    def __init__(self, original, directory):
        self.sides = {directory / "ours" / "data": Session(), directory / "original" / "data": original}

    def open(self, opener, **options):
        for path, side in self.sides.items():
            side.open("map", opener, str(path), **options)

    def create(self, constructor, samples, **options):
        for path, side in self.sides.items():
            path.parent.mkdir(parents=True)
            side.create("map", constructor, str(path), samples, **options)

    def run_in(self, function, *args):
        for path, side in self.sides.items():
            side.run(function, str(path), *args)

    def __getattr__(self, operation):
        return partial(self._perform, operation)

    def _perform(self, operation, *args, **options):
        for side in self.sides.values():
            getattr(side, operation)("map", *args, **options)

    def same(self, operation, *args):
        """The answer, after a check that both give the same."""
        ours, theirs = [getattr(side, operation)("map", *args) for side in self.sides.values()]
        assert ours == theirs
        return ours

    def check_files(self):
        ours, theirs = [tree(path.parent) for path in self.sides]
        assert ours == theirs


def program(name, *args, python=()):
    """The command that runs a program of `programs/`; `python` are options of the interpreter."""
    return [sys.executable, *python, PROGRAMS / f"{name}.py", *map(str, args)]


def tree(directory):
    """The bytes of every file below `directory` by relative path; None for a directory."""
    directory = Path(directory)
    paths = sorted(directory.rglob("*"))
    return {str(path.relative_to(directory)): None if path.is_dir() else path.read_bytes() for path in paths}


@contextmanager
def held(path):
    """Hold the lock of `path`, as another writer does."""
    fcntl = pytest.importorskip("fcntl")
    holder = os.open(path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(holder)


def assert_identical(found, expected):
    """The same dtype, shape and bits."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


@pytest.fixture
def large_files():
    """Lift the limit on the size of files; those of the tests are mostly holes."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="session", autouse=True)
def no_huge_files():
    """Limit files to 64 MiB, here and in child processes, so that an endless build cannot fill the disk."""
    if os.name == "nt":
        yield
        return
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="session")
def original():
    original = Original()
    yield original
    original.end()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A function that gives an unused path, for tests that run their body many times."""
    directory, number = tmp_path_factory.mktemp("fresh"), count()
    return lambda: directory / str(next(number))


@pytest.fixture(scope="session")
def both(original, fresh):
    return lambda: Both(original, fresh())


@pytest.fixture
def path():
    """An unused path, alone in its directory."""
    with in_memory() as folder:
        yield folder / "data"


@pytest.fixture(params=["mixed", "texts", "dense"])
def store(request):
    """One store of each class."""
    return STORES[request.param]


@pytest.fixture(params=STORES)
def any_store(request):
    """A store of every kind that can be built."""
    return STORES[request.param]


def names(directory):
    """The names of the entries of a directory, in order."""
    return sorted(entry.name for entry in directory.iterdir())


def partial_of(path):
    """The directory in which a build of `path` grows."""
    return path.with_name(f"{path.name}.partial")


def notes(error):
    """The notes that were added to an error."""
    return "\n".join(getattr(error, "__notes__", []))


@contextmanager
def small_disk(directory, size):
    """A file system of its own, of `size` bytes."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        # Nothing else fills up without harm to other programs; CI's runners and containers are root.
        pytest.skip("a file system can only be mounted by root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@contextmanager
def unchanged(directory):
    """Check that the block leaves all files in `directory` as they were."""
    before = tree(directory)
    yield
    assert tree(directory) == before


class Untouched:
    """A source of samples that fails the test if a sample is asked for."""

    def __iter__(self):
        raise AssertionError("the samples were asked for")

    def __getitem__(self, index):
        raise AssertionError(f"sample {index} was asked for")
