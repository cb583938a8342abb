"""Datasets as Parquet files and as cards, and the ways of other packages in and out."""

import os
import re

import numpy as np
import pytest
from mmap_ninja import (
    RaggedMmap,
    RecordsMmap,
    StringsMmap,
    convert,
    export,
    from_arrow,
    open_existing,
    verify,
)
from mmap_ninja import numpy as np_ninja
from shell import image


@pytest.fixture
def train(tmp_path):
    """Records of fields of every kind."""
    rng = np.random.default_rng(0)
    columns = {
        "text": [f"text {n} é" for n in range(30)],
        "zstd": [f"text {n}" * 9 for n in range(30)],
        "tokens": [np.arange(n % 4, dtype=np.uint16) for n in range(30)],
        "boxes": [rng.random((n % 3, 4), np.float32) for n in range(30)],
        "image": [image(3, 2 + n % 4, 3, seed=n) for n in range(30)],
        "label": np.arange(30, dtype=np.int8),
        "embedding": rng.random((30, 5)),
        "flag": np.arange(30) % 3 == 0,
    }
    fields = {"zstd": {"zstd_level": 3}, "boxes": {"shape": (-1, 4)}}
    return RecordsMmap.from_columns(tmp_path / "train", columns, fields=fields)


def check_equal(found, expected):
    assert found.fields == expected.fields
    for first, second in zip(found, expected, strict=True):
        for name, value in second.items():
            assert type(first[name]) is type(value)
            assert np.array_equal(first[name], value)
            assert getattr(first[name], "dtype", None) == getattr(value, "dtype", None)


# Parquet


def test_records_go_to_parquet_and_back_value_for_value(train, tmp_path, out, run, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("mmap_ninja._export._ROWS_AT_ONCE", 7)
    file = tmp_path / "train.parquet"
    assert run("export", train.out_dir, file) == (0, f"{file}: {os.path.getsize(file) / 1000:.1f} kB\n", "")
    assert parquet.ParquetFile(file).num_row_groups == 5
    check_equal(convert(file, out), train)
    before = file.read_bytes()
    assert "File exists" in run("export", train.out_dir, file)[2]
    assert run("export", "--overwrite", train.out_dir, file)[0] == 0
    assert file.read_bytes() == before


def test_datasets_of_one_kind_go_to_parquet_and_back(train, tmp_path, out):
    pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    for name in train.fields:
        export(train.out_dir / name, file)
        back = convert(file, out, overwrite=True)
        assert type(back) is type(train[name])
        for found, expected in zip(back, train[name], strict=True):
            assert np.array_equal(found, expected)


def test_an_open_dataset_is_exported_as_its_directory_is(train, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    dense = np_ninja.from_ndarray(tmp_path / "dense", np.arange(6).reshape(3, 2))
    for opened, place in (
        (train, train.out_dir),
        (train["zstd"], train.out_dir / "zstd"),
        (dense, tmp_path / "dense"),
    ):
        export(opened, tmp_path / "opened.parquet")
        export(place, tmp_path / "place.parquet")
        assert parquet.read_table(tmp_path / "opened.parquet").equals(
            parquet.read_table(tmp_path / "place.parquet")
        )


def test_what_parquet_cannot_say_is_what_the_page_lists(tmp_path, out):
    pytest.importorskip("pyarrow.parquet")

    def back(dataset):
        export(dataset, tmp_path / "a.parquet")
        return convert(tmp_path / "a.parquet", out, overwrite=True)

    empty = [np.zeros((0, 5)), np.zeros((3, 0)), np.zeros((2, 2))]
    found = back(RaggedMmap.from_lists(tmp_path / "empty", empty))
    assert [sample.shape for sample in found] == [(0, 0), (3, 0), (2, 2)]
    scalars = back(RaggedMmap.from_lists(tmp_path / "scalars", [np.int64(3), np.int64(5)]))
    assert isinstance(scalars, np.memmap)
    assert scalars.tolist() == [3, 5]
    big = back(np_ninja.from_ndarray(tmp_path / "big", np.arange(3, dtype=">i4")))
    assert (big.dtype, big.tolist()) == (np.dtype("=i4"), [0, 1, 2])


def test_an_export_that_fails_leaves_no_file(tmp_path, run):
    pytest.importorskip("pyarrow.parquet")
    np_ninja.from_ndarray(tmp_path / "complex", np.zeros(3, complex))
    np_ninja.from_ndarray(tmp_path / "scalar", np.zeros(()))
    for name, reason in (
        ("complex", "no type for the dtype complex128"),
        ("scalar", "has no rows"),
        ("none", "No such"),
    ):
        status, _, err = run("export", tmp_path / name, tmp_path / "a.parquet")
        assert status == 1
        assert reason in err
    assert "must end in .parquet" in run("export", tmp_path / "complex", tmp_path / "a.csv")[2]
    assert sorted(os.listdir(tmp_path)) == ["complex", "scalar"]


def test_an_export_replaces_a_link_and_not_what_it_leads_to(tmp_path):
    pytest.importorskip("pyarrow.parquet")
    StringsMmap.from_strings(tmp_path / "texts", ["one"])
    (tmp_path / "blob").write_text("blob")
    (tmp_path / "a.parquet").symlink_to(tmp_path / "blob")
    export(tmp_path / "texts", tmp_path / "a.parquet")
    assert (tmp_path / "blob").read_text() == "blob"
    assert not (tmp_path / "a.parquet").is_symlink()


# Other packages


def test_datasets_of_hugging_face_come_in_and_go_out(train, tmp_path, out):
    datasets = pytest.importorskip("datasets")
    theirs = datasets.Dataset(train.to_arrow())
    check_equal(from_arrow(out, theirs.data.table), train)
    made = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c"], "tokens": [[1], [], [2, 3]], "label": [0, 1, 2]}
    )
    made.save_to_disk(tmp_path / "hf")
    with pytest.warns(RuntimeWarning, match="skipped 2 other files"):
        records = convert(tmp_path / "hf", out)
    assert [{**record, "tokens": record["tokens"].tolist()} for record in records] == list(made)
    made.to_parquet(tmp_path / "hf.parquet")
    made.to_json(tmp_path / "hf.jsonl")
    for file in "hf.parquet", "hf.jsonl":
        check_equal(convert(tmp_path / file, tmp_path / "again"), records)
    export(out, tmp_path / "out.parquet")
    back = datasets.Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"))
    assert list(back) == list(made)


def test_dataframes_of_polars_come_in_and_go_out(train, out):
    polars = pytest.importorskip("polars")
    pa = pytest.importorskip("pyarrow")
    frame = polars.from_arrow(pa.table(train))
    check_equal(
        from_arrow(out, frame.drop("boxes", "embedding")),
        RecordsMmap(train.out_dir, [name for name in train.fields if name not in ("boxes", "embedding")]),
    )
    for name in "boxes", "embedding":
        found = from_arrow(out, frame, field=name)
        assert all(np.array_equal(first, second) for first, second in zip(found, train[name], strict=True))


def test_dataframes_of_pandas_come_in_and_go_out(train, out):
    pandas = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    names = ["text", "label", "flag", "tokens"]
    frame = pa.table(RecordsMmap(train.out_dir, names)).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    check_equal(from_arrow(out, pa.Table.from_pandas(frame)), RecordsMmap(train.out_dir, names))


def test_duckdb_reads_records_as_they_stand(train):
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.register("train", train)
    found = connection.sql("SELECT text, label FROM train WHERE label % 10 = 3 ORDER BY label").fetchall()
    assert found == [(f"text {n} é", n) for n in (3, 13, 23)]


# Cards


def header(card):
    """The lines of the YAML at the beginning of a card."""
    return re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)[1]


