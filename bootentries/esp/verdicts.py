"""What became of boots that are counted, as the names on a partition tell."""

from bootentries.esp.present import Present, PresentEntry


def left_counters(present: Present) -> dict[str, tuple[int, int] | None]:
    """Return the tries left and done of each deployment, None for one that is not counted.

    Whoever counts, counts on the partition: an entry that lost its counters there is good,
    and stays good.  A verdict about this boot is found under the name that it was booted by.
    """
    left: dict[str, tuple[int, int] | None] = {}
    for item in sorted(present.live, key=lambda item: item.name.generation):
        if item.deployment is not None:
            left[item.deployment] = item.name.tries
    for item in stubs(present):
        if item.deployment in left and (item.name.tries is None or not item.name.tries[0]):
            left[item.deployment] = item.name.tries
    return left


def stubs(present: Present) -> tuple[PresentEntry, ...]:
    """Return what was kept of entries under the names by which they were booted.

    systemd-bless-boot looks for just that name.  They start nothing, and are older than
    what does, unlike entries that a sync prepared and never switched on.
    """
    newest = max((item.name.generation for item in present.live), default=0)
    return tuple(
        item
        for item in present.entries
        if not item.live and item.deployment is not None and item.name.generation < newest
    )
