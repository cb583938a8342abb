"""Every dtype reads back bit for bit, at every rank and from every memory layout."""

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import workers
from catalogue import values
from conftest import assert_identical, tree
from mmap_ninja import RaggedMmap, open_existing
from mmap_ninja import numpy as np_ninja

NUMBERS = [*"?bhilqBHILQefdgFDG"]
UNITS = [
    "Y",
    "M",
    "W",
    "D",
    "h",
    "m",
    "s",
    "ms",
    "us",
    "ns",
    "ps",
    "fs",
    "as",
    "10us",
    "25s",
    "7D",
    "generic",
]
TIMES = [f"{kind}8[{unit}]" for kind in "Mm" for unit in UNITS]
TEXTS = ["U1", "U10", "S1", "S5", "V1", "V7"]
BIG_ENDIAN = [">i2", ">u4", ">i8", ">f2", ">f4", ">f8", ">c8", ">c16", ">M8[ns]", ">m8[10us]", ">U3"]
STRUCTURED = {
    "plain": np.dtype([("x", "i4"), ("y", "f8")]),
    "big-endian": np.dtype([("x", ">i4"), ("y", ">U3")]),
    "nested": np.dtype([("point", [("x", "f4"), ("y", ">f4")]), ("id", "u1")]),
    "sub-arrays": np.dtype([("matrix", "f4", (2, 3)), ("row", "i2", 4), ("deep", [("a", "?", (2,))], (3,))]),
    "aligned": np.dtype([("a", "i1"), ("b", "f8"), ("c", "i2")], align=True),
    "padded": np.dtype({"names": ["a", "b"], "formats": ["i1", "f4"], "offsets": [2, 8], "itemsize": 16}),
    "titles": np.dtype([(("the title of x", "x"), "i4"), (("Größe", "size"), "M8[s]")]),
    "texts": np.dtype([("name", "U4"), ("code", "S3"), ("blob", "V5")]),
    "unicode": np.dtype([("größe", "f4"), ('quote"\\', "i4"), ("", "i1")]),
    "one": np.dtype([("only", "f8")]),
}
ML = sorted(
    name
    for name in dir(ml_dtypes)
    if isinstance(getattr(ml_dtypes, name), type) and issubclass(getattr(ml_dtypes, name), np.generic)
)
LAYOUTS = {
    "fortran": np.asfortranarray,
    "transposed": np.transpose,
    "strided": lambda array: array[::2, :, ::2],
    "reversed": lambda array: array[::-1, ::-1, ::-1],
    "broadcast": lambda array: np.broadcast_to(array[:1], array.shape),
    "field": lambda array: np.repeat(array[..., None], 2, -1)[..., 1],
    "unaligned": lambda array: np.frombuffer(b"-" + array.tobytes(), array.dtype, offset=1).reshape(
        array.shape
    ),
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "subclass": lambda array: array.view(type("Subclass", (np.ndarray,), {})),
    "empty": lambda array: array[:, :0],
}


def check(path, samples, dtype):
    """Stored as samples and as an array, created and appended, and opened again."""
    samples = [np.asarray(sample) for sample in samples]
    ragged = RaggedMmap.from_lists(path / "ragged", samples[:1])
    ragged.extend(samples[1:])
    for memmap in ragged, RaggedMmap(path / "ragged"):
        assert len(memmap) == len(samples)
        for index, sample in enumerate(samples):
            assert_identical(memmap[index], sample)
            assert memmap[index].dtype == dtype
            assert memmap[index].dtype.names == dtype.names
    first = np_ninja.from_ndarray(path / "dense", samples[0])
    assert_identical(first, samples[0])
    np_ninja.extend(first, samples[0])
    dense, rows = np_ninja.open_existing(path / "dense"), len(samples[0])
    assert_identical(dense[:rows], samples[0])
    assert_identical(dense[rows:], samples[0])


@pytest.mark.parametrize("dtype", NUMBERS + TIMES + TEXTS + BIG_ENDIAN)
def test_a_plain_dtype_reads_back(path, dtype):
    dtype = np.dtype(dtype)
    check(path, [values(dtype, 5), values(dtype, (2, 3, 1)), values(dtype, 0)], dtype)


@pytest.mark.parametrize("dtype", STRUCTURED.values(), ids=STRUCTURED)
def test_a_structured_dtype_reads_back(path, dtype):
    samples = [np.zeros(3, dtype), np.zeros((2, 1), dtype)]
    for name in dtype.names:
        kind = dtype[name].base
        if kind.names is None and kind.kind != "U":
            samples[0][name] = values(kind, samples[0][name].shape)
    check(path, samples, dtype)
    stored = RaggedMmap(path / "ragged").dtype
    assert stored.fields == dtype.fields
    assert stored.itemsize == dtype.itemsize


