"""How datasets of each kind are built."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from mmap_ninja import _core
from mmap_ninja._build.progress import Counter, expected
from mmap_ninja._build.samples import check_batch_size
from mmap_ninja._build.session import BuildSession


@dataclass(frozen=True)
class Recipe:
    """How a dataset of one kind is built.

    Attributes:
        options: names of sub-directories, durability, timeout.
        stream: opens a directory for samples that come one after another.
        open: opens the dataset in a directory.
        write_shard: takes the opened dataset; returns a function that writes samples to a directory in the same form.
        join_shard: appends such a directory to the opened dataset.
    """

    options: _core.Options
    stream: Callable[[Path, _core.Options], _core.Stream]
    open: Callable[[str | PathLike[str]], Any]
    write_shard: Callable[[Any], Callable[[Path, list[Any]], Any]]
    join_shard: Callable[[Any, Path], Any]

    def session(
        self, out_dir: str | PathLike[str], resume: bool = False, overwrite: bool = True, keep: bool = True
    ) -> BuildSession:
        """A session that builds such a dataset."""
        return BuildSession(out_dir, self.options, self.stream, self.open, resume, overwrite, keep)


def build(
    out_dir: str | PathLike[str],
    samples_from: Callable[[int], Iterable[Any]],
    batch_size: int,
    recipe: Recipe,
    verbose: bool = False,
    n: int | None = None,
    resume: bool = False,
    overwrite: bool = True,
) -> bool:
    """Build a dataset beside `out_dir` and put it in place; return whether there were samples.

    Args:
        samples_from: returns the samples from an index on.
        n: the expected number of samples, for the bar.
    """
    check_batch_size(batch_size)
    with recipe.session(out_dir, resume, overwrite) as session:
        samples = samples_from(session.stored)
        total = n if n is not None or not verbose else expected(samples, session.stored)
        with Counter(verbose, total, session.stored) as bar:
            session.extend(bar.over(samples, session.partial), batch_size)
            bar.show_written(session.partial)
    return session.stored > 0
