"""Samples of different lengths, and what they are in a padded batch."""

import numpy as np
import torch

COUNT = 60


def sequence(index):
    """Sample `index` of the map of sequences."""
    return np.arange(index % 7) + 100 * index


def check_padded(indices, batch, lengths):
    """The batch is what `pad_sequence` makes of the samples."""
    samples = [torch.from_numpy(sequence(int(index))) for index in indices]
    expected = torch.nn.utils.rnn.pad_sequence(samples, batch_first=True, padding_value=-1)
    assert torch.equal(batch, expected)
    assert lengths.tolist() == [len(sample) for sample in samples]
