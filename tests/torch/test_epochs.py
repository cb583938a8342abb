"""Every epoch of the training loop in PyTorch's page has an order of its own."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from epochs import check_training_loop

pytest.importorskip("torch")


def test_epochs_of_pytorch_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_training_loop("pytorch.md")
