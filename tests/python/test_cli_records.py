"""`mmap-ninja info`, `head` and `concat` of records."""

import json
import os

import numpy as np
import pytest
from mmap_ninja import RecordsMmap, StringsMmap
from mmap_ninja._display import font
from PIL import Image
from shell import at_terminal, image, save

FIELDS = {"boxes": {"shape": (-1, 4)}, "embedding": np.dtype(("f4", (3,)))}


@pytest.fixture
def records(path):
    """Records of every kind of field."""
    samples = [
        {
            "image": image(20 + i, 30, 3),
            "boxes": [[0, 0, 1, 1]] * i,
            "label": i,
            "name": f"{i}.png\n" * (i + 1),
            "embedding": np.full(3, i),
        }
        for i in range(3)
    ]
    return RecordsMmap.from_lists(path, samples, fields=FIELDS)


def test_info_has_a_line_for_each_field(run, records):
    assert run("info", records.out_dir) == (
        0,
        f"""\
path      {records.out_dir}
kind      records
samples   3
size      5.9 kB (5,862 bytes)

image      ragged  uint8    (20–22, 30, 3)  5.7 kB
boxes      ragged  int64    (0–2, 4)          96 B
label      numpy   int64    scalars           24 B
name       string           6–18 bytes        36 B
embedding  numpy   float32  (3,)              36 B
""",
        "",
    )


def test_info_as_json_has_the_facts_of_each_field(run, records):
    shown = json.loads(run("info", "--json", records.out_dir)[1])
    fields = {field.pop("name"): field for field in shown.pop("fields")}
    assert shown == {"path": str(records.out_dir), "kind": "records", "samples": 3, "bytes": 5862}
    assert list(fields) == records.fields
    for name, facts in fields.items():
        alone = json.loads(run("info", "--json", records.out_dir / name)[1])
        assert alone == {"path": str(records.out_dir / name), **facts}


@pytest.mark.parametrize("columns", [1, 20, 60])
def test_info_and_head_of_records_fit_the_terminal(records, columns):
    for command in "info", "head":
        status, seen = at_terminal(command, records.out_dir, columns=columns)
        assert status == 0
        assert max(map(len, seen.splitlines())) <= columns


def test_head_shows_each_record_as_a_block(run, records):
    first, second = run("head", "-n", 2, records.out_dir)[1].split("\n\n")
    assert second.splitlines() == [
        "1  image      uint8 (21, 30, 3)  [ 95 130 194 217 207 235  15 163  33 215 217 130 ...]",
        "   boxes      int64 (1, 4)  [0 0 1 1]",
        "   label      int64 ()  1",
        "   name       1.png\\n1.png\\n",
        "   embedding  float32 (3,)  [1. 1. 1.]",
    ]
    assert first.startswith("0  image ")
    assert run("head", "-n", 0, records.out_dir) == (0, "", "")


def test_only_committed_records_are_shown(run, records):
    count = records.out_dir / "shape.ninja"
    count.write_bytes((2).to_bytes(8, "little"))
    assert run("head", records.out_dir)[1].count("name ") == 2
    assert "samples   2\n" in run("info", records.out_dir)[1]


def test_thumbnails_of_records_have_the_other_fields_as_captions(run, records, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("head", "--images", sheet, records.out_dir)[1] == f"{sheet}: 3 images of 3 samples\n"
    pixels = np.asarray(Image.open(sheet))
    cell = 132 + 4 * font.HEIGHT
    assert pixels.shape == (2 * cell + 4, 2 * 132 + 4, 3)
    for number, line in enumerate(["boxes (1, 4)", "label 1", r"1.png\n1.png\n", "embedding (3,)"]):
        top, left = 4 + 128 + 1 + number * font.HEIGHT, 132 + 4
        drawn = pixels[top : top + font.HEIGHT, left : left + font.WIDTH * len(line), 0] == 0
        assert np.array_equal(drawn, font.draw(line))


def test_records_without_images_have_no_thumbnails(fails, path, tmp_path):
    RecordsMmap.from_columns(path, {"name": ["a"], "label": [1]})
    assert "looks like an image" in fails("head", "--images", tmp_path / "x.png", path)


def test_every_character_is_drawn_and_others_are_question_marks():
    drawn = {font.draw(chr(code)).tobytes() for code in range(32, 127)}
    assert len(drawn) == 95
    for other in "é", "\x7f", "日":
        assert np.array_equal(font.draw(other), font.draw("?"))
    assert font.draw("").shape == (font.HEIGHT, 0)


def test_concat_joins_records(run, fails, records, tmp_path):
    out = tmp_path / "both"
    assert run("concat", out, records.out_dir, records.out_dir)[::2] == (0, "")
    assert RecordsMmap(out)["label"].tolist() == [0, 1, 2, 0, 1, 2]
    StringsMmap.from_strings(tmp_path / "texts", ["a"])
    assert "this is of kind 'string'" in fails(
        "concat", out, records.out_dir, tmp_path / "texts", "--overwrite"
    )
    RecordsMmap.from_columns(tmp_path / "other", {"label": [1]})
    assert "other: " in fails("concat", out, records.out_dir, tmp_path / "other", "--overwrite")
    assert len(RecordsMmap(out)) == 6


def test_checksums_of_records_detect_a_changed_bit(run, records):
    path = records.out_dir
    records.close()
    assert run("checksum", path) == (0, "", "")
    assert run("verify", path)[1].startswith("sound: records, 3 samples, ")
    labels = path / "label" / "data.ninja"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:8] + b"\7" + whole[9:])
    assert run("verify", path)[0] == 1
    assert "label/data.ninja" in run("verify", path)[1]


def test_subset_of_converted_files_keeps_the_names_of_classes(run, tmp_path):
    for name in "a/1.png", "b/2.png":
        save(image(4, 4), tmp_path / "files" / name)
    assert run("convert", "--labels", "folders", tmp_path / "files", tmp_path / "all")[0] == 0
    assert run("subset", tmp_path / "all", tmp_path / "few", "--range", "1:")[0] == 0
    assert run("concat", tmp_path / "both", tmp_path / "few", tmp_path / "all")[0] == 0
    both = RecordsMmap(tmp_path / "both")
    assert (both["label"].tolist(), both.attrs) == ([1, 0, 1], {"classes": ["a", "b"]})


def test_torn_records_are_repaired_to_the_longest_common_length(run, records):
    path = records.out_dir
    records.close()
    os.truncate(path / "label" / "data.ninja", 16)
    assert run("repair", path)[0] == 1
    assert run("repair", "--apply", path)[0] == 0
    assert run("verify", path)[0] == 0
    assert RecordsMmap(path)["name"][:] == ["0.png\n", "1.png\n1.png\n"]
