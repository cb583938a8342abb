"""The index by which texts are found."""

from mmap_ninja import _core, _paths
from mmap_ninja._typing import AnyPath


def write_index(
    out_dir: AnyPath, locking: bool = True, *, starts_key: str = "starts", ends_key: str = "ends"
) -> None:
    """Write `index.ninja` into a map of texts, by which `value in texts` and `texts.index(value)` find a text at once.

    Without it, they compare all texts. With it, a lookup looks at a few pages of a mapped file, however many texts there
    are, and holds nothing in memory. The file has 15.1 bytes a text. Writing it takes at most 256 MiB of memory;
    appends and assignments wait until it is written.

    Texts that are appended later are found, too: they are compared one by one until the index is written again. An
    assignment to a text ends the use of the index, and rewriting the dataset removes it. An index that is damaged, or does
    not fit the texts, is not used; `verify` reports it.

    Args:
        out_dir: a directory of texts.
        locking: False takes no lock, for file systems that have none and a single process that writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.
        starts_key, ends_key: names of the sub-directories, as for `StringsMmap`.

    Raises:
        FileNotFoundError: the directory does not exist, or holds no dataset.
        ValueError: it holds another kind of dataset.
        CorruptDatasetError: counts and sizes contradict each other, or a text is damaged.
        TimeoutError: another writer holds the dataset, or overwrites its texts.

    >>> names = StringsMmap.from_strings(out_dir, ["a.jpg", "b.jpg"])
    >>> write_index(out_dir)
    >>> names.index("b.jpg"), "c.jpg" in names
    (1, False)
    """
    options = _core.Options(locking=locking, starts_key=starts_key, ends_key=ends_key)
    _core.write_index(_paths.existing(out_dir), options)
