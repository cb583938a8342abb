"""The labels of `mmap-ninja convert`: from folders, CSV and JSON lines."""

import json

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, RecordsMmap
from shell import image, save, write


@pytest.fixture
def folder(tmp_path):
    """Three images in two folders."""
    for name in "b/1.png", "b/2.png", "a/3.png":
        save(image(4, 4), tmp_path / "folder" / name)
    return tmp_path / "folder"


@pytest.fixture
def labelled(run, folder, out):
    """Convert with a table of labels; return the records."""

    def labelled(table, content):
        write(content, folder / table)
        status, _, err = run("convert", "--overwrite", "--labels", folder / table, folder, out)
        assert (status, err) == (0, "")
        return RecordsMmap(out)

    return labelled


@pytest.fixture
def refused(fails, folder, out):
    """Convert with a table that is refused; return what the error says behind the path of the table."""

    def refused(table, content):
        (folder / table).write_bytes(content if isinstance(content, bytes) else content.encode())
        error = fails("convert", "--labels", folder / table, folder, out)
        assert not out.exists()
        assert error.startswith(f"mmap-ninja: {folder / table}")
        return error.removeprefix(f"mmap-ninja: {folder / table}").strip()

    return refused


def test_folders_are_classes_in_sorted_order(run, folder, out):
    save(image(4, 4), folder / "a10" / "deep" / "1.png")
    assert run("convert", "--labels", "folders", folder, out)[::2] == (0, "")
    train = RecordsMmap(out)
    assert train.fields == ["image", "name", "label"]
    assert train["name"][:] == ["a/3.png", "a10/deep/1.png", "b/1.png", "b/2.png"]
    assert train.attrs == {"classes": ["a", "a10", "b"]}
    assert (train["label"].dtype, train["label"].tolist()) == (np.int64, [0, 1, 2, 2])


def test_a_file_without_a_class_is_named_or_skipped(run, fails, folder, out):
    save(image(4, 4), folder / "0.png")
    assert "0.png: this file is not in the folder of a class" in fails(
        "convert", "--labels", "folders", folder, out
    )
    status, _, err = run("convert", "--labels", "folders", "--on-error", "skip", folder, out)
    assert status == 0
    assert "skipped 1 of 4 files" in err
    assert RecordsMmap(out)["label"].tolist() == [0, 1, 1]


TABLE = """\
file_name,label,weight,text,code
a/3.png,-7,1,"one, two",007
b/1.png,+2,.5e3,,1
b/2.png,0,1.,"say ""é""\n",2
"""


def test_columns_of_csv_are_integers_floats_or_texts(labelled):
    train = labelled("labels.csv", "\ufeff" + TABLE)
    assert train.fields == ["image", "name", "label", "weight", "text", "code"]
    assert (train["label"].dtype, train["label"].tolist()) == (np.int64, [-7, 2, 0])
    assert (train["weight"].dtype, train["weight"].tolist()) == (np.float64, [1, 500, 1])
    assert train["text"][:] == ["one, two", "", 'say "é"\n']
    assert train["code"][:] == ["007", "1", "2"]


