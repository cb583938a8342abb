"""Reports the measurements in a table and in words."""

from collections.abc import Iterable
from textwrap import fill

from kinds import KINDS
from measure import MEMORY_LIMIT, WAYS, Measurement

Results = dict[str, dict[str, Measurement]]

COLUMNS = (
    "",
    "initial load (s)",
    "in order (s)",
    "shuffled (s)",
    "memory (MB)",
    "mapped (MB)",
    "disk (MB)",
)


def report(results: Results) -> str:
    """The table in aligned Markdown, with explanations."""
    return "\n".join([table(results), "", *map(wrapped, explanation(results)), "", *speed_ups(results)])


def table(results: Results) -> str:
    return markdown([COLUMNS, *(row(kind, way, results[kind]) for kind in results for way in WAYS)])


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table in aligned Markdown; the first row is its header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(aligned(cells, widths) for cells in (rows[0], rule, *rows[1:]))


def row(kind: str, way: str, measured: dict[str, Measurement]) -> tuple[str, ...]:
    name = f"{kind}: {WAYS[way]}"
    if way not in measured:
        return name, *["-"] * (len(COLUMNS) - 1)
    costs = measured[way]
    times = (f"{seconds:.4f}" for seconds in (costs.load, costs.in_order, costs.shuffled))
    sizes = (megabytes(size) for size in (costs.memory, costs.mapped, costs.disk))
    return name, *times, *sizes


def aligned(cells: Iterable[str], widths: list[int]) -> str:
    first, *others = cells
    padded = [
        first.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
    ]
    return f"| {' | '.join(padded)} |"


def megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:.1f}"


def explanation(results: Results) -> list[str]:
    work = ", ".join(f"for {kind} it {KINDS[kind].work}" for kind in results)
    lines = [
        f"Each iteration reads every byte of every sample: {work}. The work is the same for all rows.",
        "Each row is measured in a separate process. All files were just used, so they are in the page cache.",
        "Initial load: reading the list of files, decoding all of them, or opening the map.",
        (
            "Memory: the private memory that the process gained by the end of both iterations. Mapped: file pages in "
            "its address space, which it shares with other processes and the system reclaims when needed."
        ),
    ]
    if any("memory" not in measured for measured in results.values()):
        lines.append(f"Rows without figures: more than {MEMORY_LIMIT / 1e9:g} GB are not loaded into memory.")
    return lines


def wrapped(sentence: str) -> str:
    return fill(sentence, 110, initial_indent="- ", subsequent_indent="  ")


def speed_ups(results: Results) -> list[str]:
    """Compare the map with the files, in one line for each kind."""
    return [
        f"Reading {kind} from the map is {times(costs['files'].in_order / costs['map'].in_order)} as fast as from their "
        f"files in order, and {times(costs['files'].shuffled / costs['map'].shuffled)} as fast in shuffled order."
        for kind, costs in results.items()
    ]


def times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
