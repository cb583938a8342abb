"""A run of two ranks of torch.distributed that is killed goes on as one rank with the batches that it would have read."""

import json
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("needs gloo", allow_module_level=True)

from mmap_ninja import Loader, RaggedMmap

STEPS, MORE = 17, 30


def start(folder, *arguments):
    program = Path(__file__).with_name("ranks.py")
    command = [sys.executable, str(program), str(folder), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_ranks_that_are_killed_go_on_as_one(tmp_path):
    tokens = RaggedMmap.from_lists(tmp_path / "tokens", [[i] * (i % 5 + 1) for i in range(100)])
    ranks = [start(tmp_path, rank, 2, STEPS) for rank in range(2)]
    try:
        parts = [[json.loads(rank.stdout.readline()) for _ in range(STEPS)] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.wait() for rank in ranks] == [-signal.SIGKILL] * 2
    for rank in ranks:
        rank.stdout.close()
    last = start(tmp_path, 0, 1, MORE, tmp_path / "state.json")
    found = [one + other for one, other in zip(*parts)] + [json.loads(line) for line in last.stdout]
    last.stdout.close()
    assert last.wait() == 0

    def whole():
        loader = Loader(tokens, 8, shuffle=True, pad=0)
        while True:
            for batch, _ in loader:
                yield batch[:, 0].tolist()

    assert found == list(islice(whole(), STEPS + MORE))
