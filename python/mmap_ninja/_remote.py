"""Errors on their way from process to process."""

import pickle
from contextlib import suppress
from traceback import format_exception, format_exception_only
from typing import Any


class Failure:
    """An error that arrives whole even if its class was not made for that.

    Args:
        error: the error.
        place: where it happened, for an error that can only be described in another process.
    """

    def __init__(self, error: BaseException, place: str):
        self.error = error
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        text = "".join(format_exception(self.error))
        what = f"{self.place}: a worker process raised {format_exception_only(self.error)[0].strip()}"
        return _received, (_packed(self.error), text, what, self.place)


def _packed(error: BaseException) -> bytes | None:
    """The error as bytes that give its like; None where there are none."""
    from joblib import wrap_non_picklable_objects

    for form in error, _Parts(error):
        with suppress(Exception):
            data = pickle.dumps(wrap_non_picklable_objects(form, keep_wrapper=False))
            if str(pickle.loads(data)) == str(error):
                return data
    return None


class _Parts:
    """Pickles an error by what it holds, where its constructor asks for something else."""

    def __init__(self, error: BaseException):
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _assembled, (type(self.error), self.error.args, vars(self.error))


def _assembled(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


def _received(data: bytes | None, text: str, what: str, place: str) -> Failure:
    from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]  # unknown to typeshed

    error: BaseException = RuntimeError(what)
    with suppress(Exception):
        if data is not None:
            error = pickle.loads(data)
    error.__cause__ = RemoteTraceback(text)
    return Failure(error, place)
