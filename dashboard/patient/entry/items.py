"""A score typed in item by item: CMAS manoeuvres or muscle groups, and what they add up to."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components.accessible import aria
from dashboard.patient.view import STRENGTH
from jobs.scores.cmas import ITEMS, cmas
from jobs.scores.exact import ScoreInputError
from jobs.scores.mmt import MUSCLE_GROUPS, SIDES, composition, mmt

ITEMISED = STRENGTH


def item_fields(measure: str) -> Any:
    """A field for each item of an instrument; nothing for a score without items."""
    if measure == "cmas":
        rows = []
        for key, item in ITEMS.items():
            seconds = _item(f"{key}", "seconds", f"{item.label}, seconds", None) if item.seconds_from else html.Span()
            rows.append(
                html.Div([html.Span(f"{key}. {item.label}"), _item(key, "score", item.label, item.maximum), seconds])
            )
        head = html.Div([html.Span("Item"), html.Span("Grade"), html.Span("Seconds")], className="quiet small")
        return html.Div([head, *rows], className="items")
    if measure in STRENGTH:
        wanted = set(composition(measure))
        rows = []
        for key, group in MUSCLE_GROUPS.items():
            if not group.paired and key in wanted:
                rows.append(html.Div([html.Span(group.label), _item(key, "score", group.label, 10), html.Span()]))
            elif f"{key}.right" in wanted:
                left = f"{key}.left"
                rows.append(
                    html.Div(
                        [
                            html.Span(group.label),
                            _item(f"{key}.right", "score", f"{group.label} right", 10),
                            _item(left, "score", f"{group.label} left", 10) if left in wanted else html.Span(),
                        ]
                    )
                )
        head = html.Div(
            [html.Span("Muscle group, 0 to 10"), html.Span("Right"), html.Span("Left")], className="quiet small"
        )
        return html.Div([head, *rows], className="items")
    return html.P("This score has no items.", className="quiet")


def _item(key: str, part: str, label: str, maximum: int | None) -> Any:
    return dmc.NumberInput(
        id={"type": "patient-item", "item": key, "part": part},
        size="xs",
        min=0,
        max=maximum,
        clampBehavior="none",
        hideControls=True,
        allowDecimal=part == "seconds",
        placeholder=f"0–{maximum}" if maximum else "s",
        value="",
        debounce=200,
        **aria(label=label),
    )


def total_of_items(
    measure: str, items: Mapping[tuple[str, str], Any]
) -> tuple[int | None, list[str], list[dict[str, Any]]]:
    """Total, remarks and the items to keep, from what was typed (`(item, "score" | "seconds")` -> value)."""
    given = {key: value for key, value in items.items() if value not in ("", None)}
    if not given:
        return None, [], []
    kept: dict[str, dict[str, Any]] = {}
    for (item, part), value in given.items():
        name, _, side = item.partition(".")
        kept.setdefault(item, {"item": name, "side": side})[part] = float(value)
    try:
        if measure == "cmas":
            grades: dict[str, dict[str, Any]] = {}
            for (item, part), value in given.items():
                grades.setdefault(item, {})[part] = value
            score = cmas({"items": grades})
            missing = [f"Items still empty: {', '.join(score['missing'])}."] if score["missing"] else []
            return score["total"], [*missing, *score["problems"]], list(kept.values())
        muscles: dict[str, Any] = {}
        for (item, _part), value in given.items():
            name, _, side = item.partition(".")
            if side in SIDES:
                muscles.setdefault(name, {})[side] = value
            else:
                muscles[name] = value
        told = mmt({"instrument": measure, "items": muscles})
        missing = [f"{len(told['missing'])} groups still empty."] if told["missing"] else []
        return told["total"], [*missing, *told["flags"], *told["problems"]], list(kept.values())
    except ScoreInputError as error:
        return None, [str(error)], list(kept.values())
