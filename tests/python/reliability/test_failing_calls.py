"""Hundreds of calls that must fail: each raises what is documented, and no byte, size or name changes."""

import hashlib
import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import readers
from catalogue import create_all
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap, concatenate, open_existing
from mmap_ninja import numpy as np_ninja

BAD_INDICES = {
    "past the end": (
        [99, -99, 2**31, 2**63, -(2**63) - 1, [0, 99], [-99], range(3, 99), np.array([99])],
        IndexError,
    ),
    "mask of another length": ([[True] * 3, np.ones(99, bool)], IndexError),
    "no index": (
        [1.5, "0", None, (0, 1), {}, b"0", [1.5], ["0"], [[0, 1]], np.array([0.0])],
        (TypeError, IndexError),
    ),
}
ONES = [99, -99, 2**31, 2**63]

RAGGED_BATCHES = ["gather", "padded", "prefetch", "get_multiple", "__getitems__"]
STRING_BATCHES = ["gather", "prefetch", "get_multiple", "__getitems__"]
NO_SAMPLES = {
    "object": (np.array([None]), TypeError),
    "ragged list": ([[1], [2, 3]], ValueError),
    "text": ("text", TypeError),
    "dict": ({}, TypeError),
    "set": ({1}, TypeError),
    "fraction": (np.array([0.5]), TypeError),
    "nan": (np.array([np.nan]), TypeError),
    "too large": (np.array([2**40]), OverflowError),
    "too small": (np.array([-(2**40)]), OverflowError),
    "complex": (np.array([1j]), TypeError),
    "time": (np.array(["2020-01-01"], "M8[D]"), TypeError),
    "masked": (np.ma.array([1], mask=[1]), TypeError),
}
NO_TEXTS = {"bytes": b"a", "number": 1, "none": None, "list": ["a"], "array": np.array("a"), "float": 1.5}
NO_OPTIONS = {
    "mode": (["w", "w+", "x", "", "a", "rw"], ValueError),
    "access": (["", "fast", "RANDOM"], ValueError),
    "durability": (["", "none", "FULL"], ValueError),
    "timeout": ([-1, -0.001, float("nan"), -float("inf")], ValueError),
    "unknown": ([1], TypeError),
}
FORTRAN = "dense in F order"
NO_KEYS = ["", ".", "..", "a/b", "/tmp", "data.ninja", "ends", "a\0b"]


def cases():
    """Names of calls, the calls, and what each raises."""
    yield from index_cases()
    yield from append_cases()
    yield from assignment_cases()
    yield from option_cases()
    yield from dense_cases()
    yield from place_cases()
    yield from record_cases()


def index_cases():
    for why, (indices, error) in BAD_INDICES.items():
        for index in indices:
            for name in ["flat", "n-d", "strings", "zstd"]:
                yield f"{name}[{index!r}] {why}", lambda at, n=name, i=index: opened(at, n)[i], error
            if isinstance(index, (list, range)) and index != ["0"]:
                for name, batches in {"flat": RAGGED_BATCHES, "strings": STRING_BATCHES}.items():
                    for batch in batches:
                        call = lambda at, n=name, b=batch, i=index: getattr(opened(at, n), b)(i)
                        yield f"{name}.{batch}({index!r}) {why}", call, error
    yield "padded: mixed axes", lambda at: opened(at, "n-d").padded([0, 4]), ValueError
    yield "padded: side", lambda at: opened(at, "flat").padded([0], padding_side="top"), ValueError
    yield "padded: value", lambda at: opened(at, "flat").padded([0], padding_value=0.5), TypeError
    yield "padded: large value", lambda at: opened(at, "flat").padded([0], padding_value=2**40), OverflowError
    yield "padded: out", lambda at: opened(at, "flat").padded([0], out=np.zeros((1, 1), "int32")), ValueError
    yield "padded: out dtype", lambda at: opened(at, "flat").padded([0], out=np.zeros((1, 9))), TypeError


