"""`StringsMmap`: texts, optionally compressed."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmap_ninja import _build, _core, _handle
from mmap_ninja._typing import Access, Durability, Mode
from mmap_ninja.base import BytesSlices

if TYPE_CHECKING:
    from typing_extensions import Self

    from mmap_ninja._typing import Indices

__all__ = ["BytesSlices", "StringsMmap"]


class StringsMmap(_handle.Handle, _core.Strings):
    """UTF-8 texts in memory-mapped files.

    An item is a `str`; a slice, a list, an index array, a boolean mask or a range gives a list of them.

    Args:
        out_dir: the directory. One that is not there holds no texts, and can be appended to.
        mode: 'r' or 'rb' to read, 'r+' or 'r+b' to assign texts of as many bytes in place. Appending works with all
            of them.
        starts_key, ends_key: names of the sub-directories.
        access: 'random' or 'sequential' tells the kernel how texts will be read from a file larger than memory:
            'random' suits single texts (batches announce themselves), 'sequential' a pass in order.
        durability: 'process' lets an append survive a killed process; 'full' also a power failure: each step of it
            waits for the disk.
        timeout: seconds that writing waits while another writer is at work; infinity waits as long as that takes.

    Raises:
        CorruptDatasetError: the files contradict each other; the message names one.
        ValueError: the directory holds another kind of data set, or an option is unknown.

    >>> texts = StringsMmap.from_strings(out_dir, ["one", "zwei"])
    >>> texts.append("três")
    >>> StringsMmap(out_dir)[1:]
    ['zwei', 'três']
    """

    _ITEM = "text"
    # What the constructor sets again where a pickle is opened.
    _ATTRIBUTES = frozenset(
        ("out_dir", "mode", "starts_key", "ends_key", "access", "durability", "timeout", "_place", "_members")
    )

    def __init__(
        self,
        out_dir: str | PathLike[str],
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
    ):
        place = Path(os.path.abspath(out_dir))
        self._open(out_dir, mode, starts_key, ends_key, access, durability, timeout)
        self.out_dir = out_dir if isinstance(out_dir, Path) else Path(out_dir)
        # Where that is, whatever becomes of the working directory.
        self._place = place
        self.mode = mode
        self.starts_key, self.ends_key = starts_key, ends_key
        self.access = access
        self.durability, self.timeout = durability, timeout

    @property
    def data_file(self) -> Path:
        """The file of the texts' bytes."""
        return self.out_dir / "data.ninja"

    @property
    def starts(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """The byte at which each stored text starts, int64 of shape (n,)."""
        return _handle.member(self, self.starts_key, "r", *self._shown())

    @property
    def ends(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """One past the byte at which each stored text ends, int64 of shape (n,)."""
        return _handle.member(self, self.ends_key, "r", *self._shown())

    def __contains__(self, text: object) -> bool:
        return any(text == ours for ours in self)

    def gather(self, indices: "Indices") -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The UTF-8 bytes of texts one after another, and where each begins and ends.

        Args:
            indices: a list, an array, a mask, a slice or a range; an index may stand in it more than once.

        Returns:
            Two arrays, in the layout of Arrow's large strings.

            - The values, uint8 of shape (bytes,): text k of the batch is `values[offsets[k] : offsets[k + 1]]`.
            - The offsets, int64 of shape (len(indices) + 1,).

        Raises:
            IndexError: there is no such text.

        >>> texts = StringsMmap.from_strings(out_dir, ["one", "zwei"])
        >>> values, offsets = texts.gather([1, 0])
        >>> values.tobytes(), offsets.tolist()
        (b'zweione', [0, 4, 7])
        """
        return self._gather(indices)

    def set_single(self, idx: int, new_value: str) -> None:
        """Overwrite the text at `idx` by one of as many bytes; the same as `self[idx] = new_value`."""
        self[idx] = new_value

    def set_multiple(self, key: "Indices", value: Sequence[str]) -> None:
        """Overwrite the texts at the indices `key`; the same as `self[key] = value`."""
        self[key] = value

    def append(self, string: str) -> None:
        """Store one more text.

        Args:
            string: any text that has a UTF-8 form; compressed if the others are.

        Raises:
            TypeError: it is no `str`; nothing was written.
            UnicodeEncodeError: it has no UTF-8 form; nothing was written.
            TimeoutError: another writer held the directory all the time.
        """
        self._extend((string,))

    def extend(self, list_of_strings: Iterable[str], verbose: bool = False) -> None:
        """Store more texts, all of them or none.

        Args:
            list_of_strings: the texts.
            verbose: show a progress bar.

        For the errors, see `append`.
        """
        self._extend(_build.progress(list_of_strings, verbose))

    def _facts(self) -> list[str]:
        from mmap_ninja._display.format import human_size

        zstd = [] if self.zstd_level is None else [f"zstd level {self.zstd_level}"]
        return [*zstd, human_size(self.nbytes)]

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "out_dir": os.fspath(self._place),
            "mode": self.mode,
            "starts_key": self.starts_key,
            "ends_key": self.ends_key,
            "access": self.access,
            "durability": self.durability,
            "timeout": self.timeout,
        }
        return _handle.reopen, (type(self), StringsMmap, options), _handle.state_of(self, self._ATTRIBUTES)

    @classmethod
    def from_strings(
        cls,
        out_dir: str | PathLike[str],
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
    ) -> "Self":
        """Store texts that are in memory, in place of whatever data set is in `out_dir`.

        Args:
            out_dir: the directory; parents are created.
            strings: the texts. Where there are none, the directory is empty afterwards but for files of others.
            verbose: show a progress bar.
            zstd_level: compress each text, at level 1 to 22 (negative for faster); by default they are stored as
                they are.
            zstd_train_dictionary_size: train a dictionary of so many bytes on these texts, which helps where they
                are short and alike. Only with a `zstd_level`.
            overwrite: False raises FileExistsError where `out_dir` holds a data set already.

        For the others, see the class.

        Returns:
            The map, writable by default.

        Raises:
            TypeError: something is no `str`; nothing was written.
            UnicodeEncodeError: a text has no UTF-8 form; nothing was written.
            ValueError: no dictionary could be trained on so few texts; nothing was written.
            TimeoutError: another writer held the directory all the time; nothing was written.
        """
        place = _build.same_place(out_dir)
        texts = _build.progress(strings, verbose)
        _core.check_options(mode, access, durability, timeout)
        if not overwrite:
            _build.refuse_existing(out_dir)
        compression = zstd_level, zstd_train_dictionary_size
        _core.create_strings(out_dir, texts, starts_key, ends_key, *compression, durability, timeout)
        return cls(place(), mode, starts_key, ends_key, access, durability, timeout)

    @classmethod
    def _stream(
        cls,
        out_dir: Path,
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
    ) -> _core.Stream:
        _core.check_options(mode, access, durability, timeout)
        keys, compression = (starts_key, ends_key), (zstd_level, zstd_train_dictionary_size)
        return _core.Stream.strings(out_dir, *keys, *compression, durability, timeout)

    @classmethod
    def _reopened(
        cls,
        out_dir: Path,
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        **options: Any,
    ) -> "Self":
        _build.check_members(out_dir, *(options[key] for key in ("starts_key", "ends_key") if key in options))
        memmap = cls._opened(out_dir, **options)
        _build.check_same(out_dir, "the zstd level", zstd_level, memmap.zstd_level)
        is_trained = zstd_level is not None and zstd_train_dictionary_size is not None
        has_dictionary = (out_dir / "zstd_dict.ninja").exists()
        _build.check_same(out_dir, "a zstd dictionary:", is_trained, has_dictionary)
        return memmap

    @staticmethod
    def _write_shard(memmap: "StringsMmap") -> Callable[[Path, list[Any]], Any]:
        """What a worker process does with its texts."""
        keys = {"starts_key": memmap.starts_key, "ends_key": memmap.ends_key}
        return partial(_core.create_strings_like, like=memmap.out_dir, **keys)

    @classmethod
    def _opened(
        cls,
        out_dir: str | PathLike[str],
        zstd_level: int | None = None,
        zstd_train_dictionary_size: int | None = None,
        **kwargs: Any,
    ) -> "Self":
        return cls(out_dir, **kwargs)
