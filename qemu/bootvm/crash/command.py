"""A judge that is somebody's own command: its exit status is the verdict."""

import os
import subprocess
from pathlib import Path

from bootvm.crash.explore import Verdict
from bootvm.crash.fat import Fat, FatError

_SHOWN = 200


def verdict(command: str, image: Path, **more: Path) -> Verdict:
    """Runs `command` by `sh` with `$IMAGE`, and what `more` names, in its environment.

    Status 0: sound, and the first line that it prints names the state.  Any other: a fault,
    and the last line that it prints, errors before output, names that.
    """
    env = {**os.environ, "IMAGE": str(image), **{key: str(path) for key, path in more.items()}}
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=env,
        check=False,
    )
    if done.returncode == 0:
        lines = done.stdout.strip().splitlines()
        return Verdict(True, lines[0][:_SHOWN] if lines else "sound")
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return Verdict(False, lines[-1][:_SHOWN] if lines else f"status {done.returncode}")


def unpack_fat(image: Path, offset: int, target: Path) -> list[str]:
    """Copies the files of a FAT filesystem into the new directory `target`, without repair.

    Returns a line for each file that cannot be read; it is left out, as firmware would.
    """
    target.mkdir()
    unread = []
    fat = Fat(image.read_bytes(), offset)
    for node in fat.walk():
        path = target / node.path
        if node.is_directory:
            path.mkdir(exist_ok=True)
            continue
        try:
            path.write_bytes(fat.read(node.path))
        except FatError as error:
            unread.append(str(error))
    return unread