def append_cases():
    for why, (sample, error) in NO_SAMPLES.items():
        yield f"flat.append({why})", lambda at, s=sample: opened(at, "flat").append(s), error
        yield f"flat.extend(good, {why})", lambda at, s=sample: opened(at, "flat").extend([[1], s]), error
        kept = [[1], sample]
        yield f"from_lists({why})", lambda at, k=kept: RaggedMmap.from_lists(at / "flat", k, "int32"), error
    for why, text in NO_TEXTS.items():
        for name in ["strings", "zstd"]:
            yield f"{name}.append({why})", lambda at, n=name, t=text: opened(at, n).append(t), TypeError
            yield (
                f"{name}.extend({why})",
                lambda at, n=name, t=text: opened(at, n).extend(["a", t]),
                TypeError,
            )
        yield (
            f"from_strings({why})",
            lambda at, t=text: StringsMmap.from_strings(at / "strings", ["a", t]),
            TypeError,
        )
    for name in ["strings", "zstd"]:
        yield (
            f"{name}.append(surrogate)",
            lambda at, n=name: opened(at, n).append("\ud800"),
            UnicodeEncodeError,
        )
    for name, value in product(["flat", "n-d", "strings"], [None, 5, 1.5]):
        yield f"{name}.extend({value})", lambda at, n=name, v=value: opened(at, n).extend(v), TypeError
    for name in ["flat", "strings"]:
        yield f"{name}: closed", lambda at, n=name: closed(opened(at, n)).append("a"), (ValueError, TypeError)
        yield f"{name}: closed item", lambda at, n=name: closed(opened(at, n))[0], ValueError


def assignment_cases():
    for index in ONES:
        yield f"flat[{index}] =", lambda at, i=index: put(opened(at, "flat"), i, [1]), IndexError
        yield f"strings[{index}] =", lambda at, i=index: put(opened(at, "strings"), i, "a"), IndexError
    for why, (sample, error) in NO_SAMPLES.items():
        broadcast = (
            np.full(3, sample) if isinstance(sample, np.ndarray) and not np.ma.isMA(sample) else sample
        )
        wanted = (error, ValueError)
        yield f"flat[0] = {why}", lambda at, s=broadcast: put(opened(at, "flat"), 0, s), wanted
        yield (
            f"flat[:2] = .., {why}",
            lambda at, s=broadcast: put(opened(at, "flat"), [2, 0], [[1], s]),
            wanted,
        )
    for shape in [(2,), (4,), (1, 3), (3, 1), ()]:
        yield (
            f"flat[0] = shape {shape}",
            lambda at, s=shape: put(opened(at, "flat"), 0, np.ones(s, int)),
            ValueError,
        )
    yield "flat[:2] = one", lambda at: put(opened(at, "flat"), slice(0, 2), [[1, 2, 3]]), ValueError
    yield "flat[:2] = three", lambda at: put(opened(at, "flat"), slice(0, 2), [[1, 2, 3]] * 3), ValueError
    for text in ["", "on", "ones", "é", "\ud800", 1, None, b"one"]:
        yield (
            f"strings[0] = {text!r}",
            lambda at, t=text: put(opened(at, "strings"), 0, t),
            (ValueError, TypeError),
        )
        both = ["two", text]
        yield (
            f"strings[[0, 2]] = {both}",
            lambda at, b=both: put(opened(at, "strings"), [0, 0], b),
            (ValueError, TypeError),
        )
    yield "zstd[0] =", lambda at: put(opened(at, "zstd"), 0, "one"), ValueError
    for name, value in {"flat": [1, 2, 3], "n-d": np.ones((1, 2, 3)), "strings": "two"}.items():
        yield f"{name}: read-only", lambda at, n=name, v=value: put(opened(at, n, "r"), 0, v), ValueError
    yield "item: read-only", lambda at: put(opened(at, "flat", "r")[0], 0, 1), ValueError


