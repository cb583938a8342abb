"""Batches of any map by any indices are what a slow, plain model makes of the samples."""

import ml_dtypes
import numpy as np
import pytest
from catalogue import values
from conftest import assert_identical
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap

DTYPES = [
    *["bool", "int8", "uint16", "int32", "uint64", "float16", "float64", "complex64"],
    *[">i2", ">u4", ">f8", ">c16", ">M8[ns]", ">U2", "M8[s]", "m8[us]", "U3", "S5", "V7"],
    *[ml_dtypes.bfloat16, ml_dtypes.float8_e5m2],
    [("x", "i4"), ("y", ">f8", (2,))],
    [("name", "U2"), ("point", [("x", "f4"), ("y", "f4")])],
]
INDEX_DTYPES = [*"bhilqBHILQ", ">i4", ">u8"]
TEXT = st.text(st.sampled_from(["a", "b", " ", "\0", "é", "中", "\U0001f40d"]), max_size=30)
MIB = 1 << 20

shapes = st.integers(0, 4).flatmap(lambda rank: st.tuples(*[st.integers(0, 5)] * rank))
sides = st.sampled_from(["right", "left"])


@st.composite
def sample_lists(draw, *, mixed):
    """Samples of one dtype and of one rank, or of several if `mixed`."""
    dtype, rank = np.dtype(draw(st.sampled_from(DTYPES))), draw(st.integers(0, 4))
    shape = shapes if mixed else st.tuples(*[st.integers(0, 5)] * rank)
    found = draw(st.lists(shape, min_size=1, max_size=10))
    return [values(dtype, shape, seed) for seed, shape in enumerate(found)]


def arrays(positions):
    """The same positions in an array of any integer dtype that holds them."""
    dtypes = [
        dtype for dtype in INDEX_DTYPES if min(positions, default=0) >= 0 or np.dtype(dtype).kind == "i"
    ]
    return st.sampled_from(dtypes).map(lambda dtype: np.array(positions, dtype))


def indices(count):
    """Whatever selects several of `count` samples."""
    bounds = st.none() | st.integers(-count - 2, count + 2)
    steps = st.integers(-3, 3).filter(bool)
    positions = st.lists(st.integers(-count, count - 1), max_size=20)
    masks = st.lists(st.booleans(), min_size=count, max_size=count)
    ranges = st.builds(range, st.integers(-count, count - 1), st.integers(-count, count), steps)
    return st.one_of(
        positions,
        positions.map(lambda found: [np.int16(position) for position in found]),
        positions.flatmap(arrays),
        positions.map(lambda found: np.repeat(np.array(found, "int64"), 2)[::2]),
        masks,
        masks.map(lambda mask: np.array(mask, bool)),
        st.builds(slice, bounds, bounds, st.none() | steps),
        ranges,
    )


def select(samples, index):
    """What NumPy selects."""
    return [samples[i] for i in np.arange(len(samples))[list(index) if isinstance(index, range) else index]]


def raw(array):
    """The bytes of each element on an axis of their own."""
    return np.array(array, order="C")[..., None].view(np.uint8)


