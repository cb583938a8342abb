"""Samples that are not arrays are stored as they are meant, or refused by an error that names them."""

import array
import os
import re
from collections import OrderedDict, UserDict
from datetime import date
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
from conftest import tree
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja import numpy as np_ninja


def lists(path, samples, **options):
    return RaggedMmap.from_lists(path, samples, **options)


def iterator(path, samples, **options):
    return RaggedMmap.from_lists(path, iter(samples), **options)


def generator(path, samples, batch_size=2, **options):
    return RaggedMmap.from_generator(path, (sample for sample in samples), batch_size, **options)


def small_batches(path, samples, **options):
    return generator(path, samples, 1, **options)


def indexable(path, samples, **options):
    return RaggedMmap.from_indexable(path, samples, 2, **options)


def workers(path, samples, **options):
    return RaggedMmap.from_indexable(path, samples, 2, n_jobs=2, **options)


def appends(path, samples):
    ragged = RaggedMmap(path)
    for sample in samples:
        ragged.append(sample)
    return ragged


def extension(path, samples):
    (ragged := RaggedMmap(path)).extend(samples)
    return ragged


CREATE = [lists, iterator, generator, small_batches, indexable, workers]
WAYS = [*CREATE, appends, extension]
BLOBS = [
    b"\xff\xd8\0\0",
    b"a longer one than the first\0",
    b"",
    b"\0",
    bytearray(b"x\0"),
    memoryview(b"yz\0"),
]


@pytest.mark.parametrize("create", WAYS)
def test_bytes_are_uint8_samples_and_keep_every_byte(path, create):
    ragged = create(path, BLOBS)
    assert ragged.dtype == np.uint8
    assert [sample.shape for sample in ragged] == [(len(blob),) for blob in BLOBS]
    assert [sample.tobytes() for sample in ragged] == [bytes(blob) for blob in BLOBS]


@pytest.mark.parametrize("value", [b"ab\0", bytearray(b"ab\0"), memoryview(b"ab\0")])
def test_bytes_can_be_assigned_and_are_rows_of_arrays(path, value):
    ragged = RaggedMmap.from_lists(path, [b"123"])
    ragged[0] = value
    assert RaggedMmap(path)[0].tobytes() == b"ab\0"
    dense = np_ninja.from_generator(path.parent / "dense", [value, value], 1)
    np_ninja.append(dense, value)
    assert np_ninja.open_existing(path.parent / "dense").tolist() == [[97, 98, 0]] * 3
    assert np_ninja.from_ndarray(path.parent / "whole", value).tolist() == [97, 98, 0]


def test_a_buffer_that_is_used_again_is_copied(path):
    buffer = bytearray(b"first")

    def samples():
        yield buffer
        buffer[:] = b"other"
        yield memoryview(buffer)
        buffer[:] = b"third"

    assert [sample.tobytes() for sample in RaggedMmap.from_lists(path, samples())] == [b"first", b"other"]


def test_bytes_are_elements_of_a_map_of_dtype_S(path):
    ragged = RaggedMmap.from_lists(path, [np.array(b"ab", "S4"), np.array([b"c"], "S4")])
    ragged.append(b"wxyz")
    ragged[0] = ragged[2]
    assert ragged[:] == [b"wxyz", np.array([b"c"]), b"wxyz"]
    batch, _ = RaggedMmap.from_lists(path, [[b"a"], [b"b", b"c"]]).padded([0, 1], padding_value=b"-")
    assert batch.tolist() == [[b"a", b"-"], [b"b", b"c"]]


@pytest.mark.parametrize("sample", [[b"a\0"], [[b"a"], [b"\0"]], "a\0", ["a", "b\0"], (b"\0",)])
@pytest.mark.parametrize("create", WAYS)
def test_elements_whose_last_character_would_be_lost_are_refused(path, create, sample):
    with pytest.raises(TypeError, match=re.escape(str(path)) + ".* 0: .*NUL"):
        create(path, [sample])
    assert tree(path.parent) == {}


