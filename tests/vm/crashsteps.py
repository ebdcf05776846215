"""What the explorer of sysroots cuts off: each writing verb, ours and libostree's, and broken ones.

All commands run in one guest, one after the other; the list that one leaves is the next one's.
"""

import shlex

from crashlab import OURS, deploy, patched, theirs

from guest.disk import GENERATOR, STATEROOT, TARGET

MENU = f"export OSTREE_GRUB2_EXEC=/{GENERATOR}; "
# As if the machine had booted the first entry of the list: its deployment is the root, with
# the programs of the guest.  What is staged stays in a /run of its own from call to call.
INSIDE = "/run/inside"
_INSIDE = f"""\
#!/bin/sh
target=$(sed -n 's/^options.*ostree=\\([^ ]*\\).*/\\1/p' \
    $(ls -d {TARGET}/boot/loader/entries/* | sort -r | head -n 1))
root=$(readlink -f {TARGET}$target)
mkdir -p /run/inside-run/ostree
touch /run/inside-run/ostree-booted
exec unshare --mount --propagation private sh -euc '
root=$0
mount --bind $root $root
mount --rbind {TARGET} $root/sysroot
mount --rbind {TARGET}/boot $root/boot
mount --bind {TARGET}/ostree/deploy/{STATEROOT}/var $root/var
mount --bind /usr $root/usr
mount --bind /run/inside-run $root/run
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
exec chroot $root sh -ec "$1"' $root "$*"
"""


def inside(script: str) -> str:
    """A shell script as one that runs in the booted system of the subject."""
    return f"{INSIDE} {shlex.quote(script)}"


# Each leaves out what the order of a write rests on; the explorer has to notice.
NO_SYNC = """
from bootentries.txn import ops
for kind in (ops.Sync, ops.Freeze, ops.ReadBack, ops.ReadBackCopy):
    kind.apply = lambda op, context: None
"""
# The list is swapped in before its boot links are there, and another program syncs meanwhile.
SWAP_FIRST = """
import os
from dataclasses import replace
from bootentries.txn import ops, plan
made_by = plan._plan_swap
checks = (ops.Sync, ops.Freeze, ops.ReadBack, ops.ReadBackCopy, ops.CheckLink)
class Another:
    def describe(self):
        return "another program syncs"
    def apply(self, context):
        os.sync()
def early(*words):
    made = made_by(*words)
    writes = [op for op in made.before if not isinstance(op, checks)]
    swap = [op for op in writes if isinstance(op, (ops.StageSymlink, ops.CommitSymlink))]
    rest = [op for op in writes if op not in swap]
    links = [str(getattr(op, "path", "")).startswith("ostree/boot.") for op in rest].index(True)
    before = (*rest[:links], *swap, Another(), *rest[links:], ops.Sync(), ops.Freeze())
    return replace(made, before=before)
plan._plan_swap = early
"""
CLEAN_FIRST = """
from dataclasses import replace
from bootentries.txn import plan
swap = plan._plan_swap
def backwards(*words):
    made = swap(*words)
    return replace(made, before=(*made.after, *made.before), after=())
plan._plan_swap = backwards
"""
IN_PLACE = """
import os
from bootentries import fs
from bootentries.txn import ops
write = ops.WriteFile.apply
def in_place(op, context):
    write(op, context)
    for name in ("loader.0", "loader.1"):
        fd, path = context.locate(op.path.replace(name, "loader"))
        if op.path.startswith(f"boot/{name}/"):
            with fs.opened(fd, path, os.O_WRONLY | os.O_CREAT, 0o644) as file:
                os.ftruncate(file, os.write(file, op.text.encode()))
            os.sync()  # by another program, at the worst moment
ops.WriteFile.apply = in_place
"""
NAMED_EARLY = """
import os
from bootentries.txn import install
def place(source, directory, name):
    os.lseek(source, 0, os.SEEK_SET)
    target = os.open(name, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=directory)
    while data := os.read(source, 1 << 16):
        os.write(target, data)
    os.close(target)
install._place = place
"""
# What an interrupted write may leave: a deployment and a payload that no list names.
LITTER = f"""
cd {TARGET}
for d in ostree/deploy/{STATEROOT}/deploy/*.0; do cp -al $d ${{d%.0}}.9; done
mkdir boot/ostree/{STATEROOT}-{"0" * 64}
cp $(ls boot/ostree/*/initramfs-* | head -n 1) boot/ostree/{STATEROOT}-{"0" * 64}/
sync
"""
LEFT = (
    f"ls {TARGET}/boot/ostree/ {TARGET}/ostree/deploy/{STATEROOT}/deploy/ | grep -e '-0000\\|[.]9$'"
)
# Nothing of a removal has to be on the disk when the command ends; here it comes there.
SYNCED = " && sync"
STEPS = {
    # As a list of ours leaves it: on XFS the directory of kernels has its room then.
    "-first": f"{OURS} instutil set-kargs --merge --append=first=1",
    "ours new kernel": f"{OURS} {deploy('2.0', '--retain')}",
    "ours same kernel": f"{OURS} {deploy('3.0', '--retain')}",
    "ours set-kargs": f"{OURS} instutil set-kargs --merge --append=one=1",
    "ours set-default": f"{OURS} set-default 1",
    "ours undeploy": f"{OURS} undeploy 2",
    "-litter": LITTER,
    "ours cleanup": f"{OURS} cleanup{SYNCED} && ! {LEFT}",
    "theirs set-default": MENU + theirs("set-default", "1"),
    "theirs undeploy": MENU + theirs("undeploy", "1"),
    "theirs set-kargs": MENU + theirs("instutil set-kargs", "--merge", "--append=two=2"),
    "theirs new kernel": MENU + theirs(*deploy("2.0", "--retain").split(" ", 1)),
    "-litter again": LITTER,
    # Of the two it leaves the payload there.
    "theirs cleanup": MENU + theirs("cleanup") + SYNCED,
    # An edit in /etc, which the finalisation has to carry over.
    "-inside": f"printf %s {shlex.quote(_INSIDE)} >{INSIDE}; chmod +x {INSIDE}; "
    + inside("echo edited >/etc/sub/edited"),
    "-ours stage": inside(f"bootentries {deploy('1.0', '--stage')}"),
    "ours finalize": inside("bootentries finalize-staged"),
    "-theirs stage": inside(f"ostree admin {deploy('2.0', '--stage')}"),
    "theirs finalize": inside(MENU + "ostree admin finalize-staged"),
}
# What is not synced at once comes to the disk in pieces when something else syncs.
BROKEN = {
    "broken no sync": patched(NO_SYNC, "instutil set-kargs --merge --append=b=1")
    + f"sync -f {TARGET}",
    "broken cleanup first": patched(CLEAN_FIRST, "undeploy 0"),
    "broken in place": patched(IN_PLACE, "instutil set-kargs --merge --append=c=1"),
    # Alone in the list, so that the kernel of the other one has to be copied again.
    "-alone": f"while {OURS} undeploy 1; do :; done 2>/dev/null",
    "broken named early": patched(NAMED_EARLY, deploy("2.0", "--retain")),
    "-alone again": f"while {OURS} undeploy 1; do :; done 2>/dev/null",
    "broken swap first": patched(SWAP_FIRST, deploy("1.0", "--retain")),
}


def recorded(steps: dict[str, str]) -> list[str]:
    """The names of those that are recorded; the others prepare them."""
    return [name for name in steps if not name.startswith("-")]
