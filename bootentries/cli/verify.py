"""`verify`: whether the chain is sound, and what is wrong with it where it is not."""

import json

import click

from bootentries.check.codes import Severity
from bootentries.check.finding import Finding
from bootentries.check.verify import Verdict
from bootentries.check.verify import verify as look
from bootentries.cli.common import common_options, reading, settings
from bootentries.errors import BootentriesError


@click.command()
@common_options
@click.pass_context
def verify(context: click.Context) -> None:
    """Check the whole chain from the loader to the deployments, without writing.

    Every finding has a code, a place, a reason and a remedy.  The exit status is 0 when the
    chain is sound (warnings and leftovers are no faults), and 1 when it is not.

    Example: bootentries verify --json
    """
    with reading(context) as root:
        verdict = look(root)
    if settings(context).json:
        print(json.dumps(to_json(verdict), indent=2, ensure_ascii=False))
    else:
        _print(verdict)
    if not verdict.sound:
        faults = count(verdict, Severity.FAULT)
        raise BootentriesError(
            "verify", root.path, f"not sound: {faults} fault{'s' * (faults != 1)}",
            hint="`bootentries explain N` walks one entry; docs/verify.md explains the codes",
        )  # fmt: skip


def count(verdict: Verdict, severity: Severity) -> int:
    """Return how many findings have this severity."""
    return sum(finding.code.severity is severity for finding in verdict.findings)


def to_json(verdict: Verdict) -> dict[str, object]:
    """Return the report for programs."""
    return {
        "sound": verdict.sound,
        "bootversion": verdict.bootversion,
        "deployments": [f"/{item.path}" for item in verdict.deployments],
        "findings": [finding.to_json() for finding in verdict.findings],
    }


def _print(verdict: Verdict) -> None:
    """Print the worst first, in the order of the chain."""
    for severity in Severity:
        for finding in verdict.findings:
            if finding.code.severity is severity:
                _print_finding(finding)
    if verdict.sound:
        print(f"sound: {_listed(verdict)}")


def _print_finding(finding: Finding) -> None:
    print(f"{finding.code.severity.value}: {finding.code.name}: {finding.place}")
    print(f"    {finding.reason}")
    print(f"    remedy: {finding.code.remedy}")


def _listed(verdict: Verdict) -> str:
    if verdict.bootversion is None:
        return "no deployments"
    number = len(verdict.deployments)
    return f"{number} deployment{'s' * (number != 1)}, boot.{verdict.bootversion} is active"
