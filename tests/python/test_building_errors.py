"""Whatever happens on the way, whole batches and the old map are there."""

import errno
import signal

import numpy as np
import pytest
from building_workers import STORES, plain
from conftest import Untouched, names, notes, partial_of, small_disk, tree, unchanged
from mmap_ninja import StringsMmap, open_existing

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


def test_an_interrupt_keeps_whole_batches_like_any_other_error(path, store):
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
def test_an_error_while_writing_keeps_whole_batches_like_any_other_error(path, name):
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
def test_a_batch_size_below_one_is_refused_at_once(path, store, batch_size):
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
