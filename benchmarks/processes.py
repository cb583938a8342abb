"""A worker as its parent sees it."""

import json
import subprocess
import tempfile
from typing import Any

from benchmarks.environments import Environment
from benchmarks.settings import ROOT


class Failed(Exception):
    """A worker could not do what it was asked for; the message says why."""


class Worker:
    """A process in an environment, which can be asked to call functions of this package.

    Args:
        environment: whose interpreter it is.
        preload: a shared library to load before all others.
    """

    def __init__(self, environment: Environment, preload: str | None = None):
        variables = environment.variables() | ({"LD_PRELOAD": preload} if preload else {})
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it is open as long as the process
        self._process = subprocess.Popen(
            environment.command("-m", "benchmarks.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=variables,
        )

    def call(self, function: str, arguments: dict) -> Any:
        """What `module:function` returns for these arguments.

        Raises:
            Failed: it raised, or the process ended.
        """
        try:
            print(
                json.dumps({"function": function, "arguments": arguments}),
                file=self._process.stdin,
                flush=True,
            )
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"the process ended ({self._process.wait()}): {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["value"]

    def _last_words(self) -> str:
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-1:]).strip()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()
