"""From what a user calls a commit to its checksum."""

import re

from bootentries import fs
from bootentries.errors import BootentriesError
from bootentries.repo import REPO, read_commit
from bootentries.root import Root
from bootentries.run import attempt

_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{1,63}")
# The names that libostree accepts: no component starts with a dot or is empty.
_PART = r"\w[-.\w]*"
_REFSPEC = re.compile(rf"(?:({_PART}):)?({_PART}(?:/{_PART})*)")


def parse_refspec(text: str) -> tuple[str | None, str] | None:
    """Return (remote, ref) of `[REMOTE:]REF`, or None when it is none."""
    parts = _REFSPEC.fullmatch(text)
    return None if parts is None else (parts[1], parts[2])


def resolve(root: Root, refspec: str) -> str:
    """Return the checksum of the commit that `[REMOTE:]REF`, or a checksum, names.

    Refs are read here; the start of a checksum and `REF^` are left to the `ostree` program.
    Raises BootentriesError when there is no such commit in the repository.
    """
    checksum = refspec if _CHECKSUM.fullmatch(refspec) else _named(root, refspec)
    if read_commit(root.fd, checksum) is None:
        raise BootentriesError(
            "resolve", refspec, f"commit {checksum} is not in the repository",
            hint="pull it first: ostree pull REMOTE REF",
        )  # fmt: skip
    return checksum


def _named(root: Root, refspec: str) -> str:
    # A file that is no ref is an error here; the program would wait for a pipe.
    found = _read_ref(root, refspec)
    # All hex digits may be the start of a checksum, which comes before a ref of that name.
    if not _HEX.fullmatch(refspec):
        if found is not None:
            return found
        if not refspec.endswith("^"):
            raise _not_found(refspec)
    repo = f"--repo=/proc/self/fd/{root.fd}/{REPO}"
    argv = ("ostree", "rev-parse", repo, "--", refspec)
    done = attempt(argv, "resolve", pass_fds=(root.fd,))
    text = done.stdout.decode("ascii", "replace").strip()
    if done.returncode == 0 and _CHECKSUM.fullmatch(text):
        return text
    said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
    if "not found" in said or not said:
        raise _not_found(refspec)
    raise BootentriesError("resolve", refspec, said)


def _read_ref(root: Root, refspec: str) -> str | None:
    parts = parse_refspec(refspec)
    if parts is None:
        return None
    remote, ref = parts
    places = (f"remotes/{remote}/{ref}",) if remote else (f"heads/{ref}", f"remotes/{ref}")
    for place in places:
        try:
            data = fs.read_optional(root.fd, f"{REPO}/refs/{place}")
        except (IsADirectoryError, NotADirectoryError):
            continue
        except OSError as error:
            reason = f"refs/{place}: {error.strerror}"
            raise BootentriesError("resolve", refspec, reason) from error
        if data is None:
            continue
        text = data.decode("ascii", "replace").strip()
        if not _CHECKSUM.fullmatch(text):
            raise BootentriesError("resolve", refspec, f"refs/{place} holds no checksum")
        return text
    return None


def _not_found(refspec: str) -> BootentriesError:
    return BootentriesError(
        "resolve", refspec, "no such ref or commit in the repository",
        hint="ostree refs lists the refs; ostree pull brings one",
    )  # fmt: skip
