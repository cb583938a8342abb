"""No directory, whatever a stranger put into it, brings a process down, keeps it for long, or costs it memory."""

import json
import subprocess
import sys

import mutated
import pytest
from scale import scaled

# Only Linux tells a process through files what memory it takes.
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
    done = subprocess.run([sys.executable, "-c", DEFECTS], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    wrong = {each["seed"]: str(each["wrong"]) for each in found["wrong"]}
    assert sorted(wrong) == [3, 4, 5, 6]
    assert "SIGSEGV" in wrong[3]
    assert "KeyError" in wrong[4]
    assert "slow" in wrong[5]
    assert "MemoryError" in wrong[6]
    assert found["count"] == 12


DEFECTS = f"""
import json, os, sys, time
sys.path.insert(0, {mutated.__file__.rpartition("/")[0]!r})
import mutated
def read_one(place, seed):
    wrong = []
    if seed == 3:
        os.kill(os.getpid(), 11)
    elif seed == 4:
        mutated.attempt(wrong, {{}}.__getitem__, "missing")
    elif seed == 5:
        mutated.attempt(wrong, time.sleep, 1.1)
    elif seed == 6:
        mutated.attempt(wrong, bytearray, 2 * mutated.MEMORY)
    return [], wrong
mutated.read_one = read_one
print(json.dumps(mutated.run(0, 12, 4)))
"""
