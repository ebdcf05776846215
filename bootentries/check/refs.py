"""The refs `ostree/N/M/I` that keep the commits of a list's items from being pruned."""

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.check.listing import files
from bootentries.repo import REPO
from bootentries.root import Root

HEADS = f"{REPO}/refs/heads"


def check_refs(
    root: Root, pair: tuple[int, int], checksums: tuple[str, ...], report: Report
) -> None:
    """Compare the refs with the list; `pair` is (N, M), `checksums` are the items' in order."""
    active = f"ostree/{pair[0]}/{pair[1]}"
    for index, checksum in enumerate(checksums):
        place = f"{HEADS}/{active}/{index}"
        data = fs.read_optional(root.fd, place)
        if data is None:
            report.add("refs-out-of-step", place, f"no such ref, and {checksum} is deployed")
        elif data.strip() != checksum.encode():
            said = data.strip().decode("utf-8", "backslashreplace")
            report.add("refs-out-of-step", place, f"it names {said}, and {checksum} is deployed")
    wanted = {f"{active}/{index}" for index in range(len(checksums))}
    for bootversion in (0, 1):
        for sub in (0, 1):
            base = f"ostree/{bootversion}/{sub}"
            for name in files(root.fd, f"{HEADS}/{base}"):
                if f"{base}/{name}" not in wanted:
                    report.add("ref-unused", f"{HEADS}/{base}/{name}", "no item of the list")
