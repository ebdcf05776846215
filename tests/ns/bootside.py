"""Runs a program of the booted system's boot side in a namespace, and tells what it changed.

Started as `unshare -m python3 bootside.py SPEC.json` by `test_boot_side.py`; prints JSON.  An
overlay over `lower` is the booted root; the shell lines of `setup` run on it first, with it as
their working directory.
"""

import json
import subprocess
import sys
from pathlib import Path


def sh(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def make_root(work: Path, spec: dict) -> Path:
    sh("mount", "--make-rprivate", "/")
    sh("mount", "-t", "tmpfs", "-o", "mode=0755", "work", work)
    root = work / "root"
    for name in ("root", "data", "over"):
        (work / name).mkdir()
    options = f"lowerdir={spec['lower']},upperdir={work}/data,workdir={work}/over"
    sh("mount", "-t", "overlay", "-o", options, "root", root)
    for name in ("proc", "dev", "run", "sysroot", "boot", "out"):
        (root / name).mkdir(exist_ok=True)
    sh("mount", "-t", "proc", "proc", root / "proc")
    sh("mount", "-t", "tmpfs", "run", root / "run")
    cmdline = work / "cmdline"
    cmdline.write_text(spec["cmdline"] + "\n")
    sh("mount", "--bind", cmdline, root / "proc/cmdline")
    return root


def tree(top: Path) -> dict[str, str]:
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name] = f"dir {path.stat().st_mode & 0o7777:o}"
        else:
            found[name] = (
                f"{path.stat().st_mode & 0o7777:o} {path.read_text(errors='backslashreplace')}"
            )
    return found


def mounts(root: Path) -> dict[str, str]:
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        if fields[4].startswith(f"{root}/"):
            found[fields[4].removeprefix(str(root))] = f"{fields[5]} {line.split(' ')[-1]}"
    return found


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    root = make_root(Path(spec["work"]), spec)
    for line in spec["setup"]:
        subprocess.run(["sh", "-ec", line], cwd=root, check=True, capture_output=True)
    done = subprocess.run(
        ["chroot", str(root), *spec["argv"]], capture_output=True, text=True, check=False,
        timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    print(json.dumps({
        "status": done.returncode, "stderr": done.stderr, "out": tree(root / "out"),
        "run": tree(root / "run"), "mounts": mounts(root),
    }))  # fmt: skip


main()
