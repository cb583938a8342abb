"""Records are built from columns."""

import numpy as np
import pytest
from conftest import names
from mmap_ninja import RecordsMmap
from record_samples import kinds


def test_columns_are_any_sequences_of_one_length(path):
    columns = {"list": [1, 2], "tuple": ("a", "b"), "rows": np.zeros((2, 3)), "range": range(2)}
    memmap = RecordsMmap.from_columns(path, columns | {"texts": np.array(["a", "bc"])})
    assert kinds(memmap) == {
        "list": "numpy",
        "tuple": "string",
        "rows": "ragged",
        "range": "numpy",
        "texts": "string",
    }
    assert RecordsMmap.from_columns(path, memmap[:1] and {"again": memmap["texts"]})["again"][:] == [
        "a",
        "bc",
    ]


NO_COLUMNS = [
    ({"image": [1, 2], "label": [1]}, ValueError, "'image' has 2 samples, but 'label' has 1"),
    ({}, ValueError, "at least one field"),
    ({"a": []}, ValueError, "at least one record"),
    ([("a", [1])], TypeError, "must be a dict"),
    ({"a": iter([1])}, TypeError, "'a' is list_iterator"),
    ({"a": {1, 2}}, TypeError, "'a' is set"),
    ({"a": {0: 1}}, TypeError, "'a' is dict"),
    ({"a": "abc"}, TypeError, "'a' is str"),
    ({"a": 5}, TypeError, "'a' is int"),
    ({"a": None}, TypeError, "'a' is NoneType"),
    ({5: [1]}, TypeError, "5 is not a str"),
]


@pytest.mark.parametrize("columns, error, message", NO_COLUMNS, ids=[case[2] for case in NO_COLUMNS])
def test_what_cannot_be_columns_is_refused(path, columns, error, message):
    with pytest.raises(error, match=message):
        RecordsMmap.from_columns(path, columns)
    assert names(path.parent) == []


def test_missing_values_and_zones_in_columns_of_pandas_are_named(path):
    pandas = pytest.importorskip("pandas")
    for column, message in (
        (pandas.Series([1, None], dtype="Int64"), "sample 1: <NA> of type NAType .*fill in missing values"),
        (
            pandas.Series(pandas.date_range("2020", periods=2, tz="UTC")),
            "of type Timestamp .*numpy.datetime64",
        ),
    ):
        with pytest.raises(TypeError, match=message):
            RecordsMmap.from_columns(path, {"a": column})


def test_a_table_in_the_place_of_columns_is_refused_with_what_takes_it(path):
    class Table:
        columns = ("a",)

    with pytest.raises(TypeError, match=r"dict of sequences, not Table; mmap_ninja.from_arrow stores tables"):
        RecordsMmap.from_columns(path, Table())


def test_columns_of_pandas_are_taken_by_position(path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(
        {
            "label": [3, 5],
            "score": [0.5, np.nan],
            "name": ["a", "b"],
            "good": [True, False],
            "day": pandas.date_range("2020", periods=2),
            "group": pandas.Categorical(["x", "y"]),
            "count": pandas.array([1, 2], "Int64"),
            "tokens": [np.arange(2), np.arange(3)],
        },
        index=[7, 5],
    )
    memmap = RecordsMmap.from_columns(path, dict(table))
    assert memmap["label"].tolist() == [3, 5]
    assert memmap["name"][:] == ["a", "b"]
    assert memmap["good"].dtype == bool
    assert memmap["day"][1] == np.datetime64("2020-01-02")
    assert memmap["group"][:] == ["x", "y"]
    assert memmap["count"].tolist() == [1, 2]
    assert memmap["tokens"][1].tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="dict of sequences, not DataFrame"):
        RecordsMmap.from_columns(path, table)


@pytest.mark.parametrize("values", [{"data": [1, None], "dtype": "Int64"}, {"data": ["a", None]}], ids=str)
def test_a_value_that_is_missing_in_a_column_of_pandas_is_refused(path, values):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError):
        RecordsMmap.from_columns(path, {"a": pandas.Series(**values)})
    assert names(path.parent) == []
