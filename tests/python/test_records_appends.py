"""Appended records are there whole or not at all, whoever else is at work."""

import shutil
from itertools import chain

import numpy as np
import pytest
from conftest import held, tree, unchanged
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, verify
from mmap_ninja import numpy as np_ninja
from record_samples import check, expected, record, records, shown

COUNT = 6


BAD = [
    ({"label": None}, TypeError),
    ({"label": 1.5}, TypeError),
    ({"label": 2**70}, OverflowError),
    ({"label": "3"}, TypeError),
    ({"label": [3]}, ValueError),
    ({"tokens": [70_000]}, OverflowError),
    ({"tokens": [-1]}, OverflowError),
    ({"tokens": [0.5]}, TypeError),
    ({"tokens": "text"}, TypeError),
    ({"tokens": {}}, TypeError),
    ({"tokens": [[1], [1, 2]]}, ValueError),
    ({"boxes": [1, 2, 3, 4]}, ValueError),
    ({"boxes": [[1, 2, 3]]}, ValueError),
    ({"embedding": [1, 2]}, ValueError),
    ({"embedding": 1}, ValueError),
    ({"name": 3}, TypeError),
    ({"name": None}, TypeError),
    ({"name": b"a"}, TypeError),
    ({"caption": "\ud800"}, UnicodeEncodeError),
    ({"image": np.zeros(3)}, None),
    ({"more": 1}, ValueError),
    ({5: 1}, ValueError),
]


@pytest.mark.parametrize("change, error", BAD, ids=ascii)
def test_a_record_that_does_not_fit_leaves_all_fields_as_they_are(train, path, change, error):
    bad = record(COUNT) | change
    if error is None:  # Another dtype of the same values is cast.
        train.append(bad)
        assert train[COUNT]["image"].dtype == np.uint8
        return
    name = next(iter(change))
    with unchanged(path.parent):
        for call in (
            lambda: train.append(bad),
            lambda: train.extend([record(COUNT), bad]),
            lambda: train.extend(chain(records(COUNT), iter([bad]), records(COUNT))),
            lambda: RecordsMmap(path).append(bad),
        ):
            with pytest.raises(error, match=str(name)):
                call()
    check(train, COUNT)
    train.append(record(COUNT))
    check(train, COUNT + 1)


@pytest.mark.parametrize("bad", [None, 5, "text", [], (), [("label", 1)], {}, {"label": 1}], ids=repr)
def test_what_is_no_record_is_refused(train, path, bad):
    with unchanged(path), pytest.raises((TypeError, ValueError)):
        train.append(bad)


def test_a_generator_that_fails_appends_nothing(train, path):
    def failing():
        yield record(COUNT)
        raise ConnectionError

    with unchanged(path):
        with pytest.raises(ConnectionError):
            train.extend(failing())
        with pytest.raises(TypeError, match="append takes one"):
            train.extend(record(COUNT))
        with pytest.raises(TypeError):
            train.extend(5)
        train.extend([])
    check(train, COUNT)


def test_a_generator_may_use_the_records_that_it_is_appended_to(train):
    train.extend(train)
    assert [shown(each) for each in train] == expected(records(COUNT)) * 2
    train.extend(train.append(record(1)) or record(2) for _ in range(1))
    assert [shown(each) for each in train[-2:]] == expected([record(1), record(2)])


def test_the_first_sample_of_several_axes_promotes_its_field_alone(path):
    train = RecordsMmap.from_lists(path, [{"x": [1, 2], "y": [3], "n": "a"}] * 2)
    other, before, old = RecordsMmap(path), tree(path), train[0]["x"]
    train.append({"x": [[4, 5]], "y": [6], "n": "b"})
    assert train[2]["x"].tolist() == RecordsMmap(path)[2]["x"].tolist() == [[4, 5]]
    assert (other[1]["x"].tolist(), old.tolist()) == ([1, 2], [1, 2])
    other.append({"x": [7], "y": [[8]], "n": "c"})
    for memmap in train, other:
        memmap.refresh()
        assert [each["x"].tolist() for each in memmap] == [[1, 2], [1, 2], [[4, 5]], [7]]
        assert [each["y"].tolist() for each in memmap] == [[3], [3], [6], [[8]]]
    assert before["x/shapes_are_flat.ninja"] != tree(path)["x/shapes_are_flat.ninja"]
    RecordsMmap.from_lists(path.with_name("whole"), train[:])
    assert tree(path.with_name("whole")) == tree(path)


def test_the_first_append_creates_records(path):
    train = RecordsMmap(path)
    with pytest.raises(TypeError):
        train.append({"a": None})
    assert not path.exists()
    train.extend([])
    assert not path.exists()
    train.append({"a": 1, "b": [2]})
    assert train.fields == ["a", "b"]
    other = RecordsMmap(path)
    with pytest.raises(ValueError, match="'c' is not a field"):
        other.append({"a": 1, "b": [2], "c": 3})
    other.append({"a": 2, "b": []})
    assert RecordsMmap(path)["a"].tolist() == [1, 2]


