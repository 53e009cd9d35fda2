"""What the parts of a rule's page share: names of components, and values in words."""

from collections.abc import Mapping
from typing import Any

from dash import html

from dashboard.components.formats import number

BODY, SAID, KEY, CHANGED = "rule-body", "rule-said", "rule-key", "rule-changed"
MODAL, FORM, WHAT = "rule-modal", "rule-form", "rule-form-what"
VALUE, FROM, MRN, UNTIL = "rule-form-value", "rule-form-from", "rule-form-mrn", "rule-form-until"
REASON, SAVE, RESET = "rule-form-reason", "rule-form-save", "rule-form-reset"
CHANGE = "rule-change"
STATUS = ":status"
"""Stands for the status where a parameter's name would stand."""


def value_words(value: Any) -> str:
    """A value as it is shown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(float(value), 3)
    return str(value)


def range_words(meta: Mapping[str, Any]) -> str:
    """`1 to 6`, `from 1`, or the choices there are."""
    if meta["choices"]:
        return ", ".join(meta["choices"])
    low, high = meta["low"], meta["high"]
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {value_words(low)}"
    if low is None:
        return f"up to {value_words(high)}"
    return f"{value_words(low)} to {value_words(high)}"


def as_sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""


def with_values(text: str) -> list[Any]:
    """What stands between backticks in a rule file is a value, and shown as one."""
    return [html.Code(part) if place % 2 else part for place, part in enumerate(text.split("`"))]
