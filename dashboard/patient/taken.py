"""What the patient takes, and when somebody last confirmed with them that it is really taken."""

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.components.dates import short_day
from dashboard.components.formats import counted
from dashboard.components.states import section
from dashboard.patient.view import Course, PatientView
from jobs.confirmation import Confirmation, confirmations
from models.patient_facts import Happening

ASK_ALL = "all"


def taken_section(view: PatientView, *, acts: bool) -> html.Section | None:
    """The medication list: dose, since when, last confirmed; `acts`: whether the reader may confirm."""
    if not view.courses:
        return None
    asked = [course for course in view.courses if course.confirmed is not None]
    today = view.facts.today
    whole = next((one for one in _of_today(view) if not one.detail.strip()), None)
    head = [html.Th("Drug"), html.Th("Begun"), html.Th("Confirmed")]
    if acts:
        head.append(html.Th(html.Span("Confirm", className="only-read")))
    rows = [_row(course, view, acts=acts, whole=whole) for course in view.courses]
    open_ones = [one for one in asked if one.confirmed is not None and one.confirmed.on != today]
    button = None
    if acts and whole is not None:
        button = _button("Undo “all confirmed”", "undo", str(whole.id))
    elif acts and open_ones:
        button = _button("All confirmed today", "confirm", ASK_ALL)
    return section(
        "Medication",
        [
            html.Div(
                html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="plain"),
                className="scroll-x",
            ),
            html.Div(button, style={"marginTop": "8px"}) if button is not None else None,
        ],
        note=_note(asked, view.confirmed_days),
        id="patient-taken",
    )


def unconfirmed(view: PatientView) -> str:
    """In a few words beside the doses: what was not confirmed for long; empty where all is recent."""
    asked = [(course, course.confirmed) for course in view.courses if course.confirmed is not None]
    old = [(course, told) for course, one in asked if (told := one.told(view.confirmed_days))]
    if not old:
        return ""
    words = {told for _, told in old}
    if len(old) == len(asked) and len(words) == 1:
        return f"doses {words.pop()}"
    return "; ".join(f"{course.label} {told}" for course, told in old)


def said_of(course: Course, view: PatientView) -> str:
    """What is said beside one dose: `never confirmed`, `last confirmed 14 months ago`, or nothing."""
    return course.confirmed.told(view.confirmed_days) if course.confirmed is not None else ""


def _row(course: Course, view: PatientView, *, acts: bool, whole: Happening | None) -> html.Tr:
    one = course.confirmed
    cells: list[Any] = [
        html.Td([html.B(course.label), f" {course.dose}"]),
        html.Td(short_day(course.start, view.as_of), className="nowrap quiet"),
        html.Td(_confirmed_text(one, view)),
    ]
    if acts:
        cells.append(html.Td(_own_button(course, one, view, whole), className="num"))
    return html.Tr(cells)


def _confirmed_text(one: Confirmation | None, view: PatientView) -> Any:
    if one is None:
        return html.Span("given here", className="quiet")
    if one.day is None:
        return html.Span("never", className="c-warn")
    old = bool(one.told(view.confirmed_days))
    return html.Span(
        "today" if one.on == one.today else short_day(one.day, view.as_of), className="c-warn" if old else "quiet"
    )


def _own_button(course: Course, one: Confirmation | None, view: PatientView, whole: Happening | None) -> Any:
    if one is None:
        return None
    if one.on != view.facts.today:
        return _button("Confirm", "confirm", course.drug, f"{course.label}: confirmed today")
    if whole is not None and one.fact == whole.id:
        return None
    return _button("Undo", "undo", str(one.fact), f"{course.label}: not confirmed today")


def _button(text: str, act: str, what: str, title: str = "") -> html.Button:
    return html.Button(
        text,
        id={"type": "patient-confirm", "act": act, "what": what},
        className="button-quiet",
        type="button",
        title=title or None,
    )


def _of_today(view: PatientView) -> Sequence[Happening]:
    return [one for one in confirmations(view.facts) if one.day == view.facts.today]


def _note(asked: Sequence[Course], after_days: int) -> str:
    old = sum(bool(one.confirmed and one.confirmed.told(after_days)) for one in asked)
    if not asked:
        return ""
    return f"{counted(old, 'dose')} to confirm with the patient" if old else "confirmed with the patient"
