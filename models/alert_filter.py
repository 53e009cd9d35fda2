"""Which alerts of the nurse list somebody wants to see: whose, of which rule, how urgent, and with which words."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from models.alert import Alert
from models.patient import Patient, says

_A: Any = Alert
MOST_WORDS = 6


@dataclass(frozen=True)
class Only:
    """A choice among the alerts; the empty one is everything.

    Attributes:
        owners: names, one of which must own the alert; empty for alerts that nobody owns; None: whoever does.
        rule: the key of one rule.
        severity: `urgent`, `action` or `watch`.
        words: each must be part of the patient's name or record number, of the alert's sentence or subject, or be the
            alert's number.
    """

    owners: tuple[str, ...] | None = None
    rule: str = ""
    severity: str = ""
    words: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """No choice."""
        return self == Only()

    @property
    def whoever(self) -> "Only":
        """The same, whoever owns the alert."""
        return Only(rule=self.rule, severity=self.severity, words=self.words)

    @property
    def condition(self) -> Any:
        """What must hold of an alert, for the database."""
        parts = [_owned(self.owners)]
        if self.rule:
            parts.append(_A.rule == self.rule)
        if self.severity:
            parts.append(_A.severity == self.severity)
        parts += [_told(word) for word in self.words[:MOST_WORDS]]
        return sa.and_(*parts)


EVERYTHING = Only()


def _owned(owners: tuple[str, ...] | None) -> Any:
    if owners is None:
        return sa.true()
    return _A.owner.in_(owners) if owners else sa.or_(_A.owner.is_(None), _A.owner == "")


def _told(word: str) -> Any:
    plain = word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    person: Any = Patient
    parts = [
        _A.patient_id.in_(sa.select(person.id).where(says(word))),
        _A.explanation.ilike(f"%{plain}%", escape="\\"),
        _A.subject.ilike(f"%{plain}%", escape="\\"),
    ]
    number = word.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 10:
        parts.append(_A.id == int(number))
    return sa.or_(*parts)
