"""The descriptors, mappings and memory of a process do not grow with the number of its calls."""

import json
import subprocess
import sys

import pytest
import readers
import resources
from catalogue import create_all
from scale import scaled

# Only Linux lists descriptors and mappings of a process in files.
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="descriptors and mappings are read from /proc"
)

TIMES = {
    "opening": 10_000,
    "failing": 10_000,
    "appending": 10_000,
    "many_handles": 10_000,
    "replacing": 5_000,
}
# The memory that allocators keep for reuse.
SLACK = 2 << 20


@pytest.mark.parametrize("action", TIMES)
def test_descriptors_mappings_and_memory_stay_flat(action):
    times = scaled(TIMES[action] // 25, TIMES[action])
    with readers.memory_folder() as folder:
        create_all(folder)
        command = [sys.executable, resources.__file__, action, str(folder), str(times)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    before, after = json.loads(done.stdout)
    assert after[0] == before[0]
    assert after[0] < 400
    # A map that grows may need a mapping where it had none; arrays of allocators come and go.
    assert after[1] <= before[1] + 8
    assert after[2] <= before[2] + SLACK
