"""Bars of builds: shown if asked for, and true."""

import time

import numpy as np
import pytest
from building_workers import interrupted, sized
from mmap_ninja import RaggedMmap

VERBOSE = {
    "list": lambda store, path, verbose: store.generate(path, store.samples(50), 20, verbose=verbose),
    "n": lambda store, path, verbose: store.generate(
        path, iter(store.samples(50)), 20, verbose=verbose, n=50
    ),
    "one batch": lambda store, path, verbose: store.generate(path, store.samples(50), 50, verbose=verbose),
    "indexable": lambda store, path, verbose: store.index(path, sized(store.sample, 50), 20, verbose=verbose),
}


@pytest.mark.parametrize("kind", VERBOSE)
def test_progress_is_shown_only_if_asked_for(path, store, capfd, kind):
    VERBOSE[kind](store, path, False)
    assert capfd.readouterr() == ("", "")
    VERBOSE[kind](store, path, True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "50/50" in err.split("\r")[-1]
    assert "samples/s" in err


def test_progress_without_a_length_has_no_total(path, store, capfd):
    store.generate(path, (sample for sample in store.samples(50)), 20, verbose=True)
    last = capfd.readouterr().err.split("\r")[-1]
    assert "50" in last
    assert "%" not in last


def test_progress_of_an_expected_number_that_is_wrong_still_builds(path, store, capfd):
    assert len(store.generate(path, iter(store.samples(5)), 2, verbose=True, n=9)) == 5
    assert "5/9" in capfd.readouterr().err


@pytest.mark.parametrize("total", [{}, {"n": 50}])
def test_progress_of_a_resumed_build_counts_what_is_there(path, store, capfd, total):
    interrupted(store, path, store.samples(33), 10)
    samples = store.samples(50) if not total else (sample for sample in store.samples(50))
    store.generate(path, samples, 10, verbose=True, resume=True, **total)
    shown = capfd.readouterr().err.split("\r")
    assert "30/50" in shown[0] + shown[1]
    assert "50/50" in shown[-1]


def test_progress_of_a_resumed_build_without_a_length_has_no_total(path, store, capfd):
    interrupted(store, path, store.samples(33), 10)
    store.generate(path, (sample for sample in store.samples(50)), 10, verbose=True, resume=True)
    assert "%" not in capfd.readouterr().err


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_progress_ends_with_all_bytes_that_were_written(path, capfd, count, n_jobs):
    """Samples of 100 kB in batches of ten."""
    RaggedMmap.from_indexable(
        path, sized(lambda index: np.zeros(12_500), count), 10, n_jobs=n_jobs, verbose=True
    )
    assert f"{count / 10:.1f} MB" in capfd.readouterr().err.split("\r")[-1]


def test_progress_of_workers_shows_what_they_have_written(path, capfd):
    """As it goes; loaders take so long that the bar is drawn again."""

    def load(index):
        time.sleep(0.01)
        return np.zeros(12_500)

    RaggedMmap.from_indexable(path, sized(load, 150), 50, n_jobs=2, verbose=True)
    shown = {part.split(" MB")[0].split()[-1] for part in capfd.readouterr().err.split("\r") if " MB" in part}
    assert len(shown) > 1
    assert "15.0" in shown


def test_progress_of_an_error_is_not_shown_if_not_asked_for(path, store, capfd):
    interrupted(store, path, store.samples(5), 2)
    store.generate(path, store.samples(5), 2, resume=True)
    assert capfd.readouterr() == ("", "")
