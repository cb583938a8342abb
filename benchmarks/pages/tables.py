"""Measurements as Markdown tables."""

from dataclasses import dataclass

from benchmarks.results import Key, Results

Rows = list[list[str]]
MISSING = "–"


def figure(value: float | None) -> str:
    """A number with three significant digits, or with all its digits before the point."""
    if value is None:
        return MISSING
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) >= 0.001 else f"{value:.1g}"


def markdown(rows: Rows, right: tuple[int, ...] | None = None) -> str:
    """An aligned table whose first row is the header; by default, all columns but the first are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = tuple(range(1, len(widths))) if right is None else right
    rule = ["-" * (width - 1) + ":" if i in right else "-" * width for i, width in enumerate(widths)]
    return "\n".join(aligned(row, widths, right) for row in (rows[0], rule, *rows[1:]))


def aligned(row: list[str], widths: list[int], right: tuple[int, ...]) -> str:
    cells = [
        cell.rjust(width) if i in right else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class ByWho:
    """A row for each contender.

    Attributes:
        columns: header, what and unit.
        relative_to: the contender whose value is 1x in the ratios in brackets.
    """

    suite: str
    columns: tuple[tuple[str, str, str], ...]
    relative_to: str | None = None
    caption: str = ""

    def rows(self, results: Results) -> Rows:
        whats = {what for _, what, _ in self.columns}
        measured = [each for each in results.measurements if each.suite == self.suite and each.what in whats]
        names = list(dict.fromkeys(each.who for each in measured))
        head = ["", *(title for title, _, _ in self.columns)]
        return [head, *([name, *self.cells(results, name)] for name in names)]

    def cells(self, results: Results, who: str) -> list[str]:
        return [self.cell(results, Key(self.suite, what, who, unit)) for _, what, unit in self.columns]

    def cell(self, results: Results, key: Key) -> str:
        text = figure(results.value(key))
        if not self.relative_to or text == MISSING:
            return text
        times = results.ratio(key, Key(key.suite, key.what, self.relative_to, key.unit))
        return f"{text} ({figure(times)}x)" if times is not None else text


@dataclass(frozen=True)
class ByWhat:
    """A row for each thing that was measured, and a column for each contender."""

    suite: str
    unit: str
    who: tuple[str, ...]
    caption: str = ""

    def rows(self, results: Results) -> Rows:
        whats = dict.fromkeys(each.what for each in results.measurements if each.suite == self.suite)
        values = [
            [what, *(figure(results.value(Key(self.suite, what, who, self.unit))) for who in self.who)]
            for what in whats
        ]
        return [["", *self.who], *(row for row in values if set(row[1:]) != {MISSING})]


def notes(results: Results, suite: str) -> list[str]:
    """What could not be measured, and why; rows of one column that lack for the same reason are one note."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for each in results.measurements:
        if each.suite == suite and each.note:
            lacking.setdefault((each.what, each.note), []).append(each.who)
    found = [
        f"- {what}, {'; '.join(dict.fromkeys(who))}: not measured ({note})"
        for (what, note), who in lacking.items()
    ]
    return ["\n".join(found)] if found else []
