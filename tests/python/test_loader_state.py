"""Resuming: a loader goes on with the batches that the run which was not interrupted would have read."""

import json
import pickle
from itertools import chain, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import Loader, RaggedMmap, StringsMmap

COUNT = 60
PLAN = [np.arange(i, i + 3) for i in range(0, 57, 3)]


def sources():
    return {
        "plain": (np.arange(COUNT), {}),
        "selected": (np.arange(COUNT), {"indices": range(0, COUNT, 2)}),
        "planned": (np.arange(COUNT), {"plan": PLAN}),
        "mixed": ({"a": (np.arange(40), 0.8), "b": (np.arange(100, 120), 0.2)}, {}),
    }


def loader(kind, **options):
    source, given_options = sources()[kind]
    return Loader(source, **{"batch_size": 4, "shuffle": True, **given_options, **options})


def stream(loader):
    """The batches of all epochs, as lists."""
    while True:
        for batch in loader:
            yield batch.tolist()


def joined(loaders):
    """The global batches that ranks read together."""
    for parts in zip(*map(stream, loaders), strict=True):
        yield list(chain(*parts))


@given(
    kind=st.sampled_from(list(sources())),
    before=st.integers(0, 45),
    between=st.integers(0, 45),
    ranks=st.sampled_from([1, 2, 4]),
)
def test_the_batches_after_two_resumes_on_other_ranks_are_those_of_one_run(kind, before, between, ranks):
    options = {"seed": 9, "drop_last": True}
    expected = list(islice(stream(loader(kind, **options)), before + between + 40))
    first = loader(kind, **options)
    found = list(islice(stream(first), before))
    states = [first.state_dict()]
    parts = [loader(kind, rank=rank, world_size=ranks, **options) for rank in range(ranks)]
    for part in parts:
        part.load_state_dict(json.loads(json.dumps(states[-1])))
    found += islice(joined(parts), between)
    states += [part.state_dict() for part in parts]
    assert all(state == states[1] for state in states[1:])
    last = loader(kind, seed=0, drop_last=True)
    last.load_state_dict(states[1])
    assert last.state_dict() == states[1]
    found += islice(stream(last), 40)
    assert found == expected


def test_a_thousand_batches_after_a_resume_on_half_and_on_double_the_ranks_are_the_same():
    expected = list(islice(stream(Loader(np.arange(997), 8, shuffle=True, drop_last=True)), 1100))
    run = [Loader(np.arange(997), 8, shuffle=True, drop_last=True, rank=r, world_size=4) for r in range(4)]
    assert list(islice(joined(run), 100)) == expected[:100]
    for ranks in (2, 8):
        resumed = [
            Loader(np.arange(997), 8, shuffle=True, drop_last=True, rank=r, world_size=ranks)
            for r in range(ranks)
        ]
        for each in resumed:
            each.load_state_dict(run[0].state_dict())
        assert list(islice(joined(resumed), 1000)) == expected[100:]


def test_batches_that_are_filled_ahead_do_not_count():
    data = Loader(np.arange(COUNT), 4, ahead=8)
    batches = iter(data)
    assert data.state_dict()["batch"] == 0
    for number in range(1, 6):
        next(batches)
        assert data.state_dict()["batch"] == number


def test_the_state_after_the_last_batch_begins_the_next_epoch():
    for exhaust in (False, True):
        data = loader("plain")
        batches = iter(data)
        for _ in range(len(data)):
            next(batches)
        if exhaust:
            assert list(batches) == []
        state = data.state_dict()
        assert (state["epoch"], state["batch"]) == (1, 0)
        resumed = loader("plain")
        resumed.load_state_dict(state)
        assert resumed.epoch == 1
        second = loader("plain")
        second.set_epoch(1)
        assert [b.tolist() for b in resumed] == [b.tolist() for b in second]
        assert resumed.epoch == 2


def test_setting_the_epoch_of_a_loaded_state_keeps_its_place():
    data = loader("plain")
    next(iter(data))
    resumed = loader("plain")
    resumed.load_state_dict(data.state_dict())
    resumed.set_epoch(resumed.epoch)
    assert len(list(resumed)) == len(data) - 1
    resumed.set_epoch(0)
    assert len(list(resumed)) == len(data)
    resumed.set_epoch(0)
    assert len(list(resumed)) == len(data)


def test_an_iteration_that_was_left_counts_as_an_epoch_and_no_longer_moves_the_loader():
    data = loader("plain")
    left = iter(data)
    next(left)
    assert len(list(data)) == len(data)
    assert data.epoch == 2
    next(left)
    assert data.state_dict()["batch"] == 0


@pytest.fixture
def tokens(path):
    return RaggedMmap.from_lists(path, [np.arange(i % 5 + 1) for i in range(COUNT)])


