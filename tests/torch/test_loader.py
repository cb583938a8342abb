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


@pytest.mark.filterwarnings("ignore:.*set_vital")
def test_a_stateful_data_loader_keeps_the_state_of_the_loader(tokens):
    stateful = pytest.importorskip("torchdata.stateful_dataloader")

    def data():
        loader = Loader(tokens, 8, shuffle=True, pad=0)
        return stateful.StatefulDataLoader(loader, batch_size=None, num_workers=0)

    whole = Loader(tokens, 8, shuffle=True, pad=0)
    expected = [batch for _ in range(2) for batch, _ in whole]
    first, found = data(), []
    for batch, _ in first:
        found.append(batch)
        if len(found) == 5:
            break
    state = first.state_dict()
    resumed = data()
    resumed.load_state_dict(state)
    found += [batch for _ in range(2) for batch, _ in resumed]
    assert len(found) == len(expected)
    for batch, wanted in zip(found, expected):
        assert torch.equal(batch, torch.from_numpy(wanted))


def test_accelerate_takes_a_loader_and_its_state(tokens):
    accelerate = pytest.importorskip("accelerate")
    loader = Loader(tokens, 8, shuffle=True, pad=0)
    accelerator = accelerate.Accelerator(cpu=True)
    model = torch.nn.Linear(1, 1)
    model, data = accelerator.prepare(model, DataLoader(loader, batch_size=None, num_workers=0))
    expected = list(Loader(tokens, 8, shuffle=True, pad=0))
    found = list(data)
    assert len(found) == len(expected)
    for (batch, _), (wanted, _) in zip(found, expected):
        assert torch.equal(batch, torch.from_numpy(wanted))


@pytest.mark.filterwarnings("ignore")
def test_lightning_trains_on_a_loader(tokens, tmp_path):
    lightning = pytest.importorskip("lightning")

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer, self.seen = torch.nn.Linear(1, 1), []

        def training_step(self, batch, _):
            values, lengths = batch
            self.seen += values[:, 0].tolist()
            return self.layer(lengths[:, None].float()).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    model = Model()
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(Loader(tokens, 8, shuffle=True, pad=0), batch_size=None, num_workers=0))
    assert len(model.seen) == 200