def test_a_card_says_what_a_dataset_holds(train, run):
    assert run("card", train.out_dir) == (0, f"{train.out_dir}/samples.png\n{train.out_dir}/README.md\n", "")
    card = (train.out_dir / "README.md").read_text("utf-8")
    assert "size_categories:\n- n<1K\n" in header(card)
    assert "| image | ragged | uint8 | (3, 2–5, 3) |" in card
    assert re.search(r"\| zstd \| string \|  \| .* bytes, zstd level 3, no dictionary \|", card)
    assert "![The first samples](samples.png)" in card
    assert verify(train.out_dir).ok
    assert len(open_existing(train.out_dir, mode="r")) == 30
    assert "README.md: File exists" in run("card", train.out_dir)[2].replace("samples.png", "README.md")
    assert run("card", "--overwrite", train.out_dir)[0] == 0


def test_the_header_of_a_card_is_what_the_hub_reads(train, run):
    yaml = pytest.importorskip("yaml")
    datasets = pytest.importorskip("datasets")
    run("card", train.out_dir)
    found = yaml.safe_load(header((train.out_dir / "README.md").read_text("utf-8")))
    assert found["tags"] == ["mmap_ninja"]
    features = datasets.Features._from_yaml_list(found["dataset_info"]["features"])
    theirs = datasets.Dataset(train.to_arrow().select(["label", "text", "flag"])).features
    assert {name: features[name].dtype for name in theirs} == {
        "label": "int8",
        "text": "string",
        "flag": "bool",
    }
    assert list(features) == train.fields


@pytest.mark.parametrize(
    ("samples", "category"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**9, "1B<n<10B"), (10**13, "n>1T")]
)
def test_sizes_have_the_categories_of_the_hub(samples, category):
    from mmap_ninja.cli import card

    assert card._category(samples) == category


def test_a_card_replaces_a_link_and_not_what_it_leads_to(tmp_path, run):
    texts = StringsMmap.from_strings(tmp_path / "te|xts", ["one"])
    (tmp_path / "blob").write_text("blob")
    (texts.out_dir / "README.md").symlink_to(tmp_path / "blob")
    assert run("card", texts.out_dir)[0] == 1
    assert run("card", "--overwrite", texts.out_dir)[0] == 0
    assert (tmp_path / "blob").read_text() == "blob"
    assert "# te\\|xts" in (texts.out_dir / "README.md").read_text("utf-8")
    assert not (texts.out_dir / "samples.png").exists()
    assert run("card", tmp_path / "nothing")[0] == 1
