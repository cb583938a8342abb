"""Tables of Arrow as records."""

import filecmp
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, from_arrow, subset, verify

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

BOX = pa.list_(pa.float32(), 2)
FIELDS = {
    "name": (pa.string(), st.text(max_size=9)),
    "label": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "is new": (pa.bool_(), st.booleans()),
    "tokens": (pa.list_(pa.uint16()), st.lists(st.integers(0, 9), max_size=3)),
    "boxes": (
        pa.large_list(BOX),
        st.lists(st.lists(st.sampled_from([0.5, -1.0]), min_size=2, max_size=2), max_size=3),
    ),
    "embedding": (BOX, st.lists(st.sampled_from([0.5, -1.0]), min_size=2, max_size=2)),
    "bytes": (pa.binary(), st.binary(max_size=4)),
}


def as_python(value):
    """A value of a record as Arrow has it."""
    return value if isinstance(value, str) else value.tolist()


def rows_of(table):
    """The rows of a table as dicts; bytes are lists of integers."""
    return [
        {name: list(value) if isinstance(value, bytes) else value for name, value in row.items()}
        for row in table.to_pylist()
    ]


def files_under(directory):
    """The paths of all files in a directory, relative to it."""
    return sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())


@st.composite
def tables(draw):
    """A table of several columns, whose chunks have different numbers of rows."""
    names = draw(st.lists(st.sampled_from(list(FIELDS)), min_size=2, unique=True))
    row = st.fixed_dictionaries({name: FIELDS[name][1] for name in names})
    schema = pa.schema([(name, FIELDS[name][0]) for name in names])
    batches = draw(st.lists(st.lists(row, max_size=3), max_size=3))
    return pa.Table.from_batches([pa.RecordBatch.from_pylist(rows, schema) for rows in batches], schema)


@settings(max_examples=10)
@given(table=tables())
def test_tables_come_in_and_out_value_for_value(tmp_path_factory, table):
    directory = tmp_path_factory.mktemp("records")
    records = from_arrow(directory / "a", table)
    assert isinstance(records, RecordsMmap)
    assert records.fields == table.column_names
    assert verify(directory / "a").ok
    found = [{name: as_python(value) for name, value in record.items()} for record in records]
    assert found == rows_of(table)
    # The files of Parquet have row groups of their own, and fewer columns can be read in another order.
    parquet.write_table(records.to_arrow(), directory / "a.parquet", row_group_size=2)
    names = table.column_names[::-1][:2]
    again = from_arrow(directory / "b", directory / "a.parquet", fields=names)
    assert again.fields == names
    assert [{name: as_python(value) for name, value in record.items()} for record in again] == [
        {name: record[name] for name in names} for record in found
    ]
    assert RecordsMmap(directory / "a").to_arrow().equals(records.to_arrow())


def test_the_type_of_a_column_decides_its_field(tmp_path):
    table = pa.table(
        {name: pa.array([], arrow_type) for name, (arrow_type, _) in FIELDS.items()}
        | {"image": pa.array([], pa.fixed_shape_tensor(pa.uint8(), [2, 3]))}
    )
    records = from_arrow(tmp_path / "records", table)
    assert len(records) == 0
    assert isinstance(records["name"], StringsMmap)
    assert all(isinstance(records[name], RaggedMmap) for name in ("tokens", "boxes", "bytes"))
    assert records["label"].shape == records["is new"].shape == (0,)
    assert (records["embedding"].shape, records["image"].shape) == ((0, 2), (0, 2, 3))
    records.append(
        {"name": "a", "label": 1, "is new": True, "tokens": [1, 2], "boxes": [[1, 2]]}
        | {"embedding": [0, 1], "bytes": b"ab", "image": np.ones((2, 3))}
    )
    assert records[0]["boxes"].dtype == np.float32
    with pytest.raises(ValueError, match=r"boxes: sample 1 has the shape \[1, 3\], expected \[-1, 2\]"):
        records.append(records[0] | {"boxes": [[1, 2, 3]]})