def option_cases():
    calls = {
        "RaggedMmap": lambda at, **options: RaggedMmap(at / "flat", **options),
        "StringsMmap": lambda at, **options: StringsMmap(at / "strings", **options),
        "from_lists": lambda at, **options: RaggedMmap.from_lists(at / "flat", [[1]], **options),
        "from_strings": lambda at, **options: StringsMmap.from_strings(at / "strings", ["a"], **options),
        "new from_lists": lambda at, **options: RaggedMmap.from_lists(at / "new", [[1]], **options),
        "new from_strings": lambda at, **options: StringsMmap.from_strings(at / "new", ["a"], **options),
        "from_generator": lambda at, **options: RaggedMmap.from_generator(at / "flat", [[1]], 1, **options),
        "from_indexable": lambda at, **options: StringsMmap.from_indexable(
            at / "strings", ["a"], 1, **options
        ),
    }
    for (name, call), (option, (values, error)) in product(calls.items(), NO_OPTIONS.items()):
        for value in values:
            yield f"{name}({option}={value!r})", lambda at, c=call, o=option, v=value: c(at, **{o: v}), error
    for name, key in product(["from_lists", "new from_lists", "from_strings"], NO_KEYS):
        wanted = (ValueError, OSError)
        yield f"{name}(starts_key={key!r})", lambda at, c=calls[name], k=key: c(at, starts_key=k), wanted
    for size in [0, -1, -(2**40)]:
        for make, name in product([RaggedMmap, StringsMmap], ["from_generator", "from_indexable"]):
            call = lambda at, m=make, n=name, s=size: getattr(m, n)(at / "new", ["a"], s)
            yield f"{make.__name__}.{name}(batch_size={size})", call, ValueError
    for level in [23, 1000, -(2**31)]:
        call = lambda at, v=level: StringsMmap.from_strings(at / "strings", ["a"], zstd_level=v)
        yield f"from_strings(zstd_level={level})", call, ValueError
    for size in [1, 256, 2**30, 2**60]:
        options = {"zstd_level": 3, "zstd_train_dictionary_size": size}
        call = lambda at, o=options: StringsMmap.from_strings(at / "strings", ["a"], **o)
        yield f"from_strings(zstd_train_dictionary_size={size})", call, ValueError


def dense_cases():
    rows = {
        "shape": (np.ones((2, 4)), ValueError),
        "axes": (np.ones(3), ValueError),
        "more axes": (np.ones((1, 1, 3)), ValueError),
        "object": (np.full((1, 3), None), TypeError),
        "complex": (np.full((1, 3), 1j), TypeError),
        "text": (np.full((1, 3), "a"), TypeError),
        "scalar": (5, ValueError),
    }
    for why, (array, error) in rows.items():
        yield f"extend_dir({why})", lambda at, a=array: np_ninja.extend_dir(at / "dense", a), error
        yield f"extend({why})", lambda at, a=array: np_ninja.extend(dense(at), a), error
        yield f"fortran extend({why})", lambda at, a=array: np_ninja.extend_dir(at / FORTRAN, a), error
    for shape in [(), (2,), (4,), (1, 3)]:
        yield f"append(shape {shape})", lambda at, s=shape: np_ninja.append(dense(at), np.ones(s)), ValueError
    yield "extend: 0-D", lambda at: np_ninja.extend_dir(at / "dense 0-D", np.ones(1, int)), ValueError
    yield "extend: fraction", lambda at: np_ninja.extend_dir(at / FORTRAN, np.full((1, 3), 0.5)), TypeError
    yield (
        "extend: large",
        lambda at: np_ninja.extend_dir(at / FORTRAN, np.full((1, 3), 2.0**70)),
        OverflowError,
    )
    yield "from_ndarray(object)", lambda at: np_ninja.from_ndarray(at / "dense", np.array([None])), TypeError
    for mode in ["w+", "w", "a", "", "x"]:
        yield (
            f"open_existing({mode!r})",
            lambda at, m=mode: np_ninja.open_existing(at / "dense", m),
            ValueError,
        )
        yield (
            f"any open_existing({mode!r})",
            lambda at, m=mode: open_existing(at / "dense", mode=m),
            ValueError,
        )
    for order in ["K", "", "c"]:
        yield (
            f"_empty({order!r})",
            lambda at, o=order: np_ninja._empty(at / "dense", "i4", (2,), o),
            ValueError,
        )
    yield "_empty(huge)", lambda at: np_ninja._empty(at / "dense", "i4", (2**61, 8), "C"), ValueError
    for batch in [0, -3]:
        yield (
            f"dense from_generator({batch})",
            lambda at, b=batch: np_ninja.from_generator(at / "new", [1], b),
            ValueError,
        )
    yield "stack: shapes", lambda at: np_ninja.from_generator(at / "new", [[1], [1, 2]], 2), ValueError


