"""The process that measures. It reads calls from its standard input and answers them, a line of JSON each."""

import json
import os
import sys
from importlib import import_module


def main() -> None:
    # What packages print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), file=answers, flush=True)


def answer(function: str, arguments: dict) -> dict:
    """The outcome of `module:function` with these arguments."""
    try:
        module, name = function.split(":")
        return {"value": getattr(import_module(module), name)(**arguments)}
    except Exception as error:  # noqa: BLE001 - the parent notes it and goes on
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
