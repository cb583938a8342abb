"""Train a classifier of token sequences with PyTorch; the data stay in memory-mapped files.

    python examples/train_torch.py [folder] [workers]

The sequences have different lengths. One call of `padded` reads a batch, in this process or in a worker. Workers receive
only the paths of the maps and reopen them.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from mmap_ninja import RaggedMmap
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

VOCABULARY, CLASSES, PADDING = 500, 4, 0


def write(folder, count=4000):
    """Write sequences of 5 to 79 tokens; a third of the tokens come from the class's part of the vocabulary."""
    rng = np.random.default_rng(0)
    labels, part = rng.integers(0, CLASSES, count), (VOCABULARY - 1) // CLASSES

    def tokens(label):
        anything = rng.integers(1, VOCABULARY, rng.integers(5, 80))
        own = rng.integers(1 + label * part, 1 + (label + 1) * part, len(anything))
        return np.where(rng.random(len(anything)) < 1 / 3, own, anything)

    RaggedMmap.from_generator(folder / "tokens", map(tokens, labels), batch_size=1000)
    RaggedMmap.from_lists(folder / "labels", labels)


class Sequences(Dataset):
    """Maps the indices of a batch to padded tokens, their true lengths, and labels."""

    def __init__(self, folder):
        self.tokens, self.labels = RaggedMmap(folder / "tokens"), RaggedMmap(folder / "labels")

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, indices):
        tokens, lengths = self.tokens.padded(indices, padding_value=PADDING)
        labels, _ = self.labels.gather(indices)
        return tokens, lengths, labels


class Classifier(torch.nn.Module):
    """A linear layer on the mean of the token embeddings."""

    def __init__(self, width=32):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, width, padding_idx=PADDING)
        self.linear = torch.nn.Linear(width, CLASSES)

    def forward(self, tokens, lengths):
        return self.linear(self.embedding(tokens).sum(1) / lengths[:, None])


def train(folder, workers, epochs=5):
    torch.manual_seed(0)
    sequences, model = Sequences(folder), Classifier()
    batches = BatchSampler(RandomSampler(sequences), batch_size=64, drop_last=False)
    loader = DataLoader(sequences, sampler=batches, batch_size=None, num_workers=workers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(1, epochs + 1):
        losses = []
        for tokens, lengths, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(tokens, lengths), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        if not (folder / "labels").exists():
            write(folder)
        train(folder, workers=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
