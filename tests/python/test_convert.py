"""`convert` of tables, arrays and tokens, and what is told of a source."""

import io
import json
import os
import random
import re
import struct

import numpy as np
import pytest
from conftest import held, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, convert, export, open_existing, verify
from mmap_ninja._arrow.integers import long_integers
from PIL import Image
from shell import image, save, write

ROWS = [{"text": f"text {n}", "tokens": list(range(n % 5)), "label": n} for n in range(40)]
MEGATRON = b"MMIDIDX\x00\x00"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def plain(record):
    """A record as Python values."""
    return {name: value if isinstance(value, str) else value.tolist() for name, value in record.items()}


def write_json(rows, path):
    write("".join(json.dumps(row) + "\n" for row in rows), path)


def write_table(rows, path):
    """Write a Parquet file, or one of Arrow: with a footer if its name begins with "file"."""
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(table, path, row_group_size=10)
        return
    make = pa.ipc.new_file if path.stem.startswith("file") else pa.ipc.new_stream
    with make(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)


# Tables


@pytest.mark.parametrize("name", ["rows.parquet", "file.arrow", "stream.arrow", "rows.jsonl"])
def test_tables_become_records_value_for_value(tmp_path, out, name):
    pytest.importorskip("pyarrow")
    for part, rows in ("10", ROWS[25:]), ("2", ROWS[:25]):
        path = tmp_path / part / name
        path.parent.mkdir()
        (write_json if name.endswith("jsonl") else write_table)(rows, path)
    records = convert(tmp_path / "*" / name, out)  # The order is natural: 2 before 10.
    assert [plain(record) for record in records] == ROWS
    assert verify(out).ok
    fewer = convert(tmp_path / "2" / name, out, fields=["label", "text"], overwrite=True)
    assert [plain(record) for record in fewer] == [
        {"label": row["label"], "text": row["text"]} for row in ROWS[:25]
    ]


def test_all_lines_of_json_decide_the_types(tmp_path, out):
    pytest.importorskip("pyarrow")
    rows = [
        {"x": 1, "day": "2024-01-01", "list": []},
        {"x": 2.5, "day": "2024-01-02", "list": [[1, 2], [3, 4]]},
    ]
    write_json(rows, tmp_path / "a.jsonl")
    assert [plain(record) for record in convert(tmp_path / "a.jsonl", out)] == rows


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ['{"id": 1}', "", f'{{"id": {2**63}}}'],
            f"line 3: column 'id': the integer {2**63} is beyond int64",
        ),
        ([f'{{"id": [[{-(2**63) - 1}, 1]]}}'], f"line 1: column 'id': the integer {-(2**63) - 1} is beyond"),
        (['{"id": 1.5}', f'{{"id": {2**53 + 1}}}'], f"line 2: column 'id': the integer {2**53 + 1} would be"),
        ([f'{{"id": [0.5,{2**53 + 1}]}}'], f"line 1: column 'id': the integer {2**53 + 1} would be rounded"),
        ([f'{{"id": {2**64}}}'], f"line 1: column 'id': the integer {2**64} is beyond int64"),
        ([f'{{"d":1,"i\\"d": {2**53 + 1}}}', '{"d":1,"i\\"d":0.5}'], "line 1: column 'i\"d': the integer"),
    ],
    ids=range(6),
)
def test_integers_that_json_lines_would_round_are_refused(tmp_path, out, lines, reason):
    pytest.importorskip("pyarrow")
    write("\n".join(lines), tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match=f"a.jsonl, {re.escape(reason)}"):
        convert(tmp_path / "a.jsonl", out)
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_long_integers_are_found_where_a_plain_search_finds_them():
    rng = random.Random(0)
    parts = ["0123456789012345", "-", ".", ",", ": ", "[", "e", "x", '"', "\n"]
    for _ in range(2000):
        runs = ("1" * rng.randrange(1, 22) if rng.random() < 0.3 else rng.choice(parts) for _ in range(12))
        block = "".join(runs).encode()
        expected = [found.start(1) for found in re.finditer(rb"[\[:,\s-]([0-9]{16,})(?![0-9.eE])", block)]
        assert list(long_integers(block)) == expected


