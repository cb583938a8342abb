"""Builds that are told to stop: by signals, by errors of any kind, or by a child that was forked."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import building_workers
import numpy as np
import pytest
from building_workers import sized
from conftest import names, notes, partial_of
from mmap_ninja import RaggedMmap
from mmap_ninja import numpy as np_ninja

fcntl = pytest.importorskip("fcntl")


class Own(BaseException):
    """No `Exception`."""


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("index", [1, 70])
def test_a_loader_that_raises_stop_iteration_is_named(path, index, n_jobs):
    def load(asked):
        if asked == index:
            raise StopIteration(5)
        return [asked]

    with pytest.raises(RuntimeError, match=rf"index {index} raised StopIteration"):
        RaggedMmap.from_indexable(path, sized(load, 90), 4, n_jobs=n_jobs)


@pytest.mark.parametrize("index", [2, 70])
@pytest.mark.parametrize("way", ["exit", "raise", "return"])
def test_a_child_that_a_loader_forks_has_no_part_in_the_build(path, index, way):
    """Here or in a worker."""
    command = [sys.executable, building_workers.__file__, "build_with_a_fork", path, str(index), way]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "90\n", ended.stderr
    assert names(path.parent) == ["data"]
    assert [item[0] for item in RaggedMmap(path)] == list(range(90))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_build_is_not_resumed_with_fewer_samples_than_it_has(path, store, n_jobs):
    building_workers.interrupted(store, path, store.samples(50), 10)
    with pytest.raises(ValueError, match="20 samples, but 50"):
        store.index(path, sized(store.sample, 20), 10, n_jobs=n_jobs, resume=True)
    assert len(store.show(partial_of(path))) == 50
    assert len(store.index(path, sized(store.sample, 50), 10, n_jobs=n_jobs, resume=True)) == 50