def test_json_lines_hold_numbers_truth_values_texts_and_arrays(labelled):
    rows = [
        {"name": "b/1.png", "y": 1, "is_new": True, "boxes": [], "ids": [1], "text": "one", "x": 1},
        {
            "name": "b/2.png",
            "y": 2,
            "is_new": False,
            "boxes": [[1, 2, 3, 4.5]],
            "ids": [],
            "text": "",
            "x": 2,
        },
        {
            "name": "a/3.png",
            "y": 3,
            "is_new": True,
            "boxes": [[0] * 4] * 2,
            "ids": [2, 3],
            "text": "é",
            "x": 0.5,
        },
    ]
    train = labelled("labels.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    record = train[1]
    assert (record["name"], record["text"], record["y"].dtype) == ("b/1.png", "one", np.int64)
    assert train["is_new"].tolist() == [True, True, False]
    assert (train["x"].dtype, train["x"].tolist()) == (np.float64, [0.5, 1, 2])
    assert [boxes.shape for boxes in train["boxes"]] == [(2, 4), (0, 4), (1, 4)]
    assert train["boxes"].dtype == np.float64
    assert [ids.tolist() for ids in train["ids"]] == [[2, 3], [1], []]
    assert isinstance(train["ids"], RaggedMmap)


def test_a_csv_file_of_any_numbers_and_texts_is_stored_as_it_is(labelled):
    whole = "name,y\n" + "".join(f"{name},{2**63 - 1}\n" for name in ("a/3.png", "b/1.png", "b/2.png"))
    assert labelled("labels.csv", whole)["y"].tolist() == [2**63 - 1] * 3


def test_lines_without_a_file_are_counted(run, folder, out):
    write("name,y\nx.png,3\na/3.png,1\nb/1.png,1\nb/2.png,2\nz.png,4\n", folder / "y.csv")
    status, _, err = run("convert", "--labels", folder / "y.csv", folder, out)
    assert status == 0
    assert err == (
        f"mmap-ninja: {folder}/y.csv: 2 lines without a file to convert; the first is line 2, 'x.png'\n"
    )


def test_files_without_a_line_are_named_or_skipped(run, fails, folder, out):
    write("name,y\na/3.png,1\n", folder / "y.csv")
    options = "convert", "--labels", folder / "y.csv"
    assert "y.csv: there is no line for the file 'b/1.png'" in fails(*options, folder, out)
    assert "skipped 2 of 3 files" in run(*options, "--on-error", "skip", folder, out)[2]
    assert RecordsMmap(out)["name"][:] == ["a/3.png"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", ": a column 'name' or 'file_name' is needed; the columns are none"),
        ("file,y\na/3.png,1\n", ": a column 'name' or 'file_name' is needed; the columns are 'file', 'y'"),
        ("name,y,y\n", ", line 1: two columns have the same name"),
        ("name,image\na/3.png,1\n", ": a column cannot be called 'image'"),
        ("name,\na/3.png,1\n", ": a column cannot be called ''"),
        ("name,y\na/3.png,1\nb/1.png\n", ", line 3: 1 cell, but there are 2 columns"),
        ('name,y\na/3.png,1\nb/1.png,"2\n', ", line 3: unexpected end of data"),
        ("name,y\na/3.png,1\na/3.png,2\n", ", line 3: the file 'a/3.png' is in line 2 too"),
        ("name,y\na/3.png,1\nb/1.png,\nb/2.png,1\n", ", line 3: the column 'y' is empty"),
        (
            "name,y\na/3.png,99999999999999999999\n",
            ", line 2: the column 'y' has integers beyond int64, such as 99999999999999999999",
        ),
        (
            "name,y\na/3.png,.5\nb/1.png,9007199254740993\n",
            ", line 3: the column 'y' also holds floats, by which the integer 9007199254740993 would be rounded",
        ),
        (b"name,y\na/3.png,caf\xe9\n", ": not valid UTF-8 (invalid continuation byte at byte 18)"),
    ],
)
def test_csv_that_is_wrong_is_refused_by_line(refused, content, error):
    assert refused("labels.csv", content) == error


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["[1]"], ", line 1: not a JSON object"),
        (['{"name": "a", "y": 1}', '{"name": "b"}'], ", line 2: 'y' is missing here"),
        (['{"name": "a"}', '{"name": "b", "y": 1}'], ", line 2: 'y' is not in the first line"),
        (['{"name": "a", "y": NaN}'], ", line 1: NaN is not a number in JSON"),
        (['{"name": "a", "y": 1}', "", '{"name": "b", "y": null}'], ", line 3: the column 'y' is empty"),
        (
            ['{"name": "a", "y": 1}', '{"name": "b", "y": "x"}'],
            ": the column 'y' mixes texts, numbers, truth values, lists or objects",
        ),
        (
            ['{"name": "a", "y": {}}'],
            ": the column 'y' mixes texts, numbers, truth values, lists or objects",
        ),
        (
            ['{"name": "a", "y": [[1], [1, 2]]}'],
            ", line 1: the column 'y' has lists of different lengths within one value",
        ),
        (
            ['{"name": "a", "y": ["x"]}'],
            ", line 1: the column 'y' is not a list of numbers within int64 or float64",
        ),
        (['{"name": "a", "y": 1e999999}', "{"], ", line 2: Expecting property name"),
        (["[" * 100_000], ", line 1: maximum recursion depth exceeded"),
        (
            ['{"name": "a", "y": 1}', f'{{"name": "b", "y": {2**63}}}'],
            f", line 2: the column 'y' has integers beyond int64, such as {2**63}",
        ),
        (
            ['{"name": "a", "y": 0.5}', f'{{"name": "b", "y": {2**53 + 1}}}'],
            f", line 2: the column 'y' also holds floats, by which the integer {2**53 + 1} would be rounded",
        ),
        (
            ['{"name": "a", "y": [0.5]}', f'{{"name": "b", "y": [{2**53 + 1}]}}'],
            f", line 2: the column 'y' has the integer {2**53 + 1}, which would be rounded among floats",
        ),
    ],
    ids=range(14),
)
def test_json_lines_that_are_wrong_are_refused_by_line(refused, lines, error):
    assert refused("labels.jsonl", "\n".join(lines)).startswith(error)


def test_a_name_that_no_field_can_have_is_refused(fails, folder, out):
    write("name,a:b\na/3.png,1\nb/1.png,1\nb/2.png,1\n", folder / "labels.csv")
    error = fails("convert", "--labels", folder / "labels.csv", folder, out)
    assert "'a:b' cannot be the name of a field" in error
    assert not out.exists()


@pytest.mark.parametrize("header", ["name,COM1", "name,label,Label", "name,Image"])
def test_names_of_columns_are_refused_before_any_file_is_read(refused, folder, header):
    for file in folder.rglob("*.png"):
        file.write_bytes(b"no image")
    assert refused("labels.csv", header + "\n").startswith(": '") or "occurs twice" in refused(
        "labels.csv", header + "\n"
    )


def test_paths_from_here_are_those_of_the_files(labelled):
    train = labelled("labels.csv", "name,label\n./a/3.png,3\n./b//1.png,1\nb/./2.png,2\n")
    assert dict(zip(train["name"], train["label"].tolist(), strict=True)) == {
        "a/3.png": 3,
        "b/1.png": 1,
        "b/2.png": 2,
    }


def test_labels_of_another_kind_are_wrong_usage(fails, folder, out):
    assert "neither 'folders' nor a .csv or .jsonl file" in fails(
        "convert", "--labels", "x.txt", folder, out, status=2
    )
    assert "no.csv: No such file" in fails("convert", "--labels", folder / "no.csv", folder, out)
