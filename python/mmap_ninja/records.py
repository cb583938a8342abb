"""`RecordsMmap`: samples of several fields, such as an image with its label and its file name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from mmap_ninja import _core, _fields, _handle, _paths, _record_fields
from mmap_ninja._record_building import RecordBuilding
from mmap_ninja._typing import Access, AnyPath, Durability, Mode, RecordT

if TYPE_CHECKING:
    from mmap_ninja._typing import FieldDeclaration, Indices, PadValues, Wrapper


class RecordsMmap(_handle.Handle, RecordBuilding, _core.Records[RecordT], Sequence[RecordT]):
    """Records: samples of several fields, appended whole, read as a dict.

    Every field is a dataset of its own in a sub-directory: a `RaggedMmap`, a `StringsMmap` or one dense array, which other
    programs open by itself. All fields grow together, so that no crash leaves them of different lengths.

    `m[i]` is a dict: arrays of a ragged field are views of the mapped bytes, texts are str, rows of a dense field are NumPy
    scalars or views. A slice, a mask or indices give a list of dicts, and `m["name"]` the map of a field. Annotate a map with
    a TypedDict, `RecordsMmap[Sample]`, and type checkers know its records.

    Args:
        out_dir: the directory. If it does not exist, there are no records, and some can be appended. A directory of
            `mmap_ninja_dataframe` opens as well.
        fields: the names of the fields to read, in that order; all by default. No other file is opened then, and nothing can
            be appended.
        wrapper_fn: called with each record, or a dict of functions that are called with the value of a field.
        mode: 'r' for read-only arrays, 'r+' for arrays whose changes reach the disk, 'c' for arrays whose changes stay in
            this process.
        copy_before_wrapper_fn: pass functions copies of arrays, which they may change or keep.
        access, durability, timeout, locking: as in `RaggedMmap`.

    Raises:
        CorruptDatasetError: the files contradict each other, or fields have different lengths; the message names one.
        ValueError: the directory holds another kind of dataset, there is no field of a name, or an option is unknown.

    >>> train = RecordsMmap.from_columns(out_dir, {"tokens": [[1, 2, 3], [4]], "label": [0, 1], "name": ["a", "b"]})
    >>> train[1]
    {'tokens': array([4]), 'label': np.int64(1), 'name': 'b'}
    >>> train["tokens"][0]
    array([1, 2, 3])
    """

    _ITEM = "record"
    _CREATE = "from_lists"

    def __init__(
        self,
        out_dir: AnyPath,
        fields: Iterable[str] | None = None,
        wrapper_fn: "Wrapper | None" = None,
        mode: Mode = "r",
        copy_before_wrapper_fn: bool = True,
        access: Access = "normal",
        durability: Durability = "process",
        timeout: float = 60.0,
        locking: bool = True,
    ):
        out_dir = _paths.existing(out_dir)
        options = _core.Options(
            mode=mode, access=access, durability=durability, timeout=timeout, locking=locking
        )
        wanted = None if fields is None else _fields.names(fields)
        by_field = dict(wrapper_fn) if isinstance(wrapper_fn, Mapping) else None
        whole = None if isinstance(wrapper_fn, Mapping) else wrapper_fn
        self._open(out_dir, options, wanted, (whole, by_field, copy_before_wrapper_fn))
        if by_field is not None and (unknown := by_field.keys() - set(self.fields)) and len(self):
            raise ValueError(
                f"{out_dir}: wrapper_fn has a function for {min(unknown)!r}, which is not a field"
            )
        vars(self).update(
            _given=(wanted, wrapper_fn, copy_before_wrapper_fn),
            _members={},
        )
        self._keep_attributes(out_dir, options)

    @property
    def fields(self) -> list[str]:
        """The names of the fields, in the order in which they were named."""
        return [name for name, _, _ in self._specs()]

    def field(self, name: str) -> Any:
        """The map of a field, of as many samples as there are records; `m[name]` is the same.

        Returns:
            A `RaggedMmap`, a `StringsMmap` or, of a dense field, an `np.memmap` of shape (n, ...).

        Raises:
            KeyError: there is no such field.

        >>> RecordsMmap.from_columns(out_dir, {"label": [3, 5]}).field("label").tolist()
        [3, 5]
        """
        specs = self._specs()
        names = [known for known, _, _ in specs]
        if name not in names:
            raise KeyError(f"{self.out_dir}: there is no field {name!r}; the fields are {', '.join(names)}")
        place = names.index(name)
        shown = len(self), self._mapping(place)
        opened: dict[str, tuple[tuple[int, _core.Owner], Any]] = vars(self)["_members"]
        known = opened.get(name)
        if known is None or known[0] != shown:
            known = opened[name] = (
                shown,
                _record_fields.show(self, place, specs[place][1], self._place / name),
            )
        return known[1]

    def _is_stored(self) -> bool:
        """Whether there are records. Raise ValueError if other ones have replaced those that this handle shows."""
        for place, name in enumerate(self.fields):
            if self._mapping(place).is_at(self._place / name / "data.ninja"):
                return True
        if len(self):
            raise ValueError(
                f"{self.out_dir}: the records were replaced since they were opened; open them again"
            )
        return super()._is_stored()

    def batch(self, indices: "Indices", pad: "PadValues | None" = None) -> dict[str, Any]:
        """The records at `indices`, field by field.

        Args:
            indices: anything that `m[indices]` takes but a single integer; indices may repeat.
            pad: for some or all ragged fields, the value to pad with: they come as one dense array.

        Returns:
            A dict with, for every field:

            - of a ragged field, `(values, offsets)` as `RaggedMmap.gather` gives them, or `(batch, lengths)` as
              `RaggedMmap.padded` does. The values of a field of shape (-1, ...) have the shape (total, ...), and the offsets
              count rows;
            - of texts, a list of str;
            - of a dense field, an array of shape (len(indices), ...).

        Raises:
            IndexError: an index is out of range.
            ValueError: `pad` names a field that is not ragged.

        >>> train = RecordsMmap.from_columns(out_dir, {"tokens": [[1, 2, 3], [4]], "label": [0, 1]})
        >>> train.batch([1, 0], pad={"tokens": -1})
        {'tokens': (array([[ 4, -1, -1],
               [ 1,  2,  3]]), array([1, 3])), 'label': array([1, 0])}
        """
        if not isinstance(pad, Mapping | None):
            raise TypeError(
                f"{self.out_dir}: pad of records must be a dict of fields to values, not {pad!r}; the fields are "
                f"{', '.join(self.fields)}"
            )
        return self._batch(indices, {} if pad is None else dict(pad))

    def append(self, record: Mapping[str, Any]) -> None:
        """Store one more record: all of its fields, or none.

        Raises:
            ValueError: a field is missing, or is not one of the records'; nothing was written.
            TypeError, OverflowError: a value cannot be stored in its field; nothing was written.
            TimeoutError: another writer held the records for `timeout` seconds.

        >>> train = RecordsMmap.from_columns(out_dir, {"label": [3], "name": ["a"]})
        >>> train.append({"label": 5, "name": "b"})
        >>> train[1]["name"]
        'b'
        """
        self.extend([record])

    def extend(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Store more records, all of them or none. For the errors, see `append`."""
        if isinstance(records, Mapping):
            raise TypeError(f"{self.out_dir}: extend takes records; append takes one")
        self._extend(records, {})

    def add_field(
        self,
        name: str,
        samples: Iterable[Any],
        batch_size: int = 1024,
        declaration: "FieldDeclaration | None" = None,
        verbose: bool = False,
        resume: bool = False,
    ) -> None:
        """Add a field to all records, from one sample for each of them. No other field is touched.

        Args:
            name: the name of the field, which can be that of a directory.
            samples: a sample for every record.
            batch_size: samples to hold in memory before they are written.
            declaration: what the first sample does not tell about the field, as in `from_generator`.
            verbose: show a progress bar.
            resume: continue what an interrupted call has left; that many samples are skipped.

        Raises:
            ValueError: there is such a field, it cannot have this name, the samples are not as many as the records, there
                are no records, or only some fields are open.

        >>> train = RecordsMmap.from_columns(out_dir, {"label": [3, 5]})
        >>> train.add_field("name", ["a", "b"])
        >>> train[1]
        {'label': np.int64(5), 'name': 'b'}
        """
        from mmap_ninja._build import fields

        self._check_whole()
        options = _core.Options(durability=self.durability, timeout=self.timeout, locking=self.locking)
        declared = _fields.declared({} if declaration is None else {name: declaration}).get(name)
        fields.add(self._place, name, samples, batch_size, declared, options, verbose, resume, len(self))
        self.refresh()

    def remove_field(self, name: str) -> None:
        """Remove a field and its files. Readers that have it open keep it.

        Raises:
            ValueError: there is no such field, or no other.

        >>> train = RecordsMmap.from_columns(out_dir, {"label": [3], "name": ["a"]})
        >>> train.remove_field("name")
        >>> train[0]
        {'label': np.int64(3)}
        """
        self._remove_field(name)

    def to_arrow(self) -> Any:
        """All records as a `pyarrow.Table` on the mapped bytes, with a column for each field.

        For what is copied, and for the errors, see `RaggedMmap.to_arrow`.

        >>> RecordsMmap.from_columns(out_dir, {"label": [3, 5], "name": ["a", "b"]}).to_arrow().to_pydict()
        {'label': [3, 5], 'name': ['a', 'b']}
        """
        from mmap_ninja._arrow import export

        return export.table(self._columns(has_tensors=True))

    def _columns(self, has_tensors: bool) -> dict[str, Any]:
        from mmap_ninja._arrow import export

        def column(name: str, kind: str, shape: list[int] | None) -> Any:
            field, place = self.field(name), f"{self.out_dir}: the field '{name}'"
            if kind == "numpy":
                return export.dense(field, place, has_tensors)
            if kind == "ragged" and shape is not None and 0 not in shape:
                values, offsets, _ = field._whole()
                return export.lists(values, offsets, shape[1:], place)
            return field._columns(has_tensors)[field._ITEM]

        return {spec[0]: column(*spec) for spec in self._specs()}

    def _prefetch(self, indices: "Indices") -> None:
        positions = self._positions(indices)
        for name, kind, _ in self._specs():
            if kind != "numpy":  # The rows of an array lie where its indices say.
                self.field(name).prefetch(positions)

    def _facts(self) -> list[str]:
        from mmap_ninja._display.format import human_size

        fields = ", ".join(self.fields)
        return [*([fields] if fields else []), human_size(self.nbytes)]

    @property
    def wrapper_fn(self) -> "Wrapper | None":
        """The function that each record passes through, or those for some fields."""
        return cast("Wrapper | None", vars(self)["_given"][1])

    @property
    def copy_before_wrapper_fn(self) -> bool:
        """Whether functions get copies of arrays."""
        return bool(vars(self)["_given"][2])

    def _argument(self, name: str) -> Any:
        return vars(self)["_given"][0] if name == "fields" else super()._argument(name)

    def _declared(self) -> dict[str, _fields.Declared]:
        """Declarations of all fields as they are."""
        declared: dict[str, _fields.Declared] = {}
        for name, kind, shape in self._specs():
            memmap = self.field(name)
            dtype = None if kind == "string" else memmap.dtype
            row = memmap.shape[1:] if kind == "numpy" else shape
            declared[name] = kind, dtype, None if row is None else tuple(row), (None, None)
        return declared


_handle.publish(RecordsMmap)
