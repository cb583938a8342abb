"""The ways from indices to a batch. Each is made once for some samples, and then called with the indices of a batch:
a list for a loop, an array for this library.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Batch = Callable[[list[int], np.ndarray], object]


def concatenated(reader) -> Batch:
    """One after another, in a loop over the items."""
    return lambda indices, _: np.concatenate([reader[i].ravel() for i in indices])


def joined(reader) -> Batch:
    """The bytes of texts one after another, in a loop over the items."""
    return lambda indices, _: np.frombuffer(b"".join([reader[i].encode() for i in indices]), np.uint8)


def padded_in_a_loop(reader) -> Batch:
    """A dense array of zeros, filled in a loop over the items."""
    return lambda indices, _: pad([reader[i] for i in indices])


def pad(found: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([sample.shape for sample in found])
    dense = np.zeros((len(found), *lengths.max(axis=0)), found[0].dtype)
    for place, sample in zip(dense, found, strict=True):
        place[tuple(map(slice, sample.shape))] = sample
    return dense, lengths


def collated(records: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch of records: padded tokens and their lengths, an array of labels, and a list of texts."""
    return {
        "tokens": pad([record["tokens"] for record in records]),
        "label": np.array([record["label"] for record in records]),
        "text": [record["text"] for record in records],
    }


def gather(reader) -> Batch:
    return lambda _, indices: reader.gather(indices)


def padded(reader) -> Batch:
    return lambda _, indices: reader.padded(indices)


def padded_out(reader) -> Batch:
    """Into the same array again and again, which has room for every batch."""
    out = None

    def batch(_, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal out
        if out is None:
            most = np.max([sample.shape for sample in reader], axis=0)
            out = np.zeros((len(indices), *most), reader.dtype)
        return reader.padded(indices, out=out)

    return batch


def pad_sequence(reader) -> Batch:
    """PyTorch's, on tensors that are in memory."""
    import torch

    tensors = [torch.from_numpy(np.array(sample)) for sample in reader]
    pad_sequence = torch.nn.utils.rnn.pad_sequence
    return lambda indices, _: pad_sequence([tensors[i] for i in indices], batch_first=True)
