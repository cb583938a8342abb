"""What was acknowledged is there, whenever the writer is killed."""

import subprocess
import sys

import killed
import stores
from scale import scaled

KILLS = scaled(120, 10_000)


def test_no_acknowledged_sample_is_lost_when_writers_are_killed():
    # Children are forked from a process that has no other threads.
    program = "import killed, sys; print(killed.kill_many(sys.argv[1], int(sys.argv[2])))"
    with stores.memory_folder() as folder:
        command = [sys.executable, "-c", program, folder, str(KILLS)]
        environment = {"PYTHONPATH": killed.__file__.rpartition("/")[0]}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > KILLS