def test_integers_are_exact_across_files_whatever_texts_and_other_columns_hold(tmp_path, out):
    pytest.importorskip("pyarrow")
    rows = [{"id": 2**53 + 1, "x": 2**60, "text": f": {2**70}"}, {"id": -(2**63), "x": 0.5, "text": ""}]
    write_json(rows, tmp_path / "a.jsonl")
    assert [plain(record) for record in convert(tmp_path / "a.jsonl", out)] == rows
    write_json([{"id": 0.5}], tmp_path / "b.jsonl")
    with pytest.raises(ValueError, match=r"a.jsonl, line 1: column 'id': .* would be rounded"):
        convert(tmp_path / "?.jsonl", tmp_path / "both")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], ": there is no column to read"),
        ([{"y": {"a": 1}}], ": column 'y': its type struct"),
        ([{"y": []}, {"y": []}], ": column 'y': .* no row has a value that tells its type"),
        (
            [{"y": 1}, {"y": None}, {"y": True}],
            ", line 3: column 'y' has a truth value here, but a number in line 1",
        ),
        ([{"y": [[1]]}, {"y": [[], ["a"]]}], ", line 2: column 'y' has a text here, but a number in line 1"),
        ([{"x": 1}], ": there is no column 'y'; the source has 'x'"),
    ],
    ids=range(6),
)
def test_columns_that_cannot_be_stored_are_named_with_their_file(tmp_path, out, rows, reason):
    pytest.importorskip("pyarrow")
    write_json(rows, tmp_path / "a.jsonl")
    with pytest.raises((ValueError, TypeError), match=f"a.jsonl{reason}"):
        convert(tmp_path / "a.jsonl", out, fields=["y"] if "'x'" in reason else None)


def test_lines_that_are_no_json_are_named_or_skipped(tmp_path, out):
    pytest.importorskip("pyarrow")
    lines = [json.dumps(row) for row in ROWS]
    lines[7:7], lines[20:20] = ['{"text": '], ["", "[1]"]
    path = tmp_path / "a.jsonl"
    write("\n".join(lines), path)
    with pytest.raises(ValueError, match="a.jsonl, line 8: "):
        convert(path, out)
    assert not out.exists()
    with pytest.warns(RuntimeWarning) as caught:
        records = convert(path, out, on_error="skip", overwrite=True)
    assert [str(each.message).partition(": ")[0] for each in caught] == [
        f"skipped {path}, line {n}" for n in (8, 22)
    ]
    assert [plain(record) for record in records] == ROWS
    write('{"x": 1}\n{"x": "a"}\n', path)
    with pytest.raises(ValueError, match="line 2: column 'x' has a text here, but a number in line 1"):
        convert(path, out, on_error="skip", overwrite=True)


def test_a_broken_table_is_named_and_what_was_before_is_safe(tmp_path, out, run):
    pytest.importorskip("pyarrow")
    for number in range(4):
        write_table(ROWS[number * 10 : number * 10 + 10], tmp_path / f"stream-{number}.arrow")
    whole = convert(tmp_path / "stream-*.arrow", tmp_path / "whole")
    broken = tmp_path / "stream-2.arrow"
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) * 2 // 3])
    status, _, err = run("convert", tmp_path / "stream-*.arrow", out)
    assert status == 1
    safe, error = err.splitlines()
    assert "20 samples of an unfinished build are safe in" in safe
    assert "--resume" in safe
    assert "stream-2.arrow: " in error
    status, _, err = run("convert", "--on-error", "skip", tmp_path / "stream-*.arrow", tmp_path / "rest")
    assert (status, len(err.splitlines())) == (0, 1)
    assert "skipped" in err
    assert "stream-2.arrow" in err
    assert RecordsMmap(tmp_path / "rest")["label"].tolist() == [*range(20), *range(30, 40)]
    broken.write_bytes(content)
    assert run("convert", "--resume", tmp_path / "stream-*.arrow", out)[::2] == (0, "")
    assert tree(out) == tree(whole.out_dir)


