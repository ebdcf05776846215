"""The codes about EFI partitions, as rows of the table in `codes`: meaning and remedy."""

_SYNC = "run `bootentries esp sync`"

FAULTS = {
    "esp-none": (
        "Systemd-boot is in force, and no EFI partition was found.",
        "name it as `esp` in the group [bootchain] of ostree/repo/config",
    ),
    "esp-missing": (
        "An EFI partition that is to follow the list is not there, or cannot be opened.",
        f"attach or mount it, then {_SYNC}; or take it out of `esp` in ostree/repo/config",
    ),
    "esp-read-only": (
        "An EFI partition is read-only: it cannot follow the list.",
        "look why (dmesg), run fsck.fat -a, and mount it writable",
    ),
    "esp-in-the-way": (
        "Something on an EFI partition has the name of a directory that is needed.",
        f"move it away, then {_SYNC}",
    ),
    "esp-full": (
        "An EFI partition has no room for the list's kernels.",
        f"undeploy what is not needed, or remove what others keep there; then {_SYNC}",
    ),
    "esp-entry-missing": (
        "An EFI partition has no entry for a deployment of the list, or another one.",
        _SYNC,
    ),
    "esp-entry-extra": (
        "An EFI partition has an entry for a deployment that is not in the list, or one that "
        "belongs on the disk's XBOOTLDR partition.",
        _SYNC,
    ),
    "esp-link": (
        "The `ostree=` of an entry on an EFI partition leads to no deployment.",
        _SYNC,
    ),
    "esp-payload-missing": (
        "A kernel file that an entry on an EFI partition names is not there, or not whole.",
        _SYNC,
    ),
    "esp-payload-differs": (
        "A kernel file on an EFI partition has not the content that its name says.",
        "run `bootentries esp sync --reread`; look at the disk (dmesg, fsck.fat)",
    ),
}

WARNINGS = {
    "esp-default": (
        "Systemd-boot would boot something else by default than the list's first deployment.",
        "look at `bootentries esp status`: at loader.conf, and at entries that are not ours",
    ),
    "esp-counters": (
        "An entry has no tries left: systemd-boot boots it only when nothing else is there.",
        "boot it by hand and run `bootctl` or systemd-bless-boot good; or deploy anew",
    ),
    "esp-differ": (
        "Two EFI partitions boot different deployments by default.",
        _SYNC,
    ),
    "esp-name-collision": (
        "A file has a name of ours in other letters: on FAT that is the same name.",
        "rename or remove it",
    ),
    "esp-srel": (
        "`loader/entries.srel` says that the entries are not of the kind that we write.",
        "see what wrote it; systemd-boot reads them all the same",
    ),
    "esp-program": (
        "There is no systemd-boot on an EFI partition.",
        "run `bootentries esp install`",
    ),
}

LEFTOVERS = {
    "esp-unused": (
        "A file on an EFI partition that a sync left when it did not end.",
        _SYNC,
    ),
    "esp-pending": (
        "A sync of the EFI partitions was due or failed, and none has ended well since.",
        _SYNC,
    ),
    "esp-link-unused": (
        "A boot link for EFI partitions that no entry names.",
        _SYNC,
    ),
}
