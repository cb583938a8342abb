"""`convert` of Parquet, Arrow and JSON lines."""

import io
import json
import os
import random
import re

import numpy as np
import pytest
from conftest import tree
from mmap_ninja import RecordsMmap, convert, verify
from mmap_ninja._arrow.integers import long_integers
from PIL import Image
from shell import image, write

ROWS = [{"text": f"text {n}", "tokens": list(range(n % 5)), "label": n} for n in range(40)]


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
