"""Reading ahead in threads."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def load_all(
    load: Callable[[T], Any], items: Iterable[T], jobs: int
) -> Generator[tuple[T, Future[Any]], None, None]:
    """Yield the items in order, each with what is loaded of it, while threads load ahead.

    Pillow decodes images without holding the GIL.
    """
    pending: deque[tuple[T, Future[Any]]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for item in items:
                pending.append((item, pool.submit(load, item)))
                if len(pending) > 2 * jobs:
                    yield pending.popleft()
            while pending:
                yield pending.popleft()
        finally:
            pool.shutdown(cancel_futures=True)