@pytest.mark.parametrize("format", ["h", "f", "B"])
def test_a_memoryview_keeps_its_format_and_shape(path, format):
    sample = np.arange(6).astype(format).reshape(2, 3)
    ragged = RaggedMmap.from_lists(path, [memoryview(sample)])
    assert ragged.dtype == sample.dtype
    assert ragged[0].tolist() == sample.tolist()


MAPPINGS = [{"image": 1}, {}, OrderedDict(image=[1]), UserDict(image=1), MappingProxyType({"image": 1})]


@pytest.mark.parametrize("create", WAYS)
@pytest.mark.parametrize("mapping", MAPPINGS[:4], ids=lambda each: type(each).__name__ + str(len(each)))
def test_a_mapping_is_refused_and_the_error_names_the_sample_and_the_way(path, create, mapping):
    with pytest.raises(TypeError, match=re.escape(str(path)) + ".* sample 2: .*one field, .*key 'image'"):
        create(path, [[1], [2], mapping])
    if create is not appends:
        assert not path.exists()


def test_an_open_npz_file_is_refused(path):
    np.savez(path.parent / "arrays.npz", picture=np.ones(3))
    with np.load(path.parent / "arrays.npz") as arrays:
        for create in lists, generator, appends:
            with pytest.raises(TypeError, match=r"sample 0.*'picture'"):
                create(path, [arrays])
        with pytest.raises(TypeError, match=re.escape(str(path)) + ".*'picture'"):
            np_ninja.from_ndarray(path, arrays)
        with pytest.raises(TypeError, match=r"sample 0.*'picture'"):
            np_ninja.from_generator(path, [arrays], 1)
        ragged = RaggedMmap.from_lists(path, [arrays["picture"]], dtype="float32")
        with pytest.raises(TypeError, match=r"sample 0.*'picture'"):
            ragged[0] = arrays
        with pytest.raises(TypeError, match=r"padding_value.*'picture'"):
            ragged.padded([0], padding_value=arrays)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda each: type(each).__name__ + str(len(each)))
def test_a_mapping_is_no_row(path, mapping):
    with pytest.raises(TypeError, match="sample 1.*one field"):
        np_ninja.from_generator(path, [1, mapping], 2)


EMPTY = [[], (), [[]], [[], []]]


@pytest.mark.parametrize("create", [*CREATE, extension])
@pytest.mark.parametrize(
    "first",
    [[1, 2], 7, np.array([1.5], "f4"), np.zeros((0, 3), "i2"), ["text"], [True], b"", array.array("h")],
    ids=repr,
)
def test_lists_without_elements_leave_the_dtype_to_others(path, create, first):
    ragged = create(path, [*EMPTY, first, [], *EMPTY])
    expected = np.uint8 if isinstance(first, bytes) else np.asarray(first).dtype
    assert ragged.dtype == expected
    assert [np.shape(sample) for sample in ragged] == [
        np.shape(each) if type(each) is not bytes else (0,) for each in [*EMPTY, first, [], *EMPTY]
    ]
    assert tree(path) == tree(lists(path.parent / "given", ragged, dtype=expected).out_dir)


@pytest.mark.parametrize("create", CREATE)
def test_lists_without_elements_alone_are_float64(path, create):
    ragged = create(path, EMPTY)
    assert ragged.dtype == np.float64
    assert [sample.shape for sample in ragged] == [(0,), (0,), (1, 0), (2, 0)]


@pytest.mark.parametrize("create", CREATE)
def test_a_dtype_that_is_asked_for_is_that_of_lists_without_elements(path, create):
    assert create(path, [[], [1]], dtype="int8").dtype == np.int8


@pytest.mark.parametrize("sample", [["text"], np.array(["2020"], "M8[D]"), np.zeros(2, [("x", "i4")])])
def test_a_list_without_elements_fits_every_dtype(path, sample):
    ragged = RaggedMmap.from_lists(path, [sample, []])
    ragged.append([])
    ragged.extend([[[]], sample])
    ragged[1] = []
    assert [len(item) for item in RaggedMmap(path)] == [len(sample), 0, 0, 1, len(sample)]


