"""Initramfs images in which libostree's `ostree-prepare-root` of sid runs, and ours.

Added to an image of `prepare-root-image` for sid's kernel: sid's program with its libraries,
the static executable of ours once more, busybox, and a script that is started in place of
/init.  For `matrixinit.py` sid's Python is in it, too, with the modules that are used.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import verityroot

from guest.busybox import BUSYBOX
from guest.chroot import WORK, Bind, run_in
from guest.shell import run
from guest.tree import Tree
from prepare_root.image import binary

HERE = Path(__file__).resolve().parent
PROGRAMS = (HERE / "matrixinit.py", HERE.parent / "ns/matrix.py", HERE.parent / "ns/listing.py")
PYTHON = "/usr/bin/python3"
PEER = "/usr/lib/ostree/ostree-prepare-root"
OURS = "/prepare-root"
DONE = "s: done"

START = """\
#!/busybox sh
b=/busybox
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
$b mount -t sysfs sysfs /sys
while read -r path params; do $b insmod $path $params; done < /usr/lib/bootchain/modules
"""
LOOP = f"""\
PYTHONPATH=/matrix {PYTHON} -S -B /matrix/matrixinit.py || $b echo "matrix: failed"
$b sync
$b poweroff -f
"""

# Prints the files of all modules that the program has, also of those that an error needs.
MODULES = f"""
import sys
sys.path.insert(0, "{WORK}/matrix")
import importlib.util, traceback, matrixinit
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None)
    if file and file.startswith("/usr/lib/python3"):
        print(file)
        if file.endswith(".py"):
            print(importlib.util.cache_from_source(file))
"""


def modules(tree: Tree, work: Path) -> list[str]:
    """The files of the tree that `matrixinit.py` imports."""
    programs = work / "programs"
    programs.mkdir()
    for path in PROGRAMS:
        shutil.copy(path, programs)
    words = [PYTHON, "-S", "-B", "-c", MODULES]
    return run_in(tree.path, words, mounts=[Bind(programs, f"{WORK}/matrix")]).split()


def with_libraries(tree: Tree, paths: Sequence[str]) -> list[str]:
    """The files `paths` of the tree, and the libraries that they need."""
    linked = [path for path in paths if not path.endswith((".py", ".pyc"))]
    said = run_in(tree.path, ["ldd", *linked])
    libraries = {word for word in said.split() if word.startswith("/") and not word.endswith(":")}
    return sorted({*paths, *libraries})


def layer(tree: Tree, top: Path, paths: Sequence[str], setup: str) -> None:
    """Write what is added to an image below `top`: files of the tree, programs, the script."""
    for name in ("usr/lib64", "usr/lib", "usr/bin", "etc/ostree", "proc", "dev", "sys", "run"):
        (top / name).mkdir(parents=True)
    for name in ("lib", "lib64", "bin"):
        (top / name).symlink_to(f"usr/{name}")
    for path in paths:
        # The libraries' names lead through the links, and so does the copy.
        (top / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree.path / path.lstrip("/"), top / path.lstrip("/"))
    shutil.copy(BUSYBOX, top / "busybox")
    shutil.copy(binary.cached(), top / OURS.lstrip("/"))
    (top / "setup").write_text(setup)
    (top / "setup").chmod(0o755)


def pack(base: Path, top: Path, out: Path) -> Path:
    """Our image `base` with the directory `top` added; start it with `rdinit=/setup`."""
    data = base.read_bytes()
    names = [str(path.relative_to(top)) for path in sorted(top.rglob("*"))]
    words = ["cpio", "--quiet", "--null", "-o", "-H", "newc", "-R", "0:0", "-D", str(top)]
    more = out.with_suffix(".layer")
    run([*words, "-F", str(more)], stdin="\0".join(names).encode() + b"\0")
    out.write_bytes(data + b"\0" * (-len(data) % 4) + more.read_bytes())
    return out


def loop_image(tree: Tree, work: Path, spec: Mapping[str, object]) -> Path:
    """An image that runs the cases of `spec` (see `matrixinit.py`)."""
    top = work / "layer"
    layer(tree, top, with_libraries(tree, [PYTHON, PEER, *modules(tree, work)]), START + LOOP)
    (top / "matrix").mkdir()
    for program in PROGRAMS:
        shutil.copy(program, top / "matrix")
    (top / "matrix/spec.json").write_text(json.dumps(spec))
    return pack(verityroot.base_image(work, tree, binary.cached()), top, work / "matrix.img")


# One run of one program (`program=` on the kernel command line) as the real step of a boot:
# the root is mounted by the real argument, and what the system's own init finds is reported.
STEP = """\
$b mount -t tmpfs -o mode=0755 run /run
$b mount --make-rshared /
for word in $($b cat /proc/cmdline); do
    case $word in
    ro|rw) mode=$word;;
    program=*) program=${word#*=};;
    esac
done
$b mount -t ext4 -o $mode /dev/vda /sysroot
$program /sysroot >/said 2>&1
status=$?
if [ $status = 0 ]; then
    for name in proc dev sys run; do $b mount -o move /$name /sysroot/$name; done
    exec $b switch_root /sysroot /usr/sbin/init
fi
"""

# Status, mount table and /run, and what was said, in parts, to the second disk.
REPORT = """\
{
    $b echo $status
    $b echo ----
    $b cat /proc/self/mountinfo
    $b echo ----
    $b find /run -xdev -mindepth 1 | while read -r path; do
        text=
        if [ -L $path ]; then text=$($b readlink $path)
        elif [ -f $path ]; then text=$($b hexdump -v -e '1/1 "%02x"' $path); fi
        $b echo "${path#/run/} $($b stat -c %A $path) $text"
    done
    $b echo ----
    [ ! -e /said ] || $b cat /said
} >/dev/vdb
$b sync
$b echo "reported: $status"
$b poweroff -f
"""
INIT = f"""\
#!/usr/bin/busybox sh
b=/usr/bin/busybox
exec >/dev/ttyS0 2>&1
status=0
{REPORT}"""


def step_image(tree: Tree, work: Path, base: Path) -> Path:
    """An image, made from `base`, in which one program prepares the root and init is started."""
    top = work / "layer"
    layer(tree, top, with_libraries(tree, [PEER]), START + STEP + REPORT)
    return pack(base, top, work / "step.img")


def report(data: bytes) -> dict[str, object]:
    """What REPORT wrote, in the form in which `matrix.py` tells it."""
    status, mounts, run, said = data.rstrip(b"\0").decode().split("----\n")
    listed = (line.split(" ", 1) for line in run.splitlines())
    return {
        "status": int(status),
        "mounts": mounts.splitlines(),
        "run": {path: text.strip() for path, text in listed},
        "stderr": said,
    }
