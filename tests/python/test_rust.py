"""The example programs of the crate, against maps of the package."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

ROOT = Path(__file__).parents[2]


def example(name, *arguments):
    command = ["cargo", "run", "-q", "--example", name, "--", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def test_rust_reads_what_python_wrote(tmp_path):
    RaggedMmap.from_lists(
        tmp_path / "r", [np.array([[1, 2]], np.uint8), np.array([3], np.uint8), np.uint8(4)]
    )
    assert example("read_map", tmp_path / "r") == ["0 [1, 2] [1, 2]", "1 [1] [3]", "2 [] [4]"]
    StringsMmap.from_strings(tmp_path / "s", ["one", "três"], zstd_level=3)
    assert example("read_map", tmp_path / "s") == ["0 one", "1 três"]
    np_ninja.from_ndarray(tmp_path / "n", np.array([[1], [2]], np.int8))
    assert example("read_map", tmp_path / "n") == ["int8 [2, 1] C [1, 2]"]


def test_python_reads_what_rust_wrote(tmp_path):
    example("write_map", tmp_path)
    samples = RaggedMmap(tmp_path / "samples")
    assert samples[0].tolist() == [0.5, 1.5]
    assert samples[1].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert samples.dtype == np.float32
    assert StringsMmap(tmp_path / "texts")[:] == ["one", "zwei", "três"]
    assert np_ninja.open_existing(tmp_path / "array").tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_rust_streams_every_sample_from_several_threads(tmp_path, threads):
    RaggedMmap.from_lists(tmp_path / "r", [np.full(n % 5, n, np.int32) for n in range(200)])
    expected = "200 samples, 4 batches, 1600 bytes, each sample once and as it is stored"
    assert example("stream_samples", tmp_path / "r", threads) == [expected]
