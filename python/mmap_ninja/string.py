"""`StringsMmap`: texts, optionally compressed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mmap_ninja import _build, _core, _handle, _paths
from mmap_ninja._string_building import StringBuilding
from mmap_ninja._typing import Access, AnyPath, Durability, Mode
from mmap_ninja.base import BytesSlices

if TYPE_CHECKING:
    from mmap_ninja._typing import CastT, DtypeOf, Indices

__all__ = ["BytesSlices", "StringsMmap"]


class StringsMmap(_handle.Handle, StringBuilding, _core.Strings, Sequence[str]):
    """UTF-8 texts in memory-mapped files.

    An item is a `str`; a slice, ``...``, a boolean mask, an array, or a list or other iterable of indices gives a list of
    them. A map is a sequence, and a context manager that closes it.

    Args:
        out_dir: the directory. If it does not exist, the map is empty, and can be appended to.
        mode: 'r' or 'rb' to read; 'r+' or 'r+b' to overwrite texts in place with others of the same number of bytes.
            Appending works with each of them.
        starts_key, ends_key: names of the sub-directories.
        access: 'random' or 'sequential' tells the kernel how texts of a file larger than memory will be read: 'random'
            reads no more than the pages of a text, 'sequential' suits a pass in order. The default does well with both.
        durability: 'process' makes an append survive a killed process; 'full' also a power failure, for which every
            step waits for the disk.
        timeout: seconds to wait for another writer; infinity waits as long as it takes.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Raises:
        CorruptDatasetError: the files contradict each other; the message names one.
        ValueError: the directory holds another kind of dataset or other files alone, the path is a URL or an archive, or
            an option is unknown.

    >>> texts = StringsMmap.from_strings(out_dir, ["one", "zwei"])
    >>> texts.append("três")
    >>> StringsMmap(out_dir)[1:]
    ['zwei', 'três']
    """

    _ITEM = "text"
    _CREATE = "from_strings"

    def __init__(
        self,
        out_dir: AnyPath,
        mode: Mode = "r+b",
        starts_key: str = "starts",
        ends_key: str = "ends",
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ):
        out_dir = _paths.existing(out_dir)
        options = _core.Options(
            mode=mode,
            starts_key=starts_key,
            ends_key=ends_key,
            access=access,
            durability=durability,
            timeout=timeout,
            locking=locking,
        )
        self._open(out_dir, options)
        self._keep_attributes(out_dir, options)

    @property
    def data_file(self) -> Path:
        """The file that holds the bytes of the texts."""
        return self.out_dir / "data.ninja"

    @property
    def starts(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """Offset of the first byte of each stored text, int64 of shape (n,)."""
        return _handle.member(self, self.starts_key, "r", *self._shown())

    @property
    def ends(self) -> "np.memmap[Any, np.dtype[np.int64]]":
        """Offset one past the last byte of each stored text, int64 of shape (n,)."""
        return _handle.member(self, self.ends_key, "r", *self._shown())

    @overload
    def gather(
        self, indices: "Indices", *, dtype: None = None, out: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
    @overload
    def gather(
        self, indices: "Indices", *, dtype: "DtypeOf[CastT]", out: "NDArray[CastT] | None" = None
    ) -> "tuple[NDArray[CastT], NDArray[np.int64]]": ...
    @overload
    def gather(
        self, indices: "Indices", *, dtype: DTypeLike | None, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def gather(
        self, indices: "Indices", *, dtype: DTypeLike | None = None, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The UTF-8 bytes of texts one after another, and where each begins and ends.

        Args:
            indices: anything that `m[indices]` takes but a single integer; indices may repeat.
            dtype: the dtype of the values instead of uint8, as for `RaggedMmap.gather`: int64 makes tokens of the bytes.
            out: an array to write the values to instead of a new one: 1-D, of the dtype of the values, C-contiguous, with room
                for at least all of them.

        Returns:
            Two arrays, in the layout of Arrow's large strings.

            - The values, of shape (bytes,): text k of the batch is `values[offsets[k] : offsets[k + 1]]`. If `out` is given,
              a view of its beginning.
            - The offsets, int64 of shape (len(indices) + 1,).

        Raises:
            IndexError: an index is out of range.
            TypeError: the dtype does not have all values of a byte, or `out` has another dtype.
            ValueError: `out` is too short, read-only, has gaps, or lies in the map.

        >>> texts = StringsMmap.from_strings(out_dir, ["one", "zwei"])
        >>> values, offsets = texts.gather([1, 0])
        >>> values.tobytes(), offsets.tolist()
        (b'zweione', [0, 4, 7])
        """
        return self._gather(indices, dtype, out)

    def __contains__(self, value: object) -> bool:
        if self._overrides_reads:
            return super().__contains__(value)
        return self._contains(value)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The first index of a text that equals `value`, from `start` on and before `stop`, as of a list.

        All texts are compared, unless `mmap_ninja.write_index` has written an index. Then only the texts that were
        appended since are. If the files were copied since, or written by other programs, the first call reads the texts
        to see that they are still those of the index.

        Raises:
            ValueError: no text equals it.

        >>> StringsMmap.from_strings(out_dir, ["one", "two", "one"]).index("one", 1)
        2
        """
        if self._overrides_reads:
            return super().index(value, start, stop)
        found = self._find(value, start, stop)
        if found is None:
            raise ValueError(f"{self.out_dir}: no {self._ITEM} equals the value")
        return found

    def set_single(self, idx: int, new_value: str) -> None:
        """Overwrite the text at `idx` with one of the same number of bytes.

        `self[idx] = new_value` calls it if a subclass overrides it.
        """
        self._set(idx, new_value)

    def set_multiple(self, key: "Indices", value: Sequence[str]) -> None:
        """Overwrite the texts at the indices `key`. `self[key] = value` calls it if a subclass overrides it."""
        self._set_multiple(key, value)

    def append(self, string: str) -> None:
        """Store one more text.

        Args:
            string: any text that can be encoded as UTF-8. It is compressed if the others are.

        Raises:
            TypeError: it is not a `str`; nothing was written.
            UnicodeEncodeError: it cannot be encoded as UTF-8; nothing was written.
            TimeoutError: another writer held the dataset for `timeout` seconds.

        >>> texts = StringsMmap(out_dir)
        >>> texts.append("one")
        >>> texts[-1]
        'one'
        """
        self.extend([string])

    def extend(self, list_of_strings: Iterable[str], verbose: bool = False) -> None:
        """Store more texts, all of them or none.

        Args:
            list_of_strings: the texts.
            verbose: show a progress bar.

        For the errors, see `append`.

        >>> texts = StringsMmap(out_dir)
        >>> texts.extend(["one", "two"])
        >>> len(texts)
        2
        """
        self._extend(_build.progress(list_of_strings, verbose))

    def extend_gathered(self, values: ArrayLike, offsets: ArrayLike) -> None:
        """Store more texts that lie one after another, all of them or none. No Python object is made for a text.

        For the arguments and the errors, see `from_gathered`. The texts are compressed if the others are.

        >>> texts = StringsMmap.from_strings(out_dir, ["one", "zwei"])
        >>> texts.extend_gathered(*texts.gather([1]))
        >>> texts[:]
        ['one', 'zwei', 'zwei']
        """
        self._extend_gathered(values, offsets)

    def _columns(self, has_tensors: bool) -> dict[str, Any]:
        from mmap_ninja._arrow import export

        return {self._ITEM: export.texts(*self._whole())}

    def _facts(self) -> list[str]:
        from mmap_ninja._display.format import human_size

        zstd = [] if self.zstd_level is None else [f"zstd level {self.zstd_level}"]
        return [*zstd, human_size(self.nbytes)]


_handle.publish(StringsMmap)
