"""Options are checked once, when they are made, and are the same in every process."""

import inspect
import os
import pickle
import subprocess
import sys

import pytest
from conftest import held
from mmap_ninja import RaggedMmap, StringsMmap, _core, concatenate, repair, verify, write_checksums
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
        ({"locking": "off"}, TypeError),
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


WRITERS = {
    "append": lambda path, **options: RaggedMmap(path, timeout=0, **options).append([1]),
    "append of a text": lambda path, **options: StringsMmap(f"{path}-texts", timeout=0, **options).append(
        "a"
    ),
    "extend_dir": lambda path, **options: np_ninja.extend_dir(f"{path}-dense", [1], timeout=0, **options),
    "extend": lambda path, **options: np_ninja.extend(
        np_ninja.open_existing(f"{path}-dense"), [1], timeout=0, **options
    ),
    "np append": lambda path, **options: np_ninja.append(
        np_ninja.open_existing(f"{path}-dense"), 1, timeout=0, **options
    ),
    "from_lists": lambda path, **options: RaggedMmap.from_lists(path, [[1]], timeout=0, **options),
    "from_strings": lambda path, **options: StringsMmap.from_strings(path, ["a"], timeout=0, **options),
    "from_ndarray": lambda path, **options: np_ninja.from_ndarray(path, [1], timeout=0, **options),
    "from_generator": lambda path, **options: RaggedMmap.from_generator(path, [[1]], 1, timeout=0, **options),
    "from_indexable": lambda path, **options: StringsMmap.from_indexable(
        path, ["a"], 1, timeout=0, **options
    ),
    "np from_generator": lambda path, **options: np_ninja.from_generator(path, [1], 1, timeout=0, **options),
    "np from_indexable": lambda path, **options: np_ninja.from_indexable(path, [1], 1, timeout=0, **options),
    "concatenate": lambda path, **options: concatenate(path, [f"{path}-dense"], timeout=0, **options),
}


@pytest.mark.parametrize("name", WRITERS)
def test_without_locking_nobody_waits(path, name):
    write = WRITERS[name]
    RaggedMmap.from_lists(path, [[1]])
    StringsMmap.from_strings(f"{path}-texts", ["a"])
    np_ninja.from_ndarray(f"{path}-dense", [1])
    with held(path), held(f"{path}-texts"), held(f"{path}-dense"):
        with pytest.raises(TimeoutError):
            write(path)
        write(path, locking=False)


def test_checks_and_repairs_take_no_lock_if_told_so(path):
    RaggedMmap.from_lists(path, [[1]])
    with held(path):
        write_checksums(path, locking=False)
        assert repair(path, apply=True, locking=False).applied
        assert verify(path).ok


def test_the_environment_turns_off_the_lock_where_a_program_does_not(path):
    RaggedMmap.from_lists(path, [[1]])
    code = "import sys, mmap_ninja; mmap_ninja.RaggedMmap(sys.argv[1], timeout=0, locking=True).append([2])"
    with held(path):
        for value, succeeds in ("off", True), ("on", False):
            environment = {"MMAP_NINJA_LOCKING": value}
            done = subprocess.run(
                [sys.executable, "-c", code, path],
                check=False,
                capture_output=True,
                env={**os.environ, **environment},
            )
            assert (done.returncode == 0) is succeeds
    assert len(RaggedMmap(path)) == 2


def test_builds_spell_out_the_options_of_their_class():
    for cls, create in (RaggedMmap, "from_lists"), (StringsMmap, "from_strings"):
        options = set(inspect.signature(getattr(cls, create)).parameters)
        options -= {"out_dir", "lists", "strings", "verbose"}
        assert set(inspect.signature(cls.__init__).parameters) - {"self", "out_dir"} <= options
        for build in cls.from_generator, cls.from_indexable:
            defaults = {name: each.default for name, each in inspect.signature(build).parameters.items()}
            for name, parameter in inspect.signature(getattr(cls, create)).parameters.items():
                if name in options:
                    assert defaults[name] == parameter.default
