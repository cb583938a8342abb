"""Operations on whichever mmap_ninja is installed. Run as a program, it performs those that arrive as pickles."""

import importlib
import inspect
import pickle
import sys
from contextlib import suppress
from functools import reduce

import mmap_ninja
import numpy as np

MODULES = ["mmap_ninja"] + [
    f"mmap_ninja.{name}" for name in ["base", "generic", "numpy", "parallel", "ragged", "string"]
]


class Unsized:
    """An indexable without a length."""

    def __init__(self, samples):
        self.samples = samples

    def __getitem__(self, index):
        return self.samples[index]


SOURCES = {
    "list": list,
    "array": np.asarray,
    "generator": iter,
    "unsized": Unsized,
    "callable": lambda samples: lambda index: samples[index],
}


def describe(value):
    """Everything that two equal answers have in common."""
    if isinstance(value, list | mmap_ninja.RaggedMmap):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {name: describe(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return "array", value.dtype, value.shape, value.tobytes()
    if isinstance(value, np.generic):
        return str(value.dtype), str(value)
    return type(value).__name__, repr(value)


def find(name):
    return reduce(getattr, name.split("."), mmap_ninja)


class Session:
    """Open maps by name, and operations on them."""

    def __init__(self):
        self.maps = {}

    def open(self, name, opener, path, **options):
        self.maps[name] = find(opener)(path, **options)

    def create(self, name, constructor, path, samples, source="list", **options):
        """Return whether there is a map."""
        self.maps[name] = find(constructor)(path, SOURCES[source](samples), **options)
        return self.maps[name] is not None

    def close(self, name):
        del self.maps[name]

    def run(self, function, *args, **options):
        find(function)(*args, **options)

    def run_on(self, name, function, *args):
        find(function)(self.maps[name], *args)

    def call(self, name, method, *args):
        getattr(self.maps[name], method)(*args)

    def extend(self, name, samples, source="list"):
        self.maps[name].extend(SOURCES[source](samples))

    def assign_inside(self, name, index, value):
        self.maps[name][index][...] = value

    def get(self, name, index):
        return describe(self.maps[name][index])

    def attribute(self, name, attribute):
        return describe(getattr(self.maps[name], attribute))

    def items(self, name):
        return [describe(self.maps[name][index]) for index in range(len(self.maps[name]))]

    def merge(self, target, source):
        """The way in which programs join two 1-D ragged maps: member by member."""
        target, source = self.maps[target], self.maps[source]
        offset = len(target.memmap)
        for member, rows in [
            (target.memmap, source.memmap),
            (target.starts, source.starts + offset),
            (target.ends, source.ends + offset),
            (target.shapes, source.shapes),
            (target.flattened_shapes, source.flattened_shapes),
        ]:
            find("numpy.extend")(member, rows)

    def attributes(self, opener, path):
        """The names of the attributes of an opened map."""
        return [name for name in vars(find(opener)(path)) if not name.startswith("_")]

    def signatures(self):
        """Parameter names of all that the modules define, by dotted name; methods included."""
        found = {}
        for module in map(importlib.import_module, MODULES):
            for name, thing in vars(module).items():
                # What a module merely imports is not its own, but for the package, which is made of imports.
                home = str(getattr(thing, "__module__", ""))
                if home.startswith(module.__name__):
                    found.update(_parameters(f"{module.__name__}.{name}", thing))
        return found


def _parameters(name, thing):
    members = [(name, thing)]
    if inspect.isclass(thing):
        members += [(f"{name}.{attribute}", getattr(thing, attribute)) for attribute in dir(thing)]
    for dotted, member in members:
        if inspect.isclass(member) or (inspect.isroutine(member) and callable(member)):
            with suppress(ValueError):
                yield dotted, list(inspect.signature(member).parameters)


def serve(requests, answers):
    session = Session()
    while True:
        try:
            operation, args, options = pickle.load(requests)
        except EOFError:
            return
        try:
            answer = True, getattr(session, operation)(*args, **options)
        except Exception as error:  # noqa: BLE001 - it is handed over
            answer = False, f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers, protocol=4)
        answers.flush()


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    serve(sys.stdin.buffer, answers)
