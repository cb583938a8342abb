"""The files of records: read by others, made by others, joined and copied."""

import itertools

import numpy as np
import pytest
from building_workers import plain
from conftest import names, tree, unchanged
from mmap_ninja import (
    CorruptDatasetError,
    RaggedMmap,
    RecordsMmap,
    StringsMmap,
    concatenate,
    open_existing,
    subset,
    verify,
)
from original_driver import describe
from record_samples import FIELDS, expected, record, records, shown

COUNT = 10


# The original


def test_the_original_reads_every_field(train, path, original):
    for begun in range(COUNT, COUNT + 3):
        train.append(record(begun))
    for name in train.fields:
        original.open("field", "open_existing", str(path / name))
        ours = train[name]
        # The original knows no compressed texts.
        if name != "caption":
            assert original.items("field") == [describe(ours[index]) for index in range(len(train))]
        original.close("field")


def test_what_the_original_wrote_side_by_side_opens_as_records(path, original):
    samples = {"label": np.arange(4), "name": ["a", "b", "", "é"], "tokens": [[1], [2, 3], [], [4]]}
    for name, constructor in {
        "name": "StringsMmap.from_strings",
        "label": "numpy.from_ndarray",
        "tokens": "RaggedMmap.from_lists",
    }.items():
        path.mkdir(exist_ok=True)
        values = [np.array(each, int) for each in samples[name]] if name == "tokens" else samples[name]
        source = "array" if name == "label" else "list"
        original.create("field", constructor, str(path / name), values, source=source)
        original.close("field")
    (path / "notes.txt").write_text("of the user")
    before = tree(path)
    for memmap in RecordsMmap(path), open_existing(path):
        assert memmap.fields == ["label", "name", "tokens"]
        assert [shown(each) for each in memmap] == [
            {"label": plain(label), "name": name, "tokens": plain(np.array(tokens, int))}
            for label, name, tokens in zip(*samples.values(), strict=True)
        ]
    assert RecordsMmap(path, fields=["name"])[1] == {"name": "b"}
    assert "no list of fields" in str(verify(path).notes)
    assert verify(path).ok
    assert tree(path) == before
    memmap = RecordsMmap(path)
    with unchanged(path), pytest.raises(ValueError, match="'tokens' is missing"):
        memmap.append({"label": 4, "name": "e"})
    memmap.append({"label": 4, "name": "e", "tokens": [5, 6]})
    memmap.append({"label": 5, "name": "f", "tokens": []})
    assert names(path) == ["fields.json", "label", "name", "notes.txt", "shape.ninja", "tokens", "type.ninja"]
    assert RecordsMmap(path)[-2:][0]["tokens"].tolist() == [5, 6]
    assert verify(path).ok


@pytest.mark.parametrize("change", ["add_field", "remove_field"])
def test_fields_without_a_list_are_added_to_and_removed(path, change):
    RaggedMmap.from_lists(path / "x", [[1], [2, 3]])
    StringsMmap.from_strings(path / "n", ["a", "b"])
    memmap = RecordsMmap(path)
    if change == "add_field":
        memmap.add_field("k", [5, 6])
        assert memmap["k"].tolist() == [5, 6]
    else:
        memmap.remove_field("n")
    assert RecordsMmap(path).fields == memmap.fields == (["n", "x", "k"] if change == "add_field" else ["x"])
    assert verify(path).ok


def test_fields_without_a_list_that_differ_in_length_are_listed(path):
    RaggedMmap.from_lists(path / "x", [[1], [2, 3]])
    StringsMmap.from_strings(path / "n", ["a"])
    for opener in RecordsMmap, open_existing:
        with pytest.raises(CorruptDatasetError, match="n has 1, x has 2"):
            opener(path)
    assert not verify(path).ok


# Joined and copied


def test_joined_records_are_those_of_one_build(train, path):
    train.attrs = {"classes": ["a"]}
    other = RecordsMmap.from_lists(path.with_name("other"), records(25, COUNT), fields=FIELDS)
    other.attrs = {"classes": ["a"]}
    joined = concatenate(path.with_name("joined"), [path, path.with_name("other")])
    assert type(joined) is RecordsMmap
    assert joined.attrs == {"classes": ["a"]}
    whole = RecordsMmap.from_lists(path.with_name("whole"), records(25), fields=FIELDS)
    whole.attrs = {"classes": ["a"]}
    assert tree(joined.out_dir) == tree(whole.out_dir)


