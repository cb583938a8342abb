"""Targets, and how to judge them."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.pages.tables import figure
from benchmarks.results import Key, Results


@dataclass(frozen=True)
class Outcome:
    text: str
    is_met: bool


@dataclass(frozen=True)
class Target:
    """A target in words, and how to judge it; `evaluate` returns None if it was not measured."""

    text: str
    evaluate: Callable[[Results], Outcome | None]


def at_most_times(text: str, limit: float, above: Key, below: Key) -> Target:
    """The ratio of two values should be small."""
    return judged(text, lambda results: results.ratio(above, below), "times", lambda ratio: ratio <= limit)


def at_least_times(text: str, limit: float, above: Key, below: Key) -> Target:
    """The ratio of two values should be large."""
    return judged(text, lambda results: results.ratio(above, below), "times", lambda ratio: ratio >= limit)


def at_most(text: str, limit: float, key: Key, unit: str | None = None) -> Target:
    """A value should be small."""
    return judged(text, lambda results: results.value(key), unit or key.unit, lambda value: value <= limit)


def at_least(text: str, limit: float, key: Key) -> Target:
    """A value should be large."""
    return judged(text, lambda results: results.value(key), key.unit, lambda value: value >= limit)


def judged(
    text: str, find: Callable[[Results], float | None], unit: str, is_met: Callable[[float], bool]
) -> Target:
    def evaluate(results: Results) -> Outcome | None:
        value = find(results)
        return None if value is None else Outcome(f"{figure(value)} {unit}", is_met(value))

    return Target(text, evaluate)
