"""Samples and batches as tensors, copied or on the mapped bytes."""

import subprocess
import sys

import numpy as np
import pytest
from mmap_ninja import RaggedMmap

torch = pytest.importorskip("torch")

from sequence_samples import COUNT, check_padded, sequence
from torch.utils.data import DataLoader


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_tensors_of_copies_are_free_to_change_and_give_no_warning(sequences, mode):
    path = sequences.out_dir
    for wrapper in (
        torch.from_numpy,
        torch.as_tensor,
        torch.tensor,
        lambda item: torch.from_numpy(item).float(),
    ):
        memmap = RaggedMmap(path, wrapper_fn=wrapper, mode=mode)
        for index in 3, -1, np.int64(6):
            memmap[index].fill_(-5)
            assert memmap[index].tolist() == sequence(int(index) % COUNT).tolist()
        assert [len(item) for item in memmap[[0, 6, 3]]] == [0, 6, 3]
        assert [len(item) for item in memmap] == [index % 7 for index in range(COUNT)]


# The warning comes once in a process, so each case has one of its own.
READ = """
import sys, torch, mmap_ninja
copy = sys.argv[2] == "copy"
memmap = mmap_ninja.RaggedMmap(sys.argv[1], wrapper_fn=torch.from_numpy, copy_before_wrapper_fn=copy)
print(memmap[3].tolist())
"""


def test_only_a_tensor_on_read_only_bytes_gives_a_warning(sequences):
    for copy, warns in [("copy", False), ("view", True)]:
        command = [sys.executable, "-c", READ, sequences.out_dir, copy]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.strip() == str(sequence(3).tolist())
        assert ("not writable" in done.stderr) is bool(done.stderr) is warns


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_a_tensor_without_a_copy_shares_the_mapped_bytes(sequences, mode):
    options = {"wrapper_fn": torch.from_numpy, "copy_before_wrapper_fn": False, "mode": mode}
    memmap = RaggedMmap(sequences.out_dir, **options)
    assert memmap[3].data_ptr() == memmap[3].data_ptr()
    memmap[3].fill_(-5)
    assert memmap[3].tolist() == memmap.gather([3])[0].tolist() == [-5] * 3
    assert sequences[3].tolist() == ([-5] * 3 if mode == "r+" else sequence(3).tolist())


def test_a_tensor_outlives_its_map(sequences):
    memmap = RaggedMmap(
        sequences.out_dir, wrapper_fn=torch.from_numpy, copy_before_wrapper_fn=False, mode="c"
    )
    tensor = memmap[6]
    memmap.close()
    del memmap
    assert tensor.tolist() == sequence(6).tolist()


def test_scalars_become_tensors(tmp_path):
    numbers = RaggedMmap.from_lists(tmp_path / "numbers", [1.5, 2.5], wrapper_fn=torch.as_tensor)
    assert [item.tolist() for item in numbers] == [1.5, 2.5]
    assert torch.cat(list(DataLoader(numbers, batch_size=1))).tolist() == [1.5, 2.5]


def test_batches_are_tensors_without_a_copy_or_a_warning(sequences):
    indices = [6, 0, 5]
    for array in *sequences.gather(indices), *sequences.padded(indices):
        tensor = torch.from_numpy(array)
        assert tensor.data_ptr() == array.ctypes.data
        tensor.zero_()
        assert not array.any()
    assert sequences[6].tolist() == sequence(6).tolist()


def test_padded_is_pad_sequence(sequences):
    for indices in range(COUNT), [6], [0, 0, 1], list(range(COUNT))[::-7]:
        batch, lengths = sequences.padded(indices, padding_value=-1)
        check_padded(indices, torch.from_numpy(batch), torch.from_numpy(lengths))


def test_padded_fills_a_tensor_in_place(sequences):
    buffer = torch.full((3, 10), 7)
    address = buffer.data_ptr()
    sequences.padded([6, 0, 3], padding_value=-1, out=buffer.numpy())
    assert buffer[0].tolist() == [*sequence(6).tolist(), *[-1] * 4]
    assert buffer[1].tolist() == [-1] * 10
    assert buffer.data_ptr() == address


def test_gather_is_the_layout_of_an_embedding_bag(sequences):
    table = torch.nn.EmbeddingBag(100 * COUNT, 4, mode="sum")
    indices = [6, 0, 5, 6]
    values, offsets = map(torch.from_numpy, sequences.gather(indices))
    bags = table(values, offsets[:-1])
    for bag, index in zip(bags, indices, strict=True):
        assert torch.allclose(bag, table.weight[sequence(index)].sum(0))
