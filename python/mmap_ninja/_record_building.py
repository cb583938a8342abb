"""How records are built."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mmap_ninja import _build, _building, _core, _fields
from mmap_ninja._arguments import changed
from mmap_ninja._build.columns import common_length, zipped
from mmap_ninja._typing import Access, AnyPath, Durability, Mode

if TYPE_CHECKING:
    from typing_extensions import Self

    from mmap_ninja._typing import FieldDeclaration, Wrapper

# Records that are in memory are written in batches of this size.
_BATCH_SIZE = 1024


class RecordBuilding:
    """The constructors of `RecordsMmap` that store records."""

    @classmethod
    def from_lists(
        cls,
        out_dir: AnyPath,
        records: Iterable[Mapping[str, Any]],
        fields: "Mapping[str, FieldDeclaration] | None" = None,
        mode: Mode = "r+",
        wrapper_fn: "Wrapper | None" = None,
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        overwrite: bool = True,
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ) -> "Self":
        """Store records that are in memory, replacing any dataset in `out_dir`.

        Args:
            records: at least one dict; all have the same keys.

        For the other arguments and the errors, see `from_generator`.

        >>> RecordsMmap.from_lists(out_dir, [{"x": [1.0, 2.0]}, {"x": [3.0]}])[1]
        {'x': array([3.])}
        """
        given = changed(RecordBuilding.from_lists, locals())
        built = _building.in_batches(cls, out_dir, records, _BATCH_SIZE, False, None, False, overwrite, given)
        return cast("Self", _not_empty(built, out_dir))

    @classmethod
    def from_columns(
        cls,
        out_dir: AnyPath,
        columns: Mapping[str, Sequence[Any]],
        fields: "Mapping[str, FieldDeclaration] | None" = None,
        verbose: bool = False,
        mode: Mode = "r+",
        wrapper_fn: "Wrapper | None" = None,
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        overwrite: bool = True,
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ) -> "Self":
        """Store fields that are in memory, each a sequence of its samples.

        Args:
            columns: sequences of one length by the names of the fields, for example lists, arrays or the columns of a table.

        For the other arguments and the errors, see `from_generator`. Unlike it, this does not call `extend` of a subclass.

        Raises:
            ValueError: the sequences have different lengths, or there are no samples.

        >>> RecordsMmap.from_columns(out_dir, {"label": np.array([3, 5]), "name": ["a", "b"]})[0]
        {'label': np.int64(3), 'name': 'a'}
        """
        given = changed(RecordBuilding.from_columns, locals())
        length = common_length(out_dir, columns)
        records = zipped(columns, length)
        built = _building.in_batches(
            cls, out_dir, records, _BATCH_SIZE, verbose, length, False, overwrite, given
        )
        return cast("Self", _not_empty(built, out_dir))

    @classmethod
    def from_generator(
        cls,
        out_dir: AnyPath,
        sample_generator: Iterable[Mapping[str, Any]],
        batch_size: int,
        fields: "Mapping[str, FieldDeclaration] | None" = None,
        verbose: bool = False,
        n: int | None = None,
        resume: bool = False,
        overwrite: bool = True,
        mode: Mode = "r+",
        wrapper_fn: "Wrapper | None" = None,
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
        **kwargs: Any,
    ) -> "Self":
        """Store records batch by batch, so that they need not fit in memory.

        The first record names the fields, and the type of each value decides what its field is: a str makes texts, a number
        one dense array, and an array, a list or bytes a ragged field.

        Args:
            out_dir: the directory; parents are created. An existing dataset stays until the new one is complete.
            sample_generator: an iterable of dicts, all with the same keys.
            batch_size: records to hold in memory before they are written.
            fields: declarations of some or all fields, by name: `str` for texts; a dtype for the numbers, or the elements of
                arrays; a subarray dtype such as `np.dtype(("f4", (768,)))` for the rows of a dense array; 'ragged', 'strings'
                or 'dense'; or a dict of options: `kind`, `dtype`, `shape` (of a ragged field -1 and then fixed axes, such as
                (-1, 4) for boxes), `zstd_level` and `zstd_train_dictionary_size` of texts.
            verbose: show a progress bar.
            n: the expected number of records, for the bar.
            resume: continue what an interrupted build has left in `<out_dir>.partial`; that many items of the generator
                are skipped. All options must be the same as before.
            overwrite: False raises FileExistsError if `out_dir` already holds a dataset.

        For the other arguments, see the class.

        Returns:
            The records, writable by default.

        Raises:
            ValueError: there are no records, or one has a missing or a surplus key, or a shape that its field does not allow.
            TypeError: a value is None, a mapping, or cannot be stored in its field.
            OverflowError: a value is outside the range of the dtype.

        A subclass that overrides `from_lists` or `extend` stores records by these, in `out_dir` itself: the first batch
        replaces an existing dataset, and after an error the batches before it are there.

        >>> boxes = ({"boxes": [[0, 0, 9, 9]] * n, "label": n} for n in range(3))
        >>> train = RecordsMmap.from_generator(out_dir, boxes, batch_size=2, fields={"boxes": {"shape": (-1, 4)}})
        >>> train[0]["boxes"].shape, train[2]["boxes"].shape
        ((0, 4), (2, 4))
        """
        given = changed(RecordBuilding.from_generator, locals())
        built = _building.from_generator(
            cls, out_dir, sample_generator, batch_size, verbose, n, resume, overwrite, given
        )
        return cast("Self", _not_empty(built, out_dir))

    @classmethod
    def from_indexable(
        cls,
        out_dir: AnyPath,
        indexable: Any,
        batch_size: int,
        n_jobs: int | None = None,
        fields: "Mapping[str, FieldDeclaration] | None" = None,
        verbose: bool = False,
        resume: bool = False,
        overwrite: bool = True,
        mode: Mode = "r+",
        wrapper_fn: "Wrapper | None" = None,
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
        **kwargs: Any,
    ) -> "Self":
        """Store the records of anything that can be indexed, such as a PyTorch or Hugging Face dataset of dicts.

        Args:
            indexable: has `__getitem__`, or is called with the index; its items are dicts. It ends at its `len()` or, without
                one, at the first IndexError; any other error reaches the caller.
            n_jobs: number of processes that load and write records (needs joblib, the extra `parallel`); None uses this
                process. The files are the same.

        For the other arguments and the result, see `from_generator`.

        >>> RecordsMmap.from_indexable(out_dir, [{"label": 3}, {"label": 5}], batch_size=2)[1]
        {'label': np.int64(5)}
        """
        given = changed(RecordBuilding.from_indexable, locals())
        built = _building.from_indexable(
            cls, out_dir, indexable, batch_size, n_jobs, verbose, resume, overwrite, None, given
        )
        return cast("Self", _not_empty(built, out_dir))

    @classmethod
    def _recipe(
        cls, fields: "Mapping[str, FieldDeclaration] | None" = None, mode: Mode = "r+", **given: Any
    ) -> _build.Recipe:
        stream = partial(_core.Stream.records, fields=_fields.declared(fields))
        return _building.recipe(cls, stream, _write_shard, {"mode": mode, **given})


def _not_empty(built: Any, out_dir: AnyPath) -> Any:
    """What was built; ValueError if there was nothing to build it of."""
    if built is None:
        raise ValueError(f"{os.fsdecode(out_dir)}: at least one record is needed")
    return built


def _write_shard(records: Any) -> Callable[[Path, list[Any]], None]:
    """What a worker process does with its records."""
    return partial(_write_records, fields=records._declared())


def _write_records(out_dir: Path, records: list[Any], fields: dict[str, _fields.Declared]) -> None:
    _core.Stream.records(out_dir, _core.Options(), fields=fields).extend(records, len(records))
