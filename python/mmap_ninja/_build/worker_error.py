"""Carries the error of a worker process to the caller."""

import pickle
from contextlib import suppress
from traceback import format_exception, format_exception_only
from typing import Any


class WorkerError:
    """An error that can be pickled, whatever its class.

    After unpickling, `error` has the class, message and attributes that it had in the worker, and the worker's traceback
    as its cause. If it cannot be pickled, a RuntimeError describes it.

    Args:
        error: the error.
        place: where it happened, for that description.
    """

    def __init__(self, error: BaseException, place: str):
        self.error = error
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        traceback = "".join(format_exception(self.error))
        what = f"{self.place}: a worker process raised {format_exception_only(self.error)[0].strip()}"
        return _unpickle, (_dumps(self.error), what, traceback, self.place)


def _unpickle(data: bytes | None, what: str, traceback: str, place: str) -> WorkerError:
    from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]  # unknown to typeshed

    error: BaseException = RuntimeError(what)
    with suppress(Exception):
        if data is not None:
            error = pickle.loads(data)
    error.__cause__ = RemoteTraceback(traceback)
    return WorkerError(error, place)


def _dumps(error: BaseException) -> bytes | None:
    """The error as bytes, or None if no form of it survives pickling."""
    from joblib import wrap_non_picklable_objects

    for form in error, _WithoutInit(error):
        with suppress(Exception):
            data = pickle.dumps(wrap_non_picklable_objects(form, keep_wrapper=False))
            if str(pickle.loads(data)) == str(error):
                return data
    return None


class _WithoutInit:
    """Pickles an error without calling `__init__`, which may ask for other arguments than `error.args`."""

    def __init__(self, error: BaseException):
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _without_init, (type(self.error), self.error.args, vars(self.error))


def _without_init(
    kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]
) -> BaseException:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error
