"""A directory that is changed, and how to undo the changes."""

import os
import shutil
from pathlib import Path


class Place:
    """A directory with a known content, which is changed and put back."""

    def __init__(self, path, origin):
        self.path, self.origin = Path(path), Path(origin)
        self.folders = ["", *sorted(self._names(lambda path: path.is_dir()))]
        self.files = sorted(self._names(lambda path: path.is_file()))
        self.content = {name: (self.origin / name).read_bytes() for name in self.files}
        self.touched = set()
        self.renew()

    def _names(self, is_wanted):
        return [str(path.relative_to(self.origin)) for path in self.origin.rglob("*") if is_wanted(path)]

    def touch(self, name):
        """Remember to put back the member `name`."""
        self.touched.add(name)
        return self.path / name

    def write(self, name, content):
        path = self.touch(name)
        remove(path)
        path.write_bytes(content)

    def read(self, name):
        path = self.path / name
        is_small = path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20
        return path.read_bytes() if is_small and os.access(path, os.R_OK) else b""

    def renew(self):
        """Put everything back."""
        remove(self.path)
        self.put_back("")
        for cut in self.path.parent.glob(f"{self.path.name}.repair-backup-*"):  # The backups of a repair.
            shutil.rmtree(cut)
        self.touched.clear()

    def restore(self):
        """Put back what was touched."""
        if "" in self.touched:
            return self.renew()
        for name in sorted(self.touched):
            remove(self.path / name)
            self.put_back(name)
        self.touched.clear()
        return None

    def put_back(self, name):
        """Write a missing file, or a missing directory with all its files; nothing for a name that the origin lacks."""
        if name in self.content:
            write(f"{self.path}/{name}", self.content[name])
        below = f"{name}/" if name else ""
        for folder in self.folders:
            if folder == name or folder.startswith(below):
                os.mkdir(f"{self.path}/{folder}")
        for file, content in self.content.items():
            if file.startswith(below) and file != name:
                write(f"{self.path}/{file}", content)


def write(path, content):
    """Create a file; faster than Python's own."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(file, content)
    os.close(file)


def remove(path):
    if not path.is_symlink() and path.is_dir():
        path.chmod(0o700)
        for folder, names, _ in os.walk(path):
            for name in names:
                if not os.path.islink(below := os.path.join(folder, name)):
                    os.chmod(below, 0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
