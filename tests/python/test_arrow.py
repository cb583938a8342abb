"""Maps as Arrow arrays, and Arrow's columns as maps."""

import gc
import subprocess
import sys
from itertools import pairwise

import mmap_ninja
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, from_arrow, verify
from mmap_ninja import numpy as np_ninja

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")

ELEMENTS = {
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float16(): st.sampled_from([0.5, -2.0, 65504.0]),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.timestamp("us"): st.integers(-(2**50), 2**50),
    pa.duration("ms"): st.integers(0, 2**40),
    pa.date32(): st.integers(0, 2**14),
}
LISTS = [pa.list_, pa.large_list, pa.list_view]
TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


def chunked(rows, arrow_type, cuts):
    """The rows as a chunked array whose chunks are slices of larger arrays."""
    bounds = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    whole = pa.array([*rows[-1:], *rows, *rows[:1]], arrow_type)
    offset = len(rows[-1:])
    pieces = [whole.slice(offset + a, b - a) for a, b in pairwise(bounds)]
    return pa.chunked_array(pieces, arrow_type)


def listed(item):
    """An item as Python values, as Arrow has them."""
    return item.tolist() if isinstance(item, (np.ndarray, np.generic)) else item


@given(data=st.data(), cuts=st.lists(st.integers(0, 20), max_size=3))
def test_columns_come_in_and_out_value_for_value(tmp_path_factory, data, cuts):
    directory = tmp_path_factory.mktemp("maps")
    element = data.draw(st.sampled_from(list(ELEMENTS)))
    axis = st.sampled_from([None, 1, 3])
    axes = data.draw(st.lists(axis, max_size=3))
    arrow_type = element
    for size in reversed(axes):
        arrow_type = (
            data.draw(st.sampled_from(LISTS))(arrow_type) if size is None else pa.list_(arrow_type, size)
        )

    def row():
        shape = [data.draw(st.integers(1, 3)) if size is None else size for size in axes]
        count = int(np.prod(shape))
        values = np.empty(count, object)
        values[:] = data.draw(st.lists(ELEMENTS[element], min_size=count, max_size=count))
        return values.reshape(shape).tolist()

    rows = [row() for _ in range(data.draw(st.integers(0, 5)))]
    table = pa.table({"a": chunked(rows, arrow_type, cuts)})
    memmap = from_arrow(directory / "map", table)
    assert verify(directory / "map").ok
    assert isinstance(memmap, RaggedMmap) == (None in axes)
    assert len(memmap) == len(rows)
    back = memmap.to_arrow() if isinstance(memmap, RaggedMmap) else np_ninja.to_arrow(memmap)
    again = from_arrow(directory / "again", pa.table({"a": back}))
    assert len(again) == len(rows)
    for first, second in zip(memmap, again, strict=True):
        assert np.array_equal(first, second)
    if not pa.types.is_temporal(element):
        assert [listed(item) for item in memmap] == rows
    elif len(axes) < 2:
        assert back.to_pylist() == table["a"].to_pylist()


@given(
    texts=st.lists(st.text(max_size=20), max_size=8),
    arrow_type=st.sampled_from(TEXTS),
    cuts=st.lists(st.integers(0, 20), max_size=3),
    zstd=st.booleans(),
)
def test_texts_come_in_and_out(tmp_path_factory, texts, arrow_type, cuts, zstd):
    directory = tmp_path_factory.mktemp("maps")
    memmap = from_arrow(directory / "map", pa.table({"a": chunked(texts, arrow_type, cuts)}))
    assert isinstance(memmap, StringsMmap)
    assert memmap[:] == texts
    assert memmap.to_arrow().to_pylist() == texts
    compressed = StringsMmap.from_strings(directory / "zstd", texts or [""], zstd_level=1 if zstd else None)
    assert compressed.to_arrow().to_pylist() == (texts or [""])
    memmap.to_arrow().validate(full=True)


@pytest.mark.parametrize("arrow_type", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_bytes_are_samples_of_uint8(tmp_path, arrow_type):
    rows = [b"ab", b"", b"\xff" * 40]
    memmap = from_arrow(tmp_path / "map", pa.table({"a": chunked(rows, arrow_type, [1])}))
    assert [item.tobytes() for item in memmap] == rows
    fixed = from_arrow(tmp_path / "fixed", pa.table({"a": chunked([b"ab", b"cd"], pa.binary(2), [1])}))
    assert fixed.tolist() == [[97, 98], [99, 100]]


def test_tensors_come_in_and_out(tmp_path):
    rows = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(rows)
    assert np.array_equal(from_arrow(tmp_path / "map", pa.table({"a": tensors})), rows)
    images = RaggedMmap.from_lists(tmp_path / "images", list(rows))
    assert np.array_equal(images.to_arrow().to_numpy_ndarray(), rows)
    assert pa.table(images)["sample"].to_pylist() == rows.tolist()
    permuted = pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [3, 4], permutation=[1, 0]), tensors.storage
    )
    with pytest.raises(TypeError, match="column 'a'"):
        from_arrow(tmp_path / "permuted", pa.table({"a": permuted}))


