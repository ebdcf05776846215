"""A sweep in a process of its own: it enters a mount namespace, and a test must not.

Started as a program it takes pickled requests on standard input, (method, arguments), and
answers each on standard output with a pickled result, or with the text of an error.
"""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from callfaults import sweep
from callfaults.cases import case
from callfaults.sweep import KILL, Sweep, Try


class Remote:
    """The other end; its methods are those of `Local`."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers = requests, answers

    def sample(self, name: str, count: int, seed: int) -> list[Try]:
        """Try so many faults of a case, chosen by chance."""
        return self._ask("sample", name, count, seed)

    def matching(self, name: str, kind: str, call: str, process: int = 0) -> list[Try]:
        """Try an error, or a kill, at the calls of a case whose text matches."""
        return self._ask("matching", name, kind, call, process)

    def change(self, change: tuple[str, str, str] | None) -> None:
        """Plant a bug, or go back to the program as it is; see `Lab.install_program`."""
        self._ask("change", change)

    def _ask(self, *request: object) -> list[Try]:
        pickle.dump(request, self._requests)
        self._requests.flush()
        answer = pickle.load(self._answers)
        if isinstance(answer, str):
            raise RuntimeError(answer)
        found: list[Try] = answer
        return found


class Local:
    """What a request is answered with."""

    def __init__(self, found: Sweep) -> None:
        self.sweep = found

    def sample(self, name: str, count: int, seed: int) -> list[Try]:
        item = case(name)
        faults = sweep.chosen(self.sweep, item, count, seed)
        return [self.sweep.attempt(item, fault, call) for fault, call in faults]

    def matching(self, name: str, kind: str, call: str, process: int) -> list[Try]:
        item = case(name)
        return [
            self.sweep.attempt(item, fault, made)
            for fault, made in self.sweep.every(item)
            if (fault.error or KILL) == kind
            and fault.process == process
            and re.search(call, made.text)
        ]

    def change(self, change: tuple[str, str, str] | None) -> list[Try]:
        self.sweep.lab.install_program(change)
        return []


@contextmanager
def opened(suite: str) -> Iterator[Remote]:
    """Hold a sweep in another process."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-B", str(Path(__file__).resolve()), suite],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Remote(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def serve(suite: str) -> None:
    """Answer requests until there are no more."""
    answers = sys.stdout.buffer
    with sweep.opened(suite) as found:
        local = Local(found)
        while True:
            try:
                method, *arguments = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            try:
                answer: object = getattr(local, method)(*arguments)
            except (OSError, RuntimeError, ValueError) as error:
                answer = f"{type(error).__name__}: {error}"
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
