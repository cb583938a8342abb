"""All measurements of a run, as they are stored in a JSON file and looked up for the page."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.rounds import Measurement


@dataclass(frozen=True)
class Key:
    """Names one measurement."""

    suite: str
    what: str
    who: str
    unit: str


class Results:
    """Measurements by their names.

    Args:
        machine: facts about the machine and the versions, by name.
        measurements: what was measured.
    """

    def __init__(self, machine: dict[str, str], measurements: Iterable[Measurement] = ()):
        self.machine, self.measurements = machine, list(measurements)

    @classmethod
    def load(cls, file: Path) -> "Results":
        stored = json.loads(file.read_text())
        return cls(stored["machine"], [Measurement(**each) for each in stored["measurements"]])

    def save(self, file: Path) -> None:
        rounded = [
            {**asdict(each), "values": [_rounded(value) for value in each.values]}
            for each in self.measurements
        ]
        rows = ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in rounded)
        machine = json.dumps(self.machine, indent=1, ensure_ascii=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'{{"machine": {machine},\n"measurements": [\n{rows}\n]}}\n', encoding="utf-8")

    def replace(self, suite: str, measurements: list[Measurement]) -> None:
        """Put the measurements of one suite in the place of those that are there."""
        self.measurements = [each for each in self.measurements if each.suite != suite] + measurements

    def find(self, key: Key) -> Measurement | None:
        for each in self.measurements:
            if (each.suite, each.what, each.who) == (key.suite, key.what, key.who) and each.unit in (
                key.unit,
                "",
            ):
                return each
        return None

    def value(self, key: Key) -> float | None:
        found = self.find(key)
        return found.median if found else None

    def ratio(self, above: Key, below: Key) -> float | None:
        """The median of the ratios within one round: what slows the machine for a while slows both."""
        one, other = self.find(above), self.find(below)
        if one is None or other is None:
            return None
        if len(one.values) != len(other.values):
            return one.median / other.median if one.median is not None and other.median else None
        pairs = zip(one.values, other.values, strict=True)
        ratios = [mine / theirs for mine, theirs in pairs if mine is not None and theirs]
        return median(ratios) if ratios else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
