"""Which visit ends an alert, and how the line of a visit reads."""

import datetime as dt
from typing import Any

import pytest

from jobs.rule import all_rules
from jobs.visits import RULES, first_of, line_of, visit_of


@pytest.mark.parametrize(
    ("rule", "subject", "visit"),
    [
        ("overdue-labs", "ck", "blood"),
        ("overdue-labs", "blood_count", "blood"),
        ("overdue-labs", "weight", "examination"),
        ("overdue-labs", "growth", "examination"),
        ("overdue-labs", "blood_pressure", "examination"),
        ("overdue-labs", "fvc", None),
        ("overdue-labs", "swallowing", None),
        ("missing-safety-screen", "azathioprine:tpmt", "blood"),
        ("missing-safety-screen", "rituximab:tb_screen", "blood"),
        ("missing-safety-screen", "methotrexate:chest_x_ray", None),
        ("missing-safety-screen", "methotrexate:pregnancy", None),
        ("missing-safety-screen", "glucocorticoid:dxa", None),
        ("missing-safety-screen", "a drug of another version:a screen nobody knows", None),
        ("overdue-assessment", "strength", "examination"),
        ("declining-strength", "cmas", None),
        ("rising-muscle-enzymes", "ck", None),
    ],
)
def test_only_what_one_appointment_ends_belongs_to_a_visit(rule: str, subject: str, visit: str | None) -> None:
    assert visit_of(rule, subject) == visit


def test_every_rule_of_a_visit_is_one_of_ours() -> None:
    assert set(RULES) <= {rule.key for rule in all_rules()}


def alert(rule: str, subject: str, day: int, **more: Any) -> dict[str, Any]:
    due = dt.date(2026, 11, day)
    told: dict[str, Any] = {"rule": rule, "subject": subject, "due": due, "since": due, "numbers": {}}
    return told | {"suggested_action": ""} | more


def test_a_line_names_each_test_once_longest_due_first() -> None:
    hepatitis = {"numbers": {"screen": "Anti-HBc (once)"}, "suggested_action": "find or order: x; before the next dose"}
    rows = [
        alert("overdue-labs", "crp", 12),
        alert("overdue-labs", "ck", 10),
        alert("missing-safety-screen", "rituximab:hepatitis_b_core_antibody", 14, **hepatitis),
        alert("missing-safety-screen", "methotrexate:hepatitis_b_core_antibody", 15, **hepatitis),
    ]
    assert line_of("blood", rows) == "Blood draw, 3 tests: CK, CRP, Anti-HBc"
    assert first_of("blood", rows).endswith("; the screens before the next dose")
    assert "screens" not in first_of("blood", rows[:2])


def test_an_examination_of_one_measure_says_one() -> None:
    assert line_of("examination", [alert("overdue-labs", "weight", 3)]) == "Examination, 1 measure: Weight"
