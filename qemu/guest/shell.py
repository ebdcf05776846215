"""Running host programs, and telling people what takes time.

Programs that run inside a guest's tree are started by `chroot`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from guest.errors import GuestError


def say(text: str) -> None:
    """One progress line on stderr, where it never mixes with a command's output."""
    print(f"guest: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announces a slow step, and how long it took once it is over."""
    say(f"{text} ...")
    start = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - start:.1f} s")


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float = 900,
) -> str:
    """Run a program to its end; returns its standard output.

    `env` is added to the caller's environment.  A failure raises GuestError with the last
    lines of standard error, because recipes have no use for a half-made result.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise GuestError(
            "run", words[0], "not found on this machine", "run scripts/setup-host as root"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise GuestError("run", words[0], f"still running after {timeout:.0f} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise GuestError(
            "run", " ".join(words)[:200], f"exit status {done.returncode}", "\n".join(said[-15:])
        )
    return done.stdout.decode(errors="replace")
