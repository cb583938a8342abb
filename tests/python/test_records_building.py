"""Records are built whole from generators, lists and datasets, in every way the same, or nothing is written."""

from collections import ChainMap, OrderedDict
from types import MappingProxyType

import numpy as np
import pytest
from building_workers import sized, unsized
from conftest import Untouched, names, notes, partial_of, tree, unchanged
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, verify
from mmap_ninja import numpy as np_ninja
from record_samples import FIELDS, expected, record, records, shown

COUNT = 40


@pytest.fixture(scope="module")
def whole(fresh):
    """The files of all records, written in one call."""
    return tree(RecordsMmap.from_lists(fresh(), records(COUNT), fields=FIELDS).out_dir)


BUILDS = {
    "generator": lambda path: RecordsMmap.from_generator(path, iter(records(COUNT)), 7, FIELDS),
    "one by one": lambda path: RecordsMmap.from_generator(path, iter(records(COUNT)), 1, FIELDS, n=3),
    "columns": lambda path: RecordsMmap.from_columns(
        path, {name: [each[name] for each in records(COUNT)] for name in record(0)}, FIELDS
    ),
    "indexable": lambda path: RecordsMmap.from_indexable(path, sized(record, COUNT), 7, fields=FIELDS),
    "unsized": lambda path: RecordsMmap.from_indexable(path, unsized(record, COUNT), 7, fields=FIELDS),
    "workers": lambda path: RecordsMmap.from_indexable(path, sized(record, COUNT), 7, 2, FIELDS),
    "resumed": lambda path: resumed(path, 9),
    "appended": lambda path: appended(path, 1),
    "extended": lambda path: appended(path, 11),
}


def resumed(path, count):
    with pytest.raises(ConnectionError) as raised:
        RecordsMmap.from_generator(path, breaking(count), 4, FIELDS)
    assert "samples are safe" in notes(raised.value)
    assert not path.exists()
    RecordsMmap.from_generator(path, iter(records(COUNT)), 4, FIELDS, resume=True)


def breaking(count):
    yield from records(count)
    raise ConnectionError


def appended(path, step):
    RecordsMmap.from_lists(path, records(step), fields=FIELDS)
    memmap = RecordsMmap(path)
    for start in range(step, COUNT, step):
        memmap.extend(iter(records(min(start + step, COUNT), start)))
    assert [shown(each) for each in memmap] == expected(records(COUNT))


@pytest.mark.parametrize("way", BUILDS)
def test_every_way_to_build_writes_the_same_files(path, whole, way):
    BUILDS[way](path)
    found = tree(path)
    # Whoever appends compresses in other frames than nobody; here each text has its own.
    assert found == whole
    assert names(path.parent) == ["data"]
    assert verify(path).ok


def test_a_field_has_the_files_of_its_own_kind(path, whole):
    samples = records(COUNT)
    RaggedMmap.from_lists(path / "image", [each["image"] for each in samples])
    StringsMmap.from_strings(path / "name", [each["name"] for each in samples])
    StringsMmap.from_strings(path / "caption", [each["caption"] for each in samples], zstd_level=3)
    np_ninja.from_ndarray(path / "label", np.array([each["label"] for each in samples]))
    np_ninja.from_ndarray(path / "embedding", np.array([each["embedding"] for each in samples], "float32"))
    found = tree(path)
    assert {name: whole[name] for name in found} == found


@pytest.mark.parametrize("number", [2, 3])
def test_workers_write_what_one_process_does_where_a_late_record_promotes_a_field(path, number):
    def load(index):
        return {"x": np.zeros((1, 2) if index == 35 else 2, "int8"), "y": index, "z": str(index)}

    alone = RecordsMmap.from_indexable(path, sized(load, COUNT), 5, fields={"y": ">i4"})
    together = RecordsMmap.from_indexable(
        path.with_name("other"), sized(load, COUNT), 5, number, fields={"y": ">i4"}
    )
    assert alone["y"].dtype == ">i4"
    assert tree(together.out_dir) == tree(path)