def test_an_error_before_the_dtype_is_decided_leaves_nothing_to_resume(path):
    def samples():
        yield from [[]] * 5
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        RaggedMmap.from_generator(path, samples(), 2)
    ragged = RaggedMmap.from_generator(path, [[]] * 5 + [[1]], 2, resume=True)
    assert (ragged.dtype, len(ragged)) == (np.int64, 6)


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}])
@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_rows_without_elements_leave_the_dtype_to_others(path, options, batch_size):
    rows = [[], [], [], np.zeros(0, "i2"), []]
    dense = np_ninja.from_indexable(path, rows, batch_size, **options)
    assert (dense.dtype, dense.shape) == (np.int16, (5, 0))
    assert np_ninja.from_indexable(path, [[], []], batch_size, **options).dtype == np.float64


@pytest.mark.parametrize("create", WAYS)
def test_an_object_is_refused_in_the_sample_where_it_is(path, create):
    place = re.escape(str(path))
    with pytest.raises(TypeError, match=rf"{place}\S* sample 0: .*object"):
        create(path, [None, [1]])
    with pytest.raises(TypeError, match=rf"{place}\S* sample 1: .*object"):
        create(path, [[1], None])


def test_an_object_in_an_array_is_refused_with_the_place(path):
    place, objects = re.escape(str(path)), np.array([None, 1])
    with pytest.raises(TypeError, match=rf"{place}: .*object"):
        np_ninja.from_ndarray(path, objects)
    for rows in [None, 1], [1, None]:
        with pytest.raises(TypeError, match=rf"{place}\S* sample {rows.index(None)}: .*object"):
            np_ninja.from_generator(path, rows, 2)
    dense = np_ninja.from_ndarray(path, np.ones(3))
    for store in np_ninja.append, np_ninja.extend:
        with pytest.raises(TypeError, match=rf"{place}: .*object"):
            store(dense, objects)
    ragged = RaggedMmap.from_lists(path, [[1, 2]])
    with pytest.raises(TypeError, match=rf"{place}: sample 0: .*object"):
        ragged[0] = objects
    with pytest.raises(TypeError, match=rf"{place}: padding_value: .*object"):
        ragged.padded([0], padding_value=None)


@pytest.mark.parametrize("dtype", [str, bytes, "U", "S", "V", ">U"])
def test_a_dtype_without_a_width_is_refused(path, dtype):
    for create in CREATE:
        with pytest.raises(TypeError, match=re.escape(str(path)) + ".*without a width.*StringsMmap"):
            create(path, [["text"]], dtype=dtype)
    with pytest.raises(TypeError, match="without a width"):
        np_ninja._empty(path, dtype, (2,), "C")
    assert tree(path.parent) == {}


class Labelled:
    """Indexed by label, like a Series of pandas; by position through `iloc`."""

    def __init__(self, samples):
        self._samples = samples

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, label):
        raise KeyError(label)

    @property
    def iloc(self):
        return self._samples


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_has_labels_is_indexed_by_position(path, n_jobs):
    source = Labelled([[1], [2, 3], [4]])
    assert [item.tolist() for item in RaggedMmap.from_indexable(path, source, 2, n_jobs)] == [
        [1],
        [2, 3],
        [4],
    ]
    assert StringsMmap.from_indexable(path, Labelled(["a", "b"]), 1, n_jobs)[:] == ["a", "b"]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_series_of_pandas_is_indexed_by_position(path, n_jobs):
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([np.arange(3), np.arange(2), np.arange(1)], index=[2, 0, 7])
    assert [len(item) for item in RaggedMmap.from_indexable(path, series, 2, n_jobs)] == [3, 2, 1]
    series = pandas.Series([7, 8], index=["a", "b"])
    assert RaggedMmap.from_indexable(path, series, 2, n_jobs)[:] == [7, 8]