def place_cases():
    kinds = {"flat": "ragged", "strings": "string", "dense": "numpy"}
    openers = {"ragged": RaggedMmap, "string": StringsMmap, "numpy": np_ninja.open_existing}
    for (name, kind), (wanted, opener) in product(kinds.items(), openers.items()):
        # The elements of a ragged map are a dense array.
        if kind != wanted and (kind, wanted) != ("ragged", "numpy"):
            yield f"{opener.__name__} of {name}", lambda at, o=opener, n=name: o(at / n), ValueError
    for name, wanted in {"missing": FileNotFoundError, "file": NotADirectoryError}.items():
        yield f"open_existing({name})", lambda at, n=name: open_existing(at / n), wanted
        yield f"dense open_existing({name})", lambda at, n=name: np_ninja.open_existing(at / n), wanted
        yield f"extend_dir({name})", lambda at, n=name: np_ninja.extend_dir(at / n, np.ones(3)), OSError
        yield f"concatenate({name})", lambda at, n=name: concatenate(at / "new", [at / n]), OSError
    for opener in (RaggedMmap, StringsMmap):
        yield f"{opener.__name__}(file)", lambda at, o=opener: o(at / "file"), NotADirectoryError
        yield f"{opener.__name__}(below a file)", lambda at, o=opener: o(at / "file" / "x"), OSError
        for path in [None, 5, ["a"]]:
            yield f"{opener.__name__}({path!r})", lambda at, o=opener, p=path: o(p), TypeError
        yield f"{opener.__name__}(with NUL)", lambda at, o=opener: o("a\0b"), ValueError
    for name, other in product(["flat", "strings", "dense"], repeat=2):
        if name != other:
            both = [name, other]
            yield (
                f"concatenate({both})",
                lambda at, b=both: concatenate(at / "new", [at / n for n in b]),
                ValueError,
            )
    yield "concatenate(nothing)", lambda at: concatenate(at / "new", []), ValueError
    yield "concatenate: dtypes", lambda at: concatenate(at / "new", [at / "flat", at / "n-d"]), TypeError
    for name in ["flat", "strings", "dense"]:
        call = lambda at, n=name: concatenate(at / n, [at / n], overwrite=False)
        yield f"concatenate(overwrite=False) onto {name}", call, FileExistsError
    yield "from_lists()", lambda at: RaggedMmap.from_lists(at / "flat", []), ValueError
    yield "from_lists(5)", lambda at: RaggedMmap.from_lists(at / "flat", 5), TypeError
    yield "from_lists(dtype)", lambda at: RaggedMmap.from_lists(at / "flat", [[1]], "no dtype"), TypeError
    yield "from_indexable(set)", lambda at: RaggedMmap.from_indexable(at / "flat", {1}, 1), TypeError
    for make, name in product([RaggedMmap.from_lists, StringsMmap.from_strings], ["flat", "file"]):
        call = lambda at, m=make, n=name: m(at / n, ["a"], overwrite=False)
        yield f"{make.__qualname__} onto {name}", call, OSError
    yield (
        "failing generator",
        lambda at: RaggedMmap.from_generator(at / "flat", failing(), 5),
        ConnectionError,
    )
    yield "failing texts", lambda at: StringsMmap.from_strings(at / "strings", failing()), ConnectionError
    yield "failing extend", lambda at: opened(at, "strings").extend(failing()), ConnectionError
    yield (
        "failing wrapper",
        lambda at: RaggedMmap(at / "flat", wrapper_fn=lambda item: item[99])[0],
        IndexError,
    )


