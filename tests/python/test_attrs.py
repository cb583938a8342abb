"""Attributes are replaced whole, kept with the samples they belong to, and never believed if they are damaged."""

import json
import os
import pickle

import numpy as np
import pytest
from building_workers import STORES
from conftest import tree
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import (
    CorruptDatasetError,
    RaggedMmap,
    StringsMmap,
    concatenate,
    open_existing,
    read_attrs,
    repair,
    subset,
    verify,
    write_attrs,
    write_checksums,
)
from mmap_ninja import numpy as np_ninja

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def texts(fresh):
    return StringsMmap.from_strings(fresh(), ["one", "two"])


@settings(max_examples=25)
@given(attrs=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_json_can_hold_is_read_back(texts, attrs):
    texts.attrs = attrs
    assert texts.attrs == attrs
    assert list(StringsMmap(texts.out_dir).attrs) == list(attrs)
    assert verify(texts.out_dir).ok


def test_every_kind_of_dataset_has_attributes(path, any_store):
    any_store.create(path, any_store.samples(3))
    before = tree(path)
    assert read_attrs(path) == {}
    write_attrs(path, {"classes": ("a", "b")})
    found = open_existing(path)
    if not isinstance(found, np.memmap):
        assert found.attrs == {"classes": ["a", "b"]}
        found.attrs["classes"].append("not stored")
        assert pickle.loads(pickle.dumps(found)).attrs == {"classes": ["a", "b"]}
    assert read_attrs(path) == {"classes": ["a", "b"]}
    after = tree(path)
    assert json.loads(after.pop("attrs.json")) == {"classes": ["a", "b"]}
    assert after == before


REFUSED = [
    ([1, 2], TypeError),
    ("text", TypeError),
    (None, TypeError),
    ({1: 2}, TypeError),
    ({"a": [{None: 1}]}, TypeError),
    ({"a": {1, 2}}, TypeError),
    ({"a": np.int64(3)}, TypeError),
    ({"a": float("nan")}, ValueError),
    ({"a": [float("-inf")]}, ValueError),
    ({"a": 10**400}, ValueError),
    ({"a": "\ud800"}, ValueError),
    ({"a": "x" * (1 << 20)}, ValueError),
]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return {"a": value}


@pytest.mark.parametrize("place", range(len(REFUSED) + 3))
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(path, place):
    endless = {}
    endless["a"] = endless
    refused = [*REFUSED, (nested(130), ValueError), (nested(100_000), ValueError), (endless, ValueError)]
    attrs, error = refused[place]
    texts = StringsMmap.from_strings(path, ["one"])
    texts.attrs = {"old": 1}
    before = tree(path)
    with pytest.raises(error):
        texts.attrs = attrs
    assert tree(path) == before


HOSTILE = {
    "too large": b'{"a": "' + b"x" * (1 << 20) + b'"}',
    "deep": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a list": b"[1]",
    "empty": b"",
    "cut": b'{"a": ',
    "two": b"{} {}",
    "a key twice": b'{"a": 1, "b": 2, "\\u0061": 3}',
    "an inner key twice": b'{"a": [{"b": 2, "b": 2}]}',
    "not UTF-8": b'{"a": "\xff"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": 1e999}',
    "surrogate": b'{"a": "\\ud800"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_attributes_are_damage(path, any_store, name):
    any_store.create(path, any_store.samples(3))
    (path / "attrs.json").write_bytes(HOSTILE[name])
    with pytest.raises(CorruptDatasetError, match="attrs.json"):
        read_attrs(path)
    assert len(open_existing(path)) == 3
    assert [str(finding.file) for finding in verify(path).findings] == ["attrs.json"]
    write_attrs(path, {"a": 1})
    assert verify(path).ok


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of Unix")
def test_links_are_read_and_never_written_through(path):
    texts = StringsMmap.from_strings(path, ["one"])
    other = path.parent / "other.json"
    other.write_text('{"a": 1}')
    (path / "attrs.json").symlink_to(other)
    assert texts.attrs == {"a": 1}
    texts.attrs = {"b": 2}
    assert other.read_text() == '{"a": 1}'
    assert not (path / "attrs.json").is_symlink()
    for make in (
        lambda place: place.symlink_to(path),
        os.mkfifo,
        os.mkdir,
        lambda place: place.symlink_to(place),
    ):
        (path / "attrs.json").unlink()
        make(path / "attrs.json")
        with pytest.raises(CorruptDatasetError, match="attrs.json"):
            read_attrs(path)
        if (path / "attrs.json").is_dir() and not (path / "attrs.json").is_symlink():
            (path / "attrs.json").rmdir()
            (path / "attrs.json").touch()


def test_attributes_need_a_dataset(path):
    texts = StringsMmap(path)
    assert texts.attrs == {}
    with pytest.raises(FileNotFoundError, match="first samples"):
        texts.attrs = {"a": 1}
    for act in (lambda: read_attrs(path), lambda: write_attrs(path, {})):
        with pytest.raises(FileNotFoundError):
            act()
    assert not path.exists()
    texts.append("one")
    texts.attrs = {"a": 1}
    texts.close()
    with pytest.raises(ValueError, match="closed"):
        texts.attrs  # noqa: B018


def test_attributes_of_a_dataset_that_replaced_the_shown_one_are_not_taken_for_its_own(path):
    texts = StringsMmap.from_strings(path, ["one"])
    StringsMmap.from_strings(path, ["two"]).attrs = {"of": "two"}
    with pytest.raises(ValueError, match="replaced"):
        texts.attrs  # noqa: B018
    with pytest.raises(ValueError, match="replaced"):
        texts.attrs = {}
    assert read_attrs(path) == {"of": "two"}


# What keeps them


def test_appends_keep_attributes(path):
    arrays = RaggedMmap.from_lists(path, [[1], [2]])
    arrays.attrs = {"a": 1}
    arrays.append(np.ones((2, 2), int))
    assert arrays.attrs == {"a": 1}
    np_ninja.from_ndarray(path.parent / "columns", np.ones((2, 3), order="F"))
    write_attrs(path.parent / "columns", {"a": 2})
    np_ninja.extend_dir(path.parent / "columns", np.ones((2, 3)))
    assert read_attrs(path.parent / "columns") == {"a": 2}


def test_a_repair_keeps_attributes_and_is_not_stopped_by_damaged_ones(path):
    texts = StringsMmap.from_strings(path, ["one", "two"])
    texts.attrs = {"a": 1}
    for content in '{"a":1}', "damaged":
        (path / "attrs.json").write_text(content)
        with (path / "data.ninja").open("ab") as data:
            data.write(b"torn")
        repaired = repair(path, apply=True)
        assert repaired.ok == (content != "damaged")
        assert StringsMmap(path)[:] == ["one", "two"]
        assert (path / "attrs.json").read_text() == content


def test_checksums_do_not_cover_attributes(path):
    texts = StringsMmap.from_strings(path, ["one"])
    texts.attrs = {"a": 1}
    write_checksums(path)
    for attrs in {"b": 2}, {}:
        texts.attrs = attrs
        report = verify(path)
        assert report.ok
        assert report.notes == ()
    (path / "attrs.json").unlink()
    assert verify(path).ok


@pytest.mark.parametrize("name", STORES)
def test_a_new_dataset_begins_without_attributes(path, name):
    store = STORES[name]
    store.create(path, store.samples(3))
    write_attrs(path, {"a": 1})
    (path / "attrs.json.new").write_text("left by a dead process")
    store.create(path, store.samples(2))
    assert "attrs.json" not in tree(path)
    write_attrs(path, {"a": 1})
    store.generate(path, iter(store.samples(3)), 2)
    assert read_attrs(path) == {}
    assert "attrs.json.new" not in tree(path)


def test_a_foreign_file_of_that_name_is_kept(path):
    path.mkdir()
    (path / "attrs.json").write_text('{"of": "another program"}')
    StringsMmap.from_strings(path, ["one"])
    assert read_attrs(path) == {"of": "another program"}


def test_subsets_have_the_attributes_of_their_source_and_joined_datasets_those_in_common(path, any_store):
    one, two = path.parent / "one", path.parent / "two"
    for place in one, two:
        any_store.create(place, any_store.samples(3))
        write_attrs(place, {"classes": ["a"]})
    subset(path, one, [0])
    assert read_attrs(path) == {"classes": ["a"]}
    concatenate(path, [one, two])
    assert read_attrs(path) == {"classes": ["a"]}
    write_attrs(two, {"classes": ["b"]})
    concatenate(path, [one, two])
    assert read_attrs(path) == {}


def test_the_original_ignores_attributes(path, original):
    RaggedMmap.from_lists(path, [np.arange(3), np.arange(2)]).attrs = {"a": 1}
    original.open("attrs", "RaggedMmap", str(path))
    assert [item[-1] for item in original.items("attrs")] == [np.arange(3).tobytes(), np.arange(2).tobytes()]
    original.close("attrs")
