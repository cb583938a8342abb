"""Plans place every element once or count it, and maps read what they select."""

import hashlib
import signal
from itertools import accumulate, pairwise

import numpy as np
import pytest
from catalogue import FIELDS, values
from conftest import assert_identical
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, StringsMmap, plans

LONG = ["split", "cut", "drop"]
# Lengths of samples: short and long ones, and some without elements.
CORPORA = [
    [5],
    [0, 0],
    [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5],
    *[
        (np.random.default_rng(seed).lognormal(2, 1, 40).astype(int) * (seed - 1)).tolist()
        for seed in (1, 2, 3)
    ],
    np.random.default_rng(4).integers(0, 60, 25).tolist(),
]
corpora = st.integers(0, len(CORPORA) - 1)
some_lengths = st.lists(st.integers(0, 6) | st.integers(0, 60), min_size=1, max_size=30)


def numbered(folder, lengths):
    """Samples of the numbers from 0 on, in their order."""
    ends = list(accumulate(lengths))
    samples = [np.arange(end - length, end, dtype="int32") for end, length in zip(ends, lengths, strict=True)]
    return RaggedMmap.from_lists(folder / "map", samples, dtype="int32")


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    return [numbered(folder / str(index), lengths) for index, lengths in enumerate(CORPORA)]


def check_counts(report, given, read):
    """The report counts the elements that were `read` of those that were `given`."""
    assert report.given == (len(given), sum(given))
    assert report.placed == len(set(read))
    assert report.repeated == len(read) - len(set(read))
    unread = report.cut.elements + report.dropped.elements + report.left_out.elements
    assert report.placed + unread == sum(given)


