"""What a rule's short phrase is made of: the words, numbers and dates of one line in a list.

A phrase is what a nurse would say at the board; the full explanation is one click away. It holds dates with their
year, never counts of days, so that it stays true tomorrow; whoever shows it may leave out the present year.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from models.patient_facts import date_of
from models.vocabulary import measures, tests

Cells = Mapping[str, Any]
"""An answer as `explain` reads it: its own numbers and its columns by name. Days may be dates or ISO text."""

_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def amount(value: float | None, digits: int = 1) -> str:
    """`27`, `3.2`, `1 240`: no trailing zeros, thousands set apart by a narrow space. Empty for None."""
    if value is None or value != value:
        return ""
    rounded = round(float(value), digits)
    text = f"{rounded:,.{digits}f}" if rounded != int(rounded) else f"{int(rounded):,}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", "\u202f")


def day_of(value: Any) -> dt.date | None:
    """A date, an ISO text or a day number as a date; None for none."""
    if value is None or isinstance(value, dt.date):
        return value
    if isinstance(value, int):
        return date_of(value)
    return dt.date.fromisoformat(str(value)[:10])


def dated(value: Any) -> str:
    """`3 Mar 2026`; empty for None."""
    day = day_of(value)
    return f"{day.day} {_MONTHS[day.month]} {day.year}" if day else ""


def subject_label(subject: str) -> str:
    """What a rule looked at, in the clinic's words: `CMAS`, `Troponin`, `Methotrexate`."""
    if subject in measures():
        return measures()[subject].short_label
    if subject in tests():
        # The list of what a blood count consists of is for the laboratory.
        return tests()[subject].label.split(" (")[0]
    return subject.replace("_", " ").replace("-", " ").capitalize()


def first_sentence(text: str) -> str:
    """The first sentence, without its full stop; one that counts days to a decimal point is not cut there."""
    return re.split(r"(?<=[a-z0-9)%])\.\s", text, maxsplit=1)[0].rstrip(".")


def listed(words: Sequence[str]) -> str:
    """`CK, CRP`, each once, in their order."""
    return ", ".join(dict.fromkeys(word for word in words if word))
