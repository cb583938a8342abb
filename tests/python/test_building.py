"""Builds from generators: the files of a single call, whatever happens on the way."""

import errno
import os
import shutil
import signal
import subprocess
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from building_workers import DICTIONARY, STORES, plain
from conftest import Untouched, assert_identical, names, partial_of, tree, unchanged
from mmap_ninja import RaggedMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja


def notes(error):
    return "\n".join(getattr(error, "__notes__", []))


# What a build is made of


@pytest.mark.parametrize("batch_size", [1, 2, 7, 24, 25, 1000])
def test_any_batch_size_gives_the_files_of_a_single_call(path, any_store, batch_size):
    samples = any_store.samples(25)
    any_store.create(whole := path.parent / "whole", samples)
    built = any_store.generate(path, iter(samples), batch_size)
    assert tree(path) == tree(whole)
    assert [plain(item) for item in built] == [plain(sample) for sample in samples]
    assert names(path.parent) == ["data", "whole"]


@pytest.mark.parametrize("batch_size", [100, 101, 1000])
def test_a_dictionary_is_trained_on_the_first_batch(path, batch_size):
    samples = DICTIONARY.samples(250)
    whole = DICTIONARY.create(path.parent / "whole", samples[:batch_size])
    whole.extend(samples[batch_size:])
    DICTIONARY.generate(path, iter(samples), batch_size)
    assert tree(path) == tree(path.parent / "whole")
    assert DICTIONARY.items(path) == samples


class OnlyIterable:
    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


class OnlyIndexed(OnlyIterable):
    __iter__ = None

    def __getitem__(self, index):
        return self.samples[index]


ITERABLES = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "generator": lambda samples: (sample for sample in samples),
    "map": lambda samples: map(samples.__getitem__, range(len(samples))),
    "deque": deque,
    "dict values": lambda samples: dict(enumerate(samples)).values(),
    "iterable": OnlyIterable,
}


@pytest.mark.parametrize("kind", ITERABLES)
def test_anything_that_can_be_iterated_over_will_do(path, any_store, kind):
    samples = any_store.samples(9)
    any_store.create(whole := path.parent / "whole", samples)
    any_store.generate(path, ITERABLES[kind](samples), 4)
    assert tree(path) == tree(whole)


@pytest.mark.parametrize("make", [list, tuple, OnlyIndexed, lambda samples: samples.__getitem__])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_anything_that_can_be_indexed_will_do(path, store, make, batch_size):
    samples = store.samples(9)
    store.create(whole := path.parent / "whole", samples)
    store.index(path, make(samples), batch_size)
    assert tree(path) == tree(whole)


def test_a_stored_map_can_be_written_again_where_it_is(path, store):
    samples = store.samples(9)
    store.create(path, samples)
    store.generate(path, (item for item in store.show(path) for _ in range(2)), 4)
    assert store.items(path) == [plain(sample) for sample in samples for _ in range(2)]