RECORD = {"tokens": [1], "label": 1, "name": "a"}
NO_RECORDS = {
    "missing": ({"tokens": [1], "label": 1}, ValueError),
    "surplus": (RECORD | {"more": 1}, ValueError),
    "none": (RECORD | {"name": None}, TypeError),
    "nested": (RECORD | {"tokens": {}}, TypeError),
    "fraction": (RECORD | {"label": 0.5}, TypeError),
    "text": (RECORD | {"label": "1"}, TypeError),
    "shape": (RECORD | {"label": [1]}, ValueError),
    "surrogate": (RECORD | {"name": "\ud800"}, UnicodeEncodeError),
    "list": ([RECORD], TypeError),
    "empty": ({}, ValueError),
}


def record_cases():
    for why, (indices, error) in BAD_INDICES.items():
        for index in indices:
            raised = KeyError if isinstance(index, str) else error
            yield f"records[{index!r}] {why}", lambda at, i=index: opened(at, "records")[i], raised
    for why, (bad, error) in NO_RECORDS.items():
        yield f"records.append({why})", lambda at, b=bad: opened(at, "records").append(b), error
        both = [RECORD, bad]
        yield f"records.extend({why})", lambda at, b=both: opened(at, "records").extend(b), error
        call = lambda at, b=both: RecordsMmap.from_lists(at / "records", b)
        yield f"from_lists(records, {why})", call, error
    for name in ["", "..", ".x", "a/b", "CON", "type.ninja", "Label"]:
        call = lambda at, n=name: opened(at, "records").add_field(n, [1] * 4)
        yield f"add_field({name!r})", call, ValueError
    yield "add_field(none)", lambda at: opened(at, "records").add_field("new", []), ValueError
    some = lambda at: RecordsMmap(at / "records", fields=["label"])
    yield "add_field(some fields)", lambda at: some(at).add_field("new", [1] * 4), ValueError
    yield "add_field(failing)", lambda at: opened(at, "records").add_field("new", 5), TypeError
    yield "remove_field", lambda at: opened(at, "records").remove_field("new"), ValueError
    yield "columns", lambda at: RecordsMmap.from_columns(at / "records", {"a": [1], "b": []}), ValueError
    yield "fields", lambda at: RecordsMmap(at / "records", fields=["new"]), ValueError
    yield "field alone", lambda at: RaggedMmap(at / "records" / "tokens").append([1]), ValueError
    yield "rows alone", lambda at: np_ninja.extend_dir(at / "records" / "label", np.ones(1, int)), ValueError
    yield "closed records", lambda at: closed(opened(at, "records")).append(RECORD), ValueError


def opened(at, name, mode="r+"):
    return open_existing(at / name, mode=mode)


def dense(at):
    return np_ninja.open_existing(at / "dense")


def put(memmap, index, value):
    memmap[index] = value


def closed(memmap):
    memmap.close()
    return memmap


def failing():
    yield "a"
    raise ConnectionError("the 2nd sample")


CASES = list(cases())
USED = ["flat", "n-d", "strings", "zstd", "dense", "dense in F order", "dense 0-D", "records"]


def digest(folder):
    """A hash of all names, kinds, sizes and contents."""
    found = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        found.update(f"{path} {folders}".encode())
        for name in sorted(files):
            content = Path(path, name).read_bytes()
            found.update(f"{name} {len(content)} ".encode() + content)
    return found.hexdigest()


@pytest.fixture(scope="module")
def folder():
    """A dataset of every kind that the calls name, a file, and the hash of it all."""
    with readers.memory_folder() as folder:
        create_all(folder, USED)
        (folder / "file").write_text("no directory")
        yield folder, digest(folder)


def test_there_are_at_least_two_hundred_different_calls():
    names = [name for name, _, _ in CASES]
    assert len(set(names)) == len(names) >= 200


@pytest.mark.parametrize("call, error", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_failing_call_changes_nothing(folder, call, error):
    place, before = folder
    with pytest.raises(error):
        call(place)
    assert digest(place) == before
