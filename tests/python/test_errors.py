"""Every error is the exception that a Python user expects, names the place, and leaves the files unchanged."""

import shutil

import numpy as np
import pytest
from conftest import tree
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, np_extend_dir, open_existing
from mmap_ninja import numpy as np_ninja

IMAGE, TOKENS, TEXTS = np.ones((2, 2)), np.arange(3), ["one", "zwei"]
SURROGATE, OBJECTS = "\ud800", np.array([None])


class Place:
    """The paths of one dataset of each kind, of a file, and of what does not exist."""

    def __init__(self, folder):
        self.images, self.tokens, self.texts, self.dense = (
            folder / name for name in ["images", "tokens", "texts", "dense"]
        )
        self.packed, self.missing, self.file, self.new = (
            folder / name for name in ["packed", "missing", "file", "new"]
        )

    def fill(self):
        RaggedMmap.from_lists(self.images, [IMAGE, IMAGE[:1]])
        RaggedMmap.from_lists(self.tokens, [TOKENS, TOKENS[:2]])
        StringsMmap.from_strings(self.texts, TEXTS)
        StringsMmap.from_strings(self.packed, TEXTS, zstd_level=3)
        np_ninja.from_ndarray(self.dense, np.zeros((3, 2), "float32"))
        self.file.write_text("no directory")

    def ragged(self, mode="r+", **options):
        return RaggedMmap(self.tokens, mode=mode, **options)

    def strings(self, mode="r+b"):
        return StringsMmap(self.texts, mode=mode)


def put(memmap, index, value):
    memmap[index] = value


def closed(memmap):
    memmap.close()
    return memmap


def failing():
    yield TOKENS
    raise ConnectionError("the 2nd sample")


