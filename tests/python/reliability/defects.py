"""Runs the reader of mutated directories where four of the seeds do what it must report: die, raise, hang, allocate."""

import json
import os
import time

import mutated


def read_one(place, seed):
    wrong = []
    if seed == 3:
        os.kill(os.getpid(), 11)
    elif seed == 4:
        mutated.attempt(wrong, {}.__getitem__, "missing")
    elif seed == 5:
        mutated.attempt(wrong, time.sleep, 1.1)
    elif seed == 6:
        mutated.attempt(wrong, bytearray, 2 * mutated.MEMORY)
    return [], wrong


mutated.read_one = read_one
print(json.dumps(mutated.run(0, 12, 4)))
