"""Records are built whole from lists, columns, generators and datasets, or nothing is written."""

from collections import ChainMap, OrderedDict
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest
from building_workers import sized, unsized
from conftest import Untouched, names, notes, partial_of, tree, unchanged
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, verify
from mmap_ninja import numpy as np_ninja
from record_samples import FIELDS, expected, record, records, shown

COUNT = 40


def kinds(memmap):
    return {name: kind for name, kind, _ in memmap._specs()}


@pytest.fixture(scope="module")
def whole(fresh):
    """The files of all records, written in one call."""
    return tree(RecordsMmap.from_lists(fresh(), records(COUNT), fields=FIELDS).out_dir)


BUILDS = {
    "generator": lambda path: RecordsMmap.from_generator(path, iter(records(COUNT)), 7, FIELDS),
    "one by one": lambda path: RecordsMmap.from_generator(path, iter(records(COUNT)), 1, FIELDS, n=3),
    "columns": lambda path: RecordsMmap.from_columns(
        path, {name: [each[name] for each in records(COUNT)] for name in record(0)}, FIELDS
    ),
    "indexable": lambda path: RecordsMmap.from_indexable(path, sized(record, COUNT), 7, fields=FIELDS),
    "unsized": lambda path: RecordsMmap.from_indexable(path, unsized(record, COUNT), 7, fields=FIELDS),
    "workers": lambda path: RecordsMmap.from_indexable(path, sized(record, COUNT), 7, 2, FIELDS),
    "resumed": lambda path: resumed(path, 9),
    "appended": lambda path: appended(path, 1),
    "extended": lambda path: appended(path, 11),
}


def resumed(path, count):
    with pytest.raises(ConnectionError) as raised:
        RecordsMmap.from_generator(path, breaking(count), 4, FIELDS)
    assert "samples are safe" in notes(raised.value)
    assert not path.exists()
    RecordsMmap.from_generator(path, iter(records(COUNT)), 4, FIELDS, resume=True)


def breaking(count):
    yield from records(count)
    raise ConnectionError


def appended(path, step):
    RecordsMmap.from_lists(path, records(step), fields=FIELDS)
    memmap = RecordsMmap(path)
    for start in range(step, COUNT, step):
        memmap.extend(iter(records(min(start + step, COUNT), start)))
    assert [shown(each) for each in memmap] == expected(records(COUNT))


@pytest.mark.parametrize("way", BUILDS)
def test_every_way_to_build_writes_the_same_files(path, whole, way):
    BUILDS[way](path)
    found = tree(path)
    # Whoever appends compresses in other frames than nobody; here each text has its own.
    assert found == whole
    assert names(path.parent) == ["data"]
    assert verify(path).ok


def test_a_field_has_the_files_of_its_own_kind(path, whole):
    samples = records(COUNT)
    RaggedMmap.from_lists(path / "image", [each["image"] for each in samples])
    StringsMmap.from_strings(path / "name", [each["name"] for each in samples])
    StringsMmap.from_strings(path / "caption", [each["caption"] for each in samples], zstd_level=3)
    np_ninja.from_ndarray(path / "label", np.array([each["label"] for each in samples]))
    np_ninja.from_ndarray(path / "embedding", np.array([each["embedding"] for each in samples], "float32"))
    found = tree(path)
    assert {name: whole[name] for name in found} == found


@pytest.mark.parametrize("number", [2, 3])
def test_workers_write_what_one_process_does_where_a_late_record_promotes_a_field(path, number):
    def load(index):
        return {"x": np.zeros((1, 2) if index == 35 else 2, "int8"), "y": index, "z": str(index)}

    alone = RecordsMmap.from_indexable(path, sized(load, COUNT), 5, fields={"y": ">i4"})
    together = RecordsMmap.from_indexable(
        path.with_name("other"), sized(load, COUNT), 5, number, fields={"y": ">i4"}
    )
    assert alone["y"].dtype == ">i4"
    assert tree(together.out_dir) == tree(path)


