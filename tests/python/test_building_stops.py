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


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_build_is_not_resumed_with_fewer_samples_than_it_has(path, store, n_jobs):
    building_workers.interrupted(store, path, store.samples(50), 10)
    with pytest.raises(ValueError, match="20 samples, but 50"):
        store.index(path, sized(store.sample, 20), 10, n_jobs=n_jobs, resume=True)
    assert len(store.show(partial_of(path))) == 50
    assert len(store.index(path, sized(store.sample, 50), 10, n_jobs=n_jobs, resume=True)) == 50
