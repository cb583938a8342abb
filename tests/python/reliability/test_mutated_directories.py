"""No untrusted directory crashes a process, blocks it for long, or costs it much memory."""

import json
import subprocess
import sys
from pathlib import Path

import mutated
import pytest
from scale import scaled

# Only Linux reports the memory of a process in files.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

DIRECTORIES = scaled(20_000, 1_000_000)
AT_ONCE = 20_000


def read(first, count):
    command = [sys.executable, mutated.__file__, "run", str(first), str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def test_mutated_directories_are_read_or_refused():
    for first in range(0, DIRECTORIES, AT_ONCE):
        found = read(first, min(AT_ONCE, DIRECTORIES - first))
        again = f"{sys.executable} {mutated.__file__} show SEED"
        assert not found["wrong"], f"{found['wrong'][:5]}\nto see one: {again}"
        assert found["count"] == min(AT_ONCE, DIRECTORIES - first)
        assert found["memory"] <= mutated.MEMORY


def test_a_child_that_dies_hangs_or_panics_is_reported():
    command = [sys.executable, Path(__file__).with_name("defects.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    wrong = {each["seed"]: str(each["wrong"]) for each in found["wrong"]}
    assert sorted(wrong) == [3, 4, 5, 6]
    assert "SIGSEGV" in wrong[3]
    assert "KeyError" in wrong[4]
    assert "slow" in wrong[5]
    assert "MemoryError" in wrong[6]
    assert found["count"] == 12
