"""Reading changes nothing, and opens nothing in a way that could."""

import re
import shutil
import subprocess
import sys

import pytest
import readers
import reading
from catalogue import create_all
from conftest import tree

NOBODY = "65534"
# Calls that change a file, a name or an attribute, lock, or wait for the disk.
CHANGING = (
    "write|pwrite64|writev|pwritev|pwritev2|sendfile|copy_file_range|truncate|ftruncate|fallocate|rename|renameat|"
    "renameat2|unlink|unlinkat|mkdir|mkdirat|rmdir|link|linkat|symlink|symlinkat|mknod|mknodat|creat|chmod|fchmod|"
    "fchmodat|chown|fchown|lchown|fchownat|utime|utimes|utimensat|futimesat|setxattr|fsetxattr|lsetxattr|"
    "removexattr|fremovexattr|flock|fsync|fdatasync|sync|msync|sync_file_range"
)


@pytest.fixture
def folder():
    with readers.memory_folder() as folder:
        folder.chmod(0o755)
        create_all(folder / "sets")
        yield folder / "sets"


def test_no_system_call_of_a_reader_changes_anything(folder, tmp_path):
    if shutil.which("strace") is None:
        # A tool of the system that pip cannot bring; CI installs it.
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-o", trace, sys.executable, reading.__file__, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        # Containers may forbid to trace; the two tests below need no tracing.
        pytest.skip("strace is not permitted here")
    assert done.returncode == 0, done.stderr
    text = trace.read_text()
    begin, end = text.index("/trace begins"), text.index("/trace ends")
    calls = [line.split(maxsplit=1)[1] for line in text[begin:end].splitlines()[1:-1]]
    assert sum(str(folder) in call for call in calls) > 100
    # Standard output does not belong to a dataset.
    changing = [
        call for call in calls if re.match(rf"({CHANGING})\(", call) and not call.startswith("write(1,")
    ]
    assert not changing
    opened = [call for call in calls if re.match(r"open(at)?\(", call)]
    assert not [call for call in opened if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", call)]
    shared = [call for call in calls if call.startswith("mmap(") and "MAP_SHARED" in call]
    assert shared
    assert not [call for call in shared if "PROT_WRITE" in call]


def test_a_reader_needs_no_permission_to_write(folder):
    before = tree(folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    check(subprocess.run(reader(folder, NOBODY), capture_output=True, text=True, check=False), 13)
    assert tree(folder) == before


IN_A_MOUNT = (
    'mount -t tmpfs none "$1" && cp -r "$2" "$1/sets" && mount -o remount,ro "$1" && shift 2 && exec "$@"'
)


def test_a_reader_works_on_a_read_only_file_system(folder, tmp_path):
    if shutil.which("unshare") is None or subprocess.call(["unshare", "-m", "true"], stderr=-3):
        # Only root may mount; the test above has files that may not be written instead.
        pytest.skip("a mount of its own is not permitted here")
    mount = ["unshare", "-m", "sh", "-c", IN_A_MOUNT, "sh", tmp_path, folder]
    check(
        subprocess.run([*mount, *reader(tmp_path / "sets")], capture_output=True, text=True, check=False), 30
    )


def reader(folder, *user):
    return [sys.executable, reading.__file__, folder, *user]


def check(done, errno):
    """All was read, and each append was refused with the error's number and the name of what could not be written."""
    assert done.returncode == 0, done.stderr
    count, *refused = done.stdout.splitlines()
    assert int(count) > 100
    assert [line.split()[:2] for line in refused] == [
        [name, str(errno)] for name in ("flat", "strings", "dense", "records", "missing", "n-d")
    ]
    assert all("sets" in line for line in refused)
