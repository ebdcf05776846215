"""Which list is active: the repository's configuration, and the link `boot/loader`."""

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.check.listing import deployment_names, files, stateroots
from bootentries.errors import BootentriesError
from bootentries.failure import STAMP, interrupted
from bootentries.hooks.stamp import STAMP as HOOKS_STAMP
from bootentries.hooks.stamp import read_pending
from bootentries.loopguard import LIMIT, RECORD, Attempts
from bootentries.repo import REPO, RepoConfig, read_config
from bootentries.root import Root
from bootentries.sysroot import DEPLOY


def check_config(root: Root, report: Report) -> RepoConfig:
    """Return the repository's configuration; the defaults where it cannot be used."""
    try:
        return read_config(root.fd)
    except BootentriesError as error:
        report.add("repo-config", f"{REPO}/config", error.reason)
    except OSError as error:
        report.add("unreadable", f"{REPO}/config", error.strerror or str(error))
    return RepoConfig()


def check_loader(root: Root, report: Report) -> int | None:
    """Return the active boot version; None when there is none to go on with.

    A sysroot where nothing was ever deployed has none, and is sound.
    """
    if root.boot_fd is None:
        report.add("boot-missing", "boot", f"{root.boot_path} is no directory")
        return None
    try:
        text = fs.readlink_optional(root.boot_fd, "loader")
    except OSError:
        report.add("loader-not-a-link", "boot/loader", "not a symbolic link")
        return None
    if text is None:
        found = deployments(root)
        if found and _had_list(root):
            report.add("loader-missing", "boot/loader", "no such link, and there are deployments")
        elif found:
            for path in found:
                report.add("deployment-unused", path, "no list was ever active")
        return None
    if text not in ("loader.0", "loader.1"):
        report.add("loader-target", "boot/loader", f"it leads to {text!r}")
        return None
    if not fs.is_dir(root.boot_fd, f"{text}/entries"):
        report.add("loader-dangling", f"boot/{text}/entries", "no such directory")
        return None
    return int(text[-1])


def check_boot(root: Root, known: set[tuple[str, str]], report: Report) -> None:
    """Look at what else every boot directory has, or should not have.

    `known` are (stateroot, name) of the deployments that are listed or staged.
    """
    boot = root.boot()
    if fs.stat_optional(boot, "boot", follow=False) is None:
        report.add("boot-self-link", "boot/boot", "no such link")
    failed = fs.read_optional(boot, STAMP)
    if failed is not None:
        text = failed.decode("utf-8", "backslashreplace")
        # It waits for the shutdown of this system, or was interrupted when all was done.
        if interrupted(text) not in known:
            said = " ".join(text.split())
            report.add("finalize-failed", f"boot/{STAMP}", said or "no reason is given")
    _check_left(root, report)


def _check_left(root: Root, report: Report) -> None:
    """Look at what failed again and again, and at what was left to run."""
    data = fs.read_optional(root.boot(), RECORD)
    attempts = None if data is None else Attempts.decode(data.decode(errors="replace"))
    if attempts is not None and attempts.count >= LIMIT:
        what = f"{attempts.stateroot}/{attempts.name}, {attempts.count} times: {attempts.reason}"
        report.add("finalize-loop", f"boot/{RECORD}", what)
    pending = read_pending(root)
    if pending is not None:
        names = ", ".join(name for name, _ in pending.hooks) or "none is named"
        report.add("hooks-pending", HOOKS_STAMP, names)


def deployments(root: Root) -> tuple[str, ...]:
    """Return the path of every deployment's directory that any stateroot holds."""
    return tuple(
        f"{DEPLOY}/{stateroot}/deploy/{name}"
        for stateroot in stateroots(root)
        for name in deployment_names(root, stateroot)
    )


def _had_list(root: Root) -> bool:
    """Return whether a list was active once: its refs are written after the first swap."""
    return bool(files(root.fd, f"{REPO}/refs/heads/ostree"))
