"""Timing one action within a worker."""

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter

BUDGET = 0.06


def seconds(action: Callable[[], object], choose: Callable[[list[float]], float] = median) -> float:
    """The time of an action, which is repeated for as long as the budget lasts.

    Args:
        choose: of all times. `min` suits a loop that does nothing but compute: whatever takes longer was disturbed.
    """
    times: list[float] = []
    gc.disable()
    try:
        while not times or sum(times) < BUDGET:
            start = perf_counter()
            action()
            times.append(perf_counter() - start)
    finally:
        gc.enable()
    return choose(times)
