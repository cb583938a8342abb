"""Reads mutated directories in long-lived children, and reports what must not happen.

python mutated.py run FIRST COUNT    a line of JSON: how many were read, and what went wrong
python mutated.py show SEED          what this seed changes, and what comes of it, in this process
"""

import faulthandler
import json
import mmap
import os
import random
import resource
import signal
import struct
import sys
import time
import traceback
from pathlib import Path
from tempfile import mkdtemp

import numpy  # noqa: F401 - the children share what is imported here
import readers

sys.path.append(str(Path(__file__).parents[1]))  # The catalogue, where this runs as a program.
from catalogue import create_all
from mutations import mutate
from place import Place

# Most of the time of a damaged directory is waiting: a reader looks again before it judges.
WORKERS = 48
MEMORY = 64 << 20
NOBODY = 65534
READERS = [readers.read_any, readers.look_over, *readers.READERS.values()]
MODES = ["r", "r", "r+", "c"]
SLOW, HUNG = 1.0, 20.0
MOST_DEATHS = 20


def read_one(place, seed):
    """Mutate, read in every way, perhaps append; what must not happen, in words."""
    rng, wrong = random.Random(seed), []
    done = mutate(place, rng)
    mode, kind = rng.choice(MODES), kind_of(place)
    for ask in {readers.READERS[kind]: 1, rng.choice(READERS): 1}:
        attempt(wrong, ask, place.path, mode)
    if rng.random() < 0.2:
        place.touch("")
        attempt(wrong, rng.choice([readers.append_one, readers.append_one, readers.mend]), place.path)
    return done, wrong


def kind_of(place):
    return place.content["type.ninja"].decode()


def attempt(wrong, ask, *args):
    """Whatever is asked is answered in time, if only by an error."""
    begun = time.monotonic()
    try:
        ask(*args)
    except readers.EXPECTED:
        pass
    except BaseException:  # noqa: BLE001 - a panic is one
        wrong.append(traceback.format_exc(limit=-3))
    if time.monotonic() - begun > SLOW:
        wrong.append("slow")


def work(folder, origins, seeds, at, answers):
    """One child: reads the directories of its seeds, and sends what it found wrong."""
    drop_privileges(folder)
    faulthandler.enable()
    ours = {name: Place(folder / name, origins / name) for name in sorted(os.listdir(origins))}
    for place in ours.values():
        readers.READERS[kind_of(place)](place.path)
    before = limit_memory()
    count = 0
    for seed in seeds:
        struct.pack_into("q", at, 0, seed)
        signal.setitimer(signal.ITIMER_REAL, HUNG)
        place = ours[choose(ours, seed)]
        done, wrong = read_one(place, seed)
        signal.setitimer(signal.ITIMER_REAL, 0)
        place.restore()
        count += 1
        if wrong:
            answers.write(json.dumps({"seed": seed, "done": done, "wrong": wrong}) + "\n")
            answers.flush()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    answers.write(json.dumps({"count": count, "memory": memory}) + "\n")
    answers.flush()


def choose(ours, seed):
    return random.Random(seed ^ 0x5EED).choice(sorted(ours))


def drop_privileges(folder):
    """Permissions do not bind root."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def limit_memory():
    """No more memory of its own than `MEMORY` from now on; returns the most that was resident so far."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limit = int(status["VmData"].split()[0]) * 1024 + MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fork(folder, origins, seeds):
    """Start a child; its number, where it writes its seed, and what it answers."""
    at = mmap.mmap(-1, 8)
    reading, writing = os.pipe()
    folder.mkdir()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            with os.fdopen(writing, "w") as answers:
                work(folder, origins, seeds, at, answers)
            status = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    return child, at, os.fdopen(reading)


def run(first, count, workers=WORKERS):
    """Read the directories of `count` seeds; how many, what went wrong, and the memory it took."""
    found = read_all(first, count, workers)
    # On a busy machine anything may take a second: what did is read again, with nothing beside it.
    found["wrong"] = [
        each
        for each in found["wrong"]
        if set(each["wrong"]) != {"slow"} or all(read_all(each["seed"], 1, 1)["wrong"] for _ in range(4))
    ]
    return found


def read_all(first, count, workers):
    with readers.memory_folder() as base:
        base.chmod(0o755)
        create_all(base / "origins")
        for path in (base / "origins").rglob("*"):  # A link that replaces a member may lead there.
            path.chmod(0o555 if path.is_dir() else 0o444)
        return supervise(base, base / "origins", first, count, min(workers, count))


def supervise(base, origins, first, count, workers):
    """A child that dies is replaced by one that goes on behind the seed it died of."""
    found = {"count": 0, "memory": 0, "wrong": [], "deaths": 0}
    waiting = [range(first + number, first + count, workers) for number in range(workers)]
    children, number = [], 0
    while waiting or children:
        while waiting and found["deaths"] < MOST_DEATHS:
            seeds = waiting.pop()
            children.append((*fork(base / str(number), origins, seeds), seeds))
            number += 1
        if not children:
            break
        child, at, answers, seeds = children.pop(0)
        with answers:
            lines = [json.loads(line) for line in answers]
        _, status = os.waitpid(child, 0)
        found["wrong"] += [line for line in lines if "seed" in line]
        for line in lines:
            if "count" in line:
                found["count"] += line["count"]
                found["memory"] = max(found["memory"], line["memory"])
        if status != 0:
            (seed,) = struct.unpack("q", at[:8])
            found["deaths"] += 1
            found["count"] += seeds.index(seed) + 1
            found["wrong"].append({"seed": seed, "wrong": [death(status)]})
            if rest := seeds[seeds.index(seed) + 1 :]:
                waiting.append(rest)
    return found


def death(status):
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def show(seed):
    """Mutate and read in this process, and say what was done."""
    base = Path(mkdtemp())
    names = create_all(base / "origins")
    place = Place(base / "place", base / "origins" / choose(names, seed))
    print("directory", place.path, "of", place.origin.name, flush=True)
    faulthandler.enable()
    faulthandler.dump_traceback_later(SLOW)
    done, wrong = read_one(place, seed)
    print(*done, *wrong, sep="\n")


if __name__ == "__main__":
    numbers = [int(number) for number in sys.argv[2:]]
    if sys.argv[1] == "run":
        print(json.dumps(run(*numbers)))
    else:
        show(*numbers)
