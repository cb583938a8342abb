"""The arguments of constructors: which of them were given, and which of them are options of a dataset."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

# Arguments of builds that are not options of the dataset.
_OF_BUILDS = frozenset(("verbose", "n", "n_jobs", "resume", "overwrite"))
# Arguments of the constructors of maps that are not options of the dataset.
_WRAPPING = frozenset(("wrapper_fn", "copy_before_wrapper_fn"))


@cache
def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the parameters of a function."""
    return tuple(inspect.signature(function).parameters)


def changed(method: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """The options among the arguments of a method that differ from their defaults, and its other keyword arguments.

    Constructors of subclasses need not know the others.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(method).parameters.items()}
    options = {
        name: values[name]
        for name, default in defaults.items()
        if default is not inspect.Parameter.empty
        and name not in _OF_BUILDS
        and not _same(values[name], default)
    }
    others: dict[str, Any] = values.get("kwargs", {})
    return options | others


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and value == default)


def options_in(arguments: dict[str, Any]) -> dict[str, Any]:
    """The options of a dataset among the arguments of the constructor of a map."""
    return {name: value for name, value in arguments.items() if name not in _WRAPPING}


def names_in(arguments: dict[str, Any]) -> dict[str, Any]:
    """The names of sub-directories among arguments: all that the shards of a parallel build need."""
    return {name: value for name, value in arguments.items() if name.endswith("_key")}
