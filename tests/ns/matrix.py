"""Runs many cases of two prepare-roots quickly: `unshare -m python3 matrix.py < SPEC > RESULTS`.

SPEC is JSON: `lower`, the initramfs's tree; `work`, an empty directory; `programs`, name → words;
`executable`, put into the initramfs as /prepare-root; `key`, the text of the key file; `cases`,
each with `image` (a filesystem image), `config`, `cmdline` and `readonly`.  One line of JSON
comes out for each case: name of the program → what it left behind.

Every run is a process of its own in a mount namespace of its own.  The images stay mounted, so
that both programs see one filesystem with the same device and inode numbers.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from listing import tree

LIMIT_S = 60
CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
MS_PRIVATE, MS_SHARED = 1 << 18, 1 << 20

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: object) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(what))


def mount(source: object, target: object, fstype: str, flags: int = 0, data: str = "") -> None:
    words = [os.fsencode(str(word)) for word in (source, target, fstype)]
    check(libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)), target)


def initramfs(work: Path, spec: dict, case: dict) -> Path:
    """The root that a program runs in, as `driver.py` makes it."""
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("work", work, "tmpfs", data="mode=0755")
    root, upper = work / "root", work / "upper"
    for path in (root, upper / "data", upper / "work"):
        path.mkdir(parents=True)
    layers = f"lowerdir={spec['lower']},upperdir={upper}/data,workdir={upper}/work"
    mount("initramfs", root, "overlay", data=layers)
    for name in ("proc", "dev", "run", "sysroot"):
        (root / name).mkdir(exist_ok=True)
    mount("proc", root / "proc", "proc")
    mount("devtmpfs", root / "dev", "devtmpfs")
    mount("run", root / "run", "tmpfs", data="mode=0755")
    mount(case["device"], root / "sysroot", "ext4")
    if case["readonly"]:
        mount("none", root / "sysroot", "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    (root / "etc/ostree").mkdir(parents=True, exist_ok=True)
    (root / "etc/ostree/prepare-root.conf").write_text(case["config"])
    (root / "etc/ostree/initramfs-root-binding.key").write_text(spec["key"])
    (root / "cmdline").write_text(case["cmdline"] + "\n")
    shutil.copy(spec["executable"], root / "prepare-root")
    mount("none", "/", "", MS_REC | MS_SHARED)
    mount(root / "cmdline", root / "proc/cmdline", "", MS_BIND)
    return root


def run(root: Path, program: list[str]) -> dict:
    """What a program left behind in `root`; this process is of no use afterwards."""
    inside = [] if root == Path("/") else ["chroot", root]
    done = subprocess.run([*inside, *program], capture_output=True, timeout=LIMIT_S, check=False)
    os.chroot(root)
    os.chdir("/")
    return {
        "status": done.returncode,
        "stdout": done.stdout.decode("utf-8", "backslashreplace"),
        "stderr": done.stderr.decode("utf-8", "backslashreplace"),
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
        "run": tree(Path("/run")),
    }


def forked(prepare: Callable[[], Path], program: list[str]) -> dict:
    """`run` in a child, in the root that `prepare` makes there."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = run(prepare(), program)
            with os.fdopen(writer, "w") as out:
                json.dump(answer, out)
        except BaseException as error:  # the parent tells
            sys.stderr.write(f"matrix: {error!r}\n")
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer_file:
        text = answer_file.read()
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"matrix: a run of {program} failed")
    return json.loads(text)


def mount_images(work: Path, spec: dict) -> None:
    """Keep every image mounted, and write its loop device into the cases."""
    devices = {}
    for case in spec["cases"]:
        image = case["image"]
        if image not in devices:
            point = work.parent / f"image-{len(devices)}"
            point.mkdir()
            subprocess.run(["mount", "-o", "loop", image, point], check=True)
            found = subprocess.run(
                ["findmnt", "-no", "SOURCE", point], check=True, capture_output=True, text=True
            )
            devices[image] = found.stdout.strip()
        case["device"] = devices[image]


def main() -> None:
    spec = json.load(sys.stdin)
    work = Path(spec["work"])
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount_images(work, spec)
    for case in spec["cases"]:
        prepare = partial(initramfs, work, spec, case)
        answers = {name: forked(prepare, words) for name, words in spec["programs"].items()}
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
