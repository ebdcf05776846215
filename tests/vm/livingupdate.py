"""A staged update that is finalised at shutdown, rolled back, and taken again, by any loader."""

import re

from living import COMPLETE, FINALISE, FINALISERS, HOLD, STAGED, Living

EDITS = "echo mine >> /etc/hosts; rm /etc/issue.net; mkdir /etc/own; echo 1 > /etc/own/file"
LATE = "echo late > /etc/late; echo yours >> /etc/hosts; echo kept > /var/kept"
SEEN = "cd /etc; cat vendor.conf late own/file; tail -n 2 hosts; ls issue.net 2>&1 || :"
VERIFY = "systemd-analyze verify --man=no --recursive-errors=no {} 2>&1"
# What systemd writes on the console while it stops; names are cut to the line's width.
EVENTS = {
    "stopping finaliser": r"Stopping ostree-finalize-staged\.s",
    "stopped finaliser": r"Stopped ostree-finalize-staged\.s",
    "stopping hold": r"Stopping ostree-finalize-staged-h",
    "stopped hold": r"Stopped ostree-finalize-staged-h",
    "unmounting /boot": r"Unmounting boot\.mount",
    "unmounted /boot": r"Unmounted boot\.mount",
    "unmounting /sysroot": r"Unmounting sysroot\.mount",
    "final target": r"Reached target final\.target",
}


def update_and_back(guest: Living) -> str:
    """Take 1.0 to 2.0, back and forth; returns the console of the shutdown that finalised."""
    assert guest.version() == "1.0"
    units = f"{FINALISE} {HOLD} {COMPLETE}"
    assert guest.sh(VERIFY.format(units)) == ""
    guest.sh(EDITS)
    guest.upgrade("2.0")
    (staged, booted) = guest.status()["deployments"]
    assert (staged["staged"], staged["version"]) == (True, "2.0")
    assert (booted["booted"], booted["version"]) == (True, "1.0")
    assert guest.sh("ostree admin status").count("(staged)") == 1
    guest.sh(LATE)
    start = len(guest.vm.console.text)
    guest.reboot()

    assert guest.version() == "2.0"
    shutdown = guest.vm.console.text[start:]
    expect_order(shutdown)
    expect_one_finaliser(guest)
    seen = guest.sh(SEEN).splitlines()
    assert seen[:5] == ["version=2.0", "late", "1", "mine", "yours"]
    assert "No such file" in seen[5]
    assert guest.sh("cat /var/kept") == "kept\n"
    expect_sound(guest, ["2.0", "1.0"], booted=0)
    guest.sh("echo new > /etc/only-in-2; echo two > /var/two")

    # From the menu: the older one, with its own /etc as it was left, and the same /var.
    guest.choose("1.0 (ostree:1)")
    assert guest.version() == "1.0"
    assert guest.sh("cat /etc/vendor.conf /etc/late") == "version=1.0\nlate\n"
    assert guest.vm.run("ls /etc/only-in-2").status == 2
    assert guest.sh("cat /var/kept /var/two") == "kept\ntwo\n"
    expect_sound(guest, ["2.0", "1.0"], booted=1)

    # Forward: what was chosen in the menu was for one boot.
    guest.reboot()
    assert guest.version() == "2.0"
    assert guest.sh("cat /etc/only-in-2") == "new\n"

    # By command.
    said = guest.sh("bootentries rollback")
    assert "The default is now" in said
    guest.reboot()
    assert guest.version() == "1.0"
    assert guest.vm.run("ls /etc/only-in-2").status == 2
    expect_sound(guest, ["1.0", "2.0"], booted=0)
    # And forward again, over what was staged meanwhile.
    guest.sh("bootentries deploy --stage updates:stable", 240)
    dropped = guest.vm.run("bootentries rollback")
    assert dropped.status == 0
    assert "is given up" in dropped.stderr
    assert guest.vm.run(f"ls {STAGED}").status == 2
    expect_sound(guest, ["2.0", "1.0"], booted=1)
    return shutdown


def expect_order(console: str) -> None:
    """The finaliser works while everything is mounted; /boot is let go of after that."""
    places = {name: place(console, pattern) for name, pattern in EVENTS.items()}
    chain = (
        "stopping finaliser", "stopped finaliser", "stopping hold", "stopped hold",
        "unmounting /boot", "unmounted /boot", "final target",
    )  # fmt: skip
    assert [places[name] for name in chain] == sorted(places[name] for name in chain), places
    assert places["stopped finaliser"] < places["unmounting /sysroot"]


def place(console: str, pattern: str) -> int:
    """Where systemd says this on the console of a shutdown."""
    found = re.search(pattern, console)
    assert found, f"{pattern} is not on the console:\n{console[-6000:]}"
    return found.start()


def expect_one_finaliser(guest: Living) -> None:
    """One process finalised at the last shutdown, and it was ours."""
    assert guest.finalisers() == [FINALISERS["bootentries"]]
    # "Bootloader updated" or "Transaction complete", as the loader is.
    done = [line for line in guest.last_shutdown() if "; bootconfig swap: " in line]
    assert len(done) == 1, guest.last_shutdown()
    assert "; bootconfig swap: yes" in done[0]


def expect_sound(guest: Living, versions: list[str], *, booted: int) -> None:
    """The list is this, ours and libostree's status agree, and nobody has a complaint."""
    found = guest.status()["deployments"]
    assert [item["version"] for item in found] == versions
    assert [item["booted"] for item in found].index(True) == booted
    theirs = re.findall(r"^([ *]) debian (\w+)\.(\d)", guest.sh("ostree admin status"), re.M)
    assert [name for _, name, _ in theirs] == [item["checksum"] for item in found]
    assert [mark for mark, _, _ in theirs].index("*") == booted
    assert guest.failed() == []
    assert guest.sh("bootentries verify").startswith("sound: ")
