"""Building a field of records that are there."""

from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmap_ninja import _core
from mmap_ninja._build.progress import Counter
from mmap_ninja._build.samples import check_batch_size, skip_stored
from mmap_ninja._build.session import BuildSession

if TYPE_CHECKING:
    from mmap_ninja._fields import Declared


def add(
    records: Path,
    name: str,
    samples: Iterable[Any],
    batch_size: int,
    declared: "Declared | None",
    options: _core.Options,
    verbose: bool,
    resume: bool,
    n: int,
) -> None:
    """Build the field `name` from one sample for each of the `n` records, and make it one of theirs."""
    check_batch_size(batch_size)
    if not n and _core.kind(records) is not None:
        raise ValueError(f"{records}: there are no records; append some before the field '{name}' is added")
    iterator = iter(samples)
    first = list(islice(iterator, 1))
    if not first:
        raise ValueError(f"{records}: the new field '{name}' has 0 samples, the records are {n}")
    shape = declared[2] if declared is not None and declared[0] == "ragged" else None

    def begin() -> _core.BuildSession:
        return _core.BuildSession.field(records, name, shape, options, resume)

    def stream(out_dir: Path, options: _core.Options) -> _core.Stream:
        return _core.Stream.field(out_dir, options, first[0], declared)

    with BuildSession(records / name, options, stream, resume=resume, begin=begin) as session:
        remaining = skip_stored(chain(first, iterator), session.stored)
        with Counter(verbose, n, session.stored) as bar:
            # One more than there are records is enough to tell that there are too many.
            at_most = islice(remaining, n + 1 - session.stored)
            session.extend(bar.over(at_most, session.partial), batch_size)
            bar.show_written(session.partial)