def test_a_resumed_build_asks_for_the_rest_alone_and_keeps_to_its_fields(path):
    with pytest.raises(ConnectionError):
        RecordsMmap.from_generator(path, breaking(9), 4, FIELDS)
    with unchanged(partial_of(path)):
        for samples, error in [
            (({"label": 1} for _ in range(COUNT)), "missing"),
            (({**each, "more": 1} for each in records(COUNT)), "more"),
        ]:
            with pytest.raises(ValueError, match=error):
                RecordsMmap.from_generator(path, samples, 4, FIELDS, resume=True)
        with pytest.raises(ValueError, match="no field 'more'"):
            RecordsMmap.from_generator(path, Untouched(), 4, FIELDS | {"more": int}, resume=True)
    loaded = []
    load = lambda index: loaded.append(index) or record(index)
    RecordsMmap.from_indexable(path, sized(load, COUNT), 4, fields=FIELDS, resume=True)
    assert loaded == list(range(8, COUNT))  # Whole batches of 4 are stored.


def test_as_many_fields_as_are_allowed_are_built_and_appended_to(path):
    sample = {f"field {number}": number for number in range(256)}
    memmap = RecordsMmap.from_lists(path, [sample])
    memmap.append(sample)
    assert RecordsMmap(path)[:] == [sample] * 2


@pytest.mark.parametrize("make", [OrderedDict, ChainMap, MappingProxyType, lambda record: record], ids=str)
def test_any_mapping_in_any_order_is_a_record(path, make):
    samples = [record(0), *(dict(reversed(record(index).items())) for index in range(1, 5))]
    memmap = RecordsMmap.from_lists(path, map(make, samples), fields=FIELDS)
    assert set(memmap.fields) == set(record(0))
    assert [shown(each) for each in memmap] == expected(records(5))
    memmap.append(make(record(5)))
    assert shown(memmap[5]) == expected(records(6))[5]


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_the_first_value_decides_the_dtype_of_numbers_wherever_batches_end(path, batch_size):
    samples = [{"a": 1}, {"a": 2.0}, {"a": 2.5}]
    with pytest.raises(TypeError, match=r"a: sample 2: .*declare another one"):
        RecordsMmap.from_generator(path, samples, batch_size)
    memmap = RecordsMmap.from_generator(path, samples[:2], batch_size)
    assert (memmap["a"].dtype, memmap["a"].tolist()) == (np.int64, [1, 2])
    memmap = RecordsMmap.from_generator(path, samples, batch_size, {"a": np.float32})
    assert (memmap["a"].dtype, memmap["a"].tolist()) == (np.float32, [1, 2, 2.5])
    with pytest.raises(TypeError, match=r"b: sample 1: .*declare another one"):
        memmap.add_field("b", [1, 0.5, 1], batch_size)


