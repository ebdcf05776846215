"""Runs a prepare-root in a mount namespace of its own and tells what it left behind.

Started as `unshare -m python3 driver.py SPEC.json` by `namespace.py`; prints JSON.  An overlay over
`lower` plays the initramfs; the sysroot image is loop-mounted on its /sysroot.  The program
runs by chroot in there, so it sees paths exactly as in an initramfs.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from listing import tree

RUN_LIMIT_S = 30


def sh(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def mount_initramfs(work: Path, spec: dict) -> Path:
    """The initramfs root with its kernel mounts, and the sysroot image on /sysroot."""
    root = work / "root"
    upper = work / "upper"
    sh("mount", "--make-rprivate", "/")
    sh("mount", "-t", "tmpfs", "-o", "mode=0755", "work", work)
    for path in (root, upper / "data", upper / "work"):
        path.mkdir(parents=True)
    options = f"lowerdir={spec['lower']},upperdir={upper}/data,workdir={upper}/work"
    sh("mount", "-t", "overlay", "-o", options, "initramfs", root)
    for name in ("proc", "dev", "sys", "run", "sysroot"):
        (root / name).mkdir(exist_ok=True)
    sh("mount", "-t", "proc", "proc", root / "proc")
    sh("mount", "-t", "devtmpfs", "devtmpfs", root / "dev")
    sh("mount", "-t", "tmpfs", "-o", "mode=0755,nodev,nosuid", "run", root / "run")
    options = ["ro" if spec["filesystem_ro"] else "rw", *spec.get("options", ())]
    if Path(spec["image"]).is_file():
        options.append("loop")
    sh("mount", "-o", ",".join(options), spec["image"], root / "sysroot")
    return root


def write_inputs(root: Path, spec: dict) -> None:
    for path in ("usr/lib/ostree/prepare-root.conf", "etc/ostree/prepare-root.conf"):
        (root / path).unlink(missing_ok=True)
    if spec["config"] is not None:
        path = root / "etc/ostree/prepare-root.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spec["config"])
    (root / "cmdline").write_text(spec["cmdline"] + "\n")
    for name in spec["run_files"]:
        (root / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "run" / name).touch()
    for name, file in spec["programs"].items():
        shutil.copy(file, root / "run" / name)
    for line in spec["setup"]:
        subprocess.run(["sh", "-ec", line], cwd=root, check=True, capture_output=True)
    # systemd makes every mount shared; MS_MOVE refuses such a parent.
    sh("mount", "--make-rshared", "/")
    # Some programs take no file and read the kernel's own.
    sh("mount", "--bind", root / "cmdline", root / "proc/cmdline")
    if spec["immutable"]:
        sh("chattr", "+i", root / "sysroot" / spec["immutable"])


def start(root: Path, spec: dict) -> tuple[int, str, str]:
    """The status and output of the program; nothing that it started outlives the time limit."""
    program = subprocess.Popen(
        [*spec["wrapper"], "chroot", root, *spec["program"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **spec["environ"]},
        start_new_session=True,
    )
    try:
        stdout, stderr = program.communicate(timeout=RUN_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        _, said = program.communicate()
        sys.exit(f"{spec['program']} did not end within {RUN_LIMIT_S} s, and said:\n{said}")
    return program.returncode, stdout, stderr


def mount_table(root: Path) -> list[str]:
    """The mount table as a process whose root is the initramfs sees it."""
    text = subprocess.run(
        ["chroot", root, "cat", "/proc/self/mountinfo"], check=True, capture_output=True, text=True
    ).stdout
    return text.splitlines()


def flags(root: Path, path: str) -> str:
    done = subprocess.run(
        ["lsattr", "-d", root / path], capture_output=True, text=True, check=False
    )
    return done.stdout.split(" ")[0]


def evaluate(root: Path, expressions: list[str]) -> list[str]:
    """What /bin/sh, chrooted in the prepared root, prints for each expression."""
    return [
        subprocess.run(
            ["chroot", root, "/bin/sh", "-c", f"cd /sysroot && {text}"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        for text in expressions
    ]


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    root = mount_initramfs(Path(spec["work"]), spec)
    write_inputs(root, spec)
    device = (root / "sysroot").stat().st_dev
    inode = None
    deployment = root / "sysroot" / spec["deployment"]
    if deployment.exists():
        inode = deployment.stat().st_ino
    status, stdout, stderr = start(root, spec)
    result = {
        "status": status,
        "stdout": stdout,
        "stderr": stderr,
        "device": device,
        "inode": inode,
        "mounts": mount_table(root),
        "run": tree(root / "run"),
        "sysroot": tree(root / "sysroot"),
        "flags": flags(root, "sysroot"),
        "shell": evaluate(root, spec["shell"]),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
