"""A loader is an iterable dataset of PyTorch as it stands."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mmap_ninja import Loader, RaggedMmap
from torch.utils.data import DataLoader, IterableDataset


@pytest.fixture
def tokens(tmp_path):
    return RaggedMmap.from_lists(tmp_path / "tokens", [np.arange(i % 9 + 1) for i in range(100)])


def test_a_data_loader_yields_the_batches_as_tensors(tokens):
    loader = Loader(tokens, 8, shuffle=True, pad=0)
    data = DataLoader(loader, batch_size=None, num_workers=0)
    assert isinstance(loader, IterableDataset)
    assert len(data) == 13
    for epoch in range(2):
        expected = Loader(tokens, 8, shuffle=True, pad=0)
        expected.set_epoch(epoch)
        for found, (batch, lengths) in zip(
            data, expected
        ):  # `data` ends its epoch only if it is asked for more
            assert torch.equal(found[0], torch.from_numpy(batch))
            assert torch.equal(found[1], torch.from_numpy(lengths))
        loader.set_epoch(epoch + 1)


def test_workers_that_would_repeat_batches_are_refused(tokens):
    with pytest.raises(RuntimeError, match="num_workers=0"):
        next(iter(DataLoader(Loader(tokens, 8), batch_size=None, num_workers=1)))
