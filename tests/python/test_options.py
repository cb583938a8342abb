"""Options are checked once, when they are made, and are the same in every process."""

import pickle

import pytest
from mmap_ninja import RaggedMmap, StringsMmap, _core, concatenate, verify
from mmap_ninja import numpy as np_ninja


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"mode": "w+"}, ValueError),
        ({"mode": "x"}, ValueError),
        ({"access": "often"}, ValueError),
        ({"durability": "never"}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": "long"}, TypeError),
        ({"starts_key": 3}, TypeError),
        ({"mode": None}, TypeError),
        ({"other_key": "other"}, TypeError),
    ],
)
def test_an_option_is_refused_by_its_name(option, error):
    with pytest.raises(error, match=next(iter(option))):
        _core.Options(**option)


def test_options_are_pickled_as_they_were_given():
    given = {"flattened_shapes_key": "lengths", "timeout": float("inf"), "mode": "r+b"}
    options = pickle.loads(pickle.dumps(_core.Options(**given)))
    assert options.keywords() == given


@pytest.mark.parametrize(
    "store",
    [
        lambda path, **options: RaggedMmap.from_lists(path, [[1]], **options),
        lambda path, **options: RaggedMmap.from_generator(path, [[1]], 1, **options),
        lambda path, **options: StringsMmap.from_strings(path, ["one"], **options),
        lambda path, **options: StringsMmap.from_indexable(path, ["one"], 1, **options),
        lambda path, **options: np_ninja.from_generator(path, [1], 1, **options),
        lambda path, **options: np_ninja.from_ndarray(path, [1], **options),
    ],
)
def test_unknown_options_are_refused_before_anything_is_written(path, store):
    for options, error in [({"durability": "never"}, ValueError), ({"other": 1}, TypeError)]:
        with pytest.raises(error):
            store(path, **options)
        assert not list(path.parent.iterdir())


def test_texts_have_no_shapes_to_name(path):
    with pytest.raises(TypeError, match="shapes_key"):
        StringsMmap.from_generator(path, ["one"], 1, shapes_key="other")
    StringsMmap.from_strings(path, ["one"])
    with pytest.raises(TypeError, match="shapes_key"):
        concatenate(path.parent / "joined", [path], shapes_key="other")


def test_a_verification_takes_names_and_no_other_options(path):
    RaggedMmap.from_lists(path, [[1]], ends_key="last")
    assert verify(path, ends_key="last").ok
    with pytest.raises(TypeError, match="durability"):
        verify(path, durability="full")
