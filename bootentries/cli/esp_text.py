"""The report of `esp status`, for people and for programs."""

from bootentries.esp.report import EspReport, Shown

_MIB = 1 << 20


def report_lines(report: EspReport) -> list[str]:
    """Return the lines about one partition."""
    lines = [f"{report.place.label}: {report.state}"]
    if report.place.esp != report.place.boot:
        lines.append(f"  loader on   {report.place.esp.path}")
    if report.error is not None:
        lines.append(f"  problem     {report.error}")
        if report.error.hint:
            lines.append(f"  remedy      {report.error.hint}")
    if report.present is None:
        return lines
    found = report.present
    lines.append(f"  room        {found.free / _MIB:.1f} of {found.size / _MIB:.1f} MiB free")
    for program in report.programs:
        info = f", {program.info}" if program.info else ""
        lines.append(f"  program     {program.path}: {program.state}{info}")
    lines.append(f"  loader.conf {report.loader_conf}")
    for item in report.entries:
        sign = "*" if item.file == report.default else " "
        lines.append(f"{sign} {item.file}  {item.title}{_counters(item)}")
    if not report.entries:
        lines.append("  no entries: systemd-boot would boot nothing from here")
    return lines


def report_json(report: EspReport) -> dict[str, object]:
    """Return the report about one partition for programs."""
    found = report.present
    return {
        "esp": report.place.label,
        "boot": report.place.boot.path,
        "loader": report.place.esp.path,
        "state": report.state,
        "error": None if report.error is None else str(report.error),
        "hint": None if report.error is None else report.error.hint,
        "size": None if found is None else found.size,
        "free": None if found is None else found.free,
        "cluster": None if found is None else found.cluster,
        "entries-srel": None if found is None else found.srel,
        "loader-conf": report.loader_conf,
        "programs": [
            {"path": item.path, "state": item.state, "info": item.info} for item in report.programs
        ],
        "entries": [
            {
                "file": item.file,
                "title": item.title,
                "deployment": item.deployment,
                "default": item.file == report.default,
                "tries-left": None if item.tries is None else item.tries[0],
                "tries-done": None if item.tries is None else item.tries[1],
            }
            for item in report.entries
        ],
        "operations": [] if report.plan is None else report.plan.describe(),
    }


def _counters(item: Shown) -> str:
    if item.tries is None:
        return ""
    left, done = item.tries
    if not left:
        return f"  (no tries left, {done} done)"
    return f"  ({left} tries left, {done} done)"
