"""Hooks, labels and status over a real shutdown and the boot after it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from living import FINALISE, FIRST, Living, build, start
from statusschema import faults

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

SERVICE = "bootentries-hooks.service"
LOG = "/var/hooks.log"
# The unit has an invocation, and so has the finaliser: which one it is tells the time.
HOOKS = f"""
mkdir -p /etc/bootentries/hooks.d && cd /etc/bootentries/hooks.d
cat > 10-late <<'END'
#!/bin/sh
finaliser=$(systemctl is-active {FINALISE})
echo "$BOOTENTRIES_HOOK $BOOTENTRIES_REASON $finaliser" >> {LOG}
echo "at work"
END
cp 10-late 20-now.shutdown
printf '#!/bin/sh\\n[ -e /var/mended ] || {{ echo no paper; exit 3; }}\\n' > 30-bad
chmod 755 *
"""


def wait_for_hooks(guest: Living) -> None:
    """The boot is over for the agent before the last unit is done."""
    deadline = time.monotonic() + 240
    while guest.sh(f"systemctl is-active {SERVICE} || :").strip() in ("inactive", "activating"):
        assert time.monotonic() < deadline, guest.sh(f"systemctl status {SERVICE} || :")
        time.sleep(1)


def test_hooks_at_shutdown_and_after_boot(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    guest = start(build(guest_tree, ["2.0"]), machine, tmp_path)
    guest.sh("bootentries label booted 'before the update'")
    assert " - before the update (ostree:0)" in guest.sh("cat /boot/loader/grub.cfg")
    guest.sh(HOOKS)
    guest.upgrade("2.0")
    report = guest.status()
    assert faults(report) == []
    assert [item["label"] for item in report["deployments"]] == [None, "before the update"]
    assert report["deployments"][0]["staged"] is True
    guest.reboot()

    assert guest.version() == "2.0"
    wait_for_hooks(guest)
    # One while the finaliser was stopped, the other when the new system was up.
    assert guest.sh(f"cat {LOG}").splitlines() == [
        "20-now.shutdown finalize-staged deactivating",
        "10-late finalize-staged inactive",
    ]
    assert guest.failed() == [SERVICE]
    said = guest.sh(f"journalctl -b -o cat -u {SERVICE}")
    assert "bootentries: 10-late: at work\n" in said
    assert "bootentries: 30-bad: no paper\n" in said
    assert "bootentries: run hooks: 30-bad: not all of them succeeded\n" in said
    assert any("20-now.shutdown: at work" in line for line in guest.last_shutdown())
    report = guest.status()
    assert faults(report) == []
    assert report["pending-hooks"]["hooks"] == [{"name": "30-bad", "failure": "exit status 3"}]
    assert report["failure"] is None
    new, old = report["deployments"]
    assert (new["booted"], new["label"]) == (True, None)
    assert (old["rollback"], old["label"]) == (True, "before the update")
    assert old["title"].endswith(f"{FIRST} - before the update (ostree:1)")
    assert " - before the update (ostree:1)" in guest.sh("cat /boot/loader/grub.cfg")
    assert "hooks-pending" in guest.sh("bootentries verify")

    guest.sh(f"touch /var/mended; systemctl reset-failed; systemctl start {SERVICE}")
    assert guest.failed() == []
    assert guest.status()["pending-hooks"] is None
    assert guest.sh("bootentries verify").startswith("sound")
    assert len(guest.sh(f"cat {LOG}").splitlines()) == 2
