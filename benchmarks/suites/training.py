"""One shuffled epoch in batches of 256 padded sequences, with nothing done to them."""

from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from benchmarks.contenders import CONTENDERS, MEMORY, ORIGINAL, OURS, opened
from benchmarks.rounds import Case, Group
from benchmarks.settings import Settings
from benchmarks.suites import ways

SUITE = "training"
BATCH = 256
LOOP, LOADER, NEWEST = "a loop in Python", "torch's DataLoader", "the newest torch's DataLoader"
PADDED, ITEMS = "this library, padded", "this library, items padded in a loop"
BY_LOADER = "this library, Loader"
IN_MEMORY, WITH_WORKERS = "list in memory", "list in memory, 2 workers"
# What, who, whose samples, the function below, and where it runs.
TABLE = (
    (LOOP, PADDED, OURS, "padded", "ours"),
    (LOOP, BY_LOADER, OURS, "loader", "ours"),
    (LOOP, ITEMS, OURS, "padded_in_a_loop", "ours"),
    (LOOP, ORIGINAL, ORIGINAL, "padded_in_a_loop", "original"),
    (LOADER, PADDED, OURS, "loader_of_batches", "torch"),
    (LOADER, ITEMS, OURS, "loader_of_items", "torch"),
    (LOADER, ORIGINAL, ORIGINAL, "loader_of_items", "torch, original"),
    *(
        (what, who, name, function, environment)
        for what, environment in ((LOADER, "torch"), (NEWEST, "torch, newest"))
        for who, name, function in (
            (BY_LOADER, OURS, "loader_of_loader"),
            (IN_MEMORY, MEMORY, "loader_of_items"),
            (WITH_WORKERS, MEMORY, "loader_of_items_in_workers"),
        )
    ),
)


def groups(settings: Settings) -> list[Group]:
    cases = []
    for what, who, name, function, environment in TABLE:
        arguments = {"function": function, **CONTENDERS[name].place(settings, "sequences")}
        cases.append(Case(what, who, environment, f"{__name__}:epoch", arguments))
    return [Group(SUITE, cases, settings.rounds)]


def epoch(function: str, **place) -> dict[str, float]:
    """Sequences a second, and seconds."""
    reader, seen = opened(**place), 0
    start = perf_counter()
    for batch, _ in WAYS[function](reader):
        seen += len(batch)
    taken = perf_counter() - start
    if seen != len(reader):
        raise ValueError(f"the epoch had {seen} sequences of {len(reader)}")
    return {"s": taken, "sequences a second": seen / taken}


def in_batches(way: Callable) -> Callable[[object], Iterator]:
    def run(reader) -> Iterator:
        make = way(reader)
        order = np.random.default_rng().permutation(len(reader))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            yield make(batch.tolist(), batch)

    return run


def loader(reader) -> Iterator:
    """Shuffled and filled by threads of the library."""
    from mmap_ninja import Loader

    return iter(Loader(reader, BATCH, shuffle=True, pad=0))


def loader_of_loader(reader) -> Iterator:
    """The same as a data set of PyTorch."""
    from mmap_ninja import Loader
    from torch.utils.data import DataLoader

    return iter(DataLoader(Loader(reader, BATCH, shuffle=True, pad=0), batch_size=None))


def loader_of_items(reader, workers: int = 0) -> Iterator:
    """As it is used with the original: the loader collects items, a function of the user's pads them."""
    import torch
    from torch.nn.utils.rnn import pad_sequence
    from torch.utils.data import DataLoader

    def collate(items: list[np.ndarray]) -> tuple:
        tensors = [torch.from_numpy(np.array(item)) for item in items]
        return pad_sequence(tensors, batch_first=True), torch.tensor([len(tensor) for tensor in tensors])

    return iter(DataLoader(reader, BATCH, shuffle=True, collate_fn=collate, num_workers=workers))


def loader_of_items_in_workers(reader) -> Iterator:
    return loader_of_items(reader, workers=2)


class Batches:
    """A data set whose items are batches, for a sampler of batches."""

    def __init__(self, reader):
        self.reader = reader

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, indices: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return self.reader.padded(indices)


def loader_of_batches(reader) -> Iterator:
    """The loader hands whole batches of indices to `padded`."""
    import torch
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler

    def collate(batch: tuple[np.ndarray, np.ndarray]) -> tuple:
        return tuple(map(torch.from_numpy, batch))

    sampler = BatchSampler(RandomSampler(reader), BATCH, drop_last=False)
    return iter(DataLoader(Batches(reader), sampler=sampler, batch_size=None, collate_fn=collate))


WAYS = {
    "padded": in_batches(ways.padded),
    "padded_in_a_loop": in_batches(ways.padded_in_a_loop),
    "loader": loader,
    "loader_of_loader": loader_of_loader,
    "loader_of_items": loader_of_items,
    "loader_of_items_in_workers": loader_of_items_in_workers,
    "loader_of_batches": loader_of_batches,
}