def test_files_are_those_of_records_that_come_one_by_one(tmp_path):
    table = pa.table({"tokens": [[3, 1], [], [4]], "name": ["one", "", "três"], "label": [0, 1, 1]})
    from_arrow(tmp_path / "arrow", table)
    rows = [row | {"tokens": np.array(row["tokens"], np.int64)} for row in table.to_pylist()]
    RecordsMmap.from_lists(tmp_path / "rows", rows)
    files = files_under(tmp_path / "arrow")
    assert files == files_under(tmp_path / "rows")
    compared = filecmp.cmpfiles(tmp_path / "arrow", tmp_path / "rows", map(str, files), shallow=False)
    assert compared == (list(map(str, files)), [], [])


def test_one_column_becomes_records_if_it_is_one_of_the_fields(tmp_path):
    table = pa.table({"label": [3, 5], "__index_level_0__": ["x", "y"]})
    assert from_arrow(tmp_path / "map", table).tolist() == [3, 5]
    records = from_arrow(tmp_path / "records", table, fields=["label"])
    assert [record["label"] for record in records] == [3, 5]
    assert from_arrow(tmp_path / "both", table, fields=["__index_level_0__", "label"]).fields[1] == "label"


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        ({"a": [1, 2], "b": ["x", None]}, {}, ValueError, "column 'b', row 1: there is a null"),
        ({"a": [1], "b": [{"x": 1}]}, {}, TypeError, "column 'b'.*no form"),
        ({"a": [1], "A": [2]}, {}, ValueError, "twice, without regard to case"),
        ({"a": [1], "x/y": [2]}, {}, ValueError, "'x/y' cannot be the name of a field"),
        ({"a": [1]}, {"fields": ["b"]}, ValueError, "there is no column 'b'"),
        ({"a": [1]}, {"fields": []}, ValueError, "one or more fields"),
        ({"a": [1]}, {"fields": "a"}, TypeError, "must be a list of names"),
        ({"a": [1]}, {"fields": ["a"], "field": "a"}, ValueError, "give one of them"),
    ],
)
def test_after_an_error_the_records_are_what_they_were(tmp_path, columns, options, error, message):
    RecordsMmap.from_lists(tmp_path / "records", [{"a": 7}])
    with pytest.raises(error, match=message):
        from_arrow(tmp_path / "records", pa.table(columns), **options)
    assert RecordsMmap(tmp_path / "records")[0] == {"a": 7}
    assert os.listdir(tmp_path) == ["records"]


def test_arrays_that_are_not_those_of_a_field_are_refused(tmp_path):
    records = from_arrow(tmp_path / "records", pa.table({"tokens": [[1], [2]], "name": ["a", "b"]}))
    tokens, names = ("tokens", "ragged"), ("name", "string")
    one, byte = np.ones(1, np.int64), np.frombuffer(b"c", np.uint8)
    good = (*names, (byte, [0, 1]), None)
    for wrong in [
        (*tokens, (one, np.array([0, 1, 1]), None), None),
        (*tokens, (one, np.array([0, 2]), None), None),
        (*tokens, (one.astype(np.int32), np.array([0, 1]), None), None),
        ("tokens", "numpy", (one,), None),
        ("tokens", "ragged", (one,), None),
        ("other", "ragged", (one, np.array([0, 1]), None), None),
    ]:
        with pytest.raises((ValueError, TypeError), match="records"):
            records._extend_columns([wrong, good])
    with pytest.raises(ValueError, match="UTF-8"):
        records._extend_columns(
            [
                (*tokens, (one, np.array([0, 1]), None), None),
                (*names, (np.array([255], np.uint8), [0, 1]), None),
            ]
        )
    assert len(RecordsMmap(tmp_path / "records")) == len(records) == 2
    records._extend_columns([(*tokens, (one, np.array([0, 1]), None), None), good])
    assert records[2]["name"] == "c"


@pytest.mark.parametrize("counts", [[], [2, 2], [0, 3], [0]], ids=str)
def test_a_field_of_fixed_axes_has_one_type_whatever_its_samples(path, counts):
    boxes = [[[1, 2, 3, 4]] * count for count in [*counts, 1, 0]]
    records = RecordsMmap.from_columns(path, {"boxes": boxes}, {"boxes": {"shape": (-1, 4)}})
    table = subset(path.with_name("chosen"), records, range(len(counts))).to_arrow()
    assert table.schema.field("boxes").type == pa.large_list(pa.list_(pa.int64(), 4))
    assert table.to_pydict() == {"boxes": boxes[: len(counts)]}
