"""Signatures of commits, checked by the `ostree` program with the keys of a remote."""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.deploy.revision import parse_refspec
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError, from_os_error
from bootentries.remotes import Remote, read_remote
from bootentries.repo import REPO
from bootentries.root import Root
from bootentries.run import run
from prepare_root.formats import FormatError
from prepare_root.formats.commit import decode_commitmeta, object_path

_KEY = "ostree.gpgsigs"
_FOUND = "Found "
_INDENT = "  "
_GOOD = 'Good signature from "'


@dataclass(frozen=True, slots=True)
class Report:
    """What is known about a commit's signatures: lines for people, and whether one is good."""

    lines: tuple[str, ...] = ()
    good: bool = False


def remote_of(root: Root, item: Deployment) -> Remote | None:
    """Return the remote that a deployment's origin names, None without one that is there."""
    parts = None if item.origin.refspec is None else parse_refspec(item.origin.refspec)
    return None if parts is None or parts[0] is None else read_remote(root.fd, parts[0])


def signatures(root: Root, checksum: str, remote: str) -> Report | None:
    """Return what the remote's keys say about a commit, or None when it is not signed.

    Raises BootentriesError when that cannot be found out.
    """
    if not _is_signed(root.fd, checksum):
        return None
    # Named by its path: only so the keys and remotes of the system are looked at.
    repo = f"--repo={os.path.join(root.path, REPO)}"
    argv = ("ostree", "show", repo, f"--gpg-verify-remote={remote}", "--", checksum)
    said = run(argv, "verify signature", checksum).decode(errors="replace")
    return parse_report(said)


def verify(root: Root, item: Deployment) -> Report:
    """Return the good report about a deployment's commit.

    Raises BootentriesError when there is none: no remote, no signature, no good one, or one
    of a kind that is not checked here.
    """
    refspec = item.origin.refspec
    if refspec is None:
        raise _fault(item, "its origin names no ref, so nobody says who signs it")
    parts = parse_refspec(refspec)
    if parts is None or parts[0] is None:
        raise _fault(item, f"its origin {refspec!r} names no remote, so nobody says who signs it")
    remote = read_remote(root.fd, parts[0])
    if remote is None:
        raise _fault(item, f"the remote {parts[0]!r} of its origin is not configured")
    if remote.sign_verify:
        raise _fault(
            item, f"the remote {remote.name!r} asks for other signatures than GPG's (sign-verify)",
            hint="this can only be checked with: ostree admin status -V",
        )  # fmt: skip
    if not remote.gpg_verify:
        raise _fault(item, f"the remote {remote.name!r} has gpg-verify=false")
    report = signatures(root, item.checksum, remote.name)
    if report is None:
        raise _fault(item, "the commit is not signed")
    if not report.good:
        raise _fault(item, f"no good signature: {'; '.join(report.lines)}")
    return report


def parse_report(text: str) -> Report:
    """Return the signatures in what `ostree show` prints about a signed commit.

    They come last.  What stands before them was written by whoever made the commit.
    """
    lines = text.split("\n")
    heads = [index for index, line in enumerate(lines) if line.startswith(_FOUND)]
    if not heads:
        return Report()
    found = [line.strip() for line in lines[heads[-1] + 1 :] if line.startswith(_INDENT)]
    return Report(tuple(found), any(line.startswith(_GOOD) for line in found))


def _is_signed(root_fd: int, checksum: str) -> bool:
    try:
        path = f"{REPO}/{object_path(checksum, 'commitmeta').decode()}"
        data = fs.read_optional(root_fd, path)
        found = None if data is None else decode_commitmeta(data).get(_KEY)
    except OSError as error:
        raise from_os_error("verify signature", error, checksum) from error
    except FormatError as error:
        raise BootentriesError("verify signature", checksum, str(error)) from error
    return found is not None and bool(found.value)


def _fault(item: Deployment, reason: str, hint: str | None = None) -> BootentriesError:
    return BootentriesError("verify signature", f"{item.stateroot} {item.name}", reason, hint)
