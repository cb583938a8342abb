"""Every epoch of the training loops in the documentation has an order of its own; PyTorch's is in tests/torch."""

import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from epochs import check_training_loop


class StandIn(ModuleType):
    """What the loop of the page needs of TensorFlow, for machines without it."""

    int32, int64 = np.int32, np.int64

    def __init__(self):
        super().__init__("tensorflow")
        self.data = SimpleNamespace(Dataset=Generated, AUTOTUNE=-1)
        self.TensorSpec = self.sequence_mask = lambda *_: None
        self.shape = np.shape


class Generated:
    """A dataset that calls its generator again for every iteration."""

    def __init__(self, generator):
        self.generator = generator

    @classmethod
    def from_generator(cls, generator, output_signature):
        return cls(generator)

    def prefetch(self, _):
        return self

    def __iter__(self):
        return iter(self.generator())


def test_epochs_of_tensorflow_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if find_spec("tensorflow") is None:
        monkeypatch.setitem(sys.modules, "tensorflow", StandIn())
    check_training_loop("tensorflow.md")


def test_epochs_of_jax_differ(tmp_path, monkeypatch):
    pytest.importorskip("grain")
    monkeypatch.chdir(tmp_path)
    check_training_loop("jax.md")
