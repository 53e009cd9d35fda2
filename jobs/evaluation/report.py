"""What a run of the rules did, and the rules that failed in it."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from jobs.assessing import Asked, Failure


@dataclass
class EvaluationReport:
    """What a run did."""

    as_of: dt.date
    full: bool
    reconciled: bool
    patients: int
    computed: int
    assessments: list[dict[str, Any]]
    decisions: Counter[str]
    failures: list[Failure]
    written: Counter[str] = field(default_factory=Counter)
    """By rule, how many stored answers were new, changed or gone."""

    @property
    def exit_code(self) -> int:
        """0 done; 1 done, but some rules failed."""
        return 1 if self.failures else 0


def note_failures(failures: dict[str, Failure], asked: Asked) -> None:
    """The patient is noted under each rule that failed for it."""
    for key, error in asked.failed.items():
        failures.setdefault(key, Failure(key, error)).patients.append(asked.patient.id)