EMPTY = {
    "list": lambda store, path: store.generate(path, [], 2),
    "iterator": lambda store, path: store.generate(path, iter([]), 2),
    "resumed": lambda store, path: store.generate(path, iter([]), 2, resume=True),
    "indexable": lambda store, path: store.index(path, [], 2),
    "without length": lambda store, path: store.index(path, [].__getitem__, 2),
    "in parallel": lambda store, path: store.index(path, [], 2, n_jobs=2),
    "without length in parallel": lambda store, path: store.index(path, [].__getitem__, 2, n_jobs=2),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_no_samples_are_none_and_change_nothing(path, any_store, kind):
    assert EMPTY[kind](any_store, path) is None
    assert tree(path.parent) == {}
    RaggedMmap.from_lists(path, [np.arange(3)])
    with unchanged(path.parent):
        assert EMPTY[kind](any_store, path) is None


ARRAY = np.arange(120, dtype="int16").reshape(4, 5, 6)
NOT_CONTIGUOUS = {
    "transposed": [ARRAY[index].T for index in range(4)],
    "axes reversed": [(ARRAY + index).transpose() for index in range(4)],
    "in F order": [np.asfortranarray(ARRAY[index]) for index in range(4)],
    "in F order and not": [np.array(ARRAY[index], order="CF"[index % 2]) for index in range(4)],
    "reversed": [ARRAY[index, ::-1, ::-1] for index in range(4)],
    "strided": [ARRAY[index, ::2, 1::3] for index in range(4)],
    "columns": [ARRAY[index, :, 2] for index in range(4)],
    "broadcast": [np.broadcast_to(ARRAY[index, 0, :3], (2, 3)) for index in range(4)],
    "of one value": [np.broadcast_to(np.int16(index), (3, 3)) for index in range(4)],
    "rows of an F array": list(np.asfortranarray(ARRAY)),
    "fields": [np.zeros(3, [("a", "i1"), ("b", "f4")])["b"] + index for index in range(4)],
    "unaligned": [np.frombuffer(b"x" + ARRAY[index].tobytes(), "int16", offset=1) for index in range(4)],
}


@pytest.mark.parametrize("name", ["mixed", "dense"])
@pytest.mark.parametrize("kind", NOT_CONTIGUOUS)
def test_arrays_with_gaps_are_stored_in_c_order(path, name, kind):
    store, samples = STORES[name], NOT_CONTIGUOUS[kind]
    store.create(whole := path.parent / "whole", [sample.copy(order="C") for sample in samples])
    for batch_size in [1, 2, 3, 4]:
        store.generate(built := path.parent / str(batch_size), iter(samples), batch_size)
        assert tree(built) == tree(whole), batch_size


def test_values_that_survive_are_cast_to_the_dtype_of_the_first_sample(path):
    samples = [np.arange(2, dtype=dtype) for dtype in ["int16", "int64", "float64", "bool", "uint8"] * 2]
    RaggedMmap.from_lists(whole := path.parent / "whole", [sample.astype("int16") for sample in samples])
    for batch_size in [1, 2, 3, 10]:
        RaggedMmap.from_generator(path, iter(samples), batch_size)
        assert tree(path) == tree(whole), batch_size
    RaggedMmap.from_lists(whole, samples, dtype="float32")
    RaggedMmap.from_generator(path, iter(samples), 3, dtype="float32")
    assert tree(path) == tree(whole)


def test_rows_are_cast_to_the_dtype_of_the_first_batch(path):
    built = np_ninja.from_generator(path, iter([np.int16(1), np.float64(2), np.uint8(3)]), 1)
    assert_identical(built, np.array([1, 2, 3], "int16"))


@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_rows_have_the_dtype_that_those_of_the_first_batch_have_in_common(path, batch_size):
    rows = [np.int8([1, 2]), np.int8([-1, 9]), np.uint8([3, 4]), np.float32([5, 6]), np.uint8([7, 8])]
    built = np_ninja.from_generator(path, iter(rows), batch_size)
    assert_identical(built, np.stack(rows, dtype=np.stack(rows[:batch_size]).dtype, casting="unsafe"))


BAD = {
    "tokens": (np.array([1.5]), TypeError),
    "mixed": (np.array([[70_000]]), OverflowError),
    "texts": (b"bytes", TypeError),
    "packed": ("\ud800", UnicodeEncodeError),
    "dense": (np.ones((3, 3)), ValueError),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("position", range(1, 8))
def test_a_sample_that_cannot_be_stored_is_named(path, name, position):
    store, (bad, error) = STORES[name], BAD[name]
    samples = [*store.samples(position), bad, *store.samples(20, position + 1)]
    store.create(path, store.samples(3))
    with unchanged(path), pytest.raises(error, match=rf"(sample|string) {position}\b") as caught:
        store.generate(path, iter(samples), 3)
    assert str(path) in str(caught.value)


# Errors on the way


class Tailored(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")
        self.one = one


ERRORS = [
    lambda: RuntimeError("broken"),
    KeyboardInterrupt,
    lambda: SystemExit(3),
    lambda: Tailored(1, 2),
    lambda: FileNotFoundError(2, "gone", "x"),
    lambda: IndexError(4),
]


def failing(samples, error):
    yield from samples
    raise error


@pytest.mark.parametrize("is_replacing", [False, True], ids=["new", "replacing"])
def test_an_error_at_any_position_keeps_whole_batches_and_the_old_map(path, any_store, is_replacing):
    count, batch_size = 9, 2
    old = any_store.samples(40, 37)
    if is_replacing:
        any_store.create(path, old)
    readers = [any_store.show(path), open_existing(path)] if is_replacing else []
    before = tree(path)
    for position in range(count + 1):
        error = ERRORS[position % len(ERRORS)]()
        with pytest.raises(type(error)) as caught:
            any_store.generate(path, failing(any_store.samples(position), error), batch_size)
        assert caught.value is error
        assert tree(path) == before
        safe = position // batch_size * batch_size
        partial = partial_of(path)
        if safe:
            assert str(safe) in notes(error).replace(str(partial), "")
            assert str(partial) in notes(error)
            assert "resume=True" in notes(error)
            assert any_store.items(partial) == [plain(sample) for sample in any_store.samples(safe)]
            assert len(open_existing(partial)) == safe
        else:
            assert notes(error) == ""
        assert names(path.parent) == ["data"] * is_replacing + ["data.partial"] * (safe > 0)
        for reader in readers:
            assert [plain(item) for item in reader] == [plain(sample) for sample in old]
    any_store.generate(path, iter(any_store.samples(count)), batch_size)
    any_store.create(whole := path.parent / "whole", any_store.samples(count))
    assert tree(path) == tree(whole)
    assert names(path.parent) == ["data", "whole"]


def test_a_real_interrupt_is_one_like_any_other(path, store):
    def pressing():
        yield from store.samples(7)
        signal.raise_signal(signal.SIGINT)
        yield from store.samples(9, 7)

    store.create(path, store.samples(2))
    with unchanged(path), pytest.raises(KeyboardInterrupt) as caught:
        store.generate(path, pressing(), 3)
    assert "6 samples" in notes(caught.value)
    assert store.items(partial_of(path)) == [plain(sample) for sample in store.samples(6)]


@pytest.mark.parametrize("name", BAD)
def test_an_error_while_writing_is_one_like_any_other(path, name):
    store, (bad, error) = STORES[name], BAD[name]
    store.create(path, store.samples(2))
    reader = store.show(path)
    samples = [*store.samples(7), bad, *store.samples(30, 8)]
    with unchanged(path), pytest.raises(error) as caught:
        store.generate(path, iter(samples), 3)
    assert "6 samples" in notes(caught.value)
    assert store.items(partial_of(path)) == [plain(sample) for sample in store.samples(6)]
    assert len(reader) == 2
    assert names(path.parent) == ["data", "data.partial"]


def test_an_error_in_the_first_batch_leaves_nothing(path, store):
    for samples, error in [(iter([object()]), (TypeError, ValueError)), (5, TypeError), (None, TypeError)]:
        with pytest.raises(error):
            store.generate(path, samples, 3)
        assert tree(path.parent) == {}


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_of_nothing_are_refused_at_once(path, store, batch_size):
    with pytest.raises(ValueError, match="batch_size"):
        store.generate(path, Untouched(), batch_size)
    with pytest.raises(ValueError, match="batch_size"):
        store.index(path, Untouched(), batch_size)
    assert tree(path.parent) == {}


def test_a_target_that_cannot_be_replaced_is_refused_at_once_or_costs_no_samples(path, store):
    path.write_text("a file, and no directory")
    asked = []
    samples = (asked.append(index) or store.sample(index) for index in range(6))
    with pytest.raises(OSError, match=str(path)):
        store.generate(path, samples, 2)
    assert path.read_text() == "a file, and no directory"
    assert not asked or store.items(partial_of(path)) == [plain(sample) for sample in store.samples(6)]


@contextmanager
def small_disk(directory, size):
    """A file system of its own, of `size` bytes."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a file system can only be mounted by root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_target_that_is_a_mount_point_costs_no_samples(path):
    asked = []
    samples = (asked.append(index) or np.arange(3) for index in range(6))
    with small_disk(path, 1 << 20):
        try:
            built = RaggedMmap.from_generator(path, samples, 2)
        except OSError as error:
            assert str(path) in str(error)
            assert not asked or len(RaggedMmap(partial_of(path))) == 6
        else:
            assert len(built) == len(RaggedMmap(path)) == 6


def large(store, index):
    """The same, repeated until it takes about 50 kB."""
    if store.home is StringsMmap:
        return "".join(np.random.default_rng(index).choice(list("abcdefghijklmnopqrstuvwxyzäöü"), 50_000))
    return np.full((50, 250), index, "float32")


def test_a_full_disk_is_an_os_error_and_changes_nothing(path, any_store):
    with small_disk(path, 1 << 20) as disk:
        old, target = any_store.samples(3), disk / "data"
        any_store.create(target, old)
        reader = any_store.show(target)
        (ballast := disk / "ballast").write_bytes(bytes(300_000))
        with unchanged(target), pytest.raises(OSError, match="No space") as caught:
            any_store.generate(target, (large(any_store, index) for index in range(40)), 3)
        assert caught.value.errno == errno.ENOSPC
        assert [plain(item) for item in reader] == [plain(sample) for sample in old]
        safe = len(any_store.show(partial_of(target)))
        assert 3 <= safe < 40
        assert f"{safe} samples" in notes(caught.value)
        with unchanged(target), pytest.raises(OSError, match="No space"):
            any_store.create(target, [large(any_store, index) for index in range(40)])
        assert names(disk) == ["ballast", "data", "data.partial"]
        ballast.unlink()
        any_store.generate(target, (large(any_store, index) for index in range(safe + 1)), 2, resume=True)
        any_store.create(path.parent / "whole", [large(any_store, index) for index in range(safe + 1)])
        assert tree(target) == tree(path.parent / "whole")
        assert names(disk) == ["data"]
        del reader


# What is there already


CREATORS = {
    "ragged lists": lambda path, samples: RaggedMmap.from_lists(path, samples, overwrite=False),
    "ragged generator": lambda path, samples: RaggedMmap.from_generator(path, samples, 2, overwrite=False),
    "ragged indexable": lambda path, samples: RaggedMmap.from_indexable(path, samples, 2, overwrite=False),
    "ragged parallel": lambda path, samples: RaggedMmap.from_indexable(path, samples, 2, 2, overwrite=False),
    "strings": lambda path, samples: StringsMmap.from_strings(path, samples, overwrite=False),
    "strings generator": lambda path, samples: StringsMmap.from_generator(path, samples, 2, overwrite=False),
    "strings indexable": lambda path, samples: StringsMmap.from_indexable(path, samples, 2, overwrite=False),
    "strings parallel": lambda path, samples: StringsMmap.from_indexable(
        path, samples, 2, 2, overwrite=False
    ),
    "array": lambda path, samples: np_ninja.from_ndarray(path, samples, overwrite=False),
    "dense generator": lambda path, samples: np_ninja.from_generator(path, samples, 2, overwrite=False),
    "dense indexable": lambda path, samples: np_ninja.from_indexable(path, samples, 2, overwrite=False),
    "dense parallel": lambda path, samples: np_ninja.from_indexable(path, samples, 2, 2, overwrite=False),
}


@pytest.mark.parametrize("name", CREATORS)
def test_without_overwriting_a_data_set_is_refused_before_any_sample_is_asked_for(path, name):
    for create, data in [
        (RaggedMmap.from_lists, [np.arange(3)]),
        (StringsMmap.from_strings, ["one"]),
        (np_ninja.from_ndarray, np.arange(3)),
    ]:
        create(path, data)
        with unchanged(path.parent), pytest.raises(FileExistsError) as caught:
            CREATORS[name](path, np.arange(3) if name == "array" else Untouched())
        assert (caught.value.filename, caught.value.errno) == (str(path), errno.EEXIST)


@pytest.mark.parametrize("name", CREATORS)
@pytest.mark.parametrize("place", ["nothing", "a directory", "foreign files"])
def test_without_overwriting_a_data_set_is_built_where_there_is_none(path, name, place):
    samples = ["one", "zwei", "três"] if "strings" in name else [np.arange(2.0)] * 3
    if place != "nothing":
        path.mkdir()
    if place == "foreign files":
        (path / "README").write_text("mine")
    assert len(CREATORS[name](path, samples)) == 3
    assert len(open_existing(path)) == 3
    assert names(path.parent) == ["data"]
    assert (path / "README").exists() == (place == "foreign files")


def test_without_overwriting_a_data_set_that_appears_meanwhile_stays(path, store):
    def intruded():
        yield from store.samples(4)
        RaggedMmap.from_lists(path, [np.arange(5)])

    with pytest.raises(FileExistsError) as caught:
        store.generate(path, intruded(), 2, overwrite=False)
    assert "4 samples" in notes(caught.value)
    assert RaggedMmap(path)[0].tolist() == [0, 1, 2, 3, 4]
    assert len(store.show(partial_of(path))) == 4


class PathLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


PLACES = {
    "str": lambda folder: str(folder / "data"),
    "Path": lambda folder: folder / "data",
    "PathLike": lambda folder: PathLike(folder / "data"),
    "Path below missing": lambda folder: folder / "missing" / "data",
    "relative str": lambda _: "data",
    "relative below missing": lambda _: Path("missing/deeper/data"),
    "relative upwards": lambda folder: f"../{folder.name}/data",
    "with a slash": lambda folder: f"{folder}/data/",
    "with a dot": lambda folder: f"{folder}/./data.v1",
    "with spaces and letters": lambda folder: f"{folder}/dätä of mine",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_place_is_given_in_any_form_and_parents_are_made(path, store, monkeypatch, place):
    folder = path.parent
    monkeypatch.chdir(folder)
    out_dir = PLACES[place](folder)
    for number, build in enumerate(
        [
            lambda: store.create(out_dir, store.samples(5)),
            lambda: store.generate(out_dir, iter(store.samples(5)), 2),
            lambda: store.index(out_dir, store.samples(5), 2),
        ]
    ):
        shutil.rmtree(out_dir, ignore_errors=True)
        shutil.rmtree(folder / "missing", ignore_errors=True)
        assert len(build()) == 5, number
        assert store.items(out_dir) == [plain(sample) for sample in store.samples(5)]
        assert len(names(folder)) == 1


def test_a_change_of_the_working_directory_meanwhile_does_not_matter(path, store, monkeypatch):
    def moving():
        yield from store.samples(3)
        os.chdir("/")
        yield from store.samples(5, 3)

    monkeypatch.chdir(path.parent)
    built = store.generate("data", moving(), 2)
    assert store.items(path) == [plain(sample) for sample in store.samples(5)]
    assert len(built) == 5


OTHER_KEYS = {"starts_key": "a", "ends_key": "b", "shapes_key": "c", "flattened_shapes_key": "d"}


@pytest.mark.parametrize("samples", [STORES["tokens"].samples(7), STORES["mixed"].samples(12)])
@pytest.mark.parametrize("create", [RaggedMmap.from_lists, partial(RaggedMmap.from_generator, batch_size=5)])
def test_what_is_replaced_goes_whole_and_what_else_is_there_stays(path, samples, create):
    create(whole := path.parent / "whole", samples)
    RaggedMmap.from_lists(path, samples, **OTHER_KEYS)
    np_ninja.from_ndarray(path / "labels", np.arange(len(samples) + 1))
    np_ninja.from_ndarray(path / "weights", np.ones(len(samples)))
    (path / "README").write_text("mine")
    (path / "checksums.json").write_text("of what was there")
    create(path, samples)
    assert len(np_ninja.open_existing(path / "labels")) == len(samples) + 1
    for name in "labels", "weights":
        shutil.move(path / name, path.parent)
    assert (path / "README").read_text() == "mine"
    (path / "README").unlink()
    assert tree(path) == tree(whole)


def test_what_may_be_the_users_own_stays(path):
    """Five entries could be the four that go by other names."""
    RaggedMmap.from_lists(path, [np.arange(3)] * 4, **OTHER_KEYS)
    np_ninja.from_ndarray(path / "labels", np.arange(4))
    RaggedMmap.from_lists(path, [np.arange(5)] * 2)
    assert np_ninja.open_existing(path / "labels").tolist() == [0, 1, 2, 3]


NO_PLACES = {
    "nothing": ("", FileNotFoundError),
    "a NUL": ("da\0ta", ValueError),
    "the working directory": (".", OSError),
    "the root": ("/", OSError),
    "a file": ("file", NotADirectoryError),
    "below a file": ("file/data", NotADirectoryError),
    "a FIFO": ("fifo", NotADirectoryError),
    "a link to nothing": ("link", NotADirectoryError),
}


@pytest.mark.parametrize("kind", NO_PLACES)
def test_what_is_no_place_for_a_directory_is_refused_at_once(path, store, monkeypatch, kind):
    out_dir, error = NO_PLACES[kind]
    monkeypatch.chdir(path.parent)
    Path("file").write_text("mine")
    os.mkfifo("fifo")
    Path("link").symlink_to("missing")
    before = names(path.parent)
    for build in [store.generate, store.index]:
        with pytest.raises(error):
            build(out_dir, Untouched(), 2)
    with pytest.raises(error):
        store.create(out_dir, store.samples(3))
    assert names(path.parent) == before
    assert Path.cwd() == path.parent


@pytest.mark.parametrize("samples", [[], [object()]], ids=["no samples", "a bad sample"])
@pytest.mark.parametrize("has_parent", [False, True])
def test_a_build_of_nothing_leaves_no_directories(path, store, samples, has_parent):
    if has_parent:
        path.mkdir()
    before = names(path.parent)
    for n_jobs in None, 2:
        with suppress(TypeError, ValueError):
            assert store.index(path / "deeper" / "data", samples, 2, n_jobs) is None
        assert names(path.parent) == before


@contextmanager
def lower_layer(directory):
    """Let a directory be in the lower layer of an overlay, as what a container's image holds."""
    with small_disk(directory, 1 << 20):
        for name in "lower", "upper", "work", "merged":
            (directory / name).mkdir()
        options = ",".join(f"{name}dir={directory / name}" for name in ("lower", "upper", "work"))
        RaggedMmap.from_lists(directory / "lower" / "data", [np.arange(3)])
        command = ["mount", "-t", "overlay", "-o", options, "overlay", directory / "merged"]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            # The kernel may lack them, and the case with them.
            pytest.skip("there are no overlays here")
        try:
            yield directory / "merged" / "data"
        finally:
            subprocess.run(["umount", "-l", directory / "merged"], check=True)


def test_a_target_in_a_lower_layer_costs_no_samples(path):
    with lower_layer(path) as target:
        try:
            built = RaggedMmap.from_generator(target, iter([np.arange(4)] * 5), 2)
        except OSError as error:
            assert error.errno == errno.EXDEV
            assert "5 samples are safe" in notes(error)
            assert len(RaggedMmap(target)) == 1
            shutil.move(target, path / "merged" / "old")
            built = RaggedMmap.from_generator(target, iter([np.arange(4)] * 5), 2, resume=True)
        assert len(built) == 5
