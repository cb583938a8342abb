"""The training loops of the documentation, run as they stand."""

import ast
from collections.abc import Iterator

import numpy as np
import pages


def check_training_loop(page: str) -> None:
    """Check that the loop over batches of a page runs two epochs of the same length and of different order."""
    samples = list(_samples_of_training_loop(page))
    half, odd = divmod(len(samples), 2)
    assert half > 500 or half == 100
    assert not odd
    assert samples[:half] != samples[half:]
    if half % 100 == 0:  # The loop drops no samples.
        assert sorted(samples[:half]) == sorted(samples[half:])


def _samples_of_training_loop(page: str) -> Iterator[tuple[float, ...]]:
    """Run a page up to the end of its loop over batches, and yield the samples that it has seen, without padding."""
    seen: list[np.ndarray] = []
    names = {"__name__": "__main__", "seen": seen}
    for statement in ast.parse(pages.program(pages.ROOT / "docs" / page), page).body:
        for node in ast.walk(statement):
            if isinstance(node, ast.For) and "batch" in ast.unparse(node.target):
                node.body.insert(0, ast.parse("seen.append(batch)").body[0])
        exec(compile(ast.Module([statement], []), page, "exec"), names)  # noqa: S102
        if seen:
            break
    for batch in seen:
        for sample in np.asarray(batch):
            yield tuple(np.trim_zeros(sample.ravel(), "b").tolist())
