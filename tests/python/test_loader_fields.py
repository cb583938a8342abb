"""Loaders of records and of other dtypes: the batches of the maps' own methods, filled by threads."""

import json
import pickle

import numpy as np
import pytest
from conftest import assert_identical
from mmap_ninja import ArraySpec, Loader, RaggedMmap, RecordsMmap, StringsMmap, plans

COUNT = 41
INT64, FLOAT32 = np.dtype(np.int64), np.dtype(np.float32)


DECLARED = {"boxes": {"shape": (-1, 4)}, "image": "dense"}


def fields(start=0, count=COUNT):
    numbers = range(start, start + count)
    return {
        "tokens": [np.arange(i, i + 1 + i % 7, dtype=np.uint16) for i in numbers],
        "boxes": [np.full((i % 3, 4), i, np.float32) for i in numbers],
        "image": np.arange(count * 6).reshape(count, 2, 3).astype(np.uint8),
        "label": np.array(numbers, np.int16),
        "name": [f"name {i} ü" for i in numbers],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fields")


@pytest.fixture(scope="module")
def records(folder):
    return RecordsMmap.from_columns(folder / "records", fields(), fields=DECLARED)


@pytest.fixture(scope="module")
def tokens(folder):
    return RaggedMmap.from_lists(folder / "tokens", fields()["tokens"])


def chosen(size=8, **options):
    """The indices of the batches of a loader with these options."""
    return [batch.tolist() for batch in Loader(np.arange(COUNT), size, **options)]


def same(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, values in expected.items():
            same(found[name], values)
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_identical(one, other)
    elif isinstance(expected, list):
        assert found == expected
    else:
        assert_identical(found, np.asarray(expected))


def matches(array, spec):
    fitting = all(axis in (None, found) for axis, found in zip(spec.shape, array.shape, strict=True))
    assert fitting, (array.shape, spec)
    assert array.dtype == spec.dtype


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("pad", [None, {"tokens": 9, "boxes": -1.5}])
def test_batches_of_records_are_those_of_their_own_method(records, threads, pad):
    options = {"shuffle": True, "seed": 5}
    loader = Loader(records, 8, pad=pad, threads=threads, **options)
    found = list(loader)
    for batch, indices in zip(found, chosen(**options), strict=True):
        same(batch, records.batch(indices, pad=pad))
    for name, spec in loader.spec.items():
        if name != "name":
            arrays, specs = (found[0][name],), (spec,)
            if isinstance(found[0][name], tuple):
                arrays, specs = found[0][name], spec
            for array, each in zip(arrays, specs, strict=True):
                matches(array, each)
    assert loader.spec["name"] == ArraySpec((None,), np.dtype(str))


def test_some_fields_of_records_are_read_alone(folder, records):
    few = RecordsMmap(folder / "records", fields=["label", "tokens"])
    for batch, indices in zip(Loader(few, 8), chosen(), strict=True):
        same(batch, few.batch(indices))


def test_fields_are_cast_each_to_its_own_dtype(records):
    dtypes = {"tokens": np.int64, "image": "float32"}
    loader = Loader(records, 8, pad={"tokens": -100}, dtype=dtypes)
    assert loader.spec["tokens"][0] == ArraySpec((None, None), INT64)
    assert loader.spec["image"] == ArraySpec((None, 2, 3), FLOAT32)
    for batch, indices in zip(loader, chosen(), strict=True):
        same(batch["tokens"], records["tokens"].padded(indices, -100, dtype=np.int64))
        same(batch["image"], records["image"][indices].astype(np.float32))
        same(batch["label"], records["label"][indices])


def test_records_are_mixed_resumed_and_read_by_a_plan(folder, records):
    other = RecordsMmap.from_columns(folder / "other", fields(100, 20), fields=DECLARED)
    mixed = Loader({"a": (records, 1), "b": (other, 1)}, 8, shuffle=True, pad={"tokens": 0})
    expected = [batch["label"].tolist() for batch in mixed]
    assert {label >= 100 for label in expected[0]} == {True, False}
    mixed.set_epoch(0)
    batches = iter(mixed)
    next(batches)
    state = json.loads(json.dumps(mixed.state_dict()))
    resumed = pickle.loads(pickle.dumps(mixed))
    resumed.set_epoch(3)
    resumed.load_state_dict(state)
    assert [batch["label"].tolist() for batch in resumed] == expected[1:]
    plan = plans.budget(records["tokens"], max_elements=40)
    read = [batch["label"].tolist() for batch in Loader(records, 1, plan=plan, pad={"tokens": 0})]
    assert read == [list(entry) for entry in plan]


def test_the_state_of_other_records_is_refused(folder, records):
    other = RecordsMmap.from_columns(folder / "changed", {**fields(), "label": np.arange(1, COUNT + 1)})
    with pytest.raises(ValueError, match="another one, or was changed"):
        Loader(other, 8).load_state_dict(Loader(records, 8).state_dict())


def test_a_subclass_that_reads_batches_itself_is_asked_for_them(folder, records):
    class Doubled(RecordsMmap):
        def batch(self, indices, pad=None):
            return 2 * super().batch(indices)["label"]

    for batch, indices in zip(Loader(Doubled(folder / "records"), 8), chosen(), strict=True):
        assert_identical(batch, 2 * records["label"][indices])


@pytest.mark.parametrize("threads", [0, 2])
def test_batches_are_cast_while_they_are_copied(tokens, threads):
    rows = fields()["image"]
    options = {"shuffle": True, "threads": threads}
    for read, loader, spec in (
        (
            lambda batch: tokens.padded(batch, -100, dtype=np.int64),
            Loader(tokens, 8, pad=-100, dtype=np.int64, **options),
            (ArraySpec((None, None), INT64), ArraySpec((None,), INT64)),
        ),
        (
            lambda batch: tokens.gather(batch, dtype="f4"),
            Loader(tokens, 8, dtype="f4", **options),
            (ArraySpec((None,), FLOAT32), ArraySpec((None,), INT64)),
        ),
        (
            lambda batch: rows[batch].astype("f4"),
            Loader(rows, 8, dtype="f4", **options),
            ArraySpec((None, 2, 3), FLOAT32),
        ),
        (
            lambda batch: rows[batch].astype("f4"),
            Loader(np.asfortranarray(rows), 8, dtype="f4", **options),
            ArraySpec((None, 2, 3), FLOAT32),
        ),
    ):
        assert loader.spec == spec
        for batch, indices in zip(loader, chosen(**options), strict=True):
            same(batch, read(indices))


def test_packed_rows_and_windows_are_cast(tokens):
    rows, windows = plans.pack(tokens, length=16), plans.windows(tokens, length=2)
    for plan in (rows, windows):
        for k, batch in enumerate(Loader(tokens, 1, plan=plan, dtype=np.int64)):
            plain = plan.read(tokens, k)
            if plan is windows:
                same(batch, plain.astype(np.int64))
            else:
                same(tuple(batch), (plain.values.astype(np.int64), plain.offsets, plain.positions))


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("tokens", {"pad": -100}, OverflowError, "-100"),
        ("tokens", {"dtype": "i2"}, TypeError, "no cast from uint16 to int16"),
        ("tokens", {"dtype": "i4", "pad": 0.5}, (TypeError, ValueError), "padding_value"),
        ("rows", {"dtype": "i1"}, TypeError, "uint8"),
        ("columns", {"dtype": "i1"}, TypeError, "uint8 to int8"),
        ("texts", {"dtype": "i1"}, ValueError, "texts are not cast"),
        ("records", {"pad": 0}, TypeError, "pad of records must be a dict"),
        ("records", {"pad": {"x": 0}}, ValueError, "pad names 'x', but there is no such field"),
        ("records", {"pad": {"label": 0}}, ValueError, "field 'label': pad is for ragged maps"),
        (
            "records",
            {"dtype": {"tokens": {"a": int}}},
            TypeError,
            "field 'tokens': dtype is a dict for records alone",
        ),
        ("records", {"dtype": {"name": "i8"}}, ValueError, "field 'name': dtype is for arrays"),
        ("records", {"dtype": {"tokens": "i2"}}, TypeError, "uint16"),
        ("records", {"plan": "packed"}, TypeError, "a plan of pieces of samples is for a ragged map"),
        ("tokens", {"plan": "packed", "pad": 0}, ValueError, "pieces of samples are not padded"),
    ],
)
def test_what_cannot_be_cast_or_padded_is_refused_at_once(
    records, tokens, folder, source, options, error, message
):
    image = fields()["image"]
    given = {
        "tokens": tokens,
        "rows": image,
        "columns": np.asfortranarray(image),
        "texts": StringsMmap.from_strings(folder / "texts", ["a", "b"]),
        "records": records,
    }
    if "plan" in options:
        options = {**options, "plan": plans.pack(tokens, length=16)}
    with pytest.raises(error, match=message):
        Loader(given[source], 2, **options)


def test_records_of_a_mixture_have_the_same_fields(folder, records):
    few = RecordsMmap(folder / "records", fields=["label"])
    with pytest.raises(ValueError, match="must have the same fields"):
        Loader({"a": (records, 1), "b": (few, 1)}, 4)


def test_axes_that_samples_do_not_have_are_an_error(folder, records):
    name = folder / "odd"
    RecordsMmap.from_columns(name, fields(), fields=DECLARED)
    listed = json.loads((name / "fields.json").read_text())
    text = json.dumps(listed).replace("[-1, 4]", "[-1, 7]")
    (name / "fields.json").write_text(text)
    odd = RecordsMmap(name)
    with pytest.raises(ValueError, match="do not have the axes"):
        list(Loader(odd, 4))