def test_a_dataset_is_replaced_only_with_overwrite(tmp_path, out):
    np.save(tmp_path / "a.npy", np.arange(3))
    StringsMmap.from_strings(out, ["old"])
    with pytest.raises(FileExistsError, match="A dataset is there already"):
        convert(tmp_path / "a.npy", out)
    assert StringsMmap(out)[:] == ["old"]
    assert convert(tmp_path / "a.npy", out, overwrite=True).tolist() == [0, 1, 2]


@pytest.fixture
def stopped(tmp_path, out):
    """Three Arrow files of which the last is broken, so that 20 samples are safe; mends it when it is called."""
    for number in range(3):
        write_table(ROWS[number * 10 : number * 10 + 10], tmp_path / f"stream-{number}.arrow")
    broken = tmp_path / "stream-2.arrow"
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match=r"stream-2.arrow: "):
        convert(tmp_path / "stream-*.arrow", out)
    return lambda: broken.write_bytes(content)


def test_a_mended_source_is_resumed_and_leaves_no_record_of_itself(tmp_path, out, stopped):
    stopped()
    assert convert(tmp_path / "stream-*.arrow", out, resume=True)["label"].tolist() == list(range(30))
    assert not [name for name in os.listdir(out) if name.startswith(".")]


def test_another_source_is_not_resumed(tmp_path, out, stopped):
    stopped()
    (tmp_path / "stream-0.arrow").rename(tmp_path / "away")
    with pytest.raises(
        ValueError, match=r"file 1 of the source was .*stream-0.arrow, and is .*stream-1.arrow"
    ):
        convert(tmp_path / "stream-*.arrow", out, resume=True)
    (tmp_path / "away").rename(tmp_path / "stream-0.arrow")
    with pytest.raises(ValueError, match=r"begun with fields=None, not fields=\['label'\]"):
        convert(tmp_path / "stream-*.arrow", out, resume=True, fields=["label"])
    write_table(ROWS[5:15], tmp_path / "stream-1.arrow")
    with pytest.raises(ValueError, match=r"stream-1.arrow has changed since it was read"):
        convert(tmp_path / "stream-*.arrow", out, resume=True)
    (out.with_name("out.partial") / ".origin.json").unlink()
    with pytest.raises(ValueError, match="does not tell what it was made of"):
        convert(tmp_path / "stream-*.arrow", out, resume=True)


def test_a_dataset_that_cannot_take_its_place_is_resumed_from_the_same_files_only(tmp_path, out):
    np.save(tmp_path / "a.npy", np.arange(3))
    np.save(tmp_path / "b.npy", np.arange(3))
    RaggedMmap.from_lists(out, [[1]])
    with held(out), pytest.raises(TimeoutError):
        convert(tmp_path / "a.npy", out, overwrite=True, timeout=0.01)
    with pytest.raises(ValueError, match=r"file 1 of the source was .*a.npy, and is .*b.npy now"):
        convert(tmp_path / "b.npy", out, overwrite=True, resume=True)
    assert convert(tmp_path / "a.npy", out, overwrite=True, resume=True).tolist() == [0, 1, 2]
    assert not (out / ".origin.json").exists()


def test_a_parquet_file_that_cannot_be_opened_is_skipped(tmp_path, out):
    write_table(ROWS[:10], tmp_path / "a.parquet")
    write("no parquet", tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="b.parquet"):
        convert(tmp_path / "*.parquet", out)
    with pytest.warns(RuntimeWarning, match="skipped .*b.parquet"):
        assert len(convert(tmp_path / "*.parquet", out, on_error="skip")) == 10


