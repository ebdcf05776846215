"""What a deployment's own files say about its mounts."""

import pytest

from bootentries.check.mounts import mounts
from bootentries.errors import BootentriesError
from bootentries.root import open_root
from bootentries.sysroot import load

CONFIG = "usr/lib/ostree/prepare-root.conf"


def mounted(victim, point):
    with open_root(str(victim.top)) as root:
        return dict(mounts(root, load(root).deployments[0]))[point]


@pytest.mark.parametrize(
    ("files", "point", "expected"),
    [
        ({CONFIG: "[root]\ntransient=true\n"}, "/", "{path} (transient)"),
        ({CONFIG: "[composefs]\nenabled=maybe\n"}, "/", "{path}"),
        ({CONFIG: "[composefs]\nenabled=maybe\n", ".ostree.cfs": ""}, "/",
         "the composefs image {path}/.ostree.cfs"),
        ({CONFIG: "[composefs]\nenabled=yes\n"}, "/",
         "the composefs image {path}/.ostree.cfs, which is not there"),
        ({CONFIG: "[etc]\ntransient=true\n"}, "/etc", "transient, over usr/etc"),
        ({".usr-ovl-work/x": ""}, "/usr", "the root's, with the layers of a hotfix"),
        ({CONFIG: "[sysroot]\nreadonly=true\n"}, "/sysroot", "the physical root, read-only"),
        ({"etc/fstab": "LABEL=var /var/ ext4\n"}, "/var", "what the deployment's etc/fstab says"),
        ({"etc/fstab": "# LABEL=var /var ext4\n"}, "/var",
         "/ostree/deploy/testos/var, by prepare-root or a unit"),
        ({CONFIG: "[var]\nmount=yes\n"}, "/var", "/ostree/deploy/testos/var, by prepare-root"),
        ({CONFIG: "[var]\nmount=no\n"}, "/var", "/ostree/deploy/testos/var, by a unit"),
        ({CONFIG: "[boot]\nmount=no\n"}, "/boot", "by the system"),
        # The one in etc replaces the other entirely.
        ({CONFIG: "[boot]\nmount=no\n", "etc/ostree/prepare-root.conf": ""}, "/boot",
         "/boot of the physical root"),
    ],
)  # fmt: skip
def test_mounts(victim, files, point, expected):
    for name, text in files.items():
        path = victim.deployment() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert mounted(victim, point) == expected.format(path=f"/{victim.item().path}")


def test_the_repository_may_ask_for_a_read_only_sysroot(victim):
    (victim.top / "ostree/repo/config").write_text("[sysroot]\nreadonly=true\n")
    assert mounted(victim, "/sysroot") == "the physical root, read-only"


def test_a_volatile_system(victim):
    victim.edit(" quiet ", " systemd.volatile=state ")
    assert mounted(victim, "/var") == "volatile, as systemd.volatile says"


def test_a_configuration_that_cannot_be_used(victim):
    (victim.deployment() / CONFIG).parent.mkdir()
    (victim.deployment() / CONFIG).write_text("[root]\ntransient=perhaps\n")
    with pytest.raises(BootentriesError, match="transient: 'perhaps' is not true, 1, false or 0"):
        mounted(victim, "/")