def test_a_resumed_build_asks_for_the_rest_alone_and_keeps_to_its_fields(path):
    with pytest.raises(ConnectionError):
        RecordsMmap.from_generator(path, breaking(9), 4, FIELDS)
    with unchanged(partial_of(path)):
        for samples, error in [
            (({"label": 1} for _ in range(COUNT)), "missing"),
            (({**each, "more": 1} for each in records(COUNT)), "more"),
        ]:
            with pytest.raises(ValueError, match=error):
                RecordsMmap.from_generator(path, samples, 4, FIELDS, resume=True)
        with pytest.raises(ValueError, match="no field 'more'"):
            RecordsMmap.from_generator(path, Untouched(), 4, FIELDS | {"more": int}, resume=True)
    loaded = []
    load = lambda index: loaded.append(index) or record(index)
    RecordsMmap.from_indexable(path, sized(load, COUNT), 4, fields=FIELDS, resume=True)
    assert loaded == list(range(8, COUNT))  # Whole batches of 4 are stored.


# The kinds of fields

VALUES = [
    ("text", "string"),
    (np.str_("text"), "string"),
    (3, "numpy"),
    (3.5, "numpy"),
    (True, "numpy"),
    (1j, "numpy"),
    (np.float16(3), "numpy"),
    (np.datetime64("2020-01-01"), "numpy"),
    (np.array([(1, 2.5)], "i4,f8")[0], "numpy"),
    ([1, 2], "ragged"),
    ((), "ragged"),
    ([], "ragged"),
    (range(3), "ragged"),
    (np.zeros((2, 3)), "ragged"),
    (np.array(3), "ragged"),
    (np.zeros(1, "i4,f8"), "ragged"),
    (b"bytes", "ragged"),
    (bytearray(b"bytes"), "ragged"),
    (memoryview(b"bytes"), "ragged"),
]


@pytest.mark.parametrize("value, kind", VALUES, ids=repr)
def test_the_kind_of_a_field_follows_from_the_type_of_its_first_value(path, value, kind):
    memmap = RecordsMmap.from_lists(path, [{"field": value}] * 2)
    assert kinds(memmap) == {"field": kind}
    expected = np.frombuffer(value, "uint8") if isinstance(value, (bytes, bytearray, memoryview)) else value
    for found in memmap:
        assert np.array_equal(found["field"], expected)


def test_equal_shapes_do_not_make_a_field_dense(path):
    memmap = RecordsMmap.from_lists(path, [{"image": np.zeros((2, 2))}] * 3)
    memmap.append({"image": np.zeros(5)})
    assert kinds(memmap) == {"image": "ragged"}
    assert memmap[3]["image"].shape == (5,)


DECLARED = [
    (str, "text", "string", None),
    ("strings", "text", "string", None),
    ({"zstd_level": 3}, "text", "string", None),
    ({"kind": "strings"}, "text", "string", None),
    (np.uint16, 3, "numpy", "uint16"),
    (np.uint16, [3], "ragged", "uint16"),
    ("float32", [3], "ragged", "float32"),
    (float, 3, "numpy", "float64"),
    (np.dtype(">i2"), [[3]], "ragged", ">i2"),
    ({"dtype": "int8"}, [3], "ragged", "int8"),
    (np.dtype(("f4", (2,))), [3, 4], "numpy", "float32"),
    (np.dtype(("f4", (1, 2))), [[3, 4]], "numpy", "float32"),
    ({"dtype": np.dtype(("f4", (2,)))}, [3, 4], "numpy", "float32"),
    ({"kind": "dense", "dtype": np.dtype(("f4", (2,)))}, [3, 4], "numpy", "float32"),
    ({"shape": (2,)}, [3, 4], "numpy", "int64"),
    ({"shape": (np.int64(-1), 2), "dtype": "f4"}, [[3, 4]], "ragged", "float32"),
    ({"shape": [-1, 0]}, [], "ragged", "float64"),
    ({"kind": "ragged", "shape": (-1, 2)}, [[3, 4]], "ragged", "int64"),
    ("ragged", 3, "ragged", "int64"),
    ("dense", [3, 4], "numpy", "int64"),
    ({"kind": "dense"}, [3, 4], "numpy", "int64"),
    ({}, [3, 4], "ragged", "int64"),
    ({"kind": None, "dtype": None, "shape": None}, 3, "numpy", "int64"),
]


