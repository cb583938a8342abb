"""What fills the batches of one iteration."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from mmap_ninja import _core

# Samples whose pages are requested before those of the batches to come are copied: enough to keep any disk busy.
_ANNOUNCED = 512
# Most batches whose pages are requested.
_MOST_ANNOUNCED = 64


class Feed(Protocol):
    """Fills batches in the order in which they are requested. A selection is what it understands."""

    def announce(self, selection: Any, /) -> None: ...
    def request(self, selection: Any, /) -> None: ...
    def take(self) -> Any: ...
    def close(self) -> None: ...


def threads(source: _core.Source, order: _core.Order, count: int) -> Feed:
    """Threads that fill batches without the interpreter, so that they need not end before it does."""
    return _core.Prefetcher(source, order, count)


class Calls:
    """Fills batches by a function, when they are taken."""

    def __init__(self, read: Callable[[Any], Any], prefetch: Callable[[Any], None] | None):
        self._read, self._prefetch = read, prefetch
        self._requested: deque[Any] = deque()

    def announce(self, selection: Any) -> None:
        if self._prefetch is not None:
            self._prefetch(selection)

    def request(self, selection: Any) -> None:
        self._requested.append(selection)

    def take(self) -> Any:
        return self._read(self._requested.popleft())

    def close(self) -> None:
        self._requested.clear()


def batches(feed: Feed, selections: Iterator[Any], ahead: int, samples: int) -> Iterator[Any]:
    """The batches of the selections, each of which has `samples` samples; `ahead` of them are filled in advance.

    An error in a selection is raised when its batch is due.
    """
    distance = min(max(2, _ANNOUNCED // max(samples, 1)), _MOST_ANNOUNCED)
    upcoming = _caught(selections)
    announced: deque[Any] = deque()
    requested: deque[Exception | None] = deque()
    while True:
        while len(requested) < ahead and (announced or (announced := deque(islice(upcoming, 1)))):
            requested.append(_request(feed, announced.popleft()))
            for later in islice(upcoming, distance - len(announced)):
                announced.append(later)
                if not isinstance(later, _Failure):
                    feed.announce(later)
        if not requested:
            return
        if error := requested.popleft():
            raise error
        yield feed.take()


class _Failure:
    """The error of a selection."""

    def __init__(self, error: Exception):
        self.error = error


def _caught(selections: Iterator[Any]) -> Iterator[Any]:
    """The selections, and at their end the error that ended them."""
    try:
        yield from selections
    except Exception as error:  # noqa: BLE001  # It is raised when its batch is due.
        yield _Failure(error)


def _request(feed: Feed, selected: Any) -> Exception | None:
    if isinstance(selected, _Failure):
        return selected.error
    try:
        feed.request(selected)
    except Exception as error:  # noqa: BLE001  # As above.
        return error
    return None
