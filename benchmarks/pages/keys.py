"""The keys of what the targets name."""

from benchmarks.contenders import OURS
from benchmarks.results import Key
from benchmarks.suites import (
    access,
    batches,
    building,
    cold,
    conversion,
    growing,
    items,
    large,
    loading,
    opening,
    records,
    training,
)


def item(kind: str, who: str) -> Key:
    return Key(items.SUITE, kind, who, "ns")


def way(kind: str, name: str, who: str = OURS) -> Key:
    return Key(access.SUITE, f"{kind}, {name}", who, "ns")


def batch(what: str, who: str) -> Key:
    return Key(batches.SUITE, what, who, "µs")


def opened(what: str, who: str, unit: str) -> Key:
    return Key(opening.SUITE, what, who, unit)


def large_map(who: str) -> Key:
    return Key(large.SUITE, large.MANY, who, "ns")


def cold_sample(what: str, who: str) -> Key:
    return Key(cold.SUITE, what, who, "µs")


def epoch(what: str, who: str) -> Key:
    return Key(training.SUITE, what, who, "s")


def loaded(what: str, who: str, unit: str) -> Key:
    return Key(loading.SUITE, what, who, unit)


def built(what: str, who: str, unit: str = "s") -> Key:
    return Key(building.SUITE, what, who, unit)


def converted(what: str, who: str, unit: str = "s") -> Key:
    return Key(conversion.SUITE, what, who, unit)


def appended(kind: str, count: int, who: str) -> Key:
    return Key(growing.SUITE, growing.what(kind, count), who, "µs")


def record(what: str, unit: str, who: str = OURS) -> Key:
    return Key(records.SUITE, what, who, unit)