@pytest.mark.parametrize("declaration, value, kind, dtype", DECLARED, ids=str)
def test_a_declaration_decides_kind_and_dtype(path, declaration, value, kind, dtype):
    memmap = RecordsMmap.from_lists(path, [{"field": value}] * 2, fields={"field": declaration})
    assert kinds(memmap) == {"field": kind}
    assert kind == "string" or memmap["field"].dtype == np.dtype(dtype)
    if value:
        assert np.array_equal(memmap[1]["field"], value)
    memmap.append({"field": value})
    assert len(memmap) == 3
    assert kind == "string" or memmap["field"].dtype == np.dtype(dtype)


NO_DECLARATIONS = [
    (None, TypeError),
    (5, TypeError),
    ("image", TypeError),
    ("", TypeError),
    ([("a", "nonsense")], TypeError),
    (object, TypeError),
    (bytes, TypeError),
    ({"dtype": str}, TypeError),
    ({"dtype": "nonsense"}, TypeError),
    ({"kind": "image"}, ValueError),
    ({"kind": []}, ValueError),
    ({"option": 1}, ValueError),
    ({"shape": 3}, TypeError),
    ({"shape": (1.5,)}, TypeError),
    ({"shape": "12"}, TypeError),
    ({"shape": (-1,)}, ValueError),
    ({"shape": (-1, -1)}, ValueError),
    ({"shape": (2, -1)}, ValueError),
    ({"shape": (-2,)}, ValueError),
    ({"shape": (2**63,)}, ValueError),
    ({"shape": (1,) * 65}, ValueError),
    ({"shape": (2,), "dtype": np.dtype(("f4", (2,)))}, ValueError),
    ({"kind": "ragged", "shape": (2,)}, ValueError),
    ({"kind": "dense", "shape": (-1, 2)}, ValueError),
    ({"kind": "ragged", "dtype": np.dtype(("f4", (2,)))}, ValueError),
    ({"kind": "strings", "shape": (2,)}, ValueError),
    ({"kind": "strings", "dtype": "U3"}, ValueError),
    ({"kind": "dense", "zstd_level": 3}, ValueError),
    ({"shape": (2,), "zstd_level": 3}, ValueError),
    ({"zstd_level": "3"}, TypeError),
    ({"zstd_train_dictionary_size": 1.5}, TypeError),
]


@pytest.mark.parametrize("declaration, error", NO_DECLARATIONS, ids=str)
def test_what_is_no_declaration_is_refused_by_the_name_of_its_field(path, declaration, error):
    for samples in Untouched(), [{"field": [1, 2]}]:
        if declaration is object and samples.__class__ is Untouched:
            continue  # It is a dtype, which the first record is refused for.
        with pytest.raises(error, match="the field 'field'"):
            RecordsMmap.from_generator(path, samples, 3, {"field": declaration})
    assert names(path.parent) == []


@pytest.mark.parametrize("fields", [["label"], "label", 5, {"label"}], ids=str)
def test_declarations_are_a_mapping(path, fields):
    with pytest.raises(TypeError, match="fields must be a dict"):
        RecordsMmap.from_lists(path, Untouched(), fields=fields)


UNLIKE = [
    (np.uint8, 300, OverflowError),
    (np.uint8, 1.5, TypeError),
    (np.uint8, "3", TypeError),
    ("U3", "abc", TypeError),
    (np.dtype(("f4", (2,))), [1, 2, 3], ValueError),
    (np.dtype(("f4", (2,))), 3, ValueError),
    ({"shape": (-1, 4)}, [1, 2, 3, 4], ValueError),
    ({"shape": (-1, 4)}, [[1, 2, 3]], ValueError),
    ({"shape": (-1, 4)}, np.zeros((0, 3)), ValueError),
    ({"shape": (-1, 4)}, 3, ValueError),
    (str, 3, TypeError),
    (str, b"abc", TypeError),
    ({"zstd_level": 3}, [1], TypeError),
    ({"zstd_level": 99}, "abc", ValueError),
]


