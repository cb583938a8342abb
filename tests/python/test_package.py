"""What can be imported, called and seen, beside the data."""

import importlib
import pickle
import subprocess
import sys

import mmap_ninja
import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from original_driver import MODULES, Session

# The private names of 0.9.0 that programs are known to use.
USED = {
    "mmap_ninja.base": "_str_to_file _file_to_str _int_to_file _file_to_int _shape_to_file _file_to_shape "
    "_bytes_to_int _int_to_bytes _bytes_to_str _str_to_bytes _shape_to_bytes _bytes_to_shape",
    "mmap_ninja.numpy": "_empty",
}
USED = {f"{module}.{name}" for module, names in USED.items() for name in names.split()}
PUBLIC = (
    "RaggedMmap StringsMmap Wrapped open_existing np_from_ndarray np_from_generator np_open_existing "
    "np_extend_dir np_extend np_append"
)


def is_kept(name):
    return name in USED or not any(part.startswith("_") for part in name.split("."))


def test_every_public_signature_of_the_original_is_kept(original):
    ours, theirs = Session().signatures(), original.signatures()
    assert USED | {"mmap_ninja.RaggedMmap.from_lists", "mmap_ninja.StringsMmap.close"} <= set(theirs)
    missing = {
        name: parameters
        for name, parameters in theirs.items()
        if is_kept(name) and not is_subsequence(parameters, ours.get(name, []))
    }
    assert missing == {}


def is_subsequence(needed, offered):
    """Whether arguments by position and by name mean the same; more may follow before `**kwargs`."""
    by_position = [name for name in needed if name != "kwargs"]
    return offered[: len(by_position)] == by_position and set(needed) <= set(offered)


def test_the_names_of_the_original_are_public():
    for name in PUBLIC.split():
        assert name in mmap_ninja.__all__
        assert getattr(mmap_ninja, name).__doc__
    for module in MODULES:
        importlib.import_module(module)


@pytest.mark.parametrize("constructor", ["RaggedMmap", "StringsMmap", "np_ninja"])
def test_every_from_generator_takes_the_expected_number(path, constructor):
    owner = {"RaggedMmap": RaggedMmap, "StringsMmap": StringsMmap, "np_ninja": np_ninja}[constructor]
    samples = ["a"] * 3 if owner is StringsMmap else [np.zeros(2)] * 3
    assert len(owner.from_generator(path, iter(samples), 2, n=3)) == 3


def test_importing_loads_nothing_that_is_optional():
    code = "import mmap_ninja, sys; print([m for m in ('tqdm', 'joblib', 'zstandard', 'ml_dtypes') if m in sys.modules])"
    for extra in "", "; mmap_ninja.RaggedMmap('/nonexistent')":
        command = [sys.executable, "-c", code + extra]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("module", ["mmap_ninja", "mmap_ninja.cli"])
def test_without_numpy_there_is_an_import_error(module):
    code = f"import sys; sys.modules['numpy'] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: import of numpy")
    assert "anic" not in done.stderr


@pytest.mark.parametrize("method", ["from_generator", "from_indexable"])
@pytest.mark.parametrize("cls", [RaggedMmap, StringsMmap])
def test_an_unknown_argument_is_that_of_the_method_that_was_called(path, cls, method):
    with pytest.raises(TypeError, match=rf"^{cls.__name__}\.{method}\(\) got an unexpected .* 'batchsize'$"):
        getattr(cls, method)(path, ["a"], 1, batchsize=3)
    assert not list(path.parent.iterdir())


def builds(samples, texts, **options):
    """Every builder that shows a bar."""
    yield lambda path: RaggedMmap.from_generator(path, iter(samples), 2, **options)
    yield lambda path: StringsMmap.from_generator(path, iter(texts), 2, **options)
    yield lambda path: np_ninja.from_generator(path, iter(samples), 2, **options)


@pytest.mark.parametrize("number", range(3))
def test_nothing_is_printed_unless_asked_for(path, capfd, number):
    list(builds([np.zeros(2)] * 5, ["a"] * 5))[number](path)
    RaggedMmap.from_indexable(path, [np.zeros(2)] * 5, 2)
    StringsMmap.from_strings(path, ["a"]).extend(["b"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", range(3))
def test_a_bar_shows_the_expected_number(path, capfd, number):
    list(builds([np.zeros(2)] * 5, ["a"] * 5, verbose=True, n=7))[number](path)
    out, err = capfd.readouterr()
    assert out == ""
    assert "5/7" in err


def test_a_bar_shows_the_length_where_no_number_is_given(path, capfd):
    samples, texts = [np.zeros(2)] * 5, ["a"] * 5
    for build in [
        lambda: RaggedMmap.from_generator(path, samples, 2, verbose=True),
        lambda: StringsMmap.from_generator(path, texts, 2, verbose=True),
        lambda: np_ninja.from_generator(path, samples, 2, verbose=True),
        lambda: RaggedMmap.from_indexable(path, samples, 2, verbose=True),
        lambda: StringsMmap.from_strings(path, texts, verbose=True),
        lambda: StringsMmap(path).extend(texts, verbose=True),
    ]:
        build()
        assert "5/5" in capfd.readouterr().err


def test_a_bar_without_a_total_counts_samples(path, capfd):
    samples = [np.zeros(2)] * 5
    RaggedMmap.from_generator(path, map(np.asarray, samples), 2, verbose=True)
    RaggedMmap.from_indexable(path, lambda index: samples[index], 2, verbose=True)
    assert capfd.readouterr().err.count("\r5 samples [") == 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_samples_may_be_loaded_in_several_processes(path, n_jobs):
    ragged = RaggedMmap.from_indexable(path, [np.full(n % 3, n) for n in range(7)], 3, n_jobs=n_jobs)
    assert [sample.tolist() for sample in ragged] == [[n] * (n % 3) for n in range(7)]


def test_the_small_files_are_converted_both_ways(path):
    from mmap_ninja import base

    for write, read, value, content in [
        (base._int_to_file, base._file_to_int, -5, b"\xfb\xff\xff\xff"),
        (base._str_to_file, base._file_to_str, "é", "é".encode()),
        (base._shape_to_file, base._file_to_shape, (2, 3), b"\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"),
    ]:
        write(value, path)
        assert path.read_bytes() == content
        assert read(path) == value
    base._int_to_file(7, path, fmt="<q")
    assert base._file_to_int(path, "<q") == 7


def test_a_map_of_a_named_dtype_is_the_map(path):
    class Tokens(RaggedMmap[np.int32]):
        pass

    made = RaggedMmap[np.int32].from_lists(path, [np.arange(3, dtype=np.int32)])
    for tokens in made, RaggedMmap[np.int32](path), Tokens(path), pickle.loads(pickle.dumps(made)):
        assert isinstance(tokens, RaggedMmap)
        assert tokens[0].tolist() == [0, 1, 2]


def test_importing_does_not_load_what_only_type_checkers_need():
    code = "import mmap_ninja, sys; print('typing_extensions' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        == "False\n"
    )
