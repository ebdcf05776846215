"""The drop-ins, word by word; systemd's own view of them is in tests/ns/test_units.py."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.units.dropins import TAKEOVERS, check_import_path

PLACE = "/usr/lib/python3/dist-packages"
PROGRAM = (
    "/usr/bin/python3 -I -S -c \"import sys; sys.path += ['/usr/lib/python3/dist-packages']; "
    'from bootentries.__main__ import main; main()"'
)


def test_what_each_says():
    texts = {item.path: item.text((PLACE,)) for item in TAKEOVERS}
    head = "# Written by bootentries install-units\n[Service]\n"
    assert texts == {
        "ostree-finalize-staged.service.d/50-bootentries.conf": (
            f"{head}ExecStop=\nExecStop={PROGRAM} finalize-staged --lock-timeout=120\n"
        ),
        "ostree-finalize-staged-hold.service.d/50-bootentries.conf": (
            "# Written by bootentries install-units\n[Unit]\nConflicts=final.target\n"
            f"[Service]\nType=notify\nExecStart=\nExecStart=+{PROGRAM} finalize-staged --hold\n"
        ),
        "ostree-boot-complete.service.d/50-bootentries.conf": (
            f"{head}ExecStart=\nExecStart={PROGRAM} boot-complete\n"
        ),
    }


@pytest.mark.parametrize(
    "directory",
    [
        "/usr/local/lib/python3.11/dist-packages", "/usr/local", "/opt/x", "/home/me", "/var/lib/x",
        "/usr/lib/../local/x", "usr/lib", "/usr/lib/a b", "/usr/lib/'x", "/usr/lib/%h", "/usr/$x",
        "",
    ],
)  # fmt: skip
def test_a_place_that_others_may_write_to_is_refused(directory):
    with pytest.raises(BootentriesError, match="not a plain path below /usr") as found:
        check_import_path(directory)
    assert "--import-path" in str(found.value.hint)
    with pytest.raises(BootentriesError):
        TAKEOVERS[0].text((PLACE, directory))


def test_a_name_that_only_begins_like_it_is_fine():
    assert check_import_path("/usr/locale/x") == "/usr/locale/x"