ARROW = {
    "lists": ([[1, 2], [], [3]], "list_(int16())", "int16"),
    "numbers": ([1, 2], "int8()", "int8"),
    "bytes": ([b"a\0", b"", b"\0"], "binary()", "uint8"),
    "large bytes": ([b"a\0"], "large_binary()", "uint8"),
    "bytes of one size": ([b"a\0"], "binary(2)", "uint8"),
    "lists of one size": ([[[1, 2], [3, 4]]], "list_(list_(uint8(), 2))", "uint8"),
    "equal lists": ([[[1, 2], [3, 4]], []], "list_(list_(int64()))", "int64"),
    "booleans": ([[True, False]], "list_(bool_())", "bool"),
    "without elements": ([[], [], [1]], "list_(float32())", "float32"),
}


def arrow(kind):
    return eval(kind, vars(pytest.importorskip("pyarrow")))


@pytest.mark.parametrize("create", WAYS)
@pytest.mark.parametrize(("values", "kind", "dtype"), ARROW.values(), ids=ARROW)
def test_scalars_and_arrays_of_pyarrow_are_samples(path, create, values, kind, dtype):
    pyarrow = pytest.importorskip("pyarrow")
    ragged = create(path, pyarrow.array(values, arrow(kind)))
    assert ragged.dtype == dtype
    found = [item.tobytes() if isinstance(values[0], bytes) else np.asarray(item).tolist() for item in ragged]
    assert found == values


@pytest.mark.parametrize("create", WAYS)
def test_arrays_of_pyarrow_are_samples_and_nulls_are_refused(path, create):
    pyarrow = pytest.importorskip("pyarrow")
    chunked = pyarrow.chunked_array([[3], [4, 5]], pyarrow.int8())
    ragged = create(path, [pyarrow.array([1, 2], pyarrow.int8()), chunked])
    assert (ragged.dtype, [item.tolist() for item in ragged]) == (np.int8, [[1, 2], [3, 4, 5]])
    other = path.parent / "other"
    for bad in pyarrow.array([1.5, None]), pyarrow.scalar(None, pyarrow.int8()), pyarrow.array([[1], None]):
        with pytest.raises(TypeError, match=re.escape(str(other)) + r".* 0: nulls"):
            create(other, [bad])
    with pytest.raises(ValueError, match=r"sample 0: .*different lengths"):
        create(other, [pyarrow.array([[1], [2, 3]])])
    with pytest.raises(TypeError, match=r"sample 0: .*one field"):
        create(other, pyarrow.array([{"image": 1}]))
    assert not os.path.exists(other)


@pytest.mark.parametrize("sample", [[1, 2**63 + 1], [[5], [2**63 + 3]], (2**53 + 1, 1.0)])
def test_integers_that_no_float_is_equal_to_are_not_rounded(path, sample):
    with pytest.raises(OverflowError, match="would be rounded"):
        RaggedMmap.from_lists(path, [sample])
    assert RaggedMmap.from_lists(path, [[1e300, 2**53, 2.5]])[0].tolist() == [1e300, 2**53, 2.5]


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ([1, None], "None of type NoneType .*fill in missing values"),
        ([{1, 2}], r"\{1, 2\} of type set .*sorted"),
        ([date(2020, 1, 1)], r"datetime.date\(2020, 1, 1\) of type date .*numpy.datetime64"),
        ([Fraction(1, 2)], r"Fraction\(1, 2\) of type Fraction .*convert it to numbers"),
        (np.array([1, "text"], object), "'text' is a text among objects; .*StringsMmap"),
    ],
)
def test_an_object_that_no_dtype_holds_is_named_with_what_to_do(path, sample, message):
    stored = RaggedMmap.from_lists(path / "stored", [[1]])
    for store in (
        lambda: RaggedMmap.from_lists(path, [sample]),
        lambda: stored.append(sample),
        lambda: RecordsMmap.from_lists(path, [{"a": sample}]),
    ):
        with pytest.raises(TypeError, match=rf"sample [01]: {message}"):
            store()