@pytest.mark.parametrize("declaration, value, error", UNLIKE, ids=str)
def test_a_value_that_is_not_as_its_field_was_declared_is_refused(path, declaration, value, error):
    with pytest.raises(error):
        RecordsMmap.from_lists(path, [{"field": value}], fields={"field": declaration})
    assert names(path.parent) == []


# Bad input

NO_RECORDS = [
    ([], ValueError, "at least one record"),
    ([{}], ValueError, "record 0: it has no fields"),
    ([{"a": 1}, {}], ValueError, "record 1: the field 'a' is missing"),
    ([{"a": 1, "b": 2}, {"a": 1}], ValueError, "record 1: the field 'b' is missing"),
    ([{"a": 1}, {"a": 1, "b": 2}], ValueError, "record 1: 'b' is not a field"),
    ([{"a": 1}, {"a": 1, 5: 2}], ValueError, "record 1: 5 is not a field"),
    ([{"a": None}], TypeError, "a: sample 0 is NoneType"),
    ([{"a": 1}, {"a": None}], TypeError, "a: sample 1 is NoneType"),
    ([{"a": {"b": 1}}], TypeError, "a: sample 0 is dict"),
    ([{"a": MappingProxyType({})}], TypeError, "a: sample 0 is mappingproxy"),
    ([{"a": [1]}, {"a": {}}], TypeError, "a: sample 1"),
    ([{"a": {1, 2}}], TypeError, "a: sample 0"),
    ([{"a": Decimal(1)}], TypeError, "a: sample 0"),
    ([{"a": object()}], TypeError, "a: sample 0"),
    ([{"a": 2**64}], OverflowError, "a: sample 0: 18446744073709551616 is outside the range"),
    ([{"a": 1}, {"a": 2**64}], OverflowError, "a: sample 1"),
    ([{"a": [1, -(2**64)]}], OverflowError, "a: sample 0"),
    ([{"a": [[1], [1, 2]]}], ValueError, "a: sample 0"),
    ([{"a": np.ma.array([1], mask=[1])}], TypeError, "a: sample 0"),
    ([{"a": "\ud800"}], UnicodeEncodeError, "string 0"),
    ([{"a": "x"}, {"a": 3}], TypeError, "string 1"),
    ([{"a": 3}, {"a": "x"}], TypeError, "a"),
    ([{"a": 3}, {"a": [3]}], ValueError, "a: sample 1"),
    ([{"a": [3]}, {"a": [0.5]}], TypeError, "a: sample 1"),
    ([["a", 1]], TypeError, "record 0 is list"),
    ([{"a": 1}, ("a", 1)], TypeError, "record 1 is tuple"),
    ([None], TypeError, "record 0 is NoneType"),
    ({"a": [1, 2]}, TypeError, "record 0 is str"),
    (5, TypeError, "int"),
    ([{5: 1}], TypeError, "the name 5 is not a str"),
    ([{"a": 1, "A": 2}], ValueError, "'A' occurs twice"),
    ([{"caf\u00e9": 1, "cafe\u0301": 2}], ValueError, "occurs twice"),
    ([{str(number): 1 for number in range(257)}], ValueError, "more than 256 fields"),
]


@pytest.mark.parametrize("samples, error, message", NO_RECORDS, ids=[case[2] for case in NO_RECORDS])
def test_what_cannot_be_records_is_refused_before_anything_is_written(path, samples, error, message):
    path.with_name("other").mkdir()
    RecordsMmap.from_lists(path, records(3))
    with unchanged(path.parent):
        with pytest.raises(error, match=message):
            RecordsMmap.from_lists(path, samples)
        with pytest.raises(error):
            RecordsMmap(path.with_name("other")).extend(samples)
            raise error("no samples are no error")