def test_fields_are_joined_by_name(path):
    places = [path.with_name(name) for name in "abc"]
    RecordsMmap.from_lists(places[0], [{"x": 1, "y": "a"}])
    RecordsMmap.from_lists(places[1], [{"y": "b", "x": 2}])
    RecordsMmap.from_lists(places[2], [{"x": 1}])
    assert concatenate(path, places[:2])[:] == [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]
    RaggedMmap.from_lists(path.with_name("d"), [[1]])
    for others, error in [("ac", ValueError), ("ca", ValueError), ("ad", ValueError), ("da", ValueError)]:
        with unchanged(path.parent), pytest.raises(error):
            concatenate(path, [path.with_name(name) for name in others])


@pytest.mark.parametrize(
    "changes, error",
    [({"x": 1.5}, TypeError), ({"x": [1]}, ValueError), ({"y": [1.5]}, TypeError), ({"z": 3}, ValueError)],
    ids=str,
)
def test_records_whose_fields_differ_are_not_joined(path, changes, error):
    sample = {"x": 1, "y": [1], "z": "a"}
    RecordsMmap.from_lists(path.with_name("a"), [sample])
    RecordsMmap.from_lists(path.with_name("b"), [sample | changes])
    with unchanged(path.parent), pytest.raises(error, match=str(path.with_name("b"))):
        concatenate(path, [path.with_name("a"), path.with_name("b")])


def test_a_subset_has_the_records_that_were_chosen(train, path):
    chosen = subset(path.with_name("chosen"), train, [7, 2, 2, -1])
    assert [shown(each) for each in chosen] == [shown(train[index]) for index in (7, 2, 2, -1)]
    some = subset(path.with_name("some"), RecordsMmap(path, fields=["label"]), [1])
    assert some[:] == [{"label": train[1]["label"]}]
    none = subset(path.with_name("none"), path, [])
    assert (len(none), none.fields) == (0, train.fields)
    none.extend(records(COUNT))
    assert [shown(each) for each in none] == expected(records(COUNT))
    assert tree(none.out_dir) == tree(path)


def test_attributes_and_an_index_live_beside_the_fields(train, path):
    from mmap_ninja import write_index

    train.attrs = {"a": 1}
    write_index(path / "name")
    train.append(record(COUNT))
    train.append(record(4) | {"tokens": [[1, 2]]})
    assert train.attrs == RecordsMmap(path).attrs == {"a": 1}
    assert train["name"].index(record(7)["name"]) == 7
    assert train["name"].index(record(COUNT)["name"]) == COUNT
    assert verify(path).ok


def test_handles_keep_what_they_show_whatever_others_change(path):
    ours = RecordsMmap.from_lists(path, [{"text": "old", "label": 0}] * 4)
    held = RecordsMmap(path)
    ours.remove_field("text")
    ours.add_field("text", ["new"] * 4)
    for _ in range(2):
        assert held["text"][0] == held[0]["text"] == held.batch([0])["text"][0] == "old"
    RecordsMmap.from_lists(path, [{"label": 7}])
    for _ in range(2):
        assert held["label"].tolist() == [0] * 4
        with pytest.raises(ValueError, match="replaced"):
            held.attrs = {"of": "others"}
    assert RecordsMmap(path).attrs == {}


def test_a_field_from_endless_samples_is_refused_after_one_too_many(path):
    records = RecordsMmap.from_lists(path, [{"a": 1}] * 3)
    with pytest.raises(ValueError, match="has 4 samples, the records are 3"):
        records.add_field("b", itertools.count())


@pytest.mark.parametrize(
    "fields", [{"d": np.int8}, {"d": "ragged"}, {"s": {"zstd_level": 3}}, {"b": {"shape": (-1, 2)}}]
)
def test_a_build_is_not_resumed_with_other_declarations(path, fields):
    def records():
        yield {"d": 1, "s": "text", "b": [[1, 2, 3]]}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RecordsMmap.from_generator(path, records(), 1, fields={"b": {"shape": (-1, 3)}})
    with pytest.raises(ValueError, match="declare the same"):
        RecordsMmap.from_generator(path, records(), 1, fields=fields, resume=True)