@pytest.mark.parametrize(
    ("samples", "arrow_type"),
    [
        ([[1], [2, 3]], pa.large_list(pa.int64())),
        ([1, 2], pa.int64()),
        ([[1], 2], pa.large_list(pa.int64())),
        (
            [np.zeros((2, 3)), np.zeros((4, 3))],
            pa.large_list(pa.list_(pa.float64(), 3)),
        ),
        (
            [np.zeros((2, 3, 4)), np.zeros((2, 1, 4))],
            pa.large_list(pa.large_list(pa.list_(pa.float64(), 4))),
        ),
        ([np.zeros((0, 3)), np.zeros((0, 3))], pa.large_list(pa.list_(pa.float64(), 3))),
        ([np.zeros((2, 0)), np.zeros((2, 0))], pa.large_list(pa.large_list(pa.float64()))),
    ],
)
def test_axes_along_which_all_samples_agree_are_lists_of_a_fixed_size(tmp_path, samples, arrow_type):
    array = RaggedMmap.from_lists(tmp_path / "map", samples).to_arrow()
    assert array.type == arrow_type
    assert [np.size(row) for row in array.to_pylist()] == [np.size(sample) for sample in samples]
    array.validate(full=True)


def test_the_bytes_are_those_of_the_map_and_outlive_it(tmp_path):
    tokens = RaggedMmap.from_lists(tmp_path / "tokens", [[1, 2], [3]], mode="r")
    texts = StringsMmap.from_strings(tmp_path / "texts", ["one", "two"])
    vectors = np_ninja.from_ndarray(tmp_path / "vectors", np.ones((2, 3)))
    address = tokens[0].ctypes.data
    arrays = [tokens.to_arrow(), texts.to_arrow(), np_ninja.to_arrow(vectors)]
    assert arrays[0].values.buffers()[1].address == address
    assert arrays[2].buffers()[-1].address == vectors.ctypes.data
    assert not arrays[0].values.buffers()[1].is_mutable
    texts.close()
    tokens.close()
    del tokens, texts, vectors
    gc.collect()
    assert [array.to_pylist() for array in arrays] == [[[1, 2], [3]], ["one", "two"], [[1.0] * 3] * 2]


def test_records_are_a_table(tmp_path):
    boxes = np.arange(12).reshape(2, 2, 3)
    columns = {"tokens": [[1, 2], [3]], "name": ["a", "b"], "label": [3, 5], "box": boxes}
    records = RecordsMmap.from_columns(
        tmp_path / "records", columns, fields={"box": np.dtype(("i8", (2, 3)))}
    )
    table = records.to_arrow()
    assert table.to_pydict() == columns | {"box": [box.ravel().tolist() for box in boxes]}
    assert pa.table(records)["box"].to_pylist() == boxes.tolist()
    assert from_arrow(tmp_path / "tokens", records, field="tokens")[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match="records"):
        records["tokens"].extend_gathered([4], [0, 1])


def test_null_times_are_nat_both_ways(tmp_path):
    times = np.array(["2020-01-01", "NaT"], "M8[s]")
    assert np.array_equal(from_arrow(tmp_path / "map", pa.table({"a": times})), times, equal_nan=True)
    samples = RaggedMmap.from_lists(tmp_path / "ragged", [times])
    assert samples.to_arrow().to_pylist()[0][1] is None


@pytest.mark.parametrize(
    ("rows", "arrow_type", "error", "message"),
    [
        ([1, None], None, ValueError, "column 'a', row 3: there is a null"),
        ([[1], None], None, ValueError, "column 'a', row 3: there is a null"),
        ([[1], [2, None]], None, ValueError, "column 'a', row 3: there is a null"),
        ([[[1]], [[2], [None]]], None, ValueError, "row 3: there is a null"),
        ([[1, 2], [None, 3]], pa.list_(pa.int8(), 2), ValueError, "row 3: there is a null"),
        (["a", None], None, ValueError, "row 3: there is a null"),
        (["a", None], pa.dictionary(pa.int8(), pa.string()), ValueError, "row 3: there is a null"),
        ([[[1]], [[1, 2], [3]]], None, ValueError, "row 3: lists along one axis differ in length"),
        ([[[1], [2]], [[1, 2], [3]]], pa.list_(pa.list_(pa.int8()), 2), ValueError, "row 3: lists along"),
        ([{"x": 1}] * 2, None, TypeError, "column 'a': its type struct"),
        ([["a"]] * 2, None, TypeError, "lists of texts"),
        ([1, 2], pa.decimal128(5, 2), TypeError, "cast it to float64"),
        ([None] * 2, None, TypeError, "column 'a': its type null"),
        ([0, 1], pa.time32("s"), TypeError, "column 'a': its type time32"),
    ],
)
def test_what_no_map_can_hold_is_refused_with_its_column_and_row(tmp_path, rows, arrow_type, error, message):
    column = pa.array([rows[0], *rows], arrow_type).slice(1)
    batches = [pa.record_batch({"a": pa.array([rows[0]] * 2, column.type)}), pa.record_batch({"a": column})]
    with pytest.raises(error, match=message):
        from_arrow(tmp_path / "map", pa.Table.from_batches(batches))
    assert list(tmp_path.iterdir()) == []


