"""Records are read like a sequence of dicts, whichever of their fields are asked for."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from conftest import assert_identical, tree
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from record_samples import expected, record, records, shown

COUNT = 12


def test_a_record_is_a_dict_in_the_order_in_which_its_fields_were_named(train):
    found = train[7]
    assert type(found) is dict
    assert list(found) == train.fields == list(record(7))
    assert_identical(found["tokens"], np.array(record(7)["tokens"], "uint16"))
    assert_identical(found["embedding"], np.array([7, 8, 9], "float32"))
    assert type(found["label"]) is np.int64
    assert type(found["name"]) is str
    assert train[0]["boxes"].shape == (0, 4)
    assert [shown(each) for each in train] == expected(records(COUNT))


MANY = [
    slice(None),
    slice(10, 2, -3),
    slice(50, 60),
    ...,
    [3, 1, -1, 3],
    [],
    range(2, 9, 2),
    np.array([4, 0]),
    np.arange(COUNT) % 2 == 0,
    [True, False] * (COUNT // 2),
    (np.array([1, 5]),),
    {2: None, 1: None}.keys(),
]


@pytest.mark.parametrize("indices", MANY, ids=str)
def test_several_indices_give_a_list_of_records(train, indices):
    model = expected(records(COUNT))
    if isinstance(indices, slice):
        model = model[indices]
    elif indices is not ...:
        positions = np.arange(COUNT)[
            indices
            if isinstance(indices, tuple)
            else np.array(list(indices), None)
            if len(indices)
            else np.array([], int)
        ]
        model = [model[place] for place in positions]
    found = train[indices]
    assert type(found) is list
    assert [shown(each) for each in found] == model


@pytest.mark.parametrize("index", [0, -1, np.int64(3), np.uint8(4), np.array(5), True], ids=repr)
def test_one_index_gives_one_record(train, index):
    assert shown(train[index]) == expected(records(COUNT))[int(index)]
    assert shown(train.get_single(int(index))) == shown(train[index])


def test_batches_of_a_loader_are_lists_of_records(train):
    assert [shown(each) for each in train.__getitems__([3, 1])] == [shown(train[3]), shown(train[1])]
    assert [shown(each) for each in train.get_multiple([3, 1])] == [shown(train[3]), shown(train[1])]
    train.prefetch([3, 1])
    with pytest.raises(IndexError):
        train.prefetch([COUNT])


@pytest.mark.parametrize(
    "index, error",
    [(COUNT, IndexError), (-COUNT - 1, IndexError), (2**70, IndexError), ([0, COUNT], IndexError)]
    + [
        ([True] * 3, IndexError),
        (1.5, TypeError),
        (None, TypeError),
        ((0, 1), TypeError),
        (b"name", TypeError),
    ]
    + [("missing", KeyError), ("", KeyError), ("../data", KeyError), ("type.ninja", KeyError)],
    ids=repr,
)
def test_what_is_not_there_is_an_error(train, index, error):
    with pytest.raises(error):
        train[index]


def test_a_missing_field_is_named_with_those_that_are_there(train):
    with pytest.raises(KeyError, match="no field 'lable'; the fields are tokens, label, name"):
        train.field("lable")


def test_records_are_a_sequence(train):
    assert isinstance(train, Sequence)
    model = expected(records(COUNT))
    assert [shown(each) for each in reversed(train)] == model[::-1]
    assert len(random.sample(train, 5)) == 5
    assert shown(random.choice(train)) in model
    assert train[4] in train
    assert train[0]["boxes"].tolist() == []
    assert train.index(train[4]) == 4
    assert train.count(train[4]) == 1
    reordered = dict(reversed(train[4].items()))
    assert train.index(reordered) == 4
    other = train[4] | {"label": 99}
    for absent in other, {}, None, 4, "name", train[4] | {"more": 1}, {"label": 7}:
        assert absent not in train
        assert train.count(absent) == 0
    with pytest.raises(ValueError, match="equals"):
        train.index(other)


def test_each_field_is_a_map_of_its_kind(train, path):
    assert isinstance(train["tokens"], RaggedMmap)
    assert isinstance(train["caption"], StringsMmap)
    assert isinstance(train["embedding"], np.memmap)
    assert train["label"].tolist() == [each["label"] for each in records(COUNT)]
    assert train["name"][:] == [each["name"] for each in records(COUNT)]
    assert train.field("image")[9].shape == (2, 0, 3)
    assert train["tokens"] is train["tokens"]
    assert RaggedMmap(path / "tokens")[6].tolist() == train["tokens"][6].tolist()


@pytest.mark.parametrize("names", [["label"], ["caption", "image"], list(record(0))[::-1]])
def test_fields_that_are_not_asked_for_are_not_opened(train, path, names):
    for name in set(record(0)) - set(names):
        (path / name / "type.ninja").unlink()
    found = RecordsMmap(path, fields=iter(names))
    assert found.fields == names
    assert list(found[3]) == names
    assert [shown(each) for each in found] == [
        {name: each[name] for name in names} for each in expected(records(COUNT))
    ]
    assert list(found.batch([0])) == names


@pytest.mark.parametrize(
    "names, error", [(["missing"], ValueError), ([], ValueError), (["label"] * 2, ValueError)]
    + [("label", TypeError), ([5], TypeError), (5, TypeError)]
)  # fmt: skip
def test_names_that_are_none_of_the_fields_are_refused(train, path, names, error):
    with pytest.raises(error):
        RecordsMmap(path, fields=names)


def test_records_of_which_only_some_fields_are_open_are_not_changed(train, path):
    some, before = RecordsMmap(path, fields=["label"]), tree(path)
    for change in (
        lambda: some.append(record(0)),
        lambda: some.append({"label": 3}),
        lambda: some.extend(records(2)),
        lambda: some.remove_field("label"),
        lambda: some.remove_field("name"),
    ):
        with pytest.raises(ValueError, match="only some fields are open"):
            change()
    assert tree(path) == before
    assert some.fields == ["label"]


# Batches


def test_a_batch_has_each_field_as_a_training_loop_wants_it(train):
    indices = [5, 4, 4, -1]
    batch = train.batch(indices, pad={"tokens": 77})
    model = [record(index % COUNT) for index in indices]
    padded, lengths = batch["tokens"]
    assert lengths.tolist() == [len(each["tokens"]) for each in model]
    assert padded.tolist() == [each["tokens"] + [77] * (5 - len(each["tokens"])) for each in model]
    values, offsets = batch["image"]
    assert_identical(values, np.concatenate([each["image"].ravel() for each in model]))
    assert offsets.tolist() == np.cumsum([0, *(each["image"].size for each in model)]).tolist()
    assert_identical(batch["label"], np.array([each["label"] for each in model]))
    assert_identical(batch["embedding"], np.array([each["embedding"] for each in model], "float32"))
    assert batch["name"] == [each["name"] for each in model]
    assert batch["caption"] == [each["caption"] for each in model]


def test_offsets_of_a_field_with_fixed_axes_count_rows(train):
    values, offsets = train.batch([0, 2, 1, 3])["boxes"]
    assert values.tolist() == [*record(2)["boxes"], *record(1)["boxes"]]
    assert offsets.tolist() == [0, 0, 2, 3, 3]
    values, offsets = train.batch([0, 3])["boxes"]
    assert (values.shape, values.dtype, offsets.tolist()) == ((0, 4), np.float32, [0, 0, 0])
    padded, lengths = train.batch([0, 2], pad={"boxes": -1})["boxes"]
    assert (padded.shape, lengths.tolist()) == ((2, 2, 4), [[0, 4], [2, 4]])


def test_an_empty_batch_has_every_field(train):
    batch = train.batch([], pad={"tokens": 0})
    assert list(batch) == train.fields
    assert batch["name"] == []
    assert batch["embedding"].shape == (0, 3)
    assert batch["boxes"][0].shape == (0, 4)


@pytest.mark.parametrize(
    "arguments, error",
    [((0,), TypeError), (([COUNT],), IndexError), (([0], {"label": 0}), ValueError)]
    + [(([0], {"name": 0}), ValueError), (([0], {"missing": 0}), ValueError)]
    + [(([0], {"tokens": 0.5}), TypeError), (([0], {"tokens": -1}), OverflowError)]
    + [(([0, 4], {"image": 0}), ValueError)],
    ids=str,
)
def test_a_batch_that_cannot_be_made_is_an_error(train, arguments, error):
    with pytest.raises(error):
        train.batch(*arguments)


# Functions


def test_a_function_gets_each_record(train, path):
    wrapped = RecordsMmap(path, wrapper_fn=lambda found: (found["label"], found["name"]))
    assert wrapped[3] == (4, record(3)["name"])
    assert wrapped[[0, 1]] == [(-5, record(0)["name"]), (-2, record(1)["name"])]
    assert list(wrapped)[-1] == wrapped[-1]
    assert wrapped.index((4, record(3)["name"])) == 3


def test_functions_by_field_get_its_values(train, path):
    wrapped = RecordsMmap(path, wrapper_fn={"image": np.sum, "name": str.upper})
    found = wrapped[3]
    assert (found["image"], found["name"]) == (9, "3 É.JPG")
    assert list(found) == train.fields
    assert_identical(found["tokens"], train[3]["tokens"])
    assert wrapped["name"][3] == record(3)["name"]


def test_functions_of_fields_that_are_not_there_are_refused(train, path):
    with pytest.raises(ValueError, match="'imgae', which is not a field"):
        RecordsMmap(path, wrapper_fn={"imgae": np.sum})


@pytest.mark.parametrize("copies", [True, False])
def test_a_function_may_change_a_copy(train, path, copies):
    kept = {}
    functions = lambda found: kept.update(found)
    memmap = RecordsMmap(path, wrapper_fn=functions, mode="c", copy_before_wrapper_fn=copies)
    assert memmap[3] is None
    kept["image"][...] = 77
    memmap[3]
    assert kept["image"].tolist() == ([3] * 3 if copies else [77] * 3)


def test_an_error_in_a_function_reaches_the_caller(train, path):
    for functions in {"label": lambda label: 1 / 0}, lambda found: 1 / 0:
        with pytest.raises(ZeroDivisionError):
            RecordsMmap(path, wrapper_fn=functions)[3]


def test_padding_without_the_names_of_fields_is_refused(train):
    with pytest.raises(
        TypeError, match="pad of records must be a dict of fields to values, not 0; the fields are"
    ):
        train.batch([0], pad=0)