def test_kind_says_what_a_file_is_whatever_its_name(tmp_path, out):
    pytest.importorskip("pyarrow")
    write_json(ROWS, tmp_path / "a.data")
    assert len(convert(tmp_path / "a.data", out, kind="jsonl")) == len(ROWS)
    write_table(ROWS, tmp_path / "stream.arrow")
    (tmp_path / "stream.arrow").rename(tmp_path / "b.data")
    assert len(convert(tmp_path / "b.data", out, kind="arrow", overwrite=True)) == len(ROWS)


def test_nulls_and_structs_are_refused_by_name(tmp_path, out):
    pytest.importorskip("pyarrow")
    write_json([{"x": 1, "y": {"a": 1}}, {"x": None, "y": {"a": 1}}], tmp_path / "a.jsonl")
    with pytest.raises(TypeError, match="column 'y'"):
        convert(tmp_path / "a.jsonl", out)
    with pytest.raises(ValueError, match=r"a.jsonl: column 'x', row 1: there is a null"):
        convert(tmp_path / "a.jsonl", out, fields=["x"])
    assert os.listdir(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_rows_that_no_map_can_hold_are_skipped(tmp_path, out, name):
    pytest.importorskip("pyarrow")
    rows = [{"x": n, "y": [[1, 2], [3]] if n == 17 else [[n]]} for n in range(30)]
    rows[0]["x"] = rows[11]["x"] = rows[12]["y"] = None
    (write_json if name.endswith("jsonl") else write_table)(rows, tmp_path / name)
    with pytest.raises(ValueError, match=f"{name}: column 'x', row 0: there is a null"):
        convert(tmp_path / name, out)
    with pytest.warns(RuntimeWarning, match=f"skipped .*{name}: column '[xy]', row ") as caught:
        records = convert(tmp_path / name, out, on_error="skip")
    assert [int(re.search("row ([0-9]+)", str(each.message))[1]) for each in caught] == [0, 11, 12, 17]
    assert records["x"].tolist() == [n for n in range(30) if n not in (0, 11, 12, 17)]
    assert [sample[0, 0] for sample in records["y"]] == records["x"].tolist()


def test_images_in_tables_are_decoded(tmp_path, out):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    pixels = [image(3, 4 + n % 3, *([] if n in (5, 6) else [3]), seed=n) for n in range(150)]
    rows = [{"image": {"bytes": png(each), "path": f"{n}.png"}, "label": n} for n, each in enumerate(pixels)]
    type_ = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", type_), ("label", pa.int64())])
    parquet.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "a.parquet")
    records = convert(tmp_path / "a.parquet", out, n_threads=3)
    for record, expected, label in zip(records, pixels, range(150), strict=True):
        assert np.array_equal(record["image"], expected)
        assert record["label"] == label
    dense = convert(tmp_path / "a.parquet", out, mode="L", size=(2, 5), overwrite=True)
    assert dense["image"].shape == (150, 5, 2)
    rows[70]["image"], rows[80]["image"] = None, {"bytes": b"no image", "path": None}
    rows[90]["label"] = None
    parquet.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column 'image', row 70: there are no bytes"):
        convert(tmp_path / "a.parquet", tmp_path / "stopped")
    with pytest.warns(RuntimeWarning, match=r"image', row [78]0: |label', row 90: "):
        records = convert(tmp_path / "a.parquet", out, on_error="skip", overwrite=True)
    assert records["label"].tolist() == [n for n in range(150) if n not in (70, 80, 90)]
    assert np.array_equal(records["image"][149 - 3], pixels[149])


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


# Arrays


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_becomes_a_dense_field_for_each_array(tmp_path, out, save):
    rng = np.random.default_rng(0)
    arrays = {
        "images": rng.integers(0, 256, (300, 32, 32, 3), np.uint8),
        "columns": np.asfortranarray(rng.random((300, 4))),
        "big": np.arange(300, dtype=">i4"),
        "pairs": np.array([["a", "bc"]] * 300),
    }
    save(tmp_path / "a.npz", **arrays)
    records = convert(tmp_path / "a.npz", out)
    assert records.fields == list(arrays)
    for name, array in arrays.items():
        assert records[name].dtype == array.dtype
        assert np.array_equal(records[name], array)
    assert verify(out).ok
    assert convert(tmp_path / "a.npz", out, fields=["big"], overwrite=True).fields == ["big"]


