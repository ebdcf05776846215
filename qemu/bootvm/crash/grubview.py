"""A filesystem after a cut as GRUB sees it: by GRUB's own drivers, which replay no journal.

`grub-fstest` (Debian: grub-common) is GRUB's code as a program on the host.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bootvm.errors import BootvmError

PROGRAM = "grub-fstest"


class GrubError(BootvmError):
    """GRUB does not find or cannot read it."""


@dataclass(frozen=True, slots=True)
class GrubView:
    """The filesystem of `device` in GRUB's words (`loop0`, `loop0,gpt2`) in an image.

    `enter` is a command that GRUB's is started by, such as that into a mount namespace: GRUB
    looks up the image's real path, which has to be right where it runs.
    """

    image: Path
    device: str = "loop0"
    enter: tuple[str, ...] = ()

    def read(self, path: str) -> bytes:
        """The content of the file at `path`; raises GrubError when GRUB cannot read all of it."""
        return self._run("cat", path)

    def listing(self, path: str) -> list[str]:
        """The names in a directory, sorted; none also when there is no such directory."""
        text = self._run("ls", path.rstrip("/") + "/").decode(errors="surrogateescape")
        return sorted(name.rstrip("/") for name in text.split() if name not in ("./", "../"))

    def _run(self, command: str, path: str) -> bytes:
        words = [*self.enter, PROGRAM, str(self.image), command, f"({self.device}){path}"]
        try:
            done = subprocess.run(words, capture_output=True, check=False, timeout=60)
        except FileNotFoundError as error:
            raise BootvmError(
                "run", PROGRAM, "not found", "install the Debian package grub-common"
            ) from error
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode != 0 or said:
            reason = said.splitlines()[-1] if said else f"status {done.returncode}"
            raise GrubError("grub", path, reason.removeprefix(f"{PROGRAM}: error: "))
        return done.stdout
