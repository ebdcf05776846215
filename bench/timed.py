"""Prepares one root in a mount namespace of its own and prints how long that took.

Started as `unshare -m python3 timed.py SPEC.json` by `preparation`; SPEC.json is that of the
namespace tests' driver, which builds the initramfs around the program.  Only the program is
timed, from its start to its end.
"""

import json
import os
import sys
import time
from pathlib import Path

import driver  # type: ignore[import-not-found]  # tests/ns, put on the path by `preparation`


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    root = driver.mount_initramfs(Path(spec["work"]), spec)
    driver.write_inputs(root, spec)
    os.chroot(root)
    os.chdir("/")
    null = os.open("/dev/null", os.O_RDWR)
    began = time.perf_counter()
    pid = os.posix_spawn(
        spec["program"][0],
        spec["program"],
        {},
        file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)],
    )
    _, status = os.waitpid(pid, 0)
    print(time.perf_counter() - began, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
