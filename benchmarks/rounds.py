"""Repeats that go round robin through all that is compared, and what came of them."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import median

from benchmarks.environments import Environment
from benchmarks.processes import Failed, Worker
from benchmarks.settings import ROOT


@dataclass(frozen=True, eq=False)
class Case:
    """One thing to measure.

    Attributes:
        what, who: the column and the row of its table.
        environment: where it runs.
        function: `module:function`, which returns a number for each unit.
        arguments: of the function, as JSON can hold them.
        preload: a shared library for its process.
    """

    what: str
    who: str
    environment: str
    function: str
    arguments: dict
    preload: str | None = None

    @property
    def process(self) -> tuple:
        """Cases with the same one share a process."""
        return self.environment, self.who, self.preload


@dataclass(frozen=True)
class Group:
    """Cases that are compared with each other.

    Attributes:
        suite: the name of their table.
        rounds: how often each is measured in one set of processes.
        processes: how many sets of processes; a process may be lucky with where its memory lies.
        fresh: each measurement gets a process of its own.
        prepare: calls to make before, `(environment, function, arguments)`.
        around: changes a setting of the machine while the group is measured; yields the reason if it cannot, else None.
    """

    suite: str
    cases: list[Case]
    rounds: int
    processes: int = 1
    fresh: bool = False
    prepare: list[tuple[str, str, dict]] = field(default_factory=list)
    around: Callable[[], AbstractContextManager[str | None]] = nullcontext


@dataclass
class Measurement:
    """The values of one case in one unit, in the order of the rounds; None where it failed, `note` says why."""

    suite: str
    what: str
    who: str
    unit: str
    values: list[float | None]
    note: str = ""

    @property
    def median(self) -> float | None:
        known = [value for value in self.values if value is not None]
        return median(known) if known else None


Environments = dict[str, Environment]


class Runner:
    """Measures the cases of one group.

    Args:
        report: called with a line about each measurement.
    """

    def __init__(self, group: Group, environments: Environments, report: Callable[[str], None]):
        self.group, self.environments, self.report = group, environments, report
        self.outcomes: dict[Case, list[dict[str, float] | None]] = {case: [] for case in group.cases}
        self.notes: dict[Case, str] = {}

    def run(self) -> list[Measurement]:
        with self.group.around() as missing:
            if missing:
                self.notes = dict.fromkeys(self.group.cases, missing)
            self._prepare()
            for which in range(self.group.processes):
                self._rounds(seed=which)
        measured = [self._measurements(case) for case in self.group.cases]
        for units in measured:
            self.report(line(units))
        return [each for units in measured for each in units]

    def _prepare(self) -> None:
        for environment, function, arguments in self.group.prepare:
            worker = Worker(self.environments[environment])
            try:
                worker.call(function, arguments)
            except Failed as failure:
                self.report(f"  preparation failed: {function} {failure}")
            finally:
                worker.close()

    def _rounds(self, seed: int) -> None:
        """The first round in a set of processes warms up and does not count."""
        workers: dict[tuple, Worker] = {}
        shuffle = random.Random(seed).sample
        for turn in range(self.group.rounds + (not self.group.fresh)):
            counts = turn > 0 or self.group.fresh
            for case in shuffle(self.group.cases, len(self.group.cases)):
                outcome = self._measure(case, workers)
                if counts:
                    self.outcomes[case].append(outcome)
        for worker in workers.values():
            worker.close()

    def _measure(self, case: Case, workers: dict[tuple, Worker]) -> dict[str, float] | None:
        if case in self.notes:
            return None
        if case.environment not in self.environments:
            self.notes[case] = "its packages are not installed"
            return None
        if case.process not in workers:
            workers[case.process] = Worker(self.environments[case.environment], case.preload)
        try:
            return workers[case.process].call(case.function, case.arguments)
        except Failed as failure:
            self.notes[case] = str(failure).replace(f"{ROOT}/", "")
            return None
        finally:
            if self.group.fresh:
                workers.pop(case.process).close()

    def _measurements(self, case: Case) -> list[Measurement]:
        outcomes, note = self.outcomes[case], self.notes.get(case, "")
        units = list(dict.fromkeys(unit for outcome in outcomes if outcome for unit in outcome)) or [""]
        return [
            Measurement(
                self.group.suite,
                case.what,
                case.who,
                unit,
                [outcome.get(unit) if outcome else None for outcome in outcomes],
                note,
            )
            for unit in units
        ]


def line(units: list[Measurement]) -> str:
    """One case on one line, in all its units."""
    first = units[0]
    figures = ", ".join(map(spread, units)) if first.median is not None else first.note
    return f"{first.suite:12} {first.what:35} {first.who:35} {figures}"


def spread(measured: Measurement) -> str:
    known = sorted(value for value in measured.values if value is not None)
    return f"{measured.median:,.4g} {measured.unit} ({known[0]:,.4g} to {known[-1]:,.4g})"
