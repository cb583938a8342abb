"""Opens and reads every dataset in a folder with the default mode, between two system calls that mark a trace."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import readers
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja


def read(folder):
    """Read everything; return how many items that were."""
    count = 0
    for path in sorted(folder.iterdir()):
        data = open_existing(path)
        count += np.size(data) if isinstance(data, np.ndarray) else len(list(data))
        if isinstance(data, RaggedMmap):
            readers.read_ragged(path)
        elif isinstance(data, RecordsMmap):
            readers.read_records(path)
        elif isinstance(data, StringsMmap):
            readers.read_strings(path)
            StringsMmap(path)[0]
        else:
            readers.read_dense(path)
    for missing in (RaggedMmap(folder / "missing"), StringsMmap(folder / "missing")):
        assert len(missing) == 0
    return count


def append(folder):
    """Try to append to everything; the errors."""
    writes = {
        "flat": lambda path: RaggedMmap(path).append(np.arange(2, dtype="int32")),
        "strings": lambda path: StringsMmap(path).append("new"),
        "dense": lambda path: np_ninja.extend_dir(path, np.ones((1, 3))),
        "records": lambda path: RecordsMmap(path).append({"tokens": [1], "label": 1, "name": "new"}),
        "missing": lambda path: RaggedMmap(path).append(np.arange(2)),
        "n-d": lambda path: RaggedMmap.from_lists(path, [np.arange(2)]),
    }
    for name, write in writes.items():
        try:
            write(folder / name)
        except OSError as error:
            print(name, error.errno, error.filename)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    read(folder)  # Python imports and compiles lazily, which the trace should not show.
    if len(sys.argv) > 2:
        with suppress(PermissionError):  # Only root can switch users, and only root may write everywhere.
            os.setuid(int(sys.argv[2]))
    os.path.exists("/trace begins")
    print(read(folder))
    os.path.exists("/trace ends")
    append(folder)
