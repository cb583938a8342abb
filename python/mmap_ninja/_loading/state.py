"""The state of a loader: at most 1 kB of JSON, which says how far it is, and what it reads."""

from collections.abc import Mapping
from typing import Any, NamedTuple

VERSION = 1


class Facts(NamedTuple):
    """What decides which batches a loader yields, besides its seed.

    Attributes:
        batch_size: samples of a global batch.
        shuffle: whether the order is random.
        sources: of each source, the number of its first samples that take part, and their fingerprint.
        selection: the fingerprint of the indices and the weights.
        plan: the fingerprint of the plan; empty without one.
    """

    batch_size: int
    shuffle: bool
    sources: list[list[Any]]
    selection: str
    plan: str


class Place(NamedTuple):
    """How far a loader is: batches yielded in an epoch of a seed."""

    seed: int
    epoch: int
    batch: int


def dump(place: Place, facts: Facts) -> dict[str, Any]:
    return {"version": VERSION, **place._asdict(), **facts._asdict()}


def load(state: Any, names: list[str], facts: Facts, batches: int, grown: Any) -> Place:
    """The place in a state, after a check that it is a state of a loader with these `facts`.

    `grown` is called with the number of a source and an earlier count of its samples, and gives their fingerprint now.

    Raises:
        ValueError: it is not; the message says what differs.
    """
    if not isinstance(state, Mapping) or state.get("version") != VERSION:
        raise ValueError("this is not the state of a loader of this version")
    fields = {*Place._fields, *Facts._fields}
    if missing := sorted(fields - set(state)):
        raise ValueError(f"the state of the loader lacks {', '.join(missing)}")
    place = Place(*(_count(name, state[name]) for name in Place._fields))
    if differing := _differing(state, names, facts, grown):
        raise ValueError(f"the state is that of another loader: {differing}")
    if place.batch > batches:
        raise ValueError(f"the state is {place.batch} batches into an epoch, which has {batches}")
    return place


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**64:
        raise ValueError(f"the {name} in the state of the loader is {value!r}")
    return value


def _is_source(stored: Any) -> bool:
    return isinstance(stored, list) and len(stored) == 2 and isinstance(stored[0], int)


def _differing(state: Mapping[str, Any], names: list[str], facts: Facts, grown: Any) -> str | None:
    stored = state["sources"]
    if not isinstance(stored, list) or not all(map(_is_source, stored)):
        return f"its sources are {stored!r}"
    if len(stored) != len(facts.sources):
        return f"it has {len(stored)} sources, this one {len(facts.sources)}"
    for number, ((then, seen), (now, seen_now), name) in enumerate(
        zip(stored, facts.sources, names, strict=True)
    ):
        if (then, seen) == (now, seen_now):
            continue
        what = f"source {name!r}" if name else "the dataset"
        if then < now and grown(number, then) == seen:
            return (
                f"{what} has grown from {then} to {now} samples; to go on with those that were there, make the loader with "
                f"indices=range({then})" + (f" for {name!r}" if name else "")
            )
        return f"{what} is another one, or was changed (it had {then} samples, now {now} take part)"
    for name in ("batch_size", "shuffle"):
        if state[name] != getattr(facts, name):
            return f"{name} was {state[name]!r}, and is {getattr(facts, name)!r}"
    if state["plan"] != facts.plan:
        return "the plan differs"
    if state["selection"] != facts.selection:
        return "the indices or the weights of the sources differ"
    return None