def gather_by_hand(samples, dtype):
    content = b"".join(sample.tobytes() for sample in samples)
    values = np.frombuffer(bytearray(content), dtype, len(content) // dtype.itemsize)
    return values, np.cumsum([0, *[sample.size for sample in samples]], dtype="int64")


def pad_by_hand(samples, value, side="right", max_length=None, room=None):
    """The bytes of the batch and the lengths; `room` for a batch that is larger than needed."""
    rank = samples[0].ndim
    cut = [raw(sample[(*[slice(max_length)] * rank, ...)]) for sample in samples]
    lengths = np.array([sample.shape[:-1] for sample in cut], "int64").reshape(len(cut), rank)
    shape = tuple(lengths.max(axis=0)) if room is None else room
    batch = np.empty((len(cut), *shape, samples[0].dtype.itemsize), "uint8")
    batch[:] = raw(value)
    for place, sample, sizes in zip(batch, cut, lengths, strict=True):
        ends = [
            slice(n) if side == "right" else slice(axis - n, axis)
            for n, axis in zip(sizes, shape, strict=True)
        ]
        place[tuple(ends)] = sample
    return batch, lengths[:, 0] if rank == 1 else lengths


def check_padded(padded, samples, value, **options):
    batch, lengths = padded
    expected, expected_lengths = pad_by_hand(samples, value, **options)
    assert batch.dtype == samples[0].dtype
    assert_identical(raw(batch), expected)
    assert_identical(lengths, expected_lengths)


@st.composite
def paddings(draw, dtype):
    """A value to pad with as it is handed over: a 0-D array or a scalar."""
    value = values(dtype, (), draw(st.integers(0, 9)))
    return value, draw(st.sampled_from([value, value[()]]))


@given(sample_lists(mixed=True), st.data())
def test_gather_is_the_concatenation_of_the_samples(fresh, samples, data):
    ragged = RaggedMmap.from_lists(fresh(), samples)
    index = data.draw(indices(len(samples)))
    expected = gather_by_hand(select(samples, index), samples[0].dtype)
    for found, ours in zip(ragged.gather(index), expected, strict=True):
        assert_identical(found, ours)


@given(sample_lists(mixed=True), sample_lists(mixed=False))
def test_lengths_are_the_sizes_of_the_samples(fresh, mixed, equal):
    for samples in mixed, equal:
        ragged = RaggedMmap.from_lists(fresh(), samples)
        assert_identical(ragged.lengths, np.array([sample.size for sample in samples], "int64"))


@given(sample_lists(mixed=False), st.data())
def test_padded_is_a_block_of_the_longest_with_padding_around(fresh, samples, data):
    ragged = RaggedMmap.from_lists(fresh(), samples)
    index = data.draw(indices(len(samples)).filter(lambda index: select(samples, index)))
    value, given_value = data.draw(paddings(samples[0].dtype))
    options = {"side": data.draw(sides), "max_length": data.draw(st.none() | st.integers(0, 6))}
    found = ragged.padded(index, given_value, options["side"], options["max_length"])
    check_padded(found, select(samples, index), value, **options)


@given(sample_lists(mixed=False), st.data())
def test_padded_pads_with_zero_bytes_by_default(fresh, samples, data):
    index = data.draw(indices(len(samples)).filter(lambda index: select(samples, index)))
    zero = np.zeros((), samples[0].dtype)
    check_padded(RaggedMmap.from_lists(fresh(), samples).padded(index), select(samples, index), zero)


@given(sample_lists(mixed=False), st.data())
def test_padded_fills_an_out_that_is_as_large_or_larger(fresh, samples, data):
    ragged = RaggedMmap.from_lists(fresh(), samples)
    index = data.draw(indices(len(samples)).filter(lambda index: select(samples, index)))
    chosen, (value, given_value) = select(samples, index), data.draw(paddings(samples[0].dtype))
    longest = np.max([sample.shape for sample in chosen], axis=0).astype(int)
    room = tuple(int(axis) + data.draw(st.integers(0, 3)) for axis in longest)
    side, out = data.draw(sides), values(samples[0].dtype, (len(chosen), *room), 99)
    found = ragged.padded(index, given_value, side, out=out)
    assert found[0] is out
    check_padded(found, chosen, value, side=side, room=room)


@given(sample_lists(mixed=False), st.integers(0, 4), sides)
def test_padded_cuts_at_max_length_also_where_out_has_more_room(fresh, samples, max_length, side):
    room = (7,) * samples[0].ndim
    out, zero = values(samples[0].dtype, (len(samples), *room), 99), np.zeros((), samples[0].dtype)
    found = RaggedMmap.from_lists(fresh(), samples).padded(slice(None), 0, side, max_length, out)
    check_padded(found, samples, zero, side=side, max_length=max_length, room=room)


def bytes_by_hand(texts):
    encoded = [text.encode() for text in texts]
    values = np.frombuffer(bytearray(b"".join(encoded)), "uint8", sum(map(len, encoded)))
    return values, np.cumsum([0, *map(len, encoded)], dtype="int64")


@given(st.lists(TEXT, min_size=1, max_size=20), st.sampled_from([None, 1, 19]), st.data())
def test_gathered_texts_are_their_utf8_bytes(fresh, texts, zstd_level, data):
    strings = StringsMmap.from_strings(fresh(), texts, zstd_level=zstd_level)
    index = data.draw(indices(len(texts)))
    for found, expected in zip(strings.gather(index), bytes_by_hand(select(texts, index)), strict=True):
        assert_identical(found, expected)
    assert_identical(strings.lengths, np.array([len(text.encode()) for text in texts], "int64"))


@given(st.lists(st.integers(-1000, 999)))
def test_gathered_texts_of_a_dictionary_are_their_utf8_bytes(texts_of_a_dictionary, index):
    strings, texts = texts_of_a_dictionary
    for found, expected in zip(strings.gather(index), bytes_by_hand(select(texts, index)), strict=True):
        assert_identical(found, expected)


@pytest.fixture(scope="module")
def texts_of_a_dictionary(fresh):
    texts = [
        f"<p>Paragraph {i} of a page, number {i * 7919 % 1009}: ünïcode</p>" * (i % 3) for i in range(1000)
    ]
    options = {"zstd_level": 5, "zstd_train_dictionary_size": 4096}
    return StringsMmap.from_strings(fresh(), texts, **options), texts


def long_and_short(dtype, total, seed=0):
    """Samples of about `total` bytes: many short ones, some without elements, and one of a third of all."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
    pool = values(dtype, total // dtype.itemsize, seed)
    cuts = np.sort(rng.integers(0, len(pool) * 2 // 3, 400))
    cuts[10:20] = cuts[10]
    return np.split(pool, cuts)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "V7"])
def test_a_gathered_batch_of_many_megabytes_is_the_concatenation(path, dtype):
    samples = long_and_short(dtype, 24 * MIB)
    ragged, rng = RaggedMmap.from_lists(path, samples), np.random.default_rng(1)
    for index in [range(len(samples)), rng.permutation(len(samples)), [400] * 6, [400, 0, 400], [0, 400]]:
        expected = gather_by_hand(select(samples, index), samples[0].dtype)
        for found, ours in zip(ragged.gather(index), expected, strict=True):
            assert_identical(found, ours)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "V7"])
def test_a_padded_batch_of_many_megabytes_is_the_model(path, dtype, side):
    rng = np.random.default_rng(2)
    lengths = rng.integers(0, 60_000, 300)
    samples = [values(dtype, length, seed) for seed, length in enumerate(lengths)]
    ragged, value = RaggedMmap.from_lists(path, samples), values(dtype, (), 7)
    for index in rng.permutation(300), rng.integers(0, 300, 257), [int(lengths.argmax()), 0] * 101:
        found = ragged.padded(index, value, side)
        assert found[0].nbytes > 8 * MIB
        check_padded(found, select(samples, index), value, side=side)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_padded_batch_of_many_images_is_the_model(path, side):
    rng = np.random.default_rng(3)
    samples = [values("uint8", (*rng.integers(1, 300, 2), 3), seed) for seed in range(150)]
    ragged, value = RaggedMmap.from_lists(path, samples), np.uint8(5)
    check_padded(ragged.padded(range(150), value, side), samples, value, side=side)
    check_padded(ragged.padded(range(150), value, side, 200), samples, value, side=side, max_length=200)


@pytest.mark.parametrize("zstd_level", [None, 1])
def test_gathered_texts_of_many_megabytes_are_their_utf8_bytes(path, zstd_level):
    texts = [f"text {i}: ünïcode " * (i * 7919 % 1009 * 5) for i in range(400)]
    strings = StringsMmap.from_strings(path, texts, zstd_level=zstd_level)
    index = np.random.default_rng(4).permutation(400)
    found, expected = strings.gather(index), bytes_by_hand(select(texts, index))
    assert found[0].nbytes > 8 * MIB
    for ours, theirs in zip(found, expected, strict=True):
        assert_identical(ours, theirs)