def test_unions_and_deep_nesting_are_refused(tmp_path):
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(TypeError, match="column 'a': its type sparse_union"):
        from_arrow(tmp_path / "map", pa.table({"a": union}))
    deep = pa.int8()
    for _ in range(40):
        deep = pa.list_(deep)
    with pytest.raises(TypeError, match="nested more than"):
        from_arrow(tmp_path / "map", pa.table({"a": pa.nulls(0, deep)}))


def test_an_error_in_the_middle_keeps_the_old_dataset(tmp_path):
    old = StringsMmap.from_strings(tmp_path / "map", ["old"])
    batches = [pa.record_batch({"a": ["new"]}), pa.record_batch({"a": pa.array([None], pa.string())})]
    with pytest.raises(ValueError, match="row 1"):
        from_arrow(old.out_dir, pa.Table.from_batches(batches))
    assert StringsMmap(old.out_dir)[:] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["map"]
    with pytest.raises(FileExistsError):
        from_arrow(old.out_dir, pa.table({"a": ["new"]}), overwrite=False)


def test_bytes_that_are_not_texts_are_refused_both_ways(tmp_path):
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff"))
    with pytest.raises(ValueError, match="string 0 is not UTF-8"):
        from_arrow(tmp_path / "map", pa.table({"a": broken}))
    texts = StringsMmap.from_strings(tmp_path / "texts", ["one", "two"])
    (texts.out_dir / "data.ninja").write_bytes(b"one\xc3wo")
    with pytest.raises(mmap_ninja.CorruptDatasetError, match="string 1: it is not UTF-8"):
        StringsMmap(texts.out_dir).to_arrow()


@pytest.mark.parametrize("member", ["starts", "ends"])
def test_offsets_outside_of_the_data_never_reach_arrow(tmp_path, member):
    for memmap in (
        RaggedMmap.from_lists(tmp_path / "ragged", [[1, 2], [3], [4]]),
        StringsMmap.from_strings(tmp_path / "texts", ["ab", "c", "d"]),
    ):
        column = np.fromfile(memmap.out_dir / member / "data.ninja", np.int64)
        column[1] = 1 << 40
        column.tofile(memmap.out_dir / member / "data.ninja")
        with pytest.raises(mmap_ninja.CorruptDatasetError):
            type(memmap)(memmap.out_dir).to_arrow()


def test_samples_that_do_not_lie_in_order_are_copied(tmp_path):
    memmap = RaggedMmap.from_lists(tmp_path / "map", [[1, 2], [3, 4]])
    for member in "starts", "ends":
        column = np.fromfile(memmap.out_dir / member / "data.ninja", np.int64)
        column[:1] = column[1:]
        column.tofile(memmap.out_dir / member / "data.ninja")
    assert RaggedMmap(memmap.out_dir).to_arrow().to_pylist() == [[3, 4], [3, 4]]


def test_samples_of_different_numbers_of_axes_are_no_column(tmp_path):
    memmap = RaggedMmap.from_lists(tmp_path / "map", [[1], [[2]]])
    with pytest.raises(ValueError, match="one column needs samples of one rank"):
        memmap.to_arrow()


@pytest.mark.parametrize("dtype", ["complex64", "S3", "U3", "datetime64[h]", "V2"])
def test_dtypes_that_arrow_does_not_have_are_refused(tmp_path, dtype):
    memmap = RaggedMmap.from_lists(tmp_path / "map", [np.zeros(2, dtype)])
    with pytest.raises(TypeError, match="Arrow has no type for the dtype"):
        memmap.to_arrow()


def test_arrays_in_f_order_and_big_endian_ones_have_their_values(tmp_path):
    rows = np.arange(6).reshape(2, 3)
    stored = np_ninja.from_ndarray(tmp_path / "f", np.asfortranarray(rows))
    assert np_ninja.to_arrow(stored).to_pylist() == rows.tolist()
    big = RaggedMmap.from_lists(tmp_path / "big", [np.array([1, 2], ">i4")])
    assert big.to_arrow().to_pylist() == [[1, 2]]
    with pytest.raises(ValueError, match="have no elements"):
        np_ninja.to_arrow(np.zeros((2, 0)))
    with pytest.raises(ValueError, match="has no rows"):
        np_ninja.to_arrow(np.zeros(()))


