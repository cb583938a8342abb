"""What a loader yields: every sample once an epoch, in an order of its own, on any number of ranks."""

import inspect

import numpy as np
import pytest
from conftest import assert_identical
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import ArraySpec, Loader, RaggedMmap, RecordsMmap, StringsMmap, np_from_ndarray, plans

COUNT = 53
SEQUENCES = [np.arange(i, i + 1 + i % 7, dtype=np.int32) for i in range(COUNT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("loader")


@pytest.fixture(scope="module")
def tokens(folder):
    return RaggedMmap.from_lists(folder / "tokens", SEQUENCES, mode="r")


@pytest.fixture(scope="module")
def images(folder):
    return RaggedMmap.from_lists(folder / "images", [np.full((2 + i % 3, 4), i) for i in range(9)])


@pytest.fixture(scope="module")
def texts(folder):
    return StringsMmap.from_strings(folder / "texts", [f"text {i} ü" for i in range(COUNT)])


@pytest.fixture(scope="module")
def packed_texts(folder):
    texts = [f"text {i} ü" * 5 for i in range(COUNT)]
    return StringsMmap.from_strings(folder / "zstd", texts, zstd_level=3)


class Fields:
    """What reads batches by a method alone."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.prefetched = []

    def __len__(self):
        return len(self.tokens)

    def batch(self, indices, pad=None):
        values = self.tokens.gather(indices) if pad is None else self.tokens.padded(indices, pad["tokens"])
        return {"tokens": values, "number": np.asarray(indices)}

    def prefetch(self, indices):
        self.prefetched += list(indices)


def numbers(loader):
    """The samples of each batch of an epoch of `np.arange`."""
    return [batch.tolist() for batch in loader]


def flat(batches):
    return [number for batch in batches for number in batch]


@given(
    count=st.integers(1, 80),
    ranks=st.integers(1, 4),
    share=st.integers(1, 5),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
    threads=st.integers(0, 2),
)
def test_ranks_divide_an_epoch_of_every_sample_once(count, ranks, share, shuffle, drop_last, seed, threads):
    size, data = ranks * share, np.arange(count)
    options = {"shuffle": shuffle, "drop_last": drop_last, "seed": seed, "threads": threads}
    rest = count % size
    if (drop_last and count < size) or (not drop_last and 0 < rest < ranks):
        with pytest.raises(ValueError, match="drop_last"):
            Loader(data, size, world_size=ranks, **options)
        return
    parts = [Loader(data, size, rank=rank, world_size=ranks, **options) for rank in range(ranks)]
    whole = Loader(data, size, **options)
    for _ in range(2):
        found = [numbers(part) for part in parts]
        assert {len(part) for part in found} == {len(whole)}
        expected = numbers(whole)
        assert [flat(batches) for batches in zip(*found, strict=True)] == expected
        seen = flat(expected)
        assert len(set(seen)) == len(seen) == (count - rest if drop_last else count)
        assert shuffle or seen == list(range(len(seen)))
        assert all(max(map(len, b)) - min(map(len, b)) <= 1 for b in zip(*found, strict=True))


def test_epochs_and_seeds_have_orders_of_their_own():
    data = np.arange(200)
    loader, other = Loader(data, 20, shuffle=True), Loader(data, 20, shuffle=True, seed=1)
    orders = [tuple(flat(numbers(each))) for each in (loader, other) for _ in range(5)]
    assert len(set(orders)) == 10
    assert loader.epoch == 5
    again = Loader(data, 20, shuffle=True)
    again.set_epoch(3)
    assert tuple(flat(numbers(again))) == orders[3]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_are_those_of_the_maps_own_methods(tokens, images, texts, packed_texts, folder, threads):
    rows = np_from_ndarray(
        folder / f"rows{threads}", np.arange(COUNT * 6, dtype=np.float32).reshape(COUNT, 2, 3)
    )
    options = {"shuffle": True, "seed": 3, "threads": threads, "ahead": 3}
    indices = numbers(Loader(np.arange(COUNT), 8, **options))
    for read, loader in (
        (tokens.gather, Loader(tokens, 8, **options)),
        (lambda batch: tokens.padded(batch, -1), Loader(tokens, 8, pad=-1, **options)),
        (rows.__getitem__, Loader(rows, 8, **options)),
        (np.asfortranarray(rows).__getitem__, Loader(np.asfortranarray(rows), 8, **options)),
        (texts.__getitem__, Loader(texts, 8, **options)),
        (packed_texts.__getitem__, Loader(packed_texts, 8, **options)),
    ):
        found = list(loader)
        assert len(found) == len(indices)
        for batch, chosen in zip(found, indices, strict=True):
            same(batch, read(chosen))
    few = numbers(Loader(np.arange(9), 4, **options))
    for batch, chosen in zip(Loader(images, 4, pad=0, **options), few, strict=True):
        same(batch, images.padded(chosen))


def same(found, expected):
    if isinstance(expected, list):
        assert found == expected
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_identical(one, other)
    else:
        assert_identical(found, np.asarray(expected))


def test_arrays_of_a_batch_are_their_own_and_stay(tokens):
    loader = Loader(tokens, 4, pad=0)
    kept = [batch for batch, _ in loader]
    copies = [batch.copy() for batch in kept]
    for _ in range(3):
        for batch, lengths in loader:
            assert batch.flags.writeable
            assert batch.flags.aligned
            batch[:] = -9
            lengths[:] = -9
    for one, other in zip(kept, copies, strict=True):
        assert_identical(one, other)


def test_a_source_with_a_method_batch_is_read_by_it(tokens):
    fields = Fields(tokens)
    loader = Loader(fields, 8, shuffle=True, pad={"tokens": 0})
    seen = []
    for batch in loader:
        assert_identical(batch["tokens"][0], tokens.padded(batch["number"])[0])
        seen += batch["number"].tolist()
    assert sorted(seen) == list(range(COUNT))
    assert set(fields.prefetched) <= set(seen)
    assert len(fields.prefetched) == COUNT
    assert loader.spec["number"] == ArraySpec((None,), np.dtype(np.int64))


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        (range(10, 30), list(range(10, 30))),
        (range(50, 2, -7), list(range(50, 2, -7))),
        (slice(None, None, 5), list(range(0, COUNT, 5))),
        (slice(-3, None), [50, 51, 52]),
        ([5, 1, 5, -1], [5, 1, 5, 52]),
        (np.arange(COUNT) % 9 == 0, list(range(0, COUNT, 9))),
        (range(-2, 0), [51, 52]),
        ([], []),
    ],
)
def test_indices_select_samples_as_in_a_map(indices, expected):
    assert flat(numbers(Loader(np.arange(COUNT), 4, indices=indices))) == expected
    shuffled = flat(numbers(Loader(np.arange(COUNT), 4, indices=indices, shuffle=True)))
    assert sorted(shuffled) == sorted(expected)


def test_entries_of_a_plan_are_shuffled_as_wholes(tokens):
    plan = [[3, 1], np.array([4]), [5, 9, 2], [8]]
    loader = Loader(tokens, 1, plan=plan, shuffle=True, pad=0)
    orders = set()
    for _ in range(8):
        found = [[int(row[0]) for row in batch] for batch, _ in loader]
        assert sorted(found) == sorted(list(map(int, entry)) for entry in plan)
        orders.add(str(found))
    assert len(orders) > 2
    two = [len(lengths) for _, lengths in Loader(tokens, 2, plan=plan, pad=0)]
    assert two == [3, 4]


def test_a_mixture_follows_its_weights_and_repeats_no_sample_before_all_were_read():
    web, books = np.arange(1000), np.arange(5000, 5500)
    loader = Loader({"web": (web, 3), "books": (books, 1)}, 10, shuffle=True, seed=4)
    assert len(loader) == 150
    drawn = [number for _ in range(4) for number in flat(numbers(loader))]
    from_books = [number for number in drawn if number >= 5000]
    from_web = [number for number in drawn if number < 5000]
    assert abs(len(from_books) - 1500) < 40
    assert set(from_books[:500]) == set(books.tolist())
    assert set(from_web[1000:2000]) == set(web.tolist())
    assert from_web[1000:2000] != from_web[:1000]


def test_samples_of_a_mixture_come_from_one_batch_of_several_maps(folder, tokens):
    other = RaggedMmap.from_lists(folder / "other", [np.full(3, -i, np.int32) for i in range(1, 30)])
    loader = Loader({"a": (tokens, 0.5), "b": (other, 0.5)}, 16, pad=0)
    batch, lengths = next(iter(loader))
    assert {int(row[0]) < 0 for row in batch} == {True, False}
    kept = [row[:length].tolist() for row, length in zip(batch, lengths, strict=True)]
    assert [row for row in kept if row[0] < 0] == [
        [-i] * 3 for i in range(1, 1 + sum(r[0] < 0 for r in kept))
    ]
    ours = [row for row in kept if row[0] >= 0]
    assert ours == [sequence.tolist() for sequence in SEQUENCES[: len(ours)]]


def test_an_array_is_specified_by_shape_and_dtype(tokens, images, texts):
    int32, int64 = np.dtype(np.int32), np.dtype(np.int64)
    assert Loader(tokens, 8, pad=0, drop_last=True).spec == (
        ArraySpec((8, None), int32),
        ArraySpec((8,), int64),
    )
    assert Loader(tokens, 8).spec == (ArraySpec((None,), int32), ArraySpec((None,), int64))
    assert Loader(images, 3, pad=0).spec == (ArraySpec((3, None, None), int64), ArraySpec((3, 2), int64))
    assert Loader(texts, 8).spec == ArraySpec((None,), np.dtype(str))
    assert Loader(np.zeros((6, 2, 3)), 4, world_size=2).spec == ArraySpec((None, 2, 3), np.dtype(float))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be an integer"),
        ({"batch_size": 8, "world_size": 3}, ValueError, "world_size=3 does not divide batch_size=8"),
        ({"batch_size": 8, "world_size": 2, "rank": 2}, ValueError, "rank must be from 0 to 1"),
        ({"batch_size": 8, "seed": -1}, ValueError, "seed"),
        ({"batch_size": 8, "ahead": 0}, ValueError, "ahead"),
        ({"batch_size": 8, "threads": -1}, ValueError, "threads"),
        ({"batch_size": 8, "indices": [60]}, IndexError, "60 is out of range for 53 samples"),
        ({"batch_size": 8, "indices": {"web": [1]}}, ValueError, "no source 'web'"),
        ({"batch_size": 8, "plan": [[1]], "indices": [1]}, ValueError, "a plan already says"),
        ({"batch_size": 8, "plan": 3}, TypeError, "plan must be a sequence"),
        ({"batch_size": 8, "plan": {0: [1]}}, TypeError, "plan must be a sequence"),
        ({"batch_size": 8, "transform": 3}, TypeError, "transform must be a function of a batch, not 3"),
        ({"batch_size": 8, "dtype": {"a": int}}, TypeError, "dtype is a dict for records alone"),
        ({"batch_size": 8, "dtype": "float99"}, TypeError, "dtype must be one of NumPy, not 'float99'"),
        ({"batch_size": 8, "dtype": "i1"}, TypeError, "int64 to int8 .*; cast the batch in `transform`"),
        (
            {"batch_size": 8, "source": dict.fromkeys("ab", (np.arange(3), 1)), "indices": range(3)},
            TypeError,
            r"indices of a mixture must be a dict .*, not range\(0, 3\)",
        ),
        ({"batch_size": 8, "pad": 0}, ValueError, "pad is for ragged maps"),
        ({"batch_size": 8, "source": {"a": 3}}, TypeError, "a pair of a dataset and its weight"),
        ({"batch_size": 8, "source": {"a": (np.arange(3), 0)}}, ValueError, "weight must be positive"),
        ({"batch_size": 8, "source": {}}, ValueError, "1 to 24 sources"),
        ({"batch_size": 8, "source": 5}, TypeError, "not int"),
        ({"batch_size": 8, "source": np.array(3)}, ValueError, "at least one axis"),
    ],
)
def test_arguments_that_cannot_work_are_refused_at_once(arguments, error, message):
    with pytest.raises(error, match=message):
        Loader(**{"source": np.arange(COUNT), **arguments})


@pytest.mark.parametrize("open_map", [RaggedMmap, StringsMmap, RecordsMmap])
def test_a_mistyped_path_is_an_error_and_no_empty_epoch(path, open_map):
    missing = open_map(path / "typo")
    for source in (missing, {"a": (missing, 1)}):
        with pytest.raises(FileNotFoundError, match="typo"):
            Loader(source, 4)


def test_an_empty_dataset_has_epochs_without_batches(path):
    empty = RaggedMmap.from_gathered(path, np.empty(0), [0])
    for loader in (Loader(empty, 4), Loader(np.arange(3), 4, indices=[]), Loader(np.arange(3), 1, plan=[])):
        assert (len(loader), list(loader)) == (0, [])


def test_sources_that_cannot_be_mixed_are_refused(tokens, texts, images):
    for sources in ({"a": (tokens, 1), "b": (texts, 1)}, {"a": (tokens, 1), "b": (images, 1)}):
        with pytest.raises(TypeError):
            next(iter(Loader(sources, 4)))
    with pytest.raises(ValueError, match="shapes of rows"):
        next(iter(Loader({"a": (np.zeros((3, 2)), 1), "b": (np.zeros((3, 4)), 1)}, 2)))


def test_the_signature_is_spelled_out():
    parameters = inspect.signature(Loader).parameters
    assert list(parameters)[:2] == ["source", "batch_size"]
    assert all(each.kind is each.KEYWORD_ONLY for each in list(parameters.values())[2:])


def test_a_plan_for_other_lengths_is_refused(tokens, folder):
    count = len(tokens)
    ones = plans.budget(np.ones(count, int), max_elements=10)
    for plan in (ones, plans.pack(np.ones(count, int), 10), plans.windows(tokens.lengths + 1, 2)):
        with pytest.raises(ValueError, match="other lengths than those of"):
            Loader(tokens, 1, plan=plan)
    for wrong in (count - 1, count + 1):
        with pytest.raises(ValueError, match=f"made for {wrong} samples, the source has {count}"):
            Loader(tokens, 1, plan=plans.budget(np.ones(wrong, int), 10))
        with pytest.raises(ValueError, match=f"made for {wrong} samples"):
            Loader(np.arange(count), 1, plan=plans.budget(np.ones(wrong, int), 10))
    records = RecordsMmap.from_columns(folder / "planned", {"tokens": tokens[:], "label": np.arange(count)})
    with pytest.raises(ValueError, match="exceed their budget"):
        Loader(records, 1, plan=ones, pad={"tokens": 0})


def test_a_plan_whose_promise_holds_is_read(tokens, folder):
    first = plans.budget(tokens.lengths[:20], max_elements=16)
    assert sum(len(lengths) for _, lengths in Loader(tokens, 1, plan=first, pad=0)) == 20
    longer = plans.budget(tokens.lengths + 2, max_elements=16)  # Room for two more elements.
    assert all(batch.size <= 16 for batch, _ in Loader(tokens, 1, plan=longer, pad=0))
    assert sum(map(len, Loader(np.arange(9), 1, plan=plans.budget(np.ones(9, int), 4)))) == 9
    columns = {"tokens": tokens[:], "name": ["text"] * COUNT}
    records = RecordsMmap.from_columns(folder / "promised", columns)
    by_name = plans.budget(records["name"], max_elements=8)
    assert len(list(Loader(records, 1, plan=by_name, pad={"tokens": 0}))) == len(by_name)


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        ([1.7], TypeError, r"plan: entry 0 must be an array of integers, .*not \[1.7\]"),
        ([True, False], TypeError, r"entry 0 .*\[True, False\]; numpy.flatnonzero"),
        ([None], TypeError, r"entry 0 .*\[None\]"),
        (["1"], TypeError, r"entry 0 .*\['1'\]"),
        ([[1, 2], [3]], TypeError, "entry 0 is not an array of integers"),
        ([2**64 - 1], IndexError, "entry 0 has the index 18446744073709551615"),
    ],
)
def test_entries_of_a_plan_are_integers(tokens, entry, error, message):
    with pytest.raises(error, match=message):
        next(iter(Loader(tokens, 1, plan=[entry])))


def test_rows_of_an_array_are_entries_of_a_plan():
    plan = np.array([[1, 2], [4, 3], [0, 5]])
    assert numbers(Loader(np.arange(6), 1, plan=plan)) == plan.tolist()
