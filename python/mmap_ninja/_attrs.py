"""Attributes: a JSON object of the user's own beside the samples of a dataset."""

import errno
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmap_ninja import _core, _paths
from mmap_ninja._typing import AnyPath


def read_attrs(out_dir: AnyPath) -> dict[str, Any]:
    """Read the attributes of a dataset: whatever was written about it as a whole, such as the names of classes.

    Maps have them as `m.attrs`.

    Args:
        out_dir: a directory of any kind.

    Returns:
        A new dict; empty if none were written.

    Raises:
        FileNotFoundError: there is no dataset.
        CorruptDatasetError: `attrs.json` is damaged, or somebody else's.

    >>> _ = StringsMmap.from_strings(out_dir, ["miaow", "woof"])
    >>> write_attrs(out_dir, {"classes": ["cat", "dog"]})
    >>> read_attrs(out_dir)
    {'classes': ['cat', 'dog']}
    """
    out_dir = _paths.existing(out_dir)
    text = _core.read_attrs(out_dir)
    attrs: dict[str, Any] = {} if text is None else json.loads(text)
    return attrs


def write_attrs(
    out_dir: AnyPath, attrs: Mapping[str, Any], timeout: float = 60.0, locking: bool = True
) -> None:
    """Replace the attributes of a dataset, all of them, in one step that survives a power failure.

    They are kept by appends, by repairs and by `subset`, by `concatenate` if all inputs have the same, and lost when a new
    dataset replaces this one. Checksums do not cover them.

    Args:
        out_dir: a directory of any kind.
        attrs: what JSON can hold: a dict with `str` keys, of dicts, lists, `str`, `int`, `float`, `bool` and None. A tuple
            becomes a list. At most 1 MiB as JSON.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Raises:
        FileNotFoundError: there is no dataset.
        TypeError: a value or a key that JSON does not have; nothing was written.
        ValueError: NaN, an infinity, more than 1 MiB, or a nesting of more than 127; nothing was written.
        TimeoutError: another writer held the dataset for `timeout` seconds; nothing was written.

    For an example, see `read_attrs`.
    """
    out_dir = _paths.existing(out_dir)
    _core.write_attrs(out_dir, _encode(out_dir, attrs), _core.Options(timeout=timeout, locking=locking))


def _encode(out_dir: str | PathLike[str], attrs: Mapping[str, Any]) -> str:
    if not isinstance(attrs, Mapping):
        raise TypeError(f"{out_dir}: the attributes must be a dict, not {type(attrs).__name__}")
    attrs = dict(attrs)
    try:
        text = json.dumps(attrs, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{out_dir}: the attributes cannot be stored as JSON: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{out_dir}: the attributes are nested too deeply") from error
    _check_keys(out_dir, attrs)
    return text


def _check_keys(out_dir: str | PathLike[str], value: Any) -> None:
    """Raise TypeError for a key that is not a `str`, which JSON would make one."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{out_dir}: the attributes have the key {key!r}, and JSON has only str keys")
    if isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            _check_keys(out_dir, item)


class WithAttrs:
    """The attribute `attrs` of a map, which has a `_place`, and `_shown`, whose first two results are a mapping, or None, and a
    count.
    """

    out_dir: Path
    timeout: float
    locking: bool
    _place: Path

    if TYPE_CHECKING:

        def _shown(self) -> tuple[Any, ...]: ...

    @property
    def attrs(self) -> dict[str, Any]:
        """What was written about the dataset as a whole, such as the names of classes: a new dict each time.

        Assigning a dict replaces all of them; `write_attrs` explains what they can hold, and when they are kept.

        >>> texts = StringsMmap.from_strings(out_dir, ["one", "two"])
        >>> texts.attrs = {"language": "en"}
        >>> texts.attrs
        {'language': 'en'}
        """
        return read_attrs(self._place) if self._is_stored() else {}

    @attrs.setter
    def attrs(self, attrs: Mapping[str, Any]) -> None:
        if not self._is_stored():
            what = "attributes belong to a dataset; store the first samples before them"
            raise FileNotFoundError(errno.ENOENT, what, str(self._place))
        write_attrs(self._place, attrs, self.timeout, self.locking)

    def _is_stored(self) -> bool:
        """Whether there is a dataset, with or without samples. Raise ValueError if another has replaced it."""
        mapping, samples = self._shown()[:2]
        if samples and mapping is not None:
            check_unreplaced(self, mapping)
        return bool(samples) or _core.kind(self._place) is not None


def check_unreplaced(memmap: WithAttrs, mapping: _core.Owner, field: str = "") -> None:
    """Raise ValueError if the dataset, or the field, in `mapping`, which the map shows, was replaced."""
    if not mapping.is_at(memmap._place / field / "data.ninja"):
        raise ValueError(
            f"{memmap.out_dir / field}: the dataset was replaced since this map was opened; open it again"
        )
