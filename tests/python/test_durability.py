"""Every way to write takes `durability` and `timeout`, and refuses bad values before it writes anything."""

import inspect
import pickle
import signal
import subprocess

import numpy as np
import pytest
from conftest import held, names, program, tree
from mmap_ninja import RaggedMmap, StringsMmap, concatenate
from mmap_ninja import numpy as np_ninja

SAMPLES, TEXTS, ARRAY = [np.arange(3), np.arange(2)], ["one", "zwei"], np.zeros((2, 3))

CREATING = {
    "from_lists": lambda path, **options: RaggedMmap.from_lists(path, SAMPLES, **options),
    "ragged generator": lambda path, **options: RaggedMmap.from_generator(path, SAMPLES, 1, **options),
    "ragged indexable": lambda path, **options: RaggedMmap.from_indexable(path, SAMPLES, 1, **options),
    "from_strings": lambda path, **options: StringsMmap.from_strings(path, TEXTS, **options),
    "strings generator": lambda path, **options: StringsMmap.from_generator(path, TEXTS, 1, **options),
    "strings indexable": lambda path, **options: StringsMmap.from_indexable(path, TEXTS, 1, **options),
    "from_ndarray": lambda path, **options: np_ninja.from_ndarray(path, ARRAY, **options),
    "dense generator": lambda path, **options: np_ninja.from_generator(path, ARRAY, 1, **options),
    "dense indexable": lambda path, **options: np_ninja.from_indexable(path, ARRAY, 1, **options),
}
APPENDING = {
    "ragged": lambda path, **options: RaggedMmap(path, **options).append(SAMPLES[0]),
    "images": lambda path, **options: RaggedMmap(path, **options).extend([np.ones((2, 2), int)]),
    "strings": lambda path, **options: StringsMmap(path, **options).append("drei"),
    "extend_dir": lambda path, **options: np_ninja.extend_dir(path, ARRAY, **options),
    "extend": lambda path, **options: np_ninja.extend(np_ninja.open_existing(path), ARRAY, **options),
    "append": lambda path, **options: np_ninja.append(np_ninja.open_existing(path), ARRAY[0], **options),
}
STORES = {"ragged": "from_lists", "images": "from_lists", "strings": "from_strings"}
BAD = [
    ({"durability": "disk"}, ValueError),
    ({"durability": ""}, ValueError),
    ({"durability": None}, TypeError),
    ({"timeout": -1}, ValueError),
    ({"timeout": float("nan")}, ValueError),
    ({"timeout": "1"}, TypeError),
    ({"timeout": None}, TypeError),
]


def create(path, appending):
    CREATING[STORES.get(appending, "from_ndarray")](path)


@pytest.mark.parametrize(
    "options", [{"durability": "full"}, {"timeout": 0}, {"timeout": float("inf")}], ids=str
)
def test_the_files_are_the_same_with_all_options(path, options):
    for number, make in enumerate(CREATING.values()):
        make(path / f"plain {number}")
        make(path / f"options {number}", **options)
        assert tree(path / f"plain {number}") == tree(path / f"options {number}")
    for name, append in APPENDING.items():
        create(path / f"plain {name}", name)
        create(path / f"options {name}", name)
        append(path / f"plain {name}")
        append(path / f"options {name}", **options)
        assert tree(path / f"plain {name}") == tree(path / f"options {name}")


@pytest.mark.parametrize("options, error", BAD, ids=str)
def test_a_bad_option_is_refused_before_anything_is_written(path, options, error):
    (name,) = options
    match = name if error is ValueError else None
    for make in CREATING.values():
        with pytest.raises(error, match=match):
            make(path, **options)
        assert not names(path.parent)
    for appending, append in APPENDING.items():
        create(path, appending)
        before = tree(path.parent)
        with pytest.raises(error, match=match):
            append(path, **options)
        assert tree(path.parent) == before


def test_a_map_keeps_its_options_through_a_pickle(path):
    options = {"durability": "full", "timeout": 0.05}
    for make in (CREATING[name] for name in CREATING if "dense" not in name and name != "from_ndarray"):
        copy = pickle.loads(pickle.dumps(make(path, **options)))
        assert (copy.durability, copy.timeout) == ("full", 0.05)
        with held(path), pytest.raises(TimeoutError, match=str(path)):
            copy.extend(copy[:1])


@pytest.mark.parametrize("appending", APPENDING)
def test_an_append_that_waits_too_long_names_the_directory(path, appending):
    create(path, appending)
    before = tree(path.parent)
    with held(path), pytest.raises(TimeoutError, match=f"{path}: another writer"):
        APPENDING[appending](path, timeout=0.02)
    assert tree(path.parent) == before
    APPENDING[appending](path, timeout=0.02)


@pytest.mark.parametrize("creating", CREATING)
def test_a_replacement_that_waits_too_long_leaves_what_is_there(path, creating):
    CREATING[creating](path)
    before = tree(path)
    with held(path), pytest.raises(TimeoutError, match=f"{path}: another writer"):
        CREATING[creating](path, timeout=0.02)
    assert tree(path) == before
    CREATING[creating](path, timeout=0.02)


@pytest.mark.parametrize("creating", ["from_lists", "from_strings", "from_ndarray"])
def test_concatenate_uses_the_durability_and_the_timeout(path, creating):
    CREATING[creating](path)
    CREATING[creating](part := path.with_name("part"))
    before = tree(path)
    with held(path), pytest.raises(TimeoutError, match=f"{path}: another writer"):
        concatenate(path, [part], timeout=0.02)
    with pytest.raises(ValueError, match="durability"):
        concatenate(path, [part], durability="disk")
    assert tree(path) == before
    joined = concatenate(path, [part, part], durability="full", timeout=0.02)
    assert creating == "from_ndarray" or (joined.durability, joined.timeout) == ("full", 0.02)
    assert len(joined) == 4


@pytest.mark.parametrize("write", ["from_strings", "from_lists", "from_ndarray", "from_generator"])
def test_an_interrupt_ends_a_replacement_that_waits_for_another_writer(path, write):
    StringsMmap.from_strings(path, ["a"])
    command = program("replace", path, write)
    with held(path), subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as waiting:
        waiting.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.2)
        waiting.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in waiting.communicate(timeout=120)[1]
    assert StringsMmap(path)[:] == ["a"]


def test_every_function_that_writes_has_the_same_defaults():
    functions = [RaggedMmap, RaggedMmap.from_lists, StringsMmap, StringsMmap.from_strings, concatenate]
    functions += [getattr(np_ninja, name) for name in ("from_ndarray", "from_generator", "from_indexable")]
    functions += [getattr(np_ninja, name) for name in ("extend_dir", "extend", "append")]
    for function in functions:
        parameters = inspect.signature(function).parameters
        assert (parameters["durability"].default, parameters["timeout"].default) == ("process", 60.0)
