"""mmap_ninja: this library in one environment, the original in the other."""

from pathlib import Path

from mmap_ninja import RaggedMmap, StringsMmap


class Ninja:
    def write(self, folder: Path, kind: str, samples: list, way: str = "at once", **options) -> None:
        """Store samples in the folder: all `at once`, or, where the way is `generator`, batch by batch."""
        cls = StringsMmap if "texts" in kind else RaggedMmap
        if way == "generator":
            batch_size = 64 if kind == "images" else 1024
            cls.from_generator(folder, iter(samples), batch_size=batch_size, **options)
        elif cls is StringsMmap:
            cls.from_strings(folder, samples, **options)
        else:
            cls.from_lists(folder, samples, **options)

    def open(self, folder: Path, kind: str):
        return StringsMmap(folder) if "texts" in kind else RaggedMmap(folder)


class OwnRaggedMmap(RaggedMmap):
    pass


class OwnStringsMmap(StringsMmap):
    pass


class Subclass(Ninja):
    """The map through a Python class of the user's own."""

    def open(self, folder: Path, kind: str):
        return OwnStringsMmap(folder) if "texts" in kind else OwnRaggedMmap(folder)
