"""Refreshing a deployment's SELinux policy after the merge of its /etc.

Local modules lie in /etc, and the rest of the policy came with the new tree: semodule(8) of
the tree puts them together, shut in by bwrap(1) with nothing but the deployment to write to.
"""

from bootentries import fs
from bootentries.deploy.label import policy_directory
from bootentries.run import attempt, run

_PROGRAMS = ("usr/sbin/semodule", "usr/bin/semodule")
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
_SYS = ("block", "bus", "class", "dev", "devices")
# Older ones would build the policy anew each time, which takes a minute.
_OPTION = "--refresh"
_OPERATION = "refresh SELinux policy"
_ENVIRON = {"PATH": "/usr/sbin:/usr/bin"}


def refresh_policy(deploy_fd: int, name: str) -> None:
    """Let semodule refresh the policy of the deployment open as `deploy_fd`.

    Nothing is done for a tree without a policy, and for one whose semodule cannot do it
    quickly.  Raises BootentriesError with what semodule said, and without bwrap.
    """
    argv = rehearse_refresh(deploy_fd)
    if argv is not None:
        run(argv, _OPERATION, name, environ=_ENVIRON, cwd_fd=deploy_fd)


def rehearse_refresh(deploy_fd: int) -> list[str] | None:
    """Return the command that refreshes the policy, None where nothing is to be done.

    The deployment's semodule is asked what it can do: it has to run, then.  Raises
    BootentriesError.
    """
    if policy_directory(deploy_fd) is None or not fs.is_file(deploy_fd, "etc/selinux/config"):
        return None
    if not any(fs.is_file(deploy_fd, path) for path in _PROGRAMS):
        return None
    inside = _bwrap(deploy_fd)
    argv = [*inside, "semodule", "--help"]
    known = attempt(argv, _OPERATION, environ=_ENVIRON, cwd_fd=deploy_fd)
    can = _OPTION.encode() in known.stdout + known.stderr
    return [*inside, "semodule", "-N", _OPTION] if can else None


def _bwrap(deploy_fd: int) -> list[str]:
    """Return the command that runs another one in the deployment, its working directory."""
    argv = ["bwrap", "--dev", "/dev", "--proc", "/proc", "--dir", "/run"]
    argv += ["--dir", "/tmp"]  # noqa: S108 - one of its own
    argv += ["--chdir", "/", "--die-with-parent", "--unshare-pid", "--unshare-uts"]
    argv += ["--unshare-ipc", "--unshare-cgroup-try"]
    for name in _SYS:
        argv += ["--ro-bind-try", f"/sys/{name}", f"/sys/{name}"]
    for name in ("usr", "etc", "var"):
        if fs.is_dir(deploy_fd, name):
            argv += ["--bind", name, f"/{name}"]
    for name in _LINKS:
        argv += ["--symlink", f"/usr/{name}", f"/{name}"]
    return argv