def test_texts_in_arrays_become_texts_that_go_to_parquet_and_back(tmp_path, out):
    pytest.importorskip("pyarrow.parquet")
    words = ["a", "", "größer"] * 100
    np.savez(tmp_path / "a.npz", x=np.arange(300), words=np.array(words))
    records = convert(tmp_path / "a.npz", out)
    assert records["words"][:] == words
    export(out, tmp_path / "a.parquet")
    assert convert(tmp_path / "a.parquet", tmp_path / "back")["words"][:] == words
    np.save(tmp_path / "empty.npy", np.empty(0, "U3"))
    assert convert(tmp_path / "empty.npy", tmp_path / "none")[:] == []
    np.save(tmp_path / "half.npy", np.array(["a", "\ud800"]))
    with pytest.raises(ValueError, match=r"half.npy: row 1 is no text in Unicode"):
        convert(tmp_path / "half.npy", tmp_path / "none", overwrite=True)


def test_an_npy_file_becomes_one_array_and_a_folder_a_sample_for_each_file(tmp_path, out):
    rows = np.asfortranarray(np.arange(12).reshape(4, 3))
    np.save(tmp_path / "rows.npy", rows)
    assert np.array_equal(convert(tmp_path / "rows.npy", out), rows)
    (tmp_path / "folder").mkdir()
    samples = [np.full((n % 4, 2), n, np.int16) for n in range(12)]
    for number, sample in enumerate(samples):
        np.save(tmp_path / "folder" / f"{number}.npy", sample)
    records = convert(tmp_path / "folder", out, n_threads=2, overwrite=True)
    assert records["name"][:] == [f"{n}.npy" for n in range(12)]
    for found, sample in zip(records["array"], samples, strict=True):
        assert found.dtype == sample.dtype
        assert np.array_equal(found, sample)


def test_arrays_that_are_not_rows_of_one_length_are_refused(tmp_path, out):
    np.savez(tmp_path / "lengths.npz", x=np.zeros(3), y=np.zeros(4))
    np.savez(tmp_path / "scalar.npz", x=np.zeros(3), y=np.float64(1))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    np.savez(tmp_path / "empty.npz")
    for name, reason in [
        ("lengths", "'x' has 3, 'y' has 4"),
        ("scalar", "'y': an array without axes"),
        ("objects", "only pickle could read"),
        ("empty", "no array"),
    ]:
        with pytest.raises(ValueError, match=f"{name}.npz.*{reason}"):
            convert(tmp_path / f"{name}.npz", out)
    assert convert(tmp_path / "lengths.npz", out, fields=["y"], overwrite=True)["y"].shape == (4,)
    with pytest.raises(ValueError, match="there is no array 'z'"):
        convert(tmp_path / "lengths.npz", out, fields=["z"], overwrite=True)


