"""Progress bars. tqdm is imported only when one is shown."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from operator import length_hint
from pathlib import Path
from typing import Any


def progress(samples: Iterable[Any], verbose: bool, total: int | None = None, unit: str = "sample") -> Any:
    """Show a bar while `samples` are iterated over, if `verbose`."""
    if not verbose:
        return samples
    from tqdm.auto import tqdm

    return tqdm(samples, total=total if total is not None else expected(samples), unit=f" {unit}s")


def expected(samples: Iterable[Any], initial: int = 0) -> int | None:
    """The number of samples in total, after `initial` others; None if `samples` does not tell."""
    hint = length_hint(samples)
    return initial + hint if hint else None


class Counter(AbstractContextManager[Any]):
    """A bar that is moved by hand, if `verbose`."""

    def __init__(self, verbose: bool, total: int | None = None, initial: int = 0):
        self._bar: Any = None
        if verbose:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, initial=initial, unit=" samples")

    def update(self, n: int) -> bool:
        """Count `n` samples; return whether the bar was redrawn."""
        return self._bar is not None and bool(self._bar.update(n))

    def show_written(self, partial: Path) -> None:
        """Show how much is stored in a directory, the next time the bar is drawn."""
        if self._bar is not None:
            data = partial / "data.ninja"
            files = [data] if data.exists() else partial.glob("*/data.ninja")  # Of records, those of all fields.
            size = sum(map(os.path.getsize, files))
            self._bar.set_postfix_str(f"{size / 1e6:.1f} MB written", refresh=False)

    def over(self, samples: Iterable[Any], partial: Path) -> Iterable[Any]:
        """Count samples while they are iterated over, and show how much of them is stored in a directory."""
        return samples if self._bar is None else self._over(samples, partial)

    def _over(self, samples: Iterable[Any], partial: Path) -> Iterator[Any]:
        for sample in samples:
            yield sample
            if self.update(1):
                self.show_written(partial)

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.close()
