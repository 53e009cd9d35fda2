"""The lines of the nurse list: an alert as it reads there, and the alerts that one visit ends in one line.

Only the page groups. The alerts stay what they are, each counted, each with its history; a line names those it stands
for, so that whoever acts on it acts on each of them.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from dashboard.components.dates import ago, clock_time, short_day
from dashboard.components.formats import counted, number
from dashboard.components.reasons import rule_title, short_reason
from dashboard.secure import Current
from jobs.phrasing import day_of
from jobs.visits import RULES, first_of, line_of, visit_of
from models.alert_endings import AT_ONCE, Ending, Value, endings, newest_values
from models.alert_filter import Only
from models.alert_list import SWITCHED_ON, ended_since
from models.vocabulary import measures

Row = dict[str, Any]


def row_of(row: dict[str, Any], here: Current, today: dt.date) -> dict[str, Any]:
    """An alert as the page shows it: one letter a field, because there are thousands."""
    view = row["view"]
    return {
        "id": str(row["id"]),
        "m": row["mrn"],
        "n": row["name"],
        "x": row["diagnosis"],
        "s": row["severity"],
        "v": view,
        "t": short_reason(row, today, since=False),
        "f": _first(row, here, today),
        "h": "" if row.get("action") else _note(row, here, today),
        "d": short_day(row["since"], today),
        "o": row["owner"] or "",
    } | ({"u": row["action"].id} if row.get("action") else {})


def _first(row: dict[str, Any], here: Current, today: dt.date) -> str:
    """The first thing to do; of what was done today, what that was."""
    action = row.get("action")
    if action is not None:
        return f"{action.event.capitalize()} by {action.by} {clock_time(action.at, here.settings.zone, today)}"
    return str(row["suggested_action"]) if row["view"] != "settled" else "look once: it ended by itself"


def ending_told(ended_at: dt.datetime, value: Value | None, clears_when: str, here: Current, today: dt.date) -> str:
    """When an alert ended, and the value that came in meanwhile: `ended 07:00; newest: CK 96 U/L on 12 Jan`.

    Without such a value, what the rule says ends it: a drug that ended, or time.
    """
    when = f"ended {clock_time(ended_at, here.settings.zone, today)}"
    if value is None:
        return f"{when}; clears when {clears_when}" if clears_when else when
    return f"{when}; newest: {value_told(value, today)}"


def value_told(value: Value, today: dt.date) -> str:
    """`CK 96 U/L on 12 Jan`."""
    known = measures().get(value.measure)
    amount = f"{value.comparator}{number(value.value)} {value.unit}".strip()
    return f"{known.short_label if known else value.measure} {amount} on {short_day(value.day, today)}"


NAMED = 3
"""How many endings the summary names; the others are a number."""


def ended_by_itself(session: Session, only: Only, here: Current, today: dt.date) -> dict[str, Any] | None:
    """One line for what ended by itself since somebody last looked; None where nothing did.

    `ids`: the alerts that one key marks as seen, `lead` and `rest`: how many, and what ended the newest of them.
    """
    found = endings(session, only=only)
    if not found:
        return None
    values = newest_values(session, [one.id for one in found[:NAMED]])
    people = len({one.patient_id for one in found})
    since = clock_time(min(one.ended_at for one in found), here.settings.zone, today)
    named = [f"{one.name}: {_ended_because(one, values.get(one.id), today)}" for one in found[:NAMED]]
    more = len(found) - len(named)
    newest = "The newest " if len(found) == AT_ONCE else ""
    return {
        "ids": [str(one.id) for one in found],
        "lead": f"{newest}{counted(len(found), 'alert')} of {counted(people, 'patient')} ended by themselves"
        if len(found) > 1
        else "1 alert of 1 patient ended by itself",
        "rest": f"Since {since}. {' · '.join(named)}" + (f" · and {number(more)} more" if more else ""),
    }


def _ended_because(one: Ending, value: Value | None, today: dt.date) -> str:
    title = rule_title(one.rule).lower()
    if one.withdrawn:
        return f"{title} withdrawn, its result was corrected"
    return value_told(value, today) if value is not None else f"{title} no longer true"


def _note(row: dict[str, Any], here: Current, today: dt.date) -> str:
    """What else must be known before acting, in a few words."""
    if row["withdrawn_at"]:
        return "withdrawn: its result was corrected"
    if row["needs_a_look"]:
        return "no longer true"
    if row["state"] == "snoozed":
        return f"until {short_day(row['snoozed_until'], today)}"
    if row["state"] == "acknowledged":
        lapses = f", lapses {short_day(row['lapses_on'], today)}" if row["lapses_on"] else ""
        return f"by {row['acknowledged_by']}{lapses}"
    if row["covered_by"]:
        return f"by {rule_title(row['covered_by']).lower()}"
    if row["worsened_at"]:
        return f"worse since {clock_time(row['worsened_at'], here.settings.zone, today)}"
    if row["escalation"]:
        return "nobody has acted"
    if row["cannot_tell_because"]:
        return f"no newer answer: {row['cannot_tell_because']}"
    if row["brought_by"] == SWITCHED_ON:
        return "rule switched on"
    if row["brought_by"] and row["view"] != "new":
        return f"new: {row['brought_by']}"
    return "again" if row["previous_id"] else ""


def key_of(row: Mapping[str, Any]) -> str:
    """Which line of the page an alert may stand in; empty for one that stands by itself."""
    kind = visit_of(str(row["rule"]), str(row["subject"]))
    if not kind:
        return ""
    action = row.get("action")
    # What was done today is taken back as it was done: what two people did, or one did in two ways, is two lines.
    did = f".{action.event}.{action.by}" if action is not None else ""
    return f"v{row['patient_id']}{did}-{kind}"


def kind_of(key: str) -> str:
    """The visit of a line's key."""
    return key.rpartition("-")[2]


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The alerts that share a line, by its key; an alert alone needs no line."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        key = key_of(row)
        if key:
            found.setdefault(key, []).append(row)
    return {key: together for key, together in found.items() if len(together) > 1}


