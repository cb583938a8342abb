"""How the constructors of maps, `from_lists` and others, store samples and open the map that they made.

A map's class sets `_CREATE`, the name of the constructor that stores samples in memory, and `_BASE`, the class of this
package that it is or inherits from, and defines `_recipe`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmap_ninja import _build, _core, _paths, parallel
from mmap_ninja._arguments import options_in, parameters
from mmap_ninja._typing import AnyPath, Mode
from mmap_ninja.base import from_generator_base, from_indexable_base

if TYPE_CHECKING:
    from mmap_ninja._typing import MaybeNone, T


def from_memory(
    cls: "Callable[..., T]",
    out_dir: AnyPath,
    create: Callable[..., None],
    overwrite: bool,
    mode: Mode,
    given: dict[str, Any],
) -> "T":
    """Store samples that are in memory.

    Args:
        cls: the class of the map.
        create: stores the samples, called as `create(out_dir, options=options)`.
        given: arguments of the constructor; `mode` need not be among them.
    """
    arguments = {"mode": mode, **given}
    options = _core.Options(**options_in(arguments))
    out_dir = _paths.local(out_dir)
    resolved = _build.resolve_later(out_dir)
    if not overwrite:
        _build.refuse_existing(out_dir)
    create(out_dir, options=options)
    with _paths.opening_new():
        return cls(resolved(), **arguments)


def from_generator(
    cls: "type[T]",
    out_dir: AnyPath,
    sample_generator: Iterable[Any],
    batch_size: int,
    verbose: bool,
    n: int | None,
    resume: bool,
    overwrite: bool,
    given: dict[str, Any],
) -> "T | MaybeNone":
    """Store samples batch by batch. `given` are arguments of the constructor and the recipe."""
    out_dir = _paths.local(out_dir)
    if create := _own_create(cls, out_dir, resume, overwrite):
        return from_generator_base(
            out_dir, sample_generator, batch_size, create, verbose=verbose, n=n, **given
        )
    return in_batches(cls, out_dir, sample_generator, batch_size, verbose, n, resume, overwrite, given)


def in_batches(
    cls: "type[T]",
    out_dir: AnyPath,
    samples: Iterable[Any],
    batch_size: int,
    verbose: bool,
    n: int | None,
    resume: bool,
    overwrite: bool,
    given: dict[str, Any],
) -> "T | MaybeNone":
    """Store samples batch by batch, whichever methods a subclass overrides."""
    out_dir = _paths.local(out_dir)
    samples_from = partial(_build.skip_stored, samples)

    def build(recipe: _build.Recipe) -> bool:
        return _build.build(out_dir, samples_from, batch_size, recipe, verbose, n, resume, overwrite)

    return _build_whole(cls, "from_generator", out_dir, given, build)


def from_indexable(
    cls: "type[T]",
    out_dir: AnyPath,
    indexable: Any,
    batch_size: int,
    n_jobs: int | None,
    verbose: bool,
    resume: bool,
    overwrite: bool,
    deciding: int | None,
    given: dict[str, Any],
) -> "T | MaybeNone":
    """Store the samples of an indexable batch by batch.

    Args:
        deciding: how many samples decide how all of them are stored; a batch by default.
        given: arguments of the constructor and the recipe.
    """
    out_dir = _paths.local(out_dir)
    if create := _own_create(cls, out_dir, resume, overwrite):
        return from_indexable_base(
            out_dir, indexable, batch_size, create, n_jobs=n_jobs, verbose=verbose, **given
        )

    def build(recipe: _build.Recipe) -> bool:
        return parallel.build(
            out_dir, indexable, batch_size, n_jobs, recipe, verbose, resume, overwrite, deciding
        )

    return _build_whole(cls, "from_indexable", out_dir, given, build)


def _build_whole(
    cls: Any,
    method: str,
    out_dir: str | PathLike[str],
    given: dict[str, Any],
    build: Callable[[_build.Recipe], bool],
) -> Any:
    """Build a map beside `out_dir` and open it in its place.

    Args:
        method: the constructor, which messages name.
        build: carries out a recipe; returns whether there were samples.

    Returns:
        The map, or None if there were no samples.
    """
    known = {*parameters(cls._BASE.__init__), *parameters(cls._recipe)} - {"self", "out_dir", "given"}
    if unknown := [name for name in given if name not in known]:
        raise TypeError(f"{cls.__name__}.{method}() got an unexpected keyword argument '{unknown[0]}'")
    recipe, resolved = cls._recipe(**given), _build.resolve_later(out_dir)
    return recipe.open(resolved()) if build(recipe) else None


def _own_create(cls: Any, out_dir: str | PathLike[str], resume: bool, overwrite: bool) -> Any:
    """The method that stores the first batch, if a subclass builds by its own methods, which write to `out_dir` itself."""
    if not cls._overrides_builds:
        return None
    if resume:
        raise ValueError(
            f"{cls.__name__} overrides {cls._CREATE} or extend, and a build by these cannot be resumed"
        )
    if not overwrite:
        _build.refuse_existing(out_dir)
    return getattr(cls, cls._CREATE)


def recipe(
    cls: Any,
    stream: Callable[[Path, _core.Options], _core.Stream],
    write_shard: Callable[[Any], Callable[[Path, list[Any]], Any]],
    given: dict[str, Any],
) -> _build.Recipe:
    """The recipe of a map, for arguments of its constructor."""
    options = _core.Options(**options_in(given))
    return _build.Recipe(options, stream, partial(cls, **given), write_shard, cls._join_shard)
