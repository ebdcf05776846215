"""Looks into a guest that systemd-boot boots: what its EFI partition has, and what is wrong."""

import base64
import json
import shlex

from living import Living

VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
DOWN = 240  # seconds until a guest is off
FOLLOWED = (
    "for i in $(seq 60); do "
    'bootentries esp status --json | grep -q \'"state": "in step"\' && '
    "! systemctl is-active -q bootentries-esp-follow.service && exit 0; sleep 1; done; "
    "bootentries esp status >&2; exit 1"
)
# This one of its commands does not make a read-only sysroot writable for itself.
THEIRS = (
    "unshare -m sh -c 'mount -o remount,bind,rw /sysroot && "
    "ostree admin instutil set-kargs --merge --append=theirs=1'"
)
NO_GRUB = "find /boot /usr /sysroot -xdev -iname '*grub*.efi' -o -name 'grub.cfg' -o -name '*.mod'"


# A unit of ours may have the partition at the same time.
_AGAIN = "for i in $(seq 60); do {} 2>/dev/null && {}; sleep 1; done"
LEAVE = _AGAIN.format("umount /run/esp", "exit 0") + "; exit 1"


def mount(options: str = "") -> str:
    """The shell text that mounts the EFI partition on /run/esp, until `LEAVE`."""
    command = f"mount {options} /dev/disk/by-partlabel/esp1 /run/esp"
    return f"mkdir -p /run/esp; {_AGAIN.format(command, 'break')}"


def entries(running: Living) -> list[str]:
    """The names on the partition, mounted for a look."""
    return running.sh(f"{mount('-o ro')}; ls /run/esp/loader/entries; {LEAVE}").split()


def payload(running: Living) -> list[str]:
    """The kernel files there."""
    return running.sh(f"{mount('-o ro')}; ls /run/esp/bootchain | grep -v ^owned-; {LEAVE}").split()


def codes(running: Living) -> set[str]:
    """What `verify` names."""
    done = running.vm.run("bootentries --json verify", 240)
    return {item["code"] for item in json.loads(done.stdout)["findings"]}


def configure(running: Living, edit: str) -> None:
    """Change the repository's configuration, on a sysroot that is read-only."""
    config = "/sysroot/ostree/repo/config"
    inner = f"mount -o remount,bind,rw /sysroot && sed -i {shlex.quote(edit)} {config}"
    running.sh(f"unshare -m sh -c {shlex.quote(inner)}")


def variable(running: Living, name: str) -> str:
    """The text in one of the loader's variables."""
    place = "/sys/firmware/efi/efivars"
    mounted = f"mountpoint -q {place} || mount -t efivarfs efivarfs {place}"
    data = base64.b64decode(running.sh(f"{mounted}; base64 -w0 {place}/{name}-{VENDOR}"))
    return data[4:].decode("utf-16-le")
