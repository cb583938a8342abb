"""How maps of texts are built."""

from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from mmap_ninja import _build, _building, _core
from mmap_ninja._arguments import changed, names_in
from mmap_ninja._build.workers import MIN_SHARE
from mmap_ninja._typing import Access, AnyPath, Durability, Mode

if TYPE_CHECKING:
    from typing_extensions import Self

    from mmap_ninja._typing import MaybeNone


class StringBuilding:
    """The constructors of `StringsMmap` that store texts."""

    @classmethod
    def from_strings(
        cls,
        out_dir: AnyPath,
        strings: Iterable[str],
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        verbose: bool = False,
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        access: Access = "normal",
        overwrite: bool = True,
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ) -> "Self":
        """Store texts that are in memory, replacing any dataset in `out_dir`.

        Args:
            out_dir: the directory; parents are created.
            strings: the texts. Without any, the directory is left empty, except for foreign files.
            verbose: show a progress bar.
            zstd_level: compress each text, at level 1 to 22 (negative for faster); by default texts are not
                compressed.
            zstd_train_dictionary_size: train a dictionary of that many bytes on these texts, which helps if they are
                short and similar. Ignored without a `zstd_level`.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.

        For the other arguments, see the class.

        Returns:
            The map, writable by default.

        Raises:
            TypeError: an item is not a `str`; nothing was written.
            UnicodeEncodeError: a text cannot be encoded as UTF-8; nothing was written.
            ValueError: there are too few texts to train the dictionary; nothing was written.
            TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.

        >>> StringsMmap.from_strings(out_dir, ["one", "two"], zstd_level=3)[0]
        'one'
        """
        given = changed(StringBuilding.from_strings, locals())
        zstd = _without_zstd(given)

        def create(out_dir: str | PathLike[str], options: _core.Options) -> None:
            _core.create_strings(out_dir, _build.progress(strings, verbose), options, zstd)

        return _building.from_memory(cls, out_dir, create, overwrite, mode, given)

    @classmethod
    def from_gathered(
        cls,
        out_dir: AnyPath,
        values: ArrayLike,
        offsets: ArrayLike,
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        access: Access = "normal",
        overwrite: bool = True,
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ) -> "Self":
        """Store texts that lie one after another, as `gather` returns them, replacing any dataset in `out_dir`.

        This is the layout of Arrow's strings. No Python object is made for a text.

        Args:
            out_dir: the directory; parents are created.
            values: the UTF-8 bytes, uint8 of shape (bytes,), or `bytes`.
            offsets: int32 or int64 of shape (n + 1,): text k is `values[offsets[k] : offsets[k + 1]]`. As in Arrow, bytes before
                the first offset and after the last one belong to no text, and are not stored.
            zstd_level, zstd_train_dictionary_size: see `from_strings`.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.

        For the other arguments, see the class.

        Returns:
            The map, writable by default. It may be empty.

        Raises:
            ValueError: a text is not UTF-8; an offset is less than the one before it, or outside of the values; there are
                too few texts to train the dictionary. Nothing was written.
            TypeError: the values are not uint8, or the offsets neither int32 nor int64; nothing was written.
            TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.

        >>> StringsMmap.from_gathered(out_dir, b"onezwei", [0, 3, 7])[:]
        ['one', 'zwei']
        """
        given = changed(StringBuilding.from_gathered, locals())
        zstd = _without_zstd(given)
        create = partial(_core.create_strings_gathered, values=values, offsets=offsets, zstd=zstd)
        return _building.from_memory(cls, out_dir, create, overwrite, mode, given)

    @classmethod
    def from_generator(
        cls,
        out_dir: AnyPath,
        sample_generator: Iterable[str],
        batch_size: int,
        verbose: bool = False,
        n: int | None = None,
        resume: bool = False,
        overwrite: bool = True,
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
        **kwargs: Any,
    ) -> "Self | MaybeNone":
        """Store texts batch by batch, so that they need not fit in memory.

        Args:
            out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
            sample_generator: an iterable of texts, such as a generator or a list.
            batch_size: texts to hold in memory before they are written. A zstd dictionary is trained on the first batch.
            verbose: show a progress bar.
            n: the expected number of texts, for the bar.
            resume: continue what an interrupted build has left in `<out_dir>.partial`; that many items of the generator
                are skipped. All options must be the same as before.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.
            **kwargs: for the `from_strings` of a subclass.

        For the other arguments and the errors, see `from_strings`.

        Returns:
            The map, or None if there were no texts.

        A subclass that overrides `from_strings` or `extend` stores texts by these, in `out_dir` itself: the first batch
        replaces an existing dataset, and after an error the batches before it are there.

        >>> StringsMmap.from_generator(out_dir, (str(n) for n in range(5)), batch_size=2)[:]
        ['0', '1', '2', '3', '4']
        """
        given = changed(StringBuilding.from_generator, locals())
        return _building.from_generator(
            cls, out_dir, sample_generator, batch_size, verbose, n, resume, overwrite, given
        )

    @classmethod
    def from_indexable(
        cls,
        out_dir: AnyPath,
        indexable: Any,
        batch_size: int,
        n_jobs: int | None = None,
        verbose: bool = False,
        resume: bool = False,
        overwrite: bool = True,
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
        **kwargs: Any,
    ) -> "Self | MaybeNone":
        """Store the texts of anything that can be indexed, batch by batch.

        Args:
            indexable: has `__getitem__`, or is called with the index. It ends at its `len()` or, without one, at the
                first IndexError; any other error reaches the caller.
            n_jobs: number of processes that load and write texts (needs joblib, the extra `parallel`); None uses this
                process. The files are the same.

        For the other arguments and the result, see `from_generator`.

        >>> StringsMmap.from_indexable(out_dir, ["one", "two"], batch_size=2)[1]
        'two'
        """
        given = changed(StringBuilding.from_indexable, locals())
        # The training of a dictionary needs a whole first batch.
        deciding = None if zstd_train_dictionary_size else MIN_SHARE
        return _building.from_indexable(
            cls, out_dir, indexable, batch_size, n_jobs, verbose, resume, overwrite, deciding, given
        )

    @classmethod
    def _recipe(
        cls, zstd_level: int | None = None, zstd_train_dictionary_size: int | None = None, **given: Any
    ) -> _build.Recipe:
        write_shard = partial(_write_shard, _core.Options(**names_in(given)))
        stream = partial(_core.Stream.strings, zstd=(zstd_level, zstd_train_dictionary_size))
        return _building.recipe(cls, stream, write_shard, given)


def _without_zstd(given: dict[str, Any]) -> tuple[int | None, int | None]:
    """Remove the level and the size of the dictionary, which the constructor does not take, and return them."""
    return given.pop("zstd_level", None), given.pop("zstd_train_dictionary_size", None)


def _write_shard(options: _core.Options, memmap: Any) -> Callable[[Path, list[Any]], None]:
    """What a worker process does with its texts."""
    return partial(_core.create_strings_like, options=options, like=memmap.out_dir)