BAD_NAMES = [
    "",
    ".",
    "..",
    ".hidden",
    "a/b",
    "a\\b",
    "a:b",
    "a\0b",
    "a\n",
    "a ",
    "a.",
    "CON",
    "nul.txt",
    "com1",
    "COM\u00b9",
    "lpt3 .txt",
    "CONIN$",
]
BAD_NAMES += [
    "type.ninja",
    "any.ninja",
    "fields.json",
    "Attrs.JSON",
    "checksums.json",
    "x" * 201,
    "\ud800",
    "*",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_is_no_directory_on_some_system_or_is_ours_is_refused(path, name):
    train = RecordsMmap.from_lists(path, [{"a": 1}])
    with unchanged(path.parent):
        with pytest.raises(ValueError):
            RecordsMmap.from_lists(path, [{"b": 1, name: 1}])
        with pytest.raises(ValueError):
            train.add_field(name, [1])


def test_names_of_members_and_of_other_alphabets_are_names_of_fields(path):
    fields = ["starts", "ends", "shapes", "data", "étiquette", "画像", "an image", "a.b", "x" * 200]
    memmap = RecordsMmap.from_lists(path, [dict.fromkeys(fields, 3)] * 2)
    memmap.append(dict.fromkeys(fields, 4))
    assert RecordsMmap(path).fields == fields
    assert RecordsMmap(path)[2] == dict.fromkeys(fields, 4)


def test_as_many_fields_as_are_allowed_are_built_and_appended_to(path):
    sample = {f"field {number}": number for number in range(256)}
    memmap = RecordsMmap.from_lists(path, [sample])
    memmap.append(sample)
    assert RecordsMmap(path)[:] == [sample] * 2


@pytest.mark.parametrize("make", [OrderedDict, ChainMap, MappingProxyType, lambda record: record], ids=str)
def test_any_mapping_in_any_order_is_a_record(path, make):
    samples = [record(0), *(dict(reversed(record(index).items())) for index in range(1, 5))]
    memmap = RecordsMmap.from_lists(path, map(make, samples), fields=FIELDS)
    assert set(memmap.fields) == set(record(0))
    assert [shown(each) for each in memmap] == expected(records(5))
    memmap.append(make(record(5)))
    assert shown(memmap[5]) == expected(records(6))[5]


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_the_first_value_decides_the_dtype_of_numbers_wherever_batches_end(path, batch_size):
    samples = [{"a": 1}, {"a": 2.0}, {"a": 2.5}]
    with pytest.raises(TypeError, match=r"a: sample 2: .*declare another one"):
        RecordsMmap.from_generator(path, samples, batch_size)
    memmap = RecordsMmap.from_generator(path, samples[:2], batch_size)
    assert (memmap["a"].dtype, memmap["a"].tolist()) == (np.int64, [1, 2])
    memmap = RecordsMmap.from_generator(path, samples, batch_size, {"a": np.float32})
    assert (memmap["a"].dtype, memmap["a"].tolist()) == (np.float32, [1, 2, 2.5])
    with pytest.raises(TypeError, match=r"b: sample 1: .*declare another one"):
        memmap.add_field("b", [1, 0.5, 1], batch_size)


@pytest.mark.parametrize("value", [2, 0.5, "x", [1, 2]], ids=str)
def test_messages_name_the_path_of_the_user_and_not_that_of_the_build(path, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        RecordsMmap.from_generator(path, [{"a": value}, {"a": {}}], 1)
    memmap = RecordsMmap.from_lists(path, [{"a": value}] * 2)
    with pytest.raises((TypeError, ValueError)) as added:
        memmap.add_field("b", [value, {}], 1)
    assert [str(path / name) in str(error.value) for name, error in [("a", caught), ("b", added)]] == [
        True
    ] * 2
    assert "partial" not in f"{caught.value} {added.value}"


def test_lists_without_elements_wait_for_the_dtype_of_later_ones(path):
    samples = [{"a": [], "b": index} for index in range(9)] + [{"a": [7], "b": 9}]
    memmap = RecordsMmap.from_generator(path, samples, 2)
    assert memmap["a"].dtype == np.int64
    assert [each["b"] for each in memmap] == list(range(10))


# Columns


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


def test_a_batch_size_that_is_not_a_number_is_named(path):
    for build in (RecordsMmap.from_generator, RecordsMmap.from_indexable, RaggedMmap.from_generator):
        with pytest.raises(TypeError, match="batch_size must be an integer, not 'a'"):
            build(path, [{"a": 1}], batch_size="a")


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


# Places


def test_a_build_replaces_a_dataset_when_it_is_whole_or_refuses(path):
    RaggedMmap.from_lists(path, [[1]])
    with unchanged(path.parent):
        for build in (
            lambda: RecordsMmap.from_lists(path, records(3), overwrite=False),
            lambda: RecordsMmap.from_columns(path, {"a": [1]}, overwrite=False),
            lambda: RecordsMmap.from_generator(path, Untouched(), 3, overwrite=False),
            lambda: RecordsMmap.from_indexable(path, Untouched(), 3, overwrite=False),
        ):
            with pytest.raises(FileExistsError):
                build()
    RecordsMmap.from_lists(path, [{"a": 1}])
    assert names(path) == ["a", "fields.json", "shape.ninja", "type.ninja"]
    RaggedMmap.from_lists(path, [[1]])
    assert "a" not in names(path)


def test_fields_without_a_list_count_as_a_dataset(path):
    RaggedMmap.from_lists(path / "x", [[1], [2]])
    with unchanged(path):
        for overwriting in (
            lambda: RecordsMmap.from_lists(path, [{"x": 1}], overwrite=False),
            lambda: RaggedMmap.from_lists(path, [[1]], overwrite=False),
        ):
            with pytest.raises(FileExistsError):
                overwriting()
    assert RecordsMmap.from_lists(path, [{"x": 1}])[:] == [{"x": 1}]


@pytest.mark.parametrize("foreign", ["folder", "file", "dataset"])
def test_a_field_never_replaces_what_is_foreign(path, foreign):
    RecordsMmap.from_lists(path, [{"a": 1}])
    if foreign == "folder":
        (path / "images").mkdir()
        (path / "images" / "1.jpg").write_text("a photograph")
    elif foreign == "file":
        (path / "images").write_text("a list")
    else:
        RaggedMmap.from_lists(path / "images", [[1]])
    with unchanged(path):
        with pytest.raises(FileExistsError, match="in the place of a field; move or remove it"):
            RecordsMmap.from_lists(path, [{"images": [1]}])
        with pytest.raises(FileExistsError):
            RecordsMmap(path).add_field("images", [1])
    RecordsMmap.from_lists(path, [{"image": [1]}])
    assert "images" in names(path)


def test_a_generator_that_is_empty_or_fails_at_once_leaves_nothing(path):
    for build in (RecordsMmap.from_generator, RecordsMmap.from_indexable):
        with pytest.raises(ValueError, match="at least one record is needed"):
            build(path, [], 3)
    with pytest.raises(ConnectionError):
        RecordsMmap.from_generator(path, breaking(0), 3)
    assert names(path.parent) == []


def test_options_that_are_not_there_are_refused(path):
    for build in (
        lambda: RecordsMmap.from_generator(path, Untouched(), 3, dtype="int64"),
        lambda: RecordsMmap.from_indexable(path, Untouched(), 3, starts_key="s"),
        lambda: RecordsMmap.from_lists(path, Untouched(), zstd_level=3),
    ):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            build()
    for size in 0, -1, 1.5, None:
        with pytest.raises((ValueError, TypeError)):
            RecordsMmap.from_generator(path, Untouched(), size)
    assert names(path.parent) == []


def test_a_progress_bar_shows_records(path, capsys):
    RecordsMmap.from_generator(path, iter(records(5)), 2, verbose=True, n=5)
    RecordsMmap.from_columns(path, {"a": range(5)}, verbose=True)
    shown = capsys.readouterr().err
    assert "5/5" in shown


def test_a_record_that_changes_while_it_is_stored_does_no_harm(path):
    shared = {"a": 0, "b": [0]}

    def changing():
        for number in range(9):
            shared["a"], shared["b"][0] = number, number
            yield shared

    memmap = RecordsMmap.from_generator(path, changing(), 4)
    assert memmap["a"].tolist() == [each["b"][0] for each in memmap] == list(range(9))
