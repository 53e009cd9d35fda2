"""What is answered instead of a resource: an OperationOutcome, and the refusal that becomes one."""

from collections.abc import Sequence
from typing import Any

MIME = "application/fhir+json"

Resource = dict[str, Any]


class Refusal(Exception):
    """What is answered with an OperationOutcome: status, code of the issue, and a sentence."""

    def __init__(self, status: int, code: str, why: str, issues: Sequence[Resource] = ()) -> None:
        super().__init__(why)
        self.status = status
        self.issues = list(issues) or [issue(code, why)]


def issue(code: str, why: str, *, severity: str = "error", expression: str = "") -> Resource:
    """One issue of an OperationOutcome."""
    made: Resource = {"severity": severity, "code": code, "diagnostics": why}
    return made | ({"expression": [expression]} if expression else {})


def outcome(issues: Sequence[Resource]) -> Resource:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}
