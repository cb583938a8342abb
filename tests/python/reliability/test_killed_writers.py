"""What was acknowledged is there, whenever the writer is killed."""

import subprocess
import sys

import killed
import readers
from scale import scaled

KILLS = scaled(120, 10_000)


def test_no_acknowledged_sample_is_lost_when_writers_are_killed():
    # Children are forked from a process that has no other threads.
    with readers.memory_folder() as folder:
        command = [sys.executable, killed.__file__, folder, str(KILLS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > KILLS
