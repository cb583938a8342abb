"""Maps under PyTorch: every start method of workers, collation and subsets.

`make test-torch` runs the modules of this folder with a Python that has torch; elsewhere they are skipped.
"""

import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pages
import pytest
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap

torch = pytest.importorskip("torch")

from sequence_samples import COUNT, check_padded, sequence
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    random_split,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_torch.py"
# Number of workers, and how they are started.
WORKERS = [(0, None)] + [(number, method) for method in ("fork", "spawn", "forkserver") for number in (1, 2)]

workers = pytest.mark.parametrize("workers", WORKERS, ids=str)


def strict(_worker):
    """A warning in a worker is an error, as it is here."""
    warnings.simplefilter("error")


def load(dataset, workers, **options):
    number, method = workers
    if number:
        options |= {"multiprocessing_context": method, "timeout": 120, "worker_init_fn": strict}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # on a machine of one core
        return DataLoader(dataset, num_workers=number, **options)


def image(index):
    return np.full((4, 3), index, "float32")


@pytest.fixture
def images(tmp_path):
    """Tensors of one shape."""
    RaggedMmap.from_lists(tmp_path / "images", map(image, range(COUNT)))
    return RaggedMmap(tmp_path / "images", wrapper_fn=torch.from_numpy)


@pytest.fixture
def texts(tmp_path):
    return StringsMmap.from_strings(tmp_path / "texts", [f"text {index}" for index in range(COUNT)])


class Collate:
    """A batch from its indices, where the dataset is a range."""

    def __init__(self, sequences):
        self.sequences = sequences

    def __call__(self, indices):
        batch, lengths = self.sequences.padded(indices, padding_value=-1)
        return torch.tensor(indices), torch.from_numpy(batch), torch.from_numpy(lengths)


class Batches(Dataset):
    """A batch from its indices, where a BatchSampler gives them."""

    def __init__(self, sequences, texts):
        self.sequences, self.texts = sequences, texts

    def __len__(self):
        return len(self.sequences)

    def __getitem__(self, indices):
        return indices, *self.sequences.padded(indices, padding_value=-1), self.texts[indices]


class Samples(Dataset):
    """A sample from its index, or many at once."""

    def __init__(self, images, texts):
        self.images, self.texts, self.calls = images, texts, 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.texts[index]

    def __getitems__(self, indices):
        self.calls += 1
        return list(zip(self.images.__getitems__(indices), self.texts.__getitems__(indices), strict=True))


class Visited(Dataset):
    """Marks in a writable map what was read."""

    def __init__(self, marks):
        self.marks = marks

    def __len__(self):
        return len(self.marks)

    def __getitem__(self, index):
        self.marks[index] = [1]
        return index


# Loaders


@workers
def test_a_map_of_tensors_is_a_dataset_for_the_default_collation(images, workers):
    batches = list(load(images, workers, batch_size=8))
    assert [tuple(batch.shape) for batch in batches] == [(8, 4, 3)] * 7 + [(4, 4, 3)]
    assert torch.cat(batches)[:, 0, 0].tolist() == list(range(COUNT))
    assert batches[0].dtype == torch.float32


@workers
def test_a_collate_function_pads_by_the_indices(sequences, workers):
    seen = []
    for indices, batch, lengths in load(
        range(COUNT), workers, batch_size=8, shuffle=True, collate_fn=Collate(sequences)
    ):
        check_padded(indices, batch, lengths)
        seen += indices.tolist()
    assert sorted(seen) == list(range(COUNT))


@workers
def test_a_batch_sampler_reads_whole_batches_of_a_dataset_of_maps(sequences, texts, workers):
    dataset, seen = Batches(sequences, texts), []
    batches = BatchSampler(RandomSampler(dataset), batch_size=9, drop_last=False)
    for indices, batch, lengths, strings in load(dataset, workers, sampler=batches, batch_size=None):
        check_padded(indices, batch, lengths)
        assert strings == [f"text {index}" for index in indices]
        seen += [int(index) for index in indices]
    assert sorted(seen) == list(range(COUNT))


