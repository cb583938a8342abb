"""Verification, checksums and repair of datasets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmap_ninja import _core, _paths
from mmap_ninja._core import Repair, Report
from mmap_ninja._typing import AnyPath


def verify(out_dir: AnyPath, verbose: bool = False, **keys: str) -> Report:
    """Read all files of a dataset and report damage.

    Reports missing files, files whose size disagrees with their row count, samples whose offsets and shapes contradict
    each other or the data, texts that are not UTF-8, zstd frames that do not decompress and, after `write_checksums`, all
    bytes that have changed since. It changes nothing and takes no lock; an unfinished append does not count as damage. At
    most 256 KiB of each file and one compressed text are in memory.

    Args:
        out_dir: a directory of any kind.
        verbose: show a progress bar, in bytes.
        **keys: `starts_key`, `ends_key`, `shapes_key` and `flattened_shapes_key`, as for `RaggedMmap`.

    Returns:
        A `Report`. Its `ok` is the verdict. Its `findings` are the damage, each with `file` (relative to `out_dir`),
        `offset` (in bytes, or None), `samples` (a range of indices, or None) and `message`. Its `notes` are not damage:
        foreign files, for example, or samples without checksums. `str()` makes it readable. It has no truth value.

    Raises:
        FileNotFoundError: the directory does not exist, or holds no dataset. Damage raises nothing.

    >>> verify(StringsMmap.from_strings(out_dir / "texts", ["one", "two"]).out_dir).ok
    True
    """
    with _bar(verbose) as progress:
        return _core.verify(_paths.existing(out_dir), _options(True, **keys), progress)


def repair(out_dir: AnyPath, apply: bool = False, locking: bool = True, **keys: str) -> Repair:
    """Plan the repair of a torn dataset and, with `apply`, carry it out.

    Finishes or undoes an unfinished append. Otherwise keeps the committed samples or, if some are missing, the longest
    intact prefix: it cuts surplus bytes and corrects counts. It never cuts a complete sample, does not judge the contents
    of samples, and does nothing if nothing is safe to do.

    Bytes that are cut or overwritten are kept beside the directory, in `<out_dir>.repair-backup-1`: in files of the same names, with
    the byte offset appended. Close the dataset in other processes first: bytes that they have mapped may be cut.

    Args:
        out_dir: a directory of any kind.
        apply: carry the repair out, under the lock that appends take.
        locking: False takes no lock, for file systems that have none and a single process that writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.
        **keys: as for `verify`.

    Returns:
        A `Repair`. Its `actions` and `problems` are findings like those of `verify`; problems are damage that remains. Its
        `ok` is True if there are no problems, `kept` lists the directories with what was cut, `applied` equals `apply`.

    Raises:
        FileNotFoundError: the directory does not exist, or holds no dataset.
        TimeoutError: another writer holds the dataset.

    >>> texts = StringsMmap.from_strings(out_dir / "texts", ["one", "two"])
    >>> os.truncate(texts.data_file, 5)
    >>> repair(out_dir / "texts", apply=True).ok
    True
    >>> StringsMmap(out_dir / "texts")[:]
    ['one']
    """
    return _core.repair(_paths.existing(out_dir), _options(locking, **keys), apply)


def write_checksums(out_dir: AnyPath, verbose: bool = False, locking: bool = True, **keys: str) -> None:
    """Write `checksums.json` into a dataset: a CRC-32 of every block of 256 KiB of every file.

    From then on `verify` finds every changed bit in those blocks. Samples that are appended later are not covered until
    the checksums are written again. Assigning to samples in place makes the checksums of their blocks wrong: write them
    again. Rewriting the dataset removes them: creating it again, appending the first N-D sample to a 1-D map, and appending
    to an array in Fortran order.

    Args:
        out_dir: a directory of any kind.
        verbose: show a progress bar, in bytes.
        locking: False takes no lock, for file systems that have none and a single process that writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.
        **keys: as for `verify`.

    Raises:
        FileNotFoundError: the directory does not exist, or holds no dataset.
        CorruptDatasetError: counts and sizes contradict each other.

    >>> write_checksums(StringsMmap.from_strings(out_dir / "texts", ["one", "two"]).out_dir)
    >>> _ = (out_dir / "texts" / "data.ninja").write_text("onetwO")
    >>> print(verify(out_dir / "texts").findings[0].samples)
    range(0, 2)
    """
    with _bar(verbose) as progress:
        _core.write_checksums(_paths.existing(out_dir), _options(locking, **keys), progress)


def _options(
    locking: bool = True,
    *,
    starts_key: str = "starts",
    ends_key: str = "ends",
    shapes_key: str = "shapes",
    flattened_shapes_key: str = "flattened_shapes",
) -> _core.Options:
    return _core.Options(
        locking=locking,
        starts_key=starts_key,
        ends_key=ends_key,
        shapes_key=shapes_key,
        flattened_shapes_key=flattened_shapes_key,
    )


@contextmanager
def _bar(verbose: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function that moves a progress bar, if `verbose`."""
    if not verbose:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(unit="B", unit_scale=True) as bar:

        def move(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield move
