"""What fills the batches of one iteration."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from mmap_ninja import _core

# Samples that are requested in advance, so that their pages are on their way from the disk: enough to keep any disk busy.
_REQUESTED = 512
# Most batches that are, besides those that are filled.
_MOST_REQUESTED = 64


class Feed(Protocol):
    """Fills batches in the order in which they are requested. A selection is what it understands."""

    def request(self, selection: Any, /) -> None: ...
    def take(self) -> Any: ...
    def close(self) -> None: ...


def threads(source: _core.Source, order: _core.Order, count: int, ahead: int) -> Feed:
    """Threads that fill batches without the interpreter, so that they need not end before it does."""
    return _core.Prefetcher(source, order, count, ahead)


class Calls:
    """Fills batches by a function, when they are taken."""

    def __init__(self, read: Callable[[Any], Any], prefetch: Callable[[Any], None] | None):
        self._read, self._prefetch = read, prefetch
        self._requested: deque[Any] = deque()

    def request(self, selection: Any) -> None:
        if self._prefetch is not None:
            self._prefetch(selection)
        self._requested.append(selection)

    def take(self) -> Any:
        return self._read(self._requested.popleft())

    def close(self) -> None:
        self._requested.clear()


def in_advance(samples: int, threads: int, ahead: int) -> int:
    """How many batches of that many samples to request in advance: those that are filled, and those whose pages are read."""
    return threads + ahead + min(max(2, _REQUESTED // max(samples, 1)), _MOST_REQUESTED)


def batches(feed: Feed, selections: Iterator[Any], in_advance: int) -> Iterator[Any]:
    """The batches of the selections, which are requested that far in advance.

    An error in a selection is raised when its batch is due.
    """
    upcoming = _requests(feed, selections)
    requested = deque(islice(upcoming, in_advance))
    while requested:
        requested.extend(islice(upcoming, 1))
        if error := requested.popleft():
            raise error
        yield feed.take()


def _requests(feed: Feed, selections: Iterator[Any]) -> Iterator[Exception | None]:
    """Requests one batch after another, and yields the error of each."""
    try:
        for selection in selections:
            feed.request(selection)
            yield None
    except Exception as error:  # noqa: BLE001  # It is raised when its batch is due.
        yield error
