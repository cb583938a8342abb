"""What is converted, and how."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmap_ninja import _core
from mmap_ninja._convert.labels import FOLDERS

# What can be chosen for some kinds of sources only.
_CHOICES = ("fields", "glob", "labels", "mode", "size", "dtype")


@dataclass(frozen=True)
class Request:
    """A source, and what was asked for. For the attributes, see `mmap_ninja.convert`."""

    source: str
    out_dir: str
    kind: str | None = None
    fields: Sequence[str] | None = None
    glob: Sequence[str] | None = None
    labels: str | Path | None = None
    mode: str | None = None
    size: tuple[int, int] | None = None
    dtype: Any = None
    skips: bool = False
    jobs: int = 1

    def deciding(self, kind: str) -> dict[str, Any]:
        """What decides the content of the dataset besides the files, as JSON can hold it."""
        labels = self.labels if self.labels in (None, FOLDERS) else os.path.abspath(self.labels)
        return {
            "kind": kind,
            "fields": None if self.fields is None else list(self.fields),
            "labels": labels,
            "mode": self.mode,
            "size": None if self.size is None else list(self.size),
            "dtype": None if self.dtype is None else str(np.dtype(self.dtype)),
        }

    def check_choices(self, what: str, allowed: frozenset[str]) -> None:
        """Raise ValueError for a choice that means nothing for a source."""
        for name in _CHOICES:
            if getattr(self, name) is not None and name not in allowed:
                raise ValueError(f"{self.source}: '{name}' means nothing for {what}")


@dataclass(frozen=True)
class Destination:
    """Where a dataset is made.

    Attributes:
        resume: whether to continue what an interrupted conversion has left.
    """

    out_dir: str
    options: _core.Options
    verbose: bool = False
    overwrite: bool = True
    resume: bool = False
