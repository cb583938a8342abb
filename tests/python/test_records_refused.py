"""What cannot be records, or the name of a field, is refused before anything is written."""

from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest
from conftest import unchanged
from mmap_ninja import RecordsMmap
from record_samples import records

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