# What is done at a Place, the exception, and what its message says.
INDEX = [
    (lambda at: at.ragged()[2], IndexError, "tokens", "2"),
    (lambda at: at.ragged()[-3], IndexError, "tokens", "-3"),
    (lambda at: at.ragged()[2**62], IndexError, "tokens", str(2**62)),
    (lambda at: at.ragged()[2**70], IndexError),
    (lambda at: at.ragged()[[0, 5]], IndexError, "tokens", "5"),
    (lambda at: at.ragged()[np.array([0, -9])], IndexError, "tokens", "-9"),
    (lambda at: at.ragged()[range(1, 4)], IndexError, "tokens", "2"),
    (lambda at: at.ragged()[np.array([True])], IndexError, "mask", "1", "2"),
    (lambda at: put(at.ragged(), 2, TOKENS), IndexError, "tokens", "2"),
    (lambda at: at.ragged().get_single(7), IndexError, "tokens", "7"),
    (lambda at: at.strings()[2], IndexError, "texts", "2"),
    (lambda at: at.strings()[[0, -3]], IndexError, "texts", "-3"),
    (lambda at: put(at.strings(), -4, "one"), IndexError, "texts", "-4"),
    (lambda at: RaggedMmap(at.missing)[0], IndexError, "missing", "0"),
    (lambda at: StringsMmap(at.missing)[0], IndexError, "missing", "0"),
    (lambda at: np_ninja.open_existing(at.dense)[3], IndexError, "3"),
    (lambda at: at.ragged()["one"], TypeError, "str"),
    (lambda at: at.ragged()[1.0], TypeError, "float"),
    (lambda at: at.ragged()[0, 1], TypeError, "tuple"),
    (lambda at: at.strings()[None], TypeError, "NoneType"),
    (lambda at: at.strings()[["one"]], TypeError, "integers"),
]
PATHS = [
    (lambda at: np_ninja.open_existing(at.missing), FileNotFoundError, "missing"),
    (lambda at: open_existing(at.missing), FileNotFoundError, "missing"),
    (lambda at: open_existing(at.missing, mode="r"), FileNotFoundError, "missing"),
    (lambda at: np_extend_dir(at.missing, TOKENS), FileNotFoundError, "missing"),
    (lambda at: RaggedMmap(at.file), NotADirectoryError, "file"),
    (lambda at: StringsMmap(at.file), NotADirectoryError, "file"),
    (lambda at: np_ninja.open_existing(at.file), NotADirectoryError, "file"),
    (lambda at: open_existing(at.file), NotADirectoryError, "file"),
    (lambda at: RaggedMmap.from_lists(at.file, [TOKENS]), OSError, "file"),
    (lambda at: StringsMmap.from_strings(at.file, TEXTS), OSError, "file"),
    (lambda at: np_ninja.from_ndarray(at.file, TOKENS), OSError, "file"),
    (lambda at: RaggedMmap.from_lists(at.file / "below", [TOKENS]), OSError, "file"),
    (lambda at: RaggedMmap(at.file / "below").append(TOKENS), OSError, "file"),
    (lambda at: RaggedMmap.from_generator(at.file, iter([TOKENS]), 1), OSError, "file"),
]
KINDS = [
    (lambda at: StringsMmap(at.tokens), ValueError, "tokens", "ragged", "string"),
    (lambda at: StringsMmap(at.dense), ValueError, "dense", "numpy", "string"),
    (lambda at: RaggedMmap(at.texts), ValueError, "texts", "string", "ragged"),
    (lambda at: RaggedMmap(at.dense), ValueError, "dense", "numpy", "ragged"),
    (lambda at: np_ninja.open_existing(at.texts), ValueError, "texts", "string"),
    (lambda at: np_extend_dir(at.texts, TOKENS), ValueError, "texts", "string"),
]
DTYPES = [
    (lambda at: RaggedMmap.from_lists(at.new, [OBJECTS]), TypeError, "object"),
    (lambda at: RaggedMmap.from_lists(at.new, [["a", None]]), TypeError, "object"),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS], dtype=object), TypeError, "object"),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS], dtype="nonsense"), TypeError, "nonsense"),
    (lambda at: RaggedMmap(at.new).append(OBJECTS), TypeError, "object"),
    (lambda at: at.ragged().append(OBJECTS), TypeError, "tokens", "sample 2", "object"),
    (lambda at: put(at.ragged(), 0, OBJECTS.repeat(3)), TypeError, "tokens", "sample 0", "object"),
    (lambda at: np_ninja.from_ndarray(at.new, OBJECTS), TypeError, "object"),
    (lambda at: np_ninja.from_generator(at.new, [OBJECTS], 1), TypeError, "object"),
    (lambda at: np_extend_dir(at.dense, np.full((1, 2), None)), TypeError, "dense", "object"),
    (lambda at: at.ragged().append(TOKENS + 0.5), TypeError, "tokens", "sample 2", "0.5"),
    (lambda at: at.ragged().extend([TOKENS, ["a"]]), TypeError, "tokens", "sample 3"),
    (lambda at: put(at.ragged(), slice(None), [TOKENS, [0, 0.5]]), TypeError, "tokens", "sample 1", "0.5"),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS, [np.nan]]), TypeError, "new", "sample 1", "nan"),
    (lambda at: RaggedMmap.from_lists(at.new, [[300]], dtype="u1"), OverflowError, "new", "sample 0", "300"),
    (lambda at: RaggedMmap.from_generator(at.new, [[1], [2], [2.5]], 2), TypeError, "new", "sample 2", "2.5"),
    (lambda at: np_extend_dir(at.dense, [[1e300, 0]]), OverflowError, "dense", "1e+300"),
    (lambda at: np_ninja.append(np_ninja.open_existing(at.dense), ["a", "b"]), TypeError, "dense"),
    (lambda at: StringsMmap.from_strings(at.new, ["a", 1]), TypeError, "new", "string 1", "int"),
    (lambda at: at.strings().append(b"bytes"), TypeError, "texts", "string 2", "bytes"),
    (lambda at: at.strings().extend(["a", None]), TypeError, "texts", "string 3", "NoneType"),
    (lambda at: at.strings().extend(["a", SURROGATE]), UnicodeEncodeError, "texts", "string 3"),
    (lambda at: StringsMmap.from_strings(at.new, [SURROGATE]), UnicodeEncodeError, "new", "string 0"),
    (lambda at: put(at.strings(), 0, 123), TypeError, "texts", "string 0", "int"),
]
SHAPES = [
    (lambda at: put(at.ragged(), 0, TOKENS[:2]), ValueError, "tokens", "sample 0", "[3]", "[2]"),
    (lambda at: put(at.ragged(), 0, 1), ValueError, "tokens", "sample 0"),
    (lambda at: put(at.ragged(), slice(None), [TOKENS, TOKENS]), ValueError, "tokens", "sample 1"),
    (lambda at: put(at.ragged(), [0, 1], [TOKENS]), ValueError, "tokens", "1 values", "2 samples"),
    (
        lambda at: put(RaggedMmap(at.images, mode="r+"), 0, IMAGE.ravel()[1:]),
        ValueError,
        "images",
        "sample 0",
    ),
    (lambda at: put(at.strings(), 1, "two"), ValueError, "texts", "string 1", "4 bytes"),
    (lambda at: put(at.strings(), slice(None), ["two", "drei!"]), ValueError, "texts", "string 1"),
    (lambda at: put(StringsMmap(at.packed), 1, "drei"), ValueError, "packed"),
    (lambda at: np_extend_dir(at.dense, np.ones((1, 3))), ValueError, "dense", "[1, 3]"),
    (lambda at: np_extend_dir(at.dense, np.ones(2)), ValueError, "dense"),
    (lambda at: np_extend_dir(at.dense, 1), ValueError, "dense"),
    (lambda at: np_ninja.append(np_ninja.open_existing(at.dense), np.ones((1, 2))), ValueError, "dense"),
    (lambda at: np_ninja.from_generator(at.new, [[1, 2], [3]], 2), ValueError, "new"),
    (lambda at: np_ninja.from_generator(at.new, [[1, 2], [3]], 1), ValueError, "new"),
    (lambda at: RaggedMmap.from_lists(at.new, [[[1], [2, 3]]]), ValueError, "new", "sample 0"),
    (lambda at: at.ragged().extend([TOKENS, [[1], [2, 3]]]), ValueError, "tokens", "sample 3"),
    (lambda at: RaggedMmap.from_lists(at.new, []), ValueError, "new"),
    (lambda at: at.ragged().extend(5), TypeError),
]
MODES = [
    (lambda at: at.ragged(mode="w+"), ValueError, "w+"),
    (lambda at: at.ragged(mode="x"), ValueError, "x"),
    (lambda at: at.ragged(mode=None), TypeError),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS], mode="w+"), ValueError, "w+"),
    (lambda at: RaggedMmap.from_generator(at.new, [TOKENS], 1, mode="a"), ValueError, "a"),
    (lambda at: at.strings(mode="w+b"), ValueError, "w+b"),
    (lambda at: at.strings(mode="a"), ValueError, "a"),
    (lambda at: StringsMmap.from_strings(at.new, TEXTS, mode="wb"), ValueError, "wb"),
    (lambda at: np_ninja.open_existing(at.dense, mode="w+"), ValueError, "w+"),
    (lambda at: np_ninja.open_existing(at.dense, mode=""), ValueError),
    (lambda at: open_existing(at.dense, mode="w+"), ValueError, "w+"),
    (lambda at: open_existing(at.texts, mode="w"), ValueError, "w"),
    (lambda at: put(at.ragged("r"), 0, TOKENS), ValueError, "tokens", "read-only"),
    (lambda at: put(at.ragged("r")[0], 0, 5), ValueError, "read-only"),
    (lambda at: put(at.strings("rb"), 0, "two"), ValueError, "texts", "read-only"),
    (lambda at: put(at.strings("r"), 0, "two"), ValueError, "texts", "read-only"),
    (lambda at: put(np_ninja.open_existing(at.dense), 0, 5), ValueError, "read-only"),
    (lambda at: put(open_existing(at.tokens), 0, TOKENS), ValueError, "tokens", "read-only"),
    (lambda at: closed(at.ragged()).append(TOKENS), ValueError, "tokens", "closed"),
    (lambda at: closed(at.strings()).append("a"), ValueError, "texts", "closed"),
]
BUILDS = [
    (lambda at: RaggedMmap.from_generator(at.new, [TOKENS], 0), ValueError, "batch_size", "0"),
    (lambda at: StringsMmap.from_generator(at.new, TEXTS, -1), ValueError, "batch_size", "-1"),
    (lambda at: RaggedMmap.from_indexable(at.new, [TOKENS], 0), ValueError, "batch_size", "0"),
    (lambda at: RaggedMmap.from_indexable(at.new, iter([TOKENS]), 1), TypeError, "__getitem__"),
    (lambda at: RaggedMmap.from_generator(at.new, failing(), 2), ConnectionError, "the 2nd sample"),
    (lambda at: RaggedMmap.from_generator(at.tokens, failing(), 2), ConnectionError, "the 2nd sample"),
    (lambda at: at.ragged().extend(failing()), ConnectionError, "the 2nd sample"),
    (lambda at: StringsMmap.from_generator(at.new, TEXTS, 2, unknown=1), TypeError, "unknown"),
    (lambda at: StringsMmap.from_strings(at.new, TEXTS, zstd_level=23), ValueError, "23"),
    (
        lambda at: StringsMmap.from_strings(at.new, TEXTS, zstd_level=3, zstd_train_dictionary_size=512),
        ValueError,
        "dictionary",
    ),
    (
        lambda at: RaggedMmap.from_lists(at.new, [TOKENS], starts_key="one", ends_key="one"),
        (ValueError, OSError),
    ),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS], starts_key="data.ninja"), (ValueError, OSError)),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS], starts_key="checksums.json"), ValueError),
    (lambda at: RaggedMmap.from_lists(at.new, [TOKENS], starts_key="../outside"), (ValueError, OSError)),
    (lambda at: np_ninja._empty(at.new, "float32", (2,), "K"), ValueError, "'C' or 'F'"),
]
GROUPS = {
    "index": INDEX,
    "path": PATHS,
    "kind": KINDS,
    "dtype": DTYPES,
    "shape": SHAPES,
    "mode": MODES,
    "build": BUILDS,
}
TABLE = {f"{group}-{number}": case for group, cases in GROUPS.items() for number, case in enumerate(cases)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filled")
    Place(folder).fill()
    return folder


@pytest.fixture
def place(tmp_path, filled):
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path)


