"""The one page that is printed for a visit."""

import datetime as dt

from dash import html

from dashboard.components.accessible import aria
from dashboard.components.dates import age, short_day
from dashboard.patient.banner import after_comma, length_of, sex_letter
from dashboard.patient.evidence import arrows
from dashboard.patient.flowsheet import flowsheet
from dashboard.patient.since_last_visit import changes, compared_with
from dashboard.patient.subjects import question_title
from dashboard.patient.taken import said_of
from dashboard.patient.view import PatientView, shown_alerts


def visit_sheet(view: PatientView, today: dt.date) -> html.Section:
    """One printed page for the visit: who, what changed, what is taken, what to decide, room to write."""
    patient = view.patient
    rows = [alert for alert, _ in shown_alerts(view) if alert.ended_at is None and not alert.covered_by]
    late = [row for row in view.labs() if row["state"] == "met"]
    return html.Section(
        [
            html.H1(f"{patient.name} · {patient.mrn}"),
            html.P(
                " · ".join(
                    part
                    for part in (
                        age(patient.birth_date, view.as_of),
                        sex_letter(patient.sex),
                        patient.diagnosis,
                        f"born {patient.birth_date.isoformat()}" if patient.birth_date else "",
                        f"visit sheet of {view.as_of.isoformat()}",
                    )
                    if part
                )
            ),
            html.H2(f"Since {short_day(compared_with(view), view.as_of) or 'the beginning'}"),
            html.Ul(
                [
                    html.Li([html.B(f"{one.label}: "), one.text, f" ({one.detail})" if one.detail else ""])
                    for one in changes(view)
                ]
            ),
            html.H2("Takes"),
            html.P(
                "; ".join(
                    f"{one.label} {one.dose} ({length_of(one.start, view.as_of)}{after_comma(said_of(one, view))})"
                    for one in view.courses
                )
                or "nothing on file"
            ),
            html.H2("Alerts"),
            html.Ul(
                [
                    html.Li(
                        [
                            html.B(f"{question_title(one.rule, one.subject)}: "),
                            arrows(one.explanation),
                            html.I(f" First: {one.suggested_action}.") if one.suggested_action else "",
                        ]
                    )
                    for one in rows[:6]
                ]
            )
            if rows
            else html.P("none"),
            html.H2("Tests overdue"),
            html.P(", ".join(str(row["numbers"].get("label") or row["subject"]) for row in late) or "none"),
            html.H2("Last values"),
            flowsheet(view, most_days=6, main_only=True),
            html.H2("Decided today"),
            html.Div(className="lines"),
            html.P("Signature and date ______________________________"),
        ],
        className="sheet",
        **aria(hidden="true"),
    )
