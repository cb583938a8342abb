"""Handles of records: pickles, processes, closing, refreshing, modes, subclasses."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja
from record_samples import FIELDS, expected, record, records, shown

COUNT = 12

# Pickles and processes


def identity(found):
    return found["label"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fields": ["name", "label"]},
        {"wrapper_fn": identity},
        {"wrapper_fn": {"label": abs}, "mode": "c"},
    ],
    ids=str,
)
def test_a_pickle_opens_the_same_records(train, path, options):
    memmap = RecordsMmap(path, timeout=7, durability="full", **options)
    for copied in pickle.loads(pickle.dumps(memmap)), copy.copy(memmap), copy.deepcopy(memmap):
        assert (copied.fields, copied.mode, copied.timeout) == (memmap.fields, memmap.mode, 7)
        assert repr(copied[3]) == repr(memmap[3])
        assert copied.wrapper_fn == memmap.wrapper_fn
    assert len(pickle.dumps(memmap)) < 2000


def test_a_pickle_of_some_fields_shows_the_fields_that_are_there_later(train, path):
    content = pickle.dumps(RecordsMmap(path))
    train.add_field("more", range(COUNT))
    assert pickle.loads(content).fields == train.fields
    train.remove_field("label")
    assert "label" not in pickle.loads(content)[0]


def test_closed_records_are_pickled_like_other_closed_maps(train):
    train.close()
    assert len(pickle.loads(pickle.dumps(train))) == COUNT


def test_a_pickle_of_records_that_are_gone_is_an_error(train, path):
    content = pickle.dumps(train)
    path.rename(path.with_name("moved"))
    with pytest.raises(FileNotFoundError):
        pickle.loads(content)


def test_a_process_reads_the_records_that_it_is_sent(train):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(train.__class__.__len__, [train]) == [COUNT]
        assert pool.map(train.__getitem__, [3])[0]["name"] == record(3)["name"]


# Handles


def test_closed_records_raise_and_arrays_stay_valid(train):
    found, field = train[3], train["image"]
    with train as opened:
        assert opened is train
    for use in (
        lambda: train[0],
        lambda: train["label"],
        lambda: train.fields,
        lambda: len(train),
        lambda: list(train),
        lambda: train.batch([0]),
        lambda: train.append(record(0)),
        lambda: train.add_field("more", range(COUNT)),
        lambda: train.remove_field("label"),
        lambda: train.refresh(),
        lambda: train.prefetch([0]),
        lambda: train.__enter__(),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert found["image"].tolist() == field[3].tolist() == [3] * 3
    assert "closed" in repr(train)
    train.close()


def test_refresh_shows_what_others_have_appended_added_and_removed(train, path):
    other = RecordsMmap(path)
    train.extend(records(COUNT + 5, COUNT))
    train.add_field("more", range(COUNT + 5))
    train.remove_field("tokens")
    assert (len(other), other.fields) == (COUNT, list(record(0)))
    assert [len(other[name]) for name in ("label", "name", "image")] == [COUNT] * 3
    assert shown(other[3]) == expected(records(4))[3]
    other.refresh()
    assert (len(other), other.fields) == (COUNT + 5, train.fields)
    assert [shown(each) for each in other] == [shown(each) for each in train]
    assert [len(other[name]) for name in ("label", "name", "image")] == [COUNT + 5] * 3


def test_records_that_are_gone_or_of_another_kind_are_not_refreshed(train, path):
    path.rename(path.with_name("moved"))
    with pytest.raises(FileNotFoundError):
        train.refresh()
    RaggedMmap.from_lists(path, [[1]])
    with pytest.raises(ValueError, match="ragged"):
        train.refresh()
    assert shown(train[3]) == expected(records(4))[3]


def test_a_field_that_was_replaced_is_opened_again(train):
    assert train["label"][0] == -5
    train.remove_field("label")
    train.add_field("label", [f"text {index}" for index in range(COUNT)])
    assert train["label"][0] == train[0]["label"] == "text 0"


def test_the_map_of_a_field_never_shows_what_the_records_do_not(train, path):
    RecordsMmap.from_lists(path, [{"label": 100 + index} for index in range(COUNT)])
    assert train[0]["label"] == -5
    assert train.field("label")[0] == train["label"][0] == -5
    assert train.batch([0])["label"] == [-5]
    train.refresh()
    assert train["label"][0] == train[0]["label"] == 100


@pytest.mark.parametrize("mode, is_kept", [("r", None), ("c", False), ("r+", True)])
def test_values_are_assigned_through_records_of_a_mode(train, path, mode, is_kept):
    memmap = RecordsMmap(path, mode=mode)
    if is_kept is None:
        for value in memmap[3]["image"], memmap["embedding"]:
            with pytest.raises(ValueError, match="read-only"):
                value[0] = 0
        return
    memmap[3]["image"][0] = 77
    memmap["embedding"][3] = 78
    assert RecordsMmap(path)[3]["image"][0] == (77 if is_kept else 3)
    assert RecordsMmap(path)[3]["embedding"][0] == (78 if is_kept else 3)
    with pytest.raises(TypeError):
        memmap[3] = record(3)


def test_records_that_do_not_exist_are_empty(path):
    empty = RecordsMmap(path)
    assert (len(empty), empty.fields, empty[:], list(empty)) == (0, [], [], [])
    assert repr(empty) == f"RecordsMmap({str(path)!r}, 0 records, 0 B, nothing at this path, mode='r')"
    assert len(pickle.loads(pickle.dumps(empty))) == 0
    assert not path.exists()


def test_records_of_another_kind_of_dataset_are_refused(path):
    for create in (
        lambda: RaggedMmap.from_lists(path, [[1]]),
        lambda: StringsMmap.from_strings(path, ["a"]),
        lambda: np_ninja.from_ndarray(path, np.arange(3)),
    ):
        create()
        with pytest.raises(ValueError, match="records"):
            RecordsMmap(path)
    RecordsMmap.from_lists(path, [{"a": 1}])
    for opener in RaggedMmap, StringsMmap, np_ninja.open_existing:
        with pytest.raises(ValueError, match="records"):
            opener(path)


def test_open_existing_opens_records(train, path):
    found = open_existing(path)
    assert type(found) is RecordsMmap
    assert open_existing(path, wrapper_fn=identity)[3] == 4
    assert shown(found[3]) == shown(train[3])


def test_iteration_sees_records_that_are_appended_on_the_way(path):
    train = RecordsMmap.from_lists(path, [{"number": 0}])
    seen = []
    for found in train:
        seen.append(int(found["number"]))
        if len(train) < 5:
            train.append({"number": len(train)})
    assert seen == [0, 1, 2, 3, 4]


class Labels(RecordsMmap):
    """Reads and builds in a way of its own."""

    def __init__(self, out_dir, scale=2, **options):
        super().__init__(out_dir, **options)
        self.scale = scale

    def get_single(self, item):
        return super().get_single(item)["label"] * self.scale


def test_a_subclass_reads_and_travels_in_its_own_way(path):
    labels = Labels.from_lists(path, records(4), fields=FIELDS)
    assert type(labels) is Labels
    labels.scale = 3
    for memmap in labels, pickle.loads(pickle.dumps(labels)):
        assert [int(label) for label in memmap] == [-15, -6, 3, 12]
        assert [int(label) for label in memmap[[1, 0]]] == [-6, -15]
        assert int(memmap[-1]) == 12
    labels.append(record(4))
    assert int(labels[4]) == 21


@pytest.mark.parametrize("constructor", ["from_lists", "from_generator", "from_indexable"])
def test_builds_call_the_from_lists_and_the_extend_of_a_subclass(path, constructor):
    calls = []

    class Counted(RecordsMmap):
        @classmethod
        def from_lists(cls, out_dir, records, **options):
            calls.append(len(records))
            return super().from_lists(out_dir, records, **options)

        def extend(self, records):
            calls.append(len(records))
            super().extend(records)

    batch_size = {} if constructor == "from_lists" else {"batch_size": 3}
    memmap = getattr(Counted, constructor)(path, records(5), fields=FIELDS, **batch_size)
    assert calls == ([3, 2] if batch_size else [5])
    assert [shown(found) for found in memmap] == expected(records(5))
