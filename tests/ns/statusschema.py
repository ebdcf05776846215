"""`docs/status.schema.json`, against which every `status --json` of the tests is looked at."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

PATH = Path(__file__).resolve().parents[2] / "docs/status.schema.json"
SCHEMA = json.loads(PATH.read_text())


def faults(report: object) -> list[str]:
    """What is wrong with a report; nothing when it is what the page promises."""
    found = Draft202012Validator(SCHEMA).iter_errors(report)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]
