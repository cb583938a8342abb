"""Is a data set sound, is it still the same, and what can be done if it is not?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike

from mmap_ninja import _core
from mmap_ninja._core import Repair, Report


def verify(out_dir: str | PathLike[str], verbose: bool = False, **keys: str) -> Report:
    """Read everything of a data set and report what is not as it should be.

    Found are files that are missing or have not the size that their counts ask for, samples whose offsets and shapes
    contradict each other or the data, texts that are not UTF-8, zstd frames that do not decompress, and, after
    `write_checksums`, whatever has changed since. Nothing is changed and no lock is taken; an append that is under way is
    no damage. At any time a block of 256 KiB of each file is in memory, and one compressed text.

    Args:
        out_dir: a directory of any kind.
        verbose: show a progress bar, in bytes.
        **keys: `starts_key`, `ends_key`, `shapes_key` and `flattened_shapes_key`, as for `RaggedMmap`.

    Returns:
        A `Report`, in which `ok` is the verdict, `findings` is the damage, each with `file` (relative to `out_dir`),
        `offset` (in bytes, or None), `samples` (a range of indices, or None) and `message`; `notes` is what is no damage,
        such as files that are no part of the data set and samples without checksums. `str()` of it is for people. It has
        no truth value.

    Raises:
        FileNotFoundError: there is no such directory, or no data set in it. Damage raises nothing.

    >>> verify(StringsMmap.from_strings(out_dir / "texts", ["one", "two"]).out_dir).ok
    True
    """
    with _bar(verbose) as progress:
        return _core.verify(out_dir, _keys(**keys), progress)


def repair(out_dir: str | PathLike[str], apply: bool = False, **keys: str) -> Repair:
    """Tell what would mend a torn data set; do it if asked to `apply`.

    An append that was cut off is finished or undone. Otherwise what is committed stays, or, where that is not all there,
    the longest beginning whose samples are: surplus bytes are cut, and counts set right. A sample that is there whole is
    never cut, contents of samples are not judged, and where nothing is safe to do, nothing is done.

    What is cut or overwritten is kept beside the directory, in `<out_dir>.cut-1`: each file under its own name, followed by
    the byte at which it was. Close the data set in other processes first: bytes that they have mapped may be cut.

    Args:
        out_dir: a directory of any kind.
        apply: do it, under the lock that appends take.
        **keys: as for `verify`.

    Returns:
        A `Repair`, in which `actions` and `problems` are findings as those of `verify`, the latter damage that stays; `ok`
        is whether there are no problems; `kept` lists the directories with what was cut; `applied` is what was asked for.

    Raises:
        FileNotFoundError: there is no such directory, or no data set in it.
        TimeoutError: another writer holds the data set.

    >>> texts = StringsMmap.from_strings(out_dir / "texts", ["one", "two"])
    >>> os.truncate(texts.data_file, 5)
    >>> repair(out_dir / "texts", apply=True).ok
    True
    >>> StringsMmap(out_dir / "texts")[:]
    ['one']
    """
    return _core.repair(out_dir, _keys(**keys), apply)


def write_checksums(out_dir: str | PathLike[str], verbose: bool = False, **keys: str) -> None:
    """Write `checksums.json` into a data set: a CRC-32 of every block of 256 KiB of every file.

    From then on `verify` finds every changed bit in what it covers. Samples that are appended later are not covered until
    it is written again, and what is covered stays so. Assigning to samples in place makes the checksums of their blocks
    wrong: write them again. Whatever writes the data set anew removes them: creating it again, the first N-D sample of a
    1-D map, and appending to an array in Fortran order.

    Args:
        out_dir: a directory of any kind.
        verbose: show a progress bar, in bytes.
        **keys: as for `verify`.

    Raises:
        FileNotFoundError: there is no such directory, or no data set in it.
        CorruptDatasetError: counts and sizes contradict each other.

    >>> write_checksums(StringsMmap.from_strings(out_dir / "texts", ["one", "two"]).out_dir)
    >>> _ = (out_dir / "texts" / "data.ninja").write_text("onetwO")
    >>> print(verify(out_dir / "texts").findings[0].samples)
    range(0, 2)
    """
    with _bar(verbose) as progress:
        _core.write_checksums(out_dir, _keys(**keys), progress)


def _keys(
    starts_key: str = "starts",
    ends_key: str = "ends",
    shapes_key: str = "shapes",
    flattened_shapes_key: str = "flattened_shapes",
) -> tuple[str, str, str, str]:
    return starts_key, ends_key, shapes_key, flattened_shapes_key


@contextmanager
def _bar(verbose: bool) -> Iterator[Callable[[int, int], None] | None]:
    """What moves a bar, if `verbose`."""
    if not verbose:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(unit="B", unit_scale=True) as bar:

        def move(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield move