def test_a_header_that_claims_more_than_there_is_is_refused(tmp_path, out):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "a.npy"
    np.save(path, np.zeros(100, np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(100,)", b"(9999999999999999,)")[:190])
    for source in path, path.parent:
        with pytest.raises(ValueError, match=r"a.npy: cannot read this array \(an array of 9,999"):
            convert(source, out)


# Tokens


def write_pair(prefix, lengths, documents=None, modes=None, pointers=None, code=8, count=None):
    """A pair of Megatron Core, by the layout of its `IndexedDataset`."""
    starts = np.cumsum([0, *lengths[:-1]]) * 2 if pointers is None else pointers
    documents = np.arange(len(lengths) + 1) if documents is None else documents
    header = struct.pack("<QBQQ", 1, code, len(lengths) if count is None else count, len(documents))
    parts = [np.array(lengths, np.int32), np.array(starts, np.int64), np.array(documents, np.int64)]
    parts += [] if modes is None else [np.array(modes, np.int8)]
    prefix.with_suffix(".idx").write_bytes(MEGATRON + header + b"".join(part.tobytes() for part in parts))
    np.arange(sum(lengths), dtype=np.uint16).tofile(prefix.with_suffix(".bin"))


@pytest.mark.parametrize("name", ["pair", "pair.idx", "pair.bin"])
def test_a_pair_of_megatron_becomes_its_sequences(tmp_path, out, name):
    write_pair(tmp_path / "pair", [3, 0, 5])
    tokens = convert(tmp_path / name, out)
    assert isinstance(tokens, RaggedMmap)
    assert tokens.dtype == np.uint16
    assert [sample.tolist() for sample in tokens] == [[0, 1, 2], [], [3, 4, 5, 6, 7]]


def test_documents_of_several_sequences_and_modes_become_fields(tmp_path, out):
    write_pair(
        tmp_path / "pair", [3, 1, 2, 2], documents=[0, 2, 2, 3, 4], modes=[0, 1, 0, 1], pointers=[0, 8, 4, 0]
    )
    records = convert(tmp_path / "pair", out)
    assert [sample.tolist() for sample in records["tokens"]] == [[0, 1, 2], [4], [2, 3], [0, 1]]
    assert records["document"].tolist() == [0, 0, 2, 3]
    assert records["mode"].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"count": 2**60}, "sequences and"),
        ({"count": 2}, "sequences and"),
        ({"code": 9}, "the dtype code 9 is unknown"),
        ({"pointers": [0, 6, 2**62]}, "sequence 2 lies outside"),
        ({"pointers": [0, 6, -2]}, "sequence 2 lies outside"),
        ({"pointers": [1, 6, 6]}, "sequence 0 lies outside"),
        ({"lengths": [3, -1, 6]}, "sequence 1 lies outside"),
        ({"documents": [0, 2, 1, 3]}, "out of order"),
        ({"documents": [0, 1, 2]}, "do not cover"),
    ],
)
def test_a_pair_whose_index_is_wrong_is_refused(tmp_path, out, wrong, reason):
    write_pair(tmp_path / "pair", **{"lengths": [3, 0, 5], **wrong})
    with pytest.raises(ValueError, match=f"pair.idx: .*{reason}"):
        convert(tmp_path / "pair", out)
    assert not out.exists()


def test_flat_files_of_tokens_become_a_sample_each(tmp_path, out):
    for number in range(2):
        np.arange(5 * number, dtype=np.uint16).tofile(tmp_path / f"{number}.bin")
    tokens = convert(tmp_path / "*.bin", out, dtype="uint16")
    assert [sample.tolist() for sample in tokens] == [[], [0, 1, 2, 3, 4]]
    for dtype, reason in [
        (None, "'dtype' is needed"),
        ("uint32", "no whole number"),
        ("S2", "tokens are numbers"),
        ("float99", "1.bin: there is no dtype 'float99'"),
    ]:
        with pytest.raises(ValueError, match=reason):
            convert(tmp_path / "1.bin", out, dtype=dtype, overwrite=True)


# What is told of a source


def test_a_source_that_cannot_be_told_is_an_error_that_lists_what_can(tmp_path, out):
    write("?", tmp_path / "what.xyz")
    (tmp_path / "folder").mkdir()
    for source in "what.xyz", "folder":
        with pytest.raises(ValueError, match=rf"{source}: .*\.parquet.*\.tar.*Megatron"):
            convert(tmp_path / source, out)
    with pytest.raises(FileNotFoundError, match="nothing"):
        convert(tmp_path / "nothing-*.tar", out)
    with pytest.raises(TypeError, match="a path, or a glob .*, not list"):
        convert([tmp_path / "what.xyz"], out)
    with pytest.raises(ValueError, match="kind must be one of"):
        convert(tmp_path / "what.xyz", out, kind="sounds")
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(ValueError, match="a.tar: not a regular file"):
        convert(tmp_path / "a.tar", out)
    write("x", tmp_path / "a.txt")
    with pytest.raises(ValueError, match="texts are converted from a folder"):
        convert(tmp_path / "a.txt", out, kind="texts")