@workers
def test_a_map_of_texts_is_a_dataset(texts, workers):
    batches = list(load(texts, workers, batch_size=25))
    assert [text for batch in batches for text in batch] == [f"text {index}" for index in range(COUNT)]


@pytest.mark.parametrize("workers", [(0, None), (2, "fork"), (1, "spawn")], ids=str)
def test_subsets_and_splits_of_a_dataset_of_maps_are_loaded(images, texts, workers):
    dataset = Samples(images, texts)
    even = Subset(dataset, range(0, COUNT, 2))
    first, second = random_split(dataset, [45, 15], generator=torch.Generator().manual_seed(0))
    joined = ConcatDataset([first, second])
    for part, count in [(even, 30), (first, 45), (second, 15), (joined, COUNT)]:
        found = []
        for tensors, strings in load(part, workers, batch_size=7):
            assert list(strings) == [f"text {int(value)}" for value in tensors[:, 0, 0]]
            found += tensors[:, 0, 0].int().tolist()
        assert len(found) == len(part) == count
        if part is even:
            assert found == list(range(0, COUNT, 2))
        if part is joined:
            assert sorted(found) == list(range(COUNT))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_that_persist_read_several_epochs(images, method):
    loader = load(images, (2, method), batch_size=16, shuffle=True, persistent_workers=True)
    for _ in range(3):
        assert sorted(torch.cat(list(loader))[:, 0, 0].tolist()) == list(range(COUNT))


@workers
def test_what_workers_write_to_a_map_is_seen_here(tmp_path, workers):
    RaggedMmap.from_lists(tmp_path / "marks", [[0]] * COUNT)
    marks = RaggedMmap(tmp_path / "marks", mode="r+")
    assert torch.cat(list(load(Visited(marks), workers, batch_size=8))).tolist() == list(range(COUNT))
    assert marks.gather(slice(None))[0].tolist() == [1] * COUNT


@workers
def test_tensors_on_mapped_bytes_travel_between_processes(tmp_path, images, workers):
    options = {"wrapper_fn": torch.from_numpy, "copy_before_wrapper_fn": False, "mode": "c"}
    views = RaggedMmap(images.out_dir, **options)
    found = list(load(views, workers, batch_size=None))
    assert [float(tensor[0, 0]) for tensor in found] == list(range(COUNT))


def test_an_error_in_a_worker_names_the_map(sequences):
    for loader_workers in (0, None), (1, "fork"):
        loader = load([0, COUNT], loader_workers, batch_size=2, collate_fn=Collate(sequences))
        with pytest.raises(IndexError, match=f"sequences.*{COUNT}"):
            list(loader)


@pytest.fixture
def records(tmp_path):
    samples = [
        {"image": image(index), "label": index, "name": f"{index}.png", "tokens": sequence(index)}
        for index in range(COUNT)
    ]
    RecordsMmap.from_lists(tmp_path / "records", samples)
    return RecordsMmap(tmp_path / "records")


@workers
def test_the_default_collation_stacks_the_fields_of_records(records, workers):
    dataset = RecordsMmap(records.out_dir, ["image", "label", "name"], {"image": torch.from_numpy})
    batches = list(load(dataset, workers, batch_size=8))
    assert [list(batch) for batch in batches] == [["image", "label", "name"]] * 8
    labels = torch.cat([batch["label"] for batch in batches])
    assert labels.tolist() == list(range(COUNT))
    assert labels.dtype == torch.int64
    assert torch.cat([batch["image"] for batch in batches])[:, 3, 2].tolist() == list(range(COUNT))
    assert [name for batch in batches for name in batch["name"]] == [f"{index}.png" for index in range(COUNT)]