def test_a_dataset_that_grew_goes_on_with_the_samples_that_were_there(path, tokens):
    data = Loader(tokens, 4, shuffle=True, pad=0)
    batches = iter(data)
    next(batches)
    state, expected = data.state_dict(), [batch.tolist() for batch, _ in batches]
    tokens.append([1, 2])
    grown = Loader(RaggedMmap(path), 4, shuffle=True, pad=0)
    with pytest.raises(ValueError, match=r"has grown from 60 to 61 samples; .* indices=range\(60\)"):
        grown.load_state_dict(state)
    resumed = Loader(RaggedMmap(path), 4, shuffle=True, pad=0, indices=range(60))
    resumed.load_state_dict(state)
    assert [batch.tolist() for batch, _ in resumed] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": np.arange(1, COUNT + 1)}, "the dataset is another one"),
        ({"source": np.arange(COUNT, dtype=np.int32)}, "the dataset is another one"),
        ({"source": np.arange(COUNT - 1)}, "the dataset is another one"),
        ({"source": np.arange(COUNT + 1)}, "has grown from 60 to 61"),
        ({"source": {"a": (np.arange(30), 1), "b": (np.arange(30), 1)}}, "it has 1 sources, this one 2"),
        ({"batch_size": 8}, "batch_size was 4, and is 8"),
        ({"shuffle": False}, "shuffle was True, and is False"),
        ({"plan": PLAN}, "the plan differs"),
        ({"indices": range(1, COUNT)}, "the indices or the weights"),
    ],
)
def test_the_state_of_another_loader_is_refused_by_what_differs(options, message):
    defaults = {"source": np.arange(COUNT), "batch_size": 4, "shuffle": True}
    state = Loader(**defaults).state_dict()
    with pytest.raises(ValueError, match=message):
        Loader(**{**defaults, **options}).load_state_dict(state)


def test_the_seed_comes_with_the_state_and_the_last_batch_and_the_padding_may_differ(tokens):
    data = Loader(tokens, 8, shuffle=True, seed=3, pad=0)
    batches = iter(data)
    next(batches)
    resumed = Loader(tokens, 8, shuffle=True, seed=4, pad=-1, drop_last=True)
    resumed.load_state_dict(data.state_dict())
    assert resumed.seed == 3
    rest = [np.where(batch < 0, 0, batch).tolist() for batch, _ in resumed]
    assert rest == [batch.tolist() for batch, _ in batches][:-1]


def test_other_weights_indices_and_plans_are_refused():
    def mixed(weight):
        return Loader({"a": (np.arange(30), weight), "b": (np.arange(30), 1)}, 4)

    with pytest.raises(ValueError, match="the indices or the weights"):
        mixed(2).load_state_dict(mixed(1).state_dict())
    plans = [Loader(np.arange(9), 1, plan=plan) for plan in ([[1, 2], [3]], [[1], [2, 3]])]
    with pytest.raises(ValueError, match="the plan differs"):
        plans[0].load_state_dict(plans[1].state_dict())


@pytest.mark.parametrize(
    "damage", [{"batch": 16}, {"batch": -1}, {"epoch": "1"}, {"version": 2}, {"seed": 2**64}]
)
def test_a_state_that_no_loader_gives_is_refused(damage):
    data = loader("plain")
    with pytest.raises(ValueError, match="state"):
        data.load_state_dict({**data.state_dict(), **damage})
    for state in (
        {},
        None,
        {"version": 1},
        {**data.state_dict(), "sources": None},
        {**data.state_dict(), "sources": [["1", 2]]},
    ):
        with pytest.raises(ValueError, match="state"):
            data.load_state_dict(state)
    assert len(list(data)) == len(data)


def test_a_changed_or_replaced_dataset_is_another_one(path, tokens):
    state = Loader(tokens, 4).state_dict()
    tokens[0] = [7]
    with pytest.raises(ValueError, match="is another one, or was changed"):
        Loader(tokens, 4).load_state_dict(state)
    texts = StringsMmap.from_strings(path.parent / "texts", ["a", "b"])
    with pytest.raises(ValueError, match="is another one"):
        Loader(texts, 4).load_state_dict(state)


def test_the_largest_state_has_one_kilobyte():
    sources = {f"source {i}": (np.arange(9), 1) for i in range(24)}
    data = Loader(sources, 2**40, shuffle=True, seed=2**64 - 1)
    data.set_epoch(2**32 - 1)
    assert len(json.dumps(data.state_dict())) + 24 * len("000000000") <= 1000


def test_a_pickled_loader_reads_the_same_batches(tokens):
    data = Loader(tokens, 4, shuffle=True, pad=0)
    next(iter(data))
    copy = pickle.loads(pickle.dumps(data))
    assert copy.state_dict() == data.state_dict()
    for (one, _), (other, _) in zip(data, copy, strict=True):
        assert one.tolist() == other.tolist()