def test_readmes_and_labels_do_not_hide_the_data_beside_them(tmp_path, out):
    folder = tmp_path / "folder"
    save(np.zeros((4, 4), np.uint8), folder / "a.png")
    write("{}", folder / "metadata.jsonl")
    with pytest.warns(RuntimeWarning, match="skipped 1 other file"):
        assert convert(folder, out).fields == ["image", "name"]
    (folder / "a.png").rename(folder / "README.md")
    np.save(folder / "a.npy", np.zeros(3))
    with pytest.warns(RuntimeWarning, match="converted only arrays, by extension; skipped 2 other files"):
        assert convert(folder, out, overwrite=True).fields == ["array", "name"]
    write("{}", folder / "dataset_dict.json")
    with pytest.raises(ValueError, match="the splits of a dataset"):
        convert(folder, out, overwrite=True)


@pytest.mark.parametrize(("choice", "value"), [("mode", "RGB"), ("labels", "folders"), ("dtype", "u2")])
def test_a_choice_that_means_nothing_for_a_source_is_refused(tmp_path, out, choice, value):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=f"'{choice}' means nothing for arrays of rows"):
        convert(tmp_path / "a.npz", out, kind="rows", **{choice: value})


def test_a_dry_run_shows_the_fields_and_makes_nothing(tmp_path, out, run):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2), np.float32), y=np.zeros(3, np.int8))
    assert run("convert", "--dry-run", tmp_path / "a.npz", out) == (
        0,
        f"{tmp_path}/a.npz: arrays of rows, 1 file, 3 samples\nx  numpy  float32     (2,)\ny  numpy  int8     scalars\n",
        "",
    )
    assert os.listdir(tmp_path) == ["a.npz"]


def test_python_and_the_command_line_make_the_same_files(tmp_path, out, run):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2), np.float32), y=np.arange(3))
    convert(tmp_path / "a.npz", out)
    assert run("convert", "--fields", "x,y", tmp_path / "a.npz", tmp_path / "other")[0] == 0
    assert tree(out) == tree(tmp_path / "other")
    assert "A dataset is there already" in run("convert", tmp_path / "a.npz", out)[2]
    with pytest.raises(FileExistsError):
        convert(tmp_path / "a.npz", out, overwrite=False)


def test_files_that_a_dataset_links_to_are_never_written_to(tmp_path, out):
    texts = StringsMmap.from_strings(tmp_path / "blobs", ["old"])
    before = tree(texts.out_dir)
    for file in texts.out_dir.rglob("*.ninja"):
        link = out / file.relative_to(texts.out_dir)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    np.save(tmp_path / "a.npy", np.arange(3))
    assert open_existing(out, mode="r")[:] == ["old"]
    with pytest.raises(ValueError, match="symbolic link"):
        convert(tmp_path / "a.npy", out, overwrite=True)
    assert tree(texts.out_dir) == before
    assert open_existing(out, mode="r")[:] == ["old"]


@settings(max_examples=60)
@given(data=st.data())
def test_mutated_sources_are_converted_or_refused(tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("mutated")
    write_pair(directory / "pair", [3, 0, 5], documents=[0, 2, 3])
    np.savez(directory / "a.npz", x=np.arange(6).reshape(3, 2), y=np.zeros(3, np.uint8))
    np.save(directory / "a.npy", np.zeros((3, 2), order="F"))
    path = directory / data.draw(st.sampled_from(["pair.idx", "a.npz", "a.npy"]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        convert(path, directory / "out")
    except (ValueError, TypeError) as error:
        assert str(directory) in str(error)
    else:
        assert verify(directory / "out").ok