def tree_without_partial_builds(folder):
    return {name: content for name, content in tree(folder).items() if ".partial" not in name}


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_a_failing_call_says_what_and_where_and_writes_nothing(place, tmp_path, case):
    call, error, *fragments = case
    before = tree(tmp_path)
    with pytest.raises(error) as raised:
        call(place)
    assert tree_without_partial_builds(tmp_path) == before
    for fragment in fragments:
        assert str(vars(place).get(fragment, fragment)) in str(raised.value)


def test_errors_about_files_carry_errno_and_filename(place):
    with pytest.raises(FileNotFoundError) as raised:
        np_ninja.open_existing(place.missing)
    assert raised.value.errno == 2
    assert str(place.missing) in raised.value.filename


@pytest.mark.parametrize("number", range(3))
def test_iteration_ends_after_the_last_sample(place, number):
    memmap = [place.ragged(), place.strings(), RaggedMmap(place.missing)][number]
    assert len(list(iter(memmap))) == len(memmap)
    assert [len(each) for each in reversed(memmap)] == [len(each) for each in memmap][::-1]


@pytest.mark.parametrize("cls", [RaggedMmap, StringsMmap, RecordsMmap])
def test_a_wrong_call_names_the_public_class(cls):
    for name in ("from_generator", "from_indexable"):
        with pytest.raises(TypeError, match=rf"^{cls.__name__}\.{name}\(\) missing"):
            getattr(cls, name)()
    with pytest.raises(TypeError, match=r"^RaggedMmap\.padded\(\) missing"):
        RaggedMmap.padded()