class Padded:
    """A batch of records from its indices, where the dataset is a range."""

    def __init__(self, records):
        self.records = records

    def __call__(self, indices):
        batch = self.records.batch(indices, pad={"tokens": -1})
        padded, lengths = batch["tokens"]
        return torch.from_numpy(batch["label"]), torch.from_numpy(padded), torch.from_numpy(lengths)


@workers
def test_batches_of_records_are_padded_by_the_indices(records, workers):
    seen = []
    for labels, padded, lengths in load(
        range(COUNT), workers, batch_size=8, shuffle=True, collate_fn=Padded(records)
    ):
        check_padded(labels, padded, lengths)
        seen += labels.tolist()
    assert sorted(seen) == list(range(COUNT))


def test_a_loader_asks_records_for_whole_batches(records):
    found = records.__getitems__(torch.tensor([5, -1]))
    assert [sample["label"] for sample in found] == [5, COUNT - 1]
    dataset = RecordsMmap(records.out_dir, ["label"])
    batches = [batch["label"].tolist() for batch in load(dataset, (0, None), batch_size=40)]
    assert batches == [list(range(40)), list(range(40, COUNT))]


def test_a_dataset_of_dicts_is_stored_as_records(tmp_path):
    class Dicts(Dataset):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            image = torch.full((2, index % 3), index)
            return {"image": image, "label": index, "score": torch.tensor([index / 2])}

    stored = RecordsMmap.from_indexable(tmp_path / "stored", Dicts(), 6)
    assert len(stored) == 20
    for index, found in enumerate(stored):
        for name, value in Dicts()[index].items():
            assert torch.equal(torch.from_numpy(np.array(found[name])), torch.as_tensor(value))


# __getitems__


def test_getitems_gives_the_items_of_a_batch(images, texts):
    dataset = Samples(images, texts)
    indices = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))[:8]
    for batch in dataset.__getitems__(indices.tolist()), [dataset[index] for index in indices.tolist()]:
        assert [float(tensor[0, 0]) for tensor, _ in batch] == indices.tolist()
        assert [text for _, text in batch] == [f"text {index}" for index in indices.tolist()]


def test_getitems_takes_a_tensor_of_indices(sequences, texts):
    indices = torch.tensor([5, 0, -1, 5])
    found = sequences.__getitems__(indices)
    assert [item.tolist() for item in found] == [sequence(index % COUNT).tolist() for index in (5, 0, -1, 5)]
    assert texts.__getitems__(indices) == ["text 5", "text 0", "text 59", "text 5"]


def test_a_loader_asks_for_whole_batches(images, texts):
    dataset = Samples(images, texts)
    found = [strings for _, strings in load(dataset, (0, None), batch_size=8)]
    assert [text for batch in found for text in batch] == [f"text {index}" for index in range(COUNT)]
    assert dataset.calls == 8


# Pickles


def test_a_dataset_of_maps_is_pickled_by_its_paths(sequences, images, texts):
    for dataset in [Collate(sequences), Batches(sequences, texts), Samples(images, texts)]:
        content = pickle.dumps(dataset)
        assert len(content) <= 2000
        assert type(pickle.loads(content)) is type(dataset)
    found = pickle.loads(pickle.dumps(Samples(images, texts)))[7]
    assert torch.equal(found[0], torch.from_numpy(image(7)))
    assert found[1] == "text 7"


# The example


@pytest.mark.parametrize("number", [0, 2])
def test_the_example_trains_with_a_falling_loss(tmp_path, number):
    command = [sys.executable, "-W", "error", EXAMPLE, tmp_path, str(number)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    losses = [float(loss) for loss in re.findall(r"epoch \d+: loss ([\d.]+)", done.stdout)]
    assert len(losses) == 5
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 3


@pytest.mark.parametrize("page", ["README.md", "docs/pytorch.md", "docs/records.md"])
def test_the_examples_of_a_page_that_need_torch_run_and_show_what_they_say(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "torch" not in (pages.run(pages.ROOT / page) or "")
