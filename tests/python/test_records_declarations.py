"""What kind of dataset a field of records is: by its first value, or as it was declared."""

import numpy as np
import pytest
from conftest import Untouched, names
from mmap_ninja import RecordsMmap
from record_samples import kinds

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
