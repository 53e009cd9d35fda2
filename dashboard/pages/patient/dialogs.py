"""The dialogs of the patient's page, empty until they are opened."""

from typing import Any

import dash_mantine_components as dmc
from dash import html

from models.vocabulary import answers


def dialogs() -> list[Any]:
    """All of them."""
    popup = {"zIndex": 430}
    code = dmc.Select(
        id="patient-act-code", label="Reason", data=[], size="sm", allowDeselect=False, comboboxProps=popup
    )
    until = dmc.DateInput(
        id="patient-act-until", label="Until", valueFormat="YYYY-MM-DD", size="sm", popoverProps=popup
    )
    note = dmc.Textarea(id="patient-act-note", label="Note", size="sm", autosize=True, minRows=2, value="")
    act = html.Div(
        [
            html.Div(code, id="patient-act-code-box"),
            html.Div(until, id="patient-act-until-box"),
            note,
            html.Div(id="patient-act-said", role="alert", className="form-said"),
            _save("patient-act-save"),
        ],
        className="form-stack",
    )
    fact = html.Div(
        [
            html.Div(
                dmc.TextInput(id="patient-fact-value", label="Right value", size="sm", value=""),
                id="patient-fact-value-box",
            ),
            dmc.Textarea(
                id="patient-fact-reason", label="Why it is wrong", size="sm", autosize=True, value="", required=True
            ),
            html.Div(id="patient-fact-said", role="alert", className="form-said"),
            _save("patient-fact-save"),
        ],
        className="form-stack",
    )
    decide = html.Div(
        [
            dmc.Select(
                id="patient-decision", label="Decided", data=[], size="sm", allowDeselect=False, comboboxProps=popup
            ),
            html.Div(
                dmc.Select(
                    id="patient-decision-reason",
                    label="Reason",
                    data=[{"value": key, "label": row.label} for key, row in answers("decline").items()],
                    size="sm",
                    comboboxProps=popup,
                ),
                id="patient-decision-reason-box",
            ),
            dmc.Textarea(id="patient-decision-note", label="Note", size="sm", autosize=True, minRows=2, value=""),
            html.Div(id="patient-decision-said", role="alert", className="form-said"),
            _save("patient-decision-save"),
        ],
        className="form-stack",
    )
    return [
        _modal("patient-act-modal", "Alert", act),
        _modal("patient-decision-modal", "Decision", decide),
        _modal("patient-entry-modal", "Add to record", html.Div(id="patient-entry-box"), size="lg"),
        dmc.Drawer(
            html.Div(id="patient-entries-box"),
            id="patient-entries",
            position="right",
            size="xl",
            padding="md",
            title="Entries on file",
            opened=False,
        ),
        _modal("patient-fact-modal", "Entry", fact),
    ]


def _save(id: str) -> html.Div:
    return html.Div(html.Button("Save", id=id, type="button", className="button", n_clicks=0), className="form-end")


def _modal(id: str, title: str, content: Any, size: str = "md") -> Any:
    return dmc.Modal(content, id=id, title=title, opened=False, centered=size == "md", size=size, zIndex=410)