@pytest.mark.parametrize("value", [2, 0.5, "x", [1, 2]], ids=str)
def test_messages_name_the_path_of_the_user_and_not_that_of_the_build(path, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        RecordsMmap.from_generator(path, [{"a": value}, {"a": {}}], 1)
    memmap = RecordsMmap.from_lists(path, [{"a": value}] * 2)
    with pytest.raises((TypeError, ValueError)) as added:
        memmap.add_field("b", [value, {}], 1)
    assert [str(path / name) in str(error.value) for name, error in [("a", caught), ("b", added)]] == [
        True
    ] * 2
    assert "partial" not in f"{caught.value} {added.value}"


def test_lists_without_elements_wait_for_the_dtype_of_later_ones(path):
    samples = [{"a": [], "b": index} for index in range(9)] + [{"a": [7], "b": 9}]
    memmap = RecordsMmap.from_generator(path, samples, 2)
    assert memmap["a"].dtype == np.int64
    assert [each["b"] for each in memmap] == list(range(10))


def test_a_batch_size_that_is_not_a_number_is_named(path):
    for build in (RecordsMmap.from_generator, RecordsMmap.from_indexable, RaggedMmap.from_generator):
        with pytest.raises(TypeError, match="batch_size must be an integer, not 'a'"):
            build(path, [{"a": 1}], batch_size="a")


# Places


def test_a_build_replaces_a_dataset_when_it_is_whole_or_refuses(path):
    RaggedMmap.from_lists(path, [[1]])
    with unchanged(path.parent):
        for build in (
            lambda: RecordsMmap.from_lists(path, records(3), overwrite=False),
            lambda: RecordsMmap.from_columns(path, {"a": [1]}, overwrite=False),
            lambda: RecordsMmap.from_generator(path, Untouched(), 3, overwrite=False),
            lambda: RecordsMmap.from_indexable(path, Untouched(), 3, overwrite=False),
        ):
            with pytest.raises(FileExistsError):
                build()
    RecordsMmap.from_lists(path, [{"a": 1}])
    assert names(path) == ["a", "fields.json", "shape.ninja", "type.ninja"]
    RaggedMmap.from_lists(path, [[1]])
    assert "a" not in names(path)


def test_fields_without_a_list_count_as_a_dataset(path):
    RaggedMmap.from_lists(path / "x", [[1], [2]])
    with unchanged(path):
        for overwriting in (
            lambda: RecordsMmap.from_lists(path, [{"x": 1}], overwrite=False),
            lambda: RaggedMmap.from_lists(path, [[1]], overwrite=False),
        ):
            with pytest.raises(FileExistsError):
                overwriting()
    assert RecordsMmap.from_lists(path, [{"x": 1}])[:] == [{"x": 1}]


@pytest.mark.parametrize("foreign", ["folder", "file", "dataset"])
def test_a_field_never_replaces_what_is_foreign(path, foreign):
    RecordsMmap.from_lists(path, [{"a": 1}])
    if foreign == "folder":
        (path / "images").mkdir()
        (path / "images" / "1.jpg").write_text("a photograph")
    elif foreign == "file":
        (path / "images").write_text("a list")
    else:
        RaggedMmap.from_lists(path / "images", [[1]])
    with unchanged(path):
        with pytest.raises(FileExistsError, match="in the place of a field; move or remove it"):
            RecordsMmap.from_lists(path, [{"images": [1]}])
        with pytest.raises(FileExistsError):
            RecordsMmap(path).add_field("images", [1])
    RecordsMmap.from_lists(path, [{"image": [1]}])
    assert "images" in names(path)


def test_a_generator_that_is_empty_or_fails_at_once_leaves_nothing(path):
    for build in (RecordsMmap.from_generator, RecordsMmap.from_indexable):
        with pytest.raises(ValueError, match="at least one record is needed"):
            build(path, [], 3)
    with pytest.raises(ConnectionError):
        RecordsMmap.from_generator(path, breaking(0), 3)
    assert names(path.parent) == []


def test_options_that_are_not_there_are_refused(path):
    for build in (
        lambda: RecordsMmap.from_generator(path, Untouched(), 3, dtype="int64"),
        lambda: RecordsMmap.from_indexable(path, Untouched(), 3, starts_key="s"),
        lambda: RecordsMmap.from_lists(path, Untouched(), zstd_level=3),
    ):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            build()
    for size in 0, -1, 1.5, None:
        with pytest.raises((ValueError, TypeError)):
            RecordsMmap.from_generator(path, Untouched(), size)
    assert names(path.parent) == []


def test_a_progress_bar_shows_records(path, capsys):
    RecordsMmap.from_generator(path, iter(records(5)), 2, verbose=True, n=5)
    RecordsMmap.from_columns(path, {"a": range(5)}, verbose=True)
    shown = capsys.readouterr().err
    assert "5/5" in shown


def test_a_record_that_changes_while_it_is_stored_does_no_harm(path):
    shared = {"a": 0, "b": [0]}

    def changing():
        for number in range(9):
            shared["a"], shared["b"][0] = number, number
            yield shared

    memmap = RecordsMmap.from_generator(path, changing(), 4)
    assert memmap["a"].tolist() == [each["b"][0] for each in memmap] == list(range(9))