@pytest.mark.parametrize("name", ML)
def test_a_dtype_of_ml_dtypes_reads_back(path, name):
    dtype = np.dtype(getattr(ml_dtypes, name))
    check(path, [values(dtype, 5), values(dtype, (2, 3))], dtype)
    assert (path / "dense" / "dtype.ninja").read_text() == name


@pytest.mark.parametrize("store", ["ragged", "dense"])
@pytest.mark.parametrize("dtype", ["bfloat16", "int4", ">f4", "U3", "M8[10us]", "titles"])
def test_a_process_that_has_imported_nothing_else_reads_the_same(path, store, dtype):
    dtype = STRUCTURED[dtype] if dtype in STRUCTURED else np.dtype(getattr(ml_dtypes, dtype, dtype))
    sample = np.zeros(3, dtype) if dtype.names else values(dtype, 3)
    create = RaggedMmap.from_lists if store == "ragged" else np_ninja.from_ndarray
    create(path, [sample] if store == "ragged" else sample[None])
    command = [sys.executable, workers.__file__, "print_items", str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert answer == f"{dtype} (3,) {sample.tobytes().hex()}\n"


@pytest.mark.parametrize("rank", range(1, 33))
def test_every_rank_reads_back(path, rank):
    check(path, [values("f4", (2, 3, *[1] * rank)[:rank]), values("f4", (1,) * rank)], np.dtype("f4"))


def test_ranks_may_be_mixed(path):
    samples = [values("i2", (2, 1, 3)[:rank] + (1,) * (rank - 3)) for rank in [3, 1, 32, 2, 0, 17, 5]]
    ragged = RaggedMmap.from_lists(path, samples)
    for index, sample in enumerate(samples):
        assert_identical(np.asarray(ragged[index], "i2"), sample)


@pytest.mark.parametrize("dtype", [*"?hdD", "S3", "M8[ns]", "m8[10us]"])
def test_a_sample_without_axes_comes_back_as_a_scalar(path, dtype):
    sample = values(dtype, ())
    ragged = RaggedMmap.from_lists(path, [sample, sample[()]])
    for item in ragged:
        assert type(item) is type(sample.item())
        assert repr(item) == repr(sample.item())


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "f4", ">i8", "U3", "bfloat16", "plain"])
def test_every_memory_layout_reads_back(path, layout, dtype):
    dtype = STRUCTURED.get(dtype) or np.dtype(getattr(ml_dtypes, dtype, dtype))
    array = np.arange(60).astype(dtype) if dtype.kind != "V" else values(dtype, 60)
    array = layout(array.reshape(3, 4, 5))
    check(path, [array, array], dtype)
    (ragged := RaggedMmap(path / "ragged", mode="r+"))[0] = array[::-1]
    assert_identical(ragged[0], array[::-1])
    ragged.extend(array)
    assert_identical(RaggedMmap(path / "ragged")[-1], array[-1])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (0, 0, 0), (2, 0, 5)])
def test_arrays_of_no_elements_keep_their_shape(path, shape):
    check(path, [np.empty(shape, "i2"), np.empty((0, *shape), "i2")], np.dtype("i2"))


POINTERS = [object, [("x", "i4"), ("y", object)]]
if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
    POINTERS.append(np.dtypes.StringDType())


@pytest.mark.parametrize("dtype", POINTERS)
def test_elements_that_are_pointers_are_refused(path, dtype):
    array = np.zeros(2, dtype)
    for create in (
        RaggedMmap.from_lists,
        np_ninja.from_ndarray,
        RaggedMmap.from_generator,
        np_ninja.from_generator,
    ):
        options = {"batch_size": 2} if "generator" in create.__name__ else {}
        with pytest.raises(TypeError, match="cannot be stored"):
            create(path, [array] if create is not np_ninja.from_ndarray else array, **options)
    with pytest.raises(TypeError, match="cannot be stored"):
        RaggedMmap(path).append(array)
    assert tree(path.parent) == {}


@pytest.mark.parametrize("name", ["str96", "bytes40", "void24"])
def test_the_originals_names_of_flexible_dtypes_open_as_raw_bytes(path, name):
    np_ninja.from_ndarray(path, values(f"V{int(name.lstrip('bytesrvoid')) // 8}", 2))
    bits = (path / "data.ninja").read_bytes()
    (path / "dtype.ninja").write_text(name)
    assert open_existing(path).tobytes() == bits
