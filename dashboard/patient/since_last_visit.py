"""What changed since the last visit, in a few words each: the card that answers in ten seconds.

A visit is a day with a strength score or a physician global. What changed is told from the visit before the newest one,
so that somebody who opens the page a week after a visit still sees what that visit found. Values are compared with the
last one of the same measure, instrument and assay; nothing is converted.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from dashboard.components.dates import short_day
from dashboard.components.formats import number, times_limit
from dashboard.patient.view import STRENGTH, PatientView, as_day, days_between, rows_of
from models.event import CONFIRMED
from models.vocabulary import drug, events, measures, written_unit

Tone = Literal["", "worse", "better", "missing"]
STALE_DAYS = 90
"""Older than this, a value is shown as old [contract: latest within 90 days]."""


@dataclass(frozen=True)
class Change:
    """One field of the card: what it is, what happened in words, and what to know beside it."""

    label: str
    text: str
    detail: str = ""
    tone: Tone = ""


def visit_days(view: PatientView) -> list[dt.date]:
    """Days with a strength score or a physician global, oldest first."""
    days: set[dt.date] = set()
    for key in (*STRENGTH, "physician_global"):
        days |= {as_day(value) for value in view.readings(key)["day"]}
    return sorted(days)


def compared_with(view: PatientView) -> dt.date | None:
    """The visit before the newest one; the only one where there is one; None without any."""
    days = visit_days(view)
    return None if not days else days[-2] if len(days) > 1 else days[-1]


def changes(view: PatientView) -> list[Change]:
    """Strength by instrument, CK, troponin, skin, lung, steroid, treatments and events, in this order."""
    since = compared_with(view)
    found = [*_strength(view), _ck(view), *_troponin(view), *_skin_and_lung(view), _steroid(view, since)]
    found += [*_treatments(view, since), *_events(view, since)]
    return found


def _strength(view: PatientView) -> list[Change]:
    found = []
    for key in STRENGTH:
        rows = view.readings(key)
        if rows.empty:
            continue
        row = measures()[key]
        latest = rows.iloc[-1]
        maximum = number(row.max_value or 0)
        value = number(latest["value"])
        when = short_day(as_day(latest["day"]), view.as_of)
        answer = view.assessment("declining-strength", key)
        detail, tone = when, _stale(view, latest["day"])
        text = f"{value} of {maximum}"
        earlier = rows[rows["day"] < latest["day"]]
        if len(earlier):
            before = earlier.iloc[-1]
            days = days_between(before["day"], latest["day"])
            text = f"{number(before['value'])} → {value} of {maximum}"
            detail = f"in {days} d, {when}"
            if latest["value"] == before["value"]:
                text, detail = (
                    f"{value} of {maximum}, unchanged",
                    f"since {short_day(as_day(before['day']), view.as_of)}",
                )
        if answer is not None and answer["state"] == "met":
            tone = "worse"
            detail += f" · {answer['grade']} decline"
        elif answer is not None and answer["state"] == "cannot_tell":
            tone = "missing"
            detail += f" · {answer['cannot_tell_because']}"
        found.append(Change(row.short_label, text, detail, tone))
    return found or [Change("Strength", "no score on file", "", "missing")]


def _ck(view: PatientView) -> Change:
    rows = view.readings("ck")
    if rows.empty:
        return Change("CK", "not on file", "", "missing")
    latest = rows.iloc[-1]
    value = f"{latest['comparator']}{number(latest['value'], 0)} U/L"
    times = times_limit(
        latest["value"], latest["upper_limit"] if latest["upper_limit"] == latest["upper_limit"] else None
    )
    when = short_day(as_day(latest["day"]), view.as_of)
    earlier = rows[rows["day"] < latest["day"]]
    text = value
    if len(earlier):
        before = earlier.iloc[-1]
        if before["value"] != latest["value"]:
            text = f"{before['comparator']}{number(before['value'], 0)} → {value}"
        else:
            text = f"{value}, unchanged"
    detail = f"{times} limit, {when}" if times else f"no upper limit reported, {when}"
    answer = view.assessment("rising-muscle-enzymes", "ck")
    tone: Tone = "worse" if answer is not None and answer["state"] == "met" else _stale(view, latest["day"])
    return Change("CK", text, detail, tone)


def _troponin(view: PatientView) -> list[Change]:
    found: list[Change] = []
    absent = []
    for key, kind in (("troponin_t", "T"), ("troponin_i", "I")):
        rows = view.readings(key)
        if rows.empty or days_between(rows["day"].iloc[-1], view.as_of) > STALE_DAYS:
            absent.append(kind)
            continue
        latest = rows.iloc[-1]
        same = rows[(rows["assay"].fillna("") == (latest["assay"] or "")) & (rows["day"] < latest["day"])]
        value = f"{latest['comparator']}{number(latest['value'])} ng/L"
        text = value
        if len(same) and same.iloc[-1]["value"] != latest["value"]:
            text = f"{same.iloc[-1]['comparator']}{number(same.iloc[-1]['value'])} → {value}"
        limit = latest["upper_limit"]
        above = limit == limit and latest["value"] > limit and latest["comparator"] != "<"
        against = times_limit(latest["value"], limit if limit == limit else None)
        when = short_day(as_day(latest["day"]), view.as_of)
        detail = f"{against} limit, {when}" if against else f"no upper limit reported, {when}"
        found.append(Change(f"Troponin {kind}", text, detail, "worse" if above else ""))
    if len(absent) == 2:
        return [Change("Troponin", "none in 90 d", "T and I missing", "missing")]
    if absent:
        other = found[0]
        detail = f"{other.detail} · {absent[0]} missing"
        found[0] = Change(other.label, other.text, detail, other.tone)
    return found


ORGANS = {"cdasi_activity": "skin-activity", "fvc_percent": "lung-function", "dlco_percent": "lung-function"}
"""Measures of skin and lung, and the rule that says whether one is worse."""
ORGAN_DAYS = 400
"""Older values of skin and lung are left out here; they stand in the chart and in their section [default]."""


def _skin_and_lung(view: PatientView) -> list[Change]:
    """Only what was measured within a year or so: most patients have none, and nothing is missing then."""
    found = []
    for key, rule in ORGANS.items():
        rows = view.readings(key)
        if rows.empty or days_between(rows["day"].iloc[-1], view.as_of) > ORGAN_DAYS:
            continue
        row, latest = measures()[key], rows.iloc[-1]
        unit = f"of {number(row.max_value)}" if row.kind == "skin" and row.max_value else written_unit(row.unit)
        value = f"{latest['comparator']}{number(latest['value'])} {unit}"
        earlier = rows[rows["day"] < latest["day"]]
        text = f"{number(earlier.iloc[-1]['value'])} → {value}" if len(earlier) else value
        answer = view.assessment(rule, key)
        worse = answer is not None and answer["state"] == "met"
        when = short_day(as_day(latest["day"]), view.as_of)
        detail = f"{when} · {answer['grade']}" if answer is not None and worse else when
        found.append(Change(row.short_label.removesuffix(" %"), text, detail, "worse" if worse else ""))
    return found


def _steroid(view: PatientView, since: dt.date | None) -> Change:
    course = view.steroid["current"]
    dose = float(course["dose"])
    unknown = view.steroid["unknown"]
    if unknown:
        return Change("Steroid", "dose not known", unknown[0]["why"], "missing")
    started = view.steroid["current"]["since"]
    text = f"{number(dose)} mg/d" if dose else "none"
    detail = f"since {short_day(dt.date.fromisoformat(started), view.as_of)}" if started else ""
    if since is not None:
        before = _dose_on(view, since)
        if abs(before - dose) > 1e-6:
            text = f"{number(before)} → {number(dose)} mg/d"
        elif dose:
            text = f"{number(dose)} mg/d, unchanged"
    high = int(view.steroid["course"]["high_days"])
    if high and dose:
        detail = f"{high} d at high dose · {detail}" if detail else f"{high} d at high dose"
    pulse = _newest_pulse(view)
    if pulse is not None and (since is None or pulse > since):
        detail = (
            f"pulse until {short_day(pulse, view.as_of)} · {detail}"
            if detail
            else f"pulse until {short_day(pulse, view.as_of)}"
        )
    crossed = view.steroid["course"]["crossed_on"]
    return Change("Steroid", text, detail, "worse" if crossed else "")


def _newest_pulse(view: PatientView) -> dt.date | None:
    """The last day of the newest steroid pulse."""
    days = [dt.date.fromisoformat(part["end"]) for part in view.steroid["segments"] if part["pulse"]]
    return max(days, default=None)


def _dose_on(view: PatientView, day: dt.date) -> float:
    text = day.isoformat()
    return next(
        (
            float(part["dose"])
            for part in view.steroid["segments"]
            if part["start"] <= text <= part["end"] and not part["pulse"]
        ),
        0.0,
    )


def _treatments(view: PatientView, since: dt.date | None) -> list[Change]:
    """Drugs other than steroids that began or ended after the visit compared with."""
    if since is None:
        return []
    said: list[str] = []
    table = view.frames.medications
    for given in rows_of(table):
        known = drug(str(given.drug))
        if known and known.is_glucocorticoid:
            continue
        label = known.label if known else str(given.drug)
        start = as_day(given.start)
        if start > since:
            earlier = table[(table["drug"] == given.drug) & (table["start"] < pd.Timestamp(start))]
            verb = "given" if given.frequency == "once" else "changed" if len(earlier) else "started"
            said.append(f"{label} {verb} {short_day(start, view.as_of)}")
        elif not pd.isna(given.end) and since < as_day(given.end) < view.as_of and given.frequency != "once":
            later = table[(table["drug"] == given.drug) & (table["start"] > given.start)]
            if later.empty:
                said.append(f"{label} ended {short_day(as_day(given.end), view.as_of)}")
    return (
        [Change("Treatment", "; ".join(said[:3]), f"and {len(said) - 3} more" if len(said) > 3 else "")] if said else []
    )


def _events(view: PatientView, since: dt.date | None) -> list[Change]:
    """Symptoms and other events recorded after the visit compared with; red flags first."""
    table = view.frames.events
    if since is None or table.empty:
        return []
    kinds = events()
    found: list[tuple[bool, str]] = []
    for event in rows_of(table[table["day"] > pd.Timestamp(since)]):
        kind = kinds.get(str(event.event))
        if kind is None or kind.key == CONFIRMED or (not event.present and kind.kind != "symptom"):
            continue
        day = short_day(as_day(event.day), view.as_of)
        label = kind.label if event.present else f"No {kind.label.lower()}"
        found.append((bool(kind.red_flag and event.present), f"{label} {day}"))
    found.sort(key=lambda pair: not pair[0])
    if not found:
        return []
    more = f"and {len(found) - 3} more" if len(found) > 3 else ""
    tone: Tone = "worse" if found[0][0] else ""
    return [Change("New", "; ".join(text for _, text in found[:3]), more, tone)]


def _stale(view: PatientView, day: Any) -> Tone:
    return "missing" if days_between(day, view.as_of) > STALE_DAYS else ""
