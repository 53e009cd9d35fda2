"""Which visit an alert asks for: one missed blood draw opens an alert for each test, and is one thing to do.

A visit is one patient and one kind of appointment. Alerts stay alerts, each with its own life; who works a list sees
the visit, opens it, acts on it and reads its end as one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jobs.phrasing import day_of, listed, subject_label
from models.vocabulary import measures, screening, tests

ASKED = frozenset({"pregnancy"})
"""Screens that begin with a question to the patient, although a blood test is among their answers."""
AT_THE_BEDSIDE = frozenset({"strength", "global", "function", "body"})
"""Kinds of measures that an examination gives."""


@dataclass(frozen=True)
class Visit:
    """One kind of appointment.

    Attributes:
        title: what stands before the tests in a line.
        unit: one of what is done there.
        first: the first thing to do, as an option.
    """

    title: str
    unit: str
    first: str


VISITS: Mapping[str, Visit] = MappingProxyType(
    {
        "blood": Visit("Blood draw", "test", "order them for one draw, or record why one is not possible"),
        "examination": Visit(
            "Examination", "measure", "plan one examination for all, or record why one is not possible"
        ),
    }
)


def visit_of(rule: str, subject: str) -> str | None:
    """The key in `VISITS` of the visit that an alert asks for; None for one that no visit of these kinds ends."""
    found = _KINDS.get(rule)
    return found(subject) if found is not None else None


def _of_test(test: str) -> str | None:
    kinds = (
        {measures()[name].kind for name in tests()[test].measures if name in measures()} if test in tests() else set()
    )
    if kinds == {"laboratory"}:
        return "blood"
    return "examination" if kinds and kinds <= AT_THE_BEDSIDE else None


def _of_screen(subject: str) -> str | None:
    _, _, screen = subject.partition(":")
    by = {name for row in screening() if row.screen == screen for name in row.satisfied_by}
    taken = any(name in measures() and measures()[name].kind == "laboratory" for name in by)
    return "blood" if taken and screen not in ASKED else None


def _of_instrument(_subject: str) -> str | None:
    return "examination"


_KINDS: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {
        "overdue-labs": _of_test,
        "missing-safety-screen": _of_screen,
        "overdue-assessment": _of_instrument,
    }
)
RULES = tuple(_KINDS)
"""The rules whose alerts a visit may end."""


def names_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a visit is to give, each once: `CK`, `TPMT`; first what is due longest."""
    ranked = sorted(rows, key=lambda row: str(day_of(row["due"]) or day_of(row["since"]) or "9"))
    return list(dict.fromkeys(_name(row) for row in ranked))


def _name(row: Mapping[str, Any]) -> str:
    subject = str(row["subject"])
    if row["rule"] != "missing-safety-screen":
        return subject_label(subject)
    told = str(row["numbers"].get("screen") or "").split(" (")[0]
    return told or subject_label(subject.partition(":")[2])


def line_of(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A visit in one line without full stop: `Blood draw, 3 tests: CK, CRP, TPMT`."""
    visit, names = VISITS[kind], names_of(rows)
    count = f"{len(names)} {visit.unit}{'' if len(names) == 1 else 's'}"
    return f"{visit.title}, {count}: {listed(names)}"


def first_of(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The first thing to do about a visit; what must be known before the next dose is said."""
    before = any("before the next dose" in str(row["suggested_action"]) for row in rows)
    return VISITS[kind].first + ("; the screens before the next dose" if before else "")