def test_another_writer_is_waited_for(train, path):
    memmap = RecordsMmap(path, timeout=0.01)
    with held(path), unchanged(path):
        for change in (
            lambda: memmap.append(record(0)),
            lambda: memmap.remove_field("label"),
            lambda: memmap.add_field("more", range(COUNT)),
        ):
            with pytest.raises(TimeoutError):
                change()
        shutil.rmtree(path / ".more.partial", ignore_errors=True)
    memmap.append(record(COUNT))
    check(memmap, COUNT + 1)


# Fields by themselves

ALONE = {
    "ragged of records": lambda path: RecordsMmap(path)["tokens"].append([1]),
    "texts of records": lambda path: RecordsMmap(path)["name"].append("a"),
    "rows of records": lambda path: np_ninja.extend(RecordsMmap(path)["label"], np.array([1])),
    "ragged": lambda path: RaggedMmap(path / "tokens").extend([[1]]),
    "texts": lambda path: StringsMmap(path / "caption").extend(["a"]),
    "rows": lambda path: np_ninja.extend_dir(path / "label", np.array([1])),
    "new rows": lambda path: np_ninja.from_ndarray(path / "label", np.arange(COUNT)),
    "new ragged": lambda path: RaggedMmap.from_lists(path / "tokens", [[1]] * COUNT),
    "new texts": lambda path: StringsMmap.from_generator(path / "name", ["a"] * COUNT, 2),
    "new records": lambda path: RecordsMmap.from_lists(path / "name", [{"a": 1}]),
}


@pytest.mark.parametrize("way", ALONE)
def test_a_field_is_not_appended_to_or_replaced_by_itself(train, path, way):
    with unchanged(path), pytest.raises(ValueError, match=f"this is a field of the records in {path}"):
        ALONE[way](path)
    check(train, COUNT)


@pytest.mark.parametrize("name", ["tokens", "name", "label"])
def test_what_the_original_appends_to_a_field_is_ignored_refused_and_reported(train, path, original, name):
    if name == "label":
        original.run("numpy.extend_dir", str(path / name), np.array([1]))
    else:
        original.open("map", "open_existing", str(path / name))
        original.extend("map", ["text"] if name == "name" else [np.array([1, 2], "uint16")])
        original.close("map")
    for memmap in train, RecordsMmap(path):
        assert [shown(found) for found in memmap] == expected(records(COUNT))
        assert len(memmap[name]) == COUNT
        with (
            unchanged(path),
            pytest.raises(ValueError, match=f"{name}: the field has 7 samples, its records are 6"),
        ):
            memmap.append(record(COUNT))
    (finding,) = verify(path).findings
    assert (str(finding.file), "others have added to it" in str(finding)) == (name, True)


# A model

SAMPLES = {
    "a": st.integers(-5, 5),
    "b": st.lists(st.integers(0, 9), max_size=3) | st.just([[1, 2], [3, 4]]),
    "c": st.text("aé\0", max_size=3),
    "d": st.lists(st.just(1.5), min_size=2, max_size=2).map(tuple),
}
KINDS = {"d": np.dtype(("f8", (2,))), "b": np.int64}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "extend", "add", "remove", "refresh", "reopen", "stale", "short"]),
        st.integers(0, 3),
        st.randoms(use_true_random=False),
    ),
    max_size=12,
)


@settings(max_examples=12)
@given(data=st.data(), steps=STEPS)
def test_records_behave_like_a_list_of_dicts(fresh, data, steps):
    draw = lambda names: {name: data.draw(SAMPLES[name]) for name in names}
    path, model = fresh(), [draw("ab")]
    memmap = RecordsMmap.from_lists(path, model, fields={"b": np.int64})
    stale = RecordsMmap(path)
    for step, number, rng in steps:
        fields, absent = list(model[0]), [name for name in SAMPLES if name not in model[0]]
        if step == "append":
            model.append(draw(fields))
            memmap.append(model[-1])
        elif step == "extend":
            more = [draw(rng.sample(fields, len(fields))) for _ in range(number)]
            memmap.extend(iter(more))
            model += more
        elif step == "add" and absent:
            name = rng.choice(absent)
            values = [data.draw(SAMPLES[name]) for _ in model]
            memmap.add_field(name, iter(values), number + 1, KINDS.get(name))
            model = [each | {name: value} for each, value in zip(model, values, strict=True)]
        elif step == "remove" and len(fields) > 1:
            memmap.remove_field(name := rng.choice(fields))
            model = [{key: each[key] for key in each if key != name} for each in model]
        elif step == "short":
            with unchanged(path), pytest.raises(ValueError, match="is missing"):
                memmap.append({name: 1 for name in fields[1:]})
        elif step == "stale":
            stale.refresh()
            stale.append(model[0])
            model.append(model[0])
            memmap.refresh()
        elif step == "refresh":
            memmap.refresh()
        elif step == "reopen":
            memmap = RecordsMmap(path)
    for each in memmap, RecordsMmap(path):
        assert set(each.fields) == set(model[0])
        assert len(each) == len(model)
        for found, sample in zip(each, model, strict=True):
            assert found.keys() == sample.keys()
            assert all(np.array_equal(found[name], sample[name]) for name in sample)
        for name in each.fields:
            assert len(each[name]) == len(model)
            assert np.array_equal(each[name][-1], model[-1][name])
    assert verify(path).ok