def test_parquet_files_are_read_in_the_order_of_their_names(tmp_path):
    from pyarrow import parquet

    for number in 2, 1, 0:
        table = pa.table({"text": [f"{number}-{row}" for row in range(50)], "label": range(50)})
        parquet.write_table(table, tmp_path / f"part-{number}.parquet", row_group_size=7)
    expected = [f"{number}-{row}" for number in range(3) for row in range(50)]
    assert from_arrow(tmp_path / "map", tmp_path / "part-*.parquet", field="text")[:] == expected
    assert from_arrow(tmp_path / "one", str(tmp_path / "part-1.parquet"), field="label").tolist() == list(
        range(50)
    )
    records = from_arrow(tmp_path / "records", tmp_path / "part-*.parquet", fields=["label", "text"])
    assert [record["text"] for record in records] == expected
    assert list(records[49]) == ["label", "text"]
    with pytest.raises(ValueError, match="part-0.parquet: there is no column 'x'"):
        from_arrow(tmp_path / "map", tmp_path / "part-0.parquet", field="x")
    with pytest.raises(FileNotFoundError, match="No file at this path"):
        from_arrow(tmp_path / "map", tmp_path / "none-*.parquet")


def test_what_is_wrong_with_a_parquet_file_names_it(tmp_path):
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    for name, content in {
        "b": {"a": ["x"]},
        "c": {"z": [1]},
        "d": {"a": pa.array([None], pa.int64())},
    }.items():
        parquet.write_table(pa.table(content), tmp_path / f"{name}.parquet")
        with pytest.raises((TypeError, ValueError), match=rf"{name}\.parquet: "):
            from_arrow(tmp_path / "map", tmp_path / f"[a{name}].parquet")
    (tmp_path / "e.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(ValueError, match=r"e\.parquet: "):
        from_arrow(tmp_path / "map", tmp_path / "e.parquet")


def test_arrays_streams_and_other_maps_are_sources(tmp_path):
    texts = StringsMmap.from_strings(tmp_path / "texts", ["one", "two"])
    for number, source in enumerate(
        [
            texts,
            texts.to_arrow(),
            pa.chunked_array([texts.to_arrow()]),
            pa.record_batch({"a": texts.to_arrow()}),
            pa.table(texts).to_reader(),
        ]
    ):
        assert from_arrow(tmp_path / str(number), source)[:] == ["one", "two"]
    with pytest.raises(TypeError, match="not list"):
        from_arrow(tmp_path / "list", [1, 2])


def test_data_frames_come_in_and_out(tmp_path):
    texts = StringsMmap.from_strings(tmp_path / "texts", ["one", "two"])
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [[1, 2], [3]]}, index=["x", "y"])
    assert [item.tolist() for item in from_arrow(tmp_path / "pandas", frame)] == [[1, 2], [3]]
    assert pa.table(texts).to_pandas()["text"].tolist() == ["one", "two"]


def test_polars_comes_in_and_out(tmp_path):
    polars = pytest.importorskip("polars")
    tokens = RaggedMmap.from_lists(tmp_path / "tokens", [[1, 2], [3]])
    assert polars.from_arrow(tokens.to_arrow()).to_list() == [[1, 2], [3]]
    assert polars.from_arrow(pa.table(tokens)).to_dict(as_series=False) == {"sample": [[1, 2], [3]]}
    frame = polars.DataFrame({"a": ["x", "y", "x"]})
    assert from_arrow(tmp_path / "a", frame)[:] == ["x", "y", "x"]
    assert from_arrow(tmp_path / "b", frame.cast(polars.Categorical))[:] == ["x", "y", "x"]
    assert from_arrow(tmp_path / "c", polars.Series("c", [1.5, 2.5])).tolist() == [1.5, 2.5]


def test_without_pyarrow_an_error_gives_the_line_that_installs_it(tmp_path):
    StringsMmap.from_strings(tmp_path / "texts", ["one"])
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from mmap_ninja import StringsMmap, from_arrow\n"
        "for call in StringsMmap(sys.argv[1]).to_arrow, lambda: from_arrow('x', 'y'), lambda: from_arrow('x', []):\n"
        "    try: call()\n"
        "    except (ImportError, FileNotFoundError) as error: print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "texts"], capture_output=True, text=True, check=True
    )
    assert found.stdout.count('pip install "mmap_ninja[arrow]>=1"') >= 2


def test_rows_are_counted_in_the_bar(tmp_path, capsys):
    from_arrow(tmp_path / "map", pa.table({"a": [1, 2, 3]}), verbose=True)
    assert "3/3" in capsys.readouterr().err