def lines(
    session: Session, rows: Sequence[Row], told: Mapping[int, Mapping[str, Any]], today: dt.date
) -> dict[str, dict[str, Any]]:
    """By key, what a line says of its alerts: the fields of a row that differ from those of its first alert.

    Args:
        rows: the alerts shown, as of `models.alert_list.alert_rows`.
        told: by number, what the page shows of each.
    """
    visits = grouped(rows)
    ended = _ended(session, visits)
    return {key: _line(key, their, told, ended.get(key, 0), today) for key, their in visits.items()}


def _line(
    key: str, rows: Sequence[Row], told: Mapping[int, Mapping[str, Any]], ended: int, today: dt.date
) -> dict[str, Any]:
    kind = kind_of(key)
    worst = min(rows, key=lambda row: _BY_WORST.get(str(row["severity"]), 9))
    due = min((day for row in rows if (day := day_of(row["due"]))), default=None)
    since = min((day for row in rows if (day := day_of(row["since"]))), default=None)
    owners = {row["owner"] or "" for row in rows}
    asks = all(row["view"] not in {"settled"} and not row.get("action") for row in rows)
    return {
        "s": worst["severity"],
        "t": line_of(kind, rows) + (f" · due {short_day(due, today)} ({ago(due, today)})" if due and asks else ""),
        "f": first_of(kind, rows) if asks else _shared(rows, told, "f"),
        "h": _also(rows, told, ended, asks=asks),
        "d": short_day(since, today) if since else "",
        "o": owners.pop() if len(owners) == 1 else "several",
    }


_BY_WORST = {"urgent": 0, "action": 1, "watch": 2}


def _shared(rows: Sequence[Row], told: Mapping[int, Mapping[str, Any]], field: str) -> str:
    """What the page says of all of them, where it says the same; of two things the first and how many differ."""
    said = [str(told[row["id"]][field]) for row in rows]
    different = list(dict.fromkeys(one for one in said if one))
    if len(different) <= 1:
        return different[0] if different else ""
    return f"{different[0]}, and {len(different) - 1} more"


def _also(rows: Sequence[Row], told: Mapping[int, Mapping[str, Any]], ended: int, *, asks: bool) -> str:
    """What must be known before acting: how much of the visit is done already comes first."""
    if asks and ended:
        return f"{ended} of {ended + len(rows)} ended since"
    return _shared(rows, told, "h")


def _ended(session: Session, visits: Mapping[str, Sequence[Row]]) -> dict[str, int]:
    """How many alerts of each visit have ended by themselves since the first of those that still run was opened."""
    running = {
        key: min(row["opened_at"] for row in rows)
        for key, rows in visits.items()
        if not any(row["needs_a_look"] or row.get("action") for row in rows)
    }
    if not running:
        return {}
    people = sorted({rows[0]["patient_id"] for key, rows in visits.items() if key in running})
    counts: dict[str, int] = {}
    for patient_id, rule, subject, at in ended_since(session, people, RULES, min(running.values())):
        key = f"v{patient_id}-{visit_of(rule, subject)}"
        if key in running and at >= running[key]:
            counts[key] = counts.get(key, 0) + 1
    return counts