@given(corpora, st.integers(0, 100), st.integers(1, 9))
def test_batches_within_a_budget_read_every_element_once(maps, corpus, more, multiple_of):
    tokens, lengths = maps[corpus], CORPORA[corpus]
    budget = max(1, -(-max(lengths) // multiple_of) * multiple_of) + more
    plan = plans.budget(tokens, budget, multiple_of)
    seen, room = [], 0
    for index, batch in enumerate(plan):
        padded, sizes = plan.read(tokens, index, padding_value=-1)
        width = -(-padded.shape[1] // multiple_of) * multiple_of
        assert len(batch) * width <= budget
        assert_identical(sizes, tokens.lengths[batch])
        seen, room = [*seen, *padded[padded >= 0].tolist()], room + len(batch) * width
    assert sorted(np.concatenate(list(plan)).tolist()) == list(range(len(lengths)))
    assert plan.report.room == room
    check_counts(plan.report, lengths, seen)
    assert sorted(seen) == list(range(sum(lengths)))


@given(corpora, st.integers(1, 40), st.sampled_from(LONG))
def test_packed_rows_read_every_element_once_or_count_it(maps, corpus, length, long):
    tokens, lengths = maps[corpus], CORPORA[corpus]
    plan = plans.pack(tokens.lengths, length, long)
    seen = []
    for row in plan:
        values, offsets, positions = tokens.packed(row)
        assert 0 < len(values) <= length
        pieces = [values[start:end] for start, end in pairwise(offsets)]
        expected = [
            tokens[sample][start : start + count]
            for sample, start, count in zip(*(column.tolist() for column in row), strict=True)
        ]
        assert all(np.array_equal(*pair) for pair in zip(pieces, expected, strict=True))
        assert_identical(positions, np.concatenate([np.arange(len(piece)) for piece in pieces]))
        seen += values.tolist()
    assert len(seen) == len(set(seen))
    check_counts(plan.report, lengths, seen)
    kept = {"split": lengths, "cut": [min(each, length) for each in lengths]}
    assert plan.report.placed == sum(kept.get(long, [each for each in lengths if each <= length]))
    assert plan.report.fill == (len(seen) / (len(plan) * length) if plan else 1.0)


@given(corpora, st.integers(1, 30), st.integers(1, 40) | st.none(), st.booleans())
def test_windows_are_those_of_numpy(maps, corpus, length, stride, across):
    tokens, lengths = maps[corpus], CORPORA[corpus]
    plan = plans.windows(tokens, length, stride, across)
    sources = [np.arange(sum(lengths), dtype="int32")] if across else tokens[:]
    expected = [
        source[start : start + length]
        for source in sources
        for start in range(0, len(source) - length + 1, stride or length)
    ]
    read = plan.read(tokens, slice(None))
    assert_identical(read, np.reshape(expected, (-1, length)).astype("int32"))
    check_counts(plan.report, lengths, read.ravel().tolist())
    for index in {0, len(plan) // 2, len(plan) - 1} if plan else ():
        assert_identical(tokens.slices(*plan[index]), read[[index]])
        assert_identical(tokens.packed(plan[index]).values, read[index])


@given(some_lengths, st.data())
def test_items_are_joined_in_the_order_of_their_indices(lengths, data):
    for plan in (
        plans.budget(lengths, 60),
        plans.pack(lengths, 9, "split"),
        plans.windows(lengths, 3, across=True),
    ):
        indices = data.draw(st.lists(st.integers(-len(plan), len(plan) - 1), max_size=5)) if plan else []
        parts, joined = [plan[index] for index in indices], plan.take(np.array(indices, int))
        if isinstance(plan, plans.Budget):
            assert joined.tolist() == [sample for part in parts for sample in part]
        else:
            for column, single in zip(
                joined[:2], zip(*[part[:2] for part in parts], strict=True), strict=False
            ):
                assert column.tolist() == np.concatenate(single).tolist()
        assert len(plan[1:3]) == len(range(*slice(1, 3).indices(len(plan))))


@pytest.mark.parametrize("dtype", ["bool", ">u2", "float16", "complex128", "U3", FIELDS])
def test_elements_of_any_dtype_are_packed_and_sliced(tmp_path, dtype):
    samples = [values(dtype, shape, seed) for seed, shape in enumerate([(4,), (2, 3), (0,), (), (5,)])]
    tokens = RaggedMmap.from_lists(tmp_path / "map", samples)
    flat = [np.reshape(sample, -1) for sample in samples]
    packed = tokens.packed(plans.Pieces(*np.array([[4, 1, 3], [1, 2, 0], [3, 4, 1]])))
    joined = np.concatenate([flat[4][1:4], flat[1][2:6], flat[3]]).astype(dtype)
    assert_identical(packed.values, joined)
    assert_identical(packed.offsets, np.array([0, 3, 7, 8], "int32"))
    whole = np.concatenate(flat).astype(dtype)
    assert_identical(tokens.packed(range(5)).values, whole)
    assert_identical(tokens.slices([1, -1], [3, 0], 3), np.array([flat[1][3:6], flat[4][:3]]).astype(dtype))
    assert_identical(
        tokens.slices([0, 2], [2, 0], 6, across=True),
        np.array([whole[2:8], whole[10:16]]).astype(dtype),
    )


def test_large_batches_are_copied_by_several_threads(tmp_path):
    tokens = numbered(tmp_path, [250_000] * 10)
    plan = plans.pack(tokens, 750_000)
    values, offsets, positions = plan.read(tokens, range(len(plan)))
    assert offsets.tolist() == list(range(0, 2_500_001, 250_000))
    assert np.array_equal(positions, np.tile(np.arange(250_000), 10))
    assert np.array_equal(np.sort(values), np.arange(2_500_000))


def test_a_plan_of_texts_counts_their_bytes(tmp_path):
    texts = StringsMmap.from_strings(tmp_path / "map", ["é" * 3, "x", "", "four"])
    plan = plans.budget(texts, 8)
    assert [texts[batch] for batch in plan] == [
        ["ééé"],
        ["four", "x"],
        [""],
    ] or plan.report.given.elements == 11
    assert sorted(index for batch in plan for index in batch) == [0, 1, 2, 3]


def test_a_map_that_has_changed_is_no_longer_read_beyond_its_samples(tmp_path):
    tokens = numbered(tmp_path, [5, 3])
    longer = plans.pack([5, 4], 9)
    with pytest.raises(
        ValueError, match=r"map: sample 1 has 3 elements, and 4 from element 0 on were asked for"
    ):
        tokens.packed(longer[0])
    with pytest.raises(ValueError, match="sample 1 has 3 elements"):
        plans.windows([5, 4], 4).read(tokens, 1)
    with pytest.raises(ValueError, match="and 9 from element 0 on were asked for: fewer follow it"):
        plans.windows([5, 4], 9, across=True).read(tokens, 0)
    with pytest.raises(IndexError, match="index 2 is out of range for 2 samples"):
        plans.pack([1, 1, 5], 5).read(tokens, 0)
    with pytest.raises(ValueError, match="closed"):
        tokens.close()
        tokens.packed([0])


def test_slices_end_with_the_samples_that_a_handle_shows(tmp_path):
    older = numbered(tmp_path, [5, 3])
    RaggedMmap(tmp_path / "map", mode="r+").append(np.arange(4))
    with pytest.raises(ValueError, match="fewer follow it"):
        older.slices([1], [2], 2, across=True)
    older.refresh()
    assert older.slices([1], [2], 2, across=True).tolist() == [[7, 0]]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: plans.budget([1, -2], 5), ValueError, "sample 1: the length -2 is negative"),
        (lambda: plans.pack([1.0, np.nan], 5), TypeError, "lengths must be integers, not float64"),
        (lambda: plans.windows([[1, 2]], 5), ValueError, "lengths must have one axis, not 2"),
        (lambda: plans.windows(7, 5), ValueError, "lengths must have one axis, not 0"),
        (lambda: plans.pack([True], 5), TypeError, "not bool"),
        (lambda: plans.pack([2**62, 2**62], 2**62), ValueError, "more than"),
        (lambda: plans.pack(np.array([2**64 - 1], "uint64"), 5), ValueError, "sample 0: the length"),
        (lambda: plans.budget([1], 0), ValueError, "max_elements must be from 1"),
        (lambda: plans.budget([1], 5, 0), ValueError, "multiple_of must be from 1"),
        (lambda: plans.budget([1, 9, 10], 9, 2), ValueError, "sample 1: its 9 elements, padded, exceed"),
        (lambda: plans.pack([1], -3), ValueError, "length must be from 1"),
        (lambda: plans.pack([1], float("nan")), TypeError, "length must be an integer, not nan"),
        (
            lambda: plans.pack([1], 5, "wrap"),
            ValueError,
            "long must be 'error', 'split', 'cut' or 'drop', not",
        ),
        (lambda: plans.pack([1], 5, None), TypeError, "str"),
        (
            lambda: plans.pack([5, 6, 7], 5),
            ValueError,
            "sample 1: its 6 elements exceed a row of 5; pass long=",
        ),
        (lambda: plans.windows([1], 5, 0), ValueError, "stride must be from 1"),
        (lambda: plans.windows([1], 10**30), ValueError, "length must be from 1"),
        (lambda: plans.windows([9], 5)[1], IndexError, "index 1 is out of range for a plan of 1 items"),
        (lambda: plans.windows([], 5)[0], IndexError, "index 0 is out of range for a plan of 0 items"),
    ],
)
def test_bad_arguments_are_refused(make, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(").replace("*", r"\*")):
        make()


@pytest.mark.parametrize(
    ("samples", "starts", "length", "error"),
    [
        ([0, 1], [0], 1, ValueError),
        ([0], [[0]], 1, ValueError),
        ([0], [-1], 1, ValueError),
        ([0], [0.5], 1, TypeError),
        ([0], [6], 0, ValueError),
        ([0], [2**63 - 1], 2**62, ValueError),
        ([0], [0], -1, ValueError),
        ([0], [0], 1.5, TypeError),
        ([2], [0], 1, IndexError),
        (0, 0, 1, TypeError),
    ],
)
@pytest.mark.parametrize("across", [False, True])
def test_bad_slices_are_refused(tmp_path, samples, starts, length, error, across):
    tokens = numbered(tmp_path, [5, 3])
    with pytest.raises(error):
        tokens.slices(samples, starts, length, across)


def test_batches_without_samples_are_empty(tmp_path):
    tokens = numbered(tmp_path, [5, 3])
    assert tokens.slices([], [], 4).shape == (0, 4)
    assert tokens.slices([0], [5], 0).shape == (1, 0)
    values, offsets, positions = tokens.packed([])
    assert (values.dtype, values.shape, offsets.tolist(), positions.shape) == ("int32", (0,), [0], (0,))
    for plan in (plans.budget([], 5), plans.pack([], 5), plans.windows([], 5)):
        assert not plan
        assert plan.report.fill == 1.0
    assert [batch.tolist() for batch in plans.budget([0, 0, 0], 5)] == [[0, 1, 2]]
    assert len(plans.pack([0, 0, 0], 5)) == 0


def test_the_same_lengths_in_any_form_give_the_same_plan(tmp_path):
    lengths = [5, 3, 0, 7, 2, 2, 9, 1] * 20
    forms = [
        lengths,
        numbered(tmp_path, lengths),
        np.repeat(np.array(lengths, ">u2"), 2)[::2],
        tuple(lengths),
    ]
    for make in (
        lambda form: plans.budget(form, 40, 8),
        lambda form: plans.pack(form, 12),
        lambda form: plans.windows(form, 4, 3, True),
    ):
        found = [make(form) for form in forms]
        assert len({plan.fingerprint for plan in found}) == 1
        assert (
            len(
                {
                    str(
                        [
                            np.concatenate(item[:2]).tolist() if isinstance(item, tuple) else item.tolist()
                            for item in plan
                        ]
                    )
                    for plan in found
                }
            )
            == 1
        )


def test_a_fingerprint_follows_from_kind_arguments_and_lengths():
    lengths = [5, 3, 7]
    expected = hashlib.sha256(
        b'{"length": 9, "long": "cut", "plan": "pack"}' + np.array(lengths, "<i8").tobytes()
    )
    assert plans.pack(lengths, 9, "cut").fingerprint == expected.hexdigest()
    others = [
        plans.pack(lengths, 9),
        plans.pack(lengths, 10, "cut"),
        plans.pack([5, 7, 3], 9, "cut"),
        plans.pack([*lengths, 0], 9, "cut"),
        plans.windows(lengths, 9),
        plans.windows(lengths, 9, across=True),
        plans.windows(lengths, 9, 1),
        plans.budget(lengths, 9),
        plans.budget(lengths, 9, 3),
    ]
    assert len({plan.fingerprint for plan in others} | {expected.hexdigest()}) == len(others) + 1


def test_a_plan_is_small_and_windows_take_nothing():
    lengths = np.random.default_rng(0).integers(1, 500, 10_000)
    assert plans.pack(lengths, 2048).nbytes < 10 * len(lengths)
    assert plans.budget(lengths, 8192).nbytes < 11 * len(lengths)
    across = plans.windows(np.full(1000, 10**9), 1024, 1, across=True)
    assert len(across) == 10**12 - 1023
    assert across.nbytes == 8000
    assert across.take([0, len(across) - 1]).starts.tolist() == [0, 10**9 - 1024]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timers")
def test_a_signal_handler_ends_the_planning():
    class Stop(Exception):
        pass

    def stop(number, frame):
        raise Stop

    lengths = np.random.default_rng(0).integers(1, 500, 3_000_000)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        with pytest.raises(Stop):
            plans.pack(lengths, 2048)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_plan_shows_itself_and_its_report():
    plan = plans.pack([5, 3, 2, 6, 11], 8, "split")
    assert repr(plan) == "<Pack: 4 batches, 84.38% filled; split: 1 samples, 11 elements>"
    assert (plan.report.fill, plan.report.split) == (27 / 32, plans.Count(1, 11))
