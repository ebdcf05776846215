"""Our program, started once: each command line is run by a fork of it, which saves its start.

Runs in the chroot.  A line on standard input is a JSON list of words; the answer is a JSON list
of exit status, standard output and standard error.  Not for what is tried: only for what is
done before and after that.
"""

import json
import os
import pkgutil
import sys
from importlib import import_module

import bootentries
from bootentries.cli import run


def load_all() -> None:
    """Import every module, so that a fork need not."""
    for module in pkgutil.walk_packages(bootentries.__path__, "bootentries."):
        if not module.name.endswith(("syscalls_ctypes", "__main__")):
            import_module(module.name)


def serve(argv: list[str]) -> tuple[int, str, str]:
    outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
    child = os.fork()
    if child == 0:
        for number, fd in enumerate(outputs, 1):
            os.dup2(fd, number)
        status = 70
        try:
            status = run(argv)
            sys.stdout.flush()
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    texts = []
    for fd in outputs:
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, errors="backslashreplace") as file:
            texts.append(file.read())
    return status, texts[0], texts[1]


if __name__ == "__main__":
    load_all()
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)
