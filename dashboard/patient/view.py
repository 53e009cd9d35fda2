"""Everything the patient's page shows, read once: one pass over one patient's own rows.

The page stands at the day of the newest evaluation, so that chart, alerts and list agree. With `known` it stands in
the past: facts dated up to that day and received by its end, and the rules asked again for it; nothing can be done
there.
"""

import datetime as dt
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dashboard.components.formats import number
from dashboard.figures.timeline.data import TimelineData
from dashboard.secure import Current
from jobs.confirmation import Confirmation, confirmed
from jobs.evaluation import evaluate
from jobs.exposure import exposure, exposure_report
from jobs.rules.prolonged_high_dose_steroids import RULE as STEROID_RULE
from jobs.thresholds import OwnThreshold, Thresholds, own_thresholds, thresholds_on
from jobs.treatment import courses
from models import patient_record
from models.age import age_on
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import aside, needs_a_look, present_day, state_of
from models.clock import clinic_date, end_of_day
from models.database import reading
from models.event import CONFIRMED
from models.frames import Frames, frames_of
from models.list_order import in_order, is_held
from models.patient import Patient
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, date_of
from models.patient_record import Review
from models.response_baseline import ResponseBaseline, baseline_of
from models.taper_planning import AgreedPlan, standing_plan
from models.vocabulary import (
    STEROID_ROUTES_NOT_COUNTED,
    drug,
    events,
    frequencies,
    measures,
    own_measures,
    written_unit,
)

STRENGTH = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
LUNG = {"fvc_percent": "FVC", "dlco_percent": "DLCO"}


@dataclass(frozen=True)
class Course:
    """A drug being taken or still acting: its newest dose in words, since when, and whether it is a steroid."""

    drug: str
    label: str
    dose: str
    start: dt.date
    is_steroid: bool
    confirmed: Confirmation | None = None
    """When its dose was last confirmed with the patient; None for what is given by somebody else (an infusion)."""


@dataclass
class PatientView:
    """What the page knows. `past` is set when it looks at what was known on an earlier day."""

    patient: Patient
    as_of: dt.date
    past: dt.date | None
    known_at: dt.datetime | None
    frames: Frames
    facts: PatientFacts
    courses: list[Course]
    steroid: dict[str, Any]
    alerts: list[tuple[Alert, list[AlertEvent]]]
    assessments: list[dict[str, Any]]
    review: Review | None
    agreed: AgreedPlan | None = None
    baseline: ResponseBaseline | None = None
    own: list[OwnThreshold] = field(default_factory=list)
    evaluated: bool = True
    confirmed_days: int = 182
    """A dose confirmed longer ago than this says so."""
    states: dict[int, str] = field(default_factory=dict)
    series: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def plan(self) -> list[tuple[dt.date, float]]:
        """The steps of the agreed taper, oldest first; empty without one."""
        return list(self.agreed.steps) if self.agreed else []

    @property
    def child(self) -> bool:
        """Whether the patient is under 18; not where the birth date is unknown."""
        years = age_on(self.patient.birth_date, self.as_of)
        return years is not None and years < ADULT_FROM_YEARS

    @property
    def id(self) -> int:
        """The patient's id in the database."""
        return self.patient.id or 0

    def met(self) -> list[dict[str, Any]]:
        """Answers of active rules that are true."""
        return [row for row in self.assessments if row["state"] == "met" and row["status"] == "active"]

    def could_not_tell(self) -> list[dict[str, Any]]:
        """Answers that active rules could not give, with the cause."""
        return [row for row in self.assessments if row["state"] == "cannot_tell" and row["status"] == "active"]

    def labs(self) -> list[dict[str, Any]]:
        """The tests required of the patient, the most overdue first."""
        rows = [row for row in self.assessments if row["rule"] == "overdue-labs"]
        return sorted(rows, key=lambda row: (row["due"] is None, row["due"] or dt.date.max, row["subject"]))

    def assessment(self, rule: str, subject: str | None = None) -> dict[str, Any] | None:
        """The answer of a rule (about a subject)."""
        found = [row for row in self.assessments if row["rule"] == rule and subject in (None, row["subject"])]
        return found[0] if found else None

    def readings(self, measure: str) -> pd.DataFrame:
        """The valid results of a measure, oldest first."""
        if measure not in self.series:
            self.series[measure] = self.frames.observations(measure)
        return self.series[measure]


def parse_day(text: str | None) -> dt.date | None:
    """A day of the address, None where it is none."""
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        return None


def gather(here: Current, mrn: str, known: dt.date | None = None) -> PatientView | None:
    """Read the page's patient; None where the record number is unknown.

    `known` (a past clinic day) asks for what was known by the end of that day.
    """
    timezone = here.settings.timezone
    with reading(here.engine) as session:
        patient = patient_record.find(session, mrn)
        if patient is None:
            return None
        stands_at = present_day(session, here.now, timezone)
        past = known if known is not None and known < stands_at else None
        as_of = past or stands_at
        known_at = end_of_day(past, timezone) if past else None
        facts = patient_record.facts_of(session.connection(), patient, as_of, timezone=timezone, known_at=known_at)
        alerts = [] if past else patient_record.alerts_of(session, patient.id or 0)
        assessments = [] if past else patient_record.assessments_of(session, patient.id or 0)
        review = patient_record.last_review(session, patient)
        agreed = standing_plan(session, patient.id or 0, as_of, known_at=known_at)
        baseline = baseline_of(session, patient.id or 0, known_at=known_at)
        own = own_thresholds(session, patient.id or 0, as_of)
        thresholds = thresholds_on(session, as_of)
        session.expunge_all()
    if past:
        report = evaluate(
            here.engine,
            as_of,
            timezone=timezone,
            now=here.now,
            known_at=known_at,
            mrns=[mrn],
            dry_run=True,
            all_states=True,
        )
        assessments = [_as_stored(row) for row in report.assessments]
    return PatientView(
        patient=patient,
        as_of=as_of,
        past=past,
        known_at=known_at,
        frames=frames_of(facts),
        facts=facts,
        courses=_courses(facts),
        steroid=_steroid(facts, thresholds),
        alerts=alerts,
        assessments=assessments,
        review=review,
        agreed=agreed,
        baseline=baseline,
        own=own,
        confirmed_days=here.settings.medication_confirmed_days,
        evaluated=bool(past) or patient.evaluated_revision == patient.revision or bool(assessments),
        states={alert.id or 0: state_of(alert, as_of) for alert, _ in alerts},
    )


def _steroid(facts: PatientFacts, thresholds: Thresholds) -> dict[str, Any]:
    """The exposure with the lines that the rule draws for this patient, so that page and alert never differ."""
    line = thresholds.patients.get(STEROID_RULE.key, {}).get(facts.id, thresholds.clinic[STEROID_RULE.key])
    return exposure_report(
        facts,
        above_mg=line.above_mg,
        from_mg_kg=line.from_mg_per_kg,
        gap_days=line.gap_days,
        longest_days=line.more_than_days,
    )


def _as_stored(row: dict[str, Any]) -> dict[str, Any]:
    """An assessment of the command's shape with its dates as dates, as the stored ones have them."""
    days = {name: parse_day(row[name]) for name in ("since", "due", "recheck_on")}
    return row | days


SUPPORTIVE = frozenset(
    {"calcium-vitamin-d", "folate", "pjp-prophylaxis", "bone-protection", "bone-anabolic", "bisphosphonate", "other"}
)
"""Classes of drugs that stand behind the treatments of the disease itself."""


def is_supportive(name: str) -> bool:
    """Whether a drug protects or supplements rather than treats; a drug the vocabulary does not know is not."""
    known = drug(name)
    return known is not None and bool(known.classes) and all(one in SUPPORTIVE for one in known.classes)


def _courses(facts: PatientFacts) -> list[Course]:
    found = [
        Course(
            drug=one.drug,
            label=one.row.label if one.row else one.drug.capitalize(),
            dose=dose_text(one.newest.dose, one.newest.unit, one.newest.frequency),
            start=date_of(one.start),
            is_steroid=bool(one.row and one.row.is_glucocorticoid),
            confirmed=None if one.newest.frequency == "once" else confirmed(facts, one.drug, one.newest.start),
        )
        for one in courses(facts)
    ]
    return sorted(found, key=lambda course: (not course.is_steroid, course.start))


SHORT_FREQUENCY = {
    "daily": "daily",
    "twice-daily": "twice daily",
    "three-times-daily": "3 times daily",
    "every-other-day": "every other day",
    "weekly": "weekly",
    "every-2-weeks": "every 2 weeks",
    "every-4-weeks": "every 4 weeks",
    "once": "once",
}


def dose_text(dose: float | None, unit: str, frequency: str) -> str:
    """`15 mg weekly`."""
    often = SHORT_FREQUENCY.get(frequency) or (
        frequencies()[frequency].label if frequency in frequencies() else frequency
    )
    return f"{number(dose, 2)} {written_unit(unit)} {often}"


# ------------------------------------------------------------------------------------------------------ for the figure


def timeline_data(view: PatientView) -> TimelineData:
    """The small tables of the time axis."""
    frames, names = view.frames, measures()
    strength = [
        rows[["measure", "day", "value", "assessor"]].assign(
            label=names[key].short_label, maximum=names[key].max_value or 0.0
        )
        for key in STRENGTH
        if len(rows := frames.observations(key))
    ]
    columns = ["day", "value", "comparator", "upper_limit"]
    troponin = [
        rows[[*columns, "assay"]].assign(kind=kind)
        for key, kind in (("troponin_t", "T"), ("troponin_i", "I"))
        if len(rows := frames.observations(key))
    ]
    lung = [
        rows[["day", "value", "comparator"]].assign(kind=kind)
        for key, kind in LUNG.items()
        if len(rows := frames.observations(key))
    ]
    own = [
        rows[columns].assign(label=names[key].short_label, unit=written_unit(names[key].unit))
        for key in own_measures()
        if names[key].family != "presence" and len(rows := frames.observations(key))
    ]
    empty = TimelineData(view.as_of, view.as_of)
    data = TimelineData(
        first=_first_day(view),
        today=view.as_of,
        strength=pd.concat(strength, ignore_index=True) if strength else empty.strength,
        enzyme=frames.observations("ck")[columns],
        troponin=pd.concat(troponin, ignore_index=True) if troponin else empty.troponin,
        skin=frames.observations("cdasi_activity")[["day", "value", "assessor"]],
        lung=pd.concat(lung, ignore_index=True) if lung else empty.lung,
        own=pd.concat(own, ignore_index=True) if own else empty.own,
        steroid=_doses(view.facts),
        plan=pd.DataFrame({"start": [day for day, _ in view.plan], "dose_mg": [mg for _, mg in view.plan]}),
        courses=_bars(frames, view.as_of),
        events=_event_marks(frames),
        alerts=_alert_marks(view),
    )
    return data


def _doses(facts: PatientFacts) -> pd.DataFrame:
    """The steroid doses as stretches, for the figure."""
    rows = [
        (date_of(one.start), date_of(one.end), one.mg, one.steady_mg, one.is_pulse) for one in exposure(facts).known
    ]
    table = pd.DataFrame(rows, columns=["start", "end", "mg_day", "steady_mg", "pulse"])
    kinds = {"start": "datetime64[s]", "end": "datetime64[s]", "mg_day": "float64", "steady_mg": "float64"}
    return table.astype({**kinds, "pulse": "bool"})


def _first_day(view: PatientView) -> dt.date:
    frames = view.frames
    stamps = [rows["day"].iloc[0] for rows in frames.by_measure.values() if len(rows)]
    stamps += [
        table[name].min() for table, name in ((frames.medications, "start"), (frames.events, "day")) if len(table)
    ]
    days = [pd.Timestamp(stamp).date() for stamp in stamps if not pd.isna(stamp)]
    return min([*days, view.as_of - dt.timedelta(days=30)])


def _bars(frames: Frames, as_of: dt.date) -> pd.DataFrame:
    """Drugs other than counted steroids as bars, those given last at the top."""
    rows: list[dict[str, Any]] = []
    for given in rows_of(frames.medications):
        known = drug(str(given.drug))
        if known and known.is_glucocorticoid and given.route not in STEROID_ROUTES_NOT_COUNTED:
            continue
        start: Any = pd.Timestamp(given.start)
        end: Any = pd.Timestamp(given.end)
        if given.frequency == "once" or (given.status == "stopped" and pd.isna(end)):
            end = start
        label = known.label if known else str(given.drug).capitalize()
        dose = dose_text(float(given.dose), str(given.unit), str(given.frequency))
        until = "" if end == start else " to now" if pd.isna(end) else f" to {end.day} {end:%b %Y}"
        rows.append(
            {
                "label": label,
                "start": start,
                "end": end,
                "text": f"{label} {dose}, {start.day} {start:%b %Y}{until}",
                "beside": is_supportive(str(given.drug)),
            }
        )
    if not rows:
        return TimelineData(as_of, as_of).courses
    table = pd.DataFrame(rows)
    table["end"] = pd.to_datetime(table["end"])
    last = table["end"].fillna(pd.Timestamp(as_of) + pd.Timedelta(days=1)).groupby(table["label"]).transform("max")
    return table.assign(last=last).sort_values(
        ["beside", "last", "label", "start"], ascending=[True, False, True, True]
    )


def _event_marks(frames: Frames) -> pd.DataFrame:
    kinds = events()
    rows = []
    for event in rows_of(frames.events):
        if event.event == CONFIRMED:
            continue
        kind = kinds.get(str(event.event))
        label = kind.label if kind else str(event.event)
        said = label if event.present else f"No {label.lower()}"
        detail = f": {event.detail}" if event.detail else ""
        stamp = pd.Timestamp(event.day)
        rows.append(
            {
                "day": stamp,
                "label": f"{said}{detail}, {stamp.day} {stamp:%b %Y}",
                "present": bool(event.present),
                "red_flag": bool(kind and kind.red_flag),
            }
        )
    return pd.DataFrame(rows) if rows else TimelineData(frames.as_of, frames.as_of).events


def _alert_marks(view: PatientView) -> pd.DataFrame:
    from jobs.rule import all_rules

    titles = {rule.key: rule.title for rule in all_rules()}
    rows = []
    for alert, _ in view.alerts:
        if alert.covered_by or alert.withdrawn_at is not None:
            continue
        day = alert.since or alert.opened_for
        label = f"{titles.get(alert.rule, alert.rule)} since {day.day} {day:%b %Y} ({view.states[alert.id or 0]})"
        rows.append({"day": pd.Timestamp(day), "severity": alert.severity, "label": label})
    return pd.DataFrame(rows) if rows else TimelineData(view.as_of, view.as_of).alerts


def shown_alerts(view: PatientView) -> list[tuple[Alert, list[AlertEvent]]]:
    """Running alerts and those that ended by themselves unseen, in the order of the list; covered ones last."""
    kept = {alert.id: (alert, told) for alert, told in view.alerts if alert.ended_at is None or needs_a_look(alert)}
    rows = []
    for alert, _ in kept.values():
        row = alert.model_dump() | {"state": view.states[alert.id or 0]}
        # What was dealt with today stays where it was until tomorrow: the cards below it do not move.
        state = "open" if alert.ended_at is None and is_held(row, view.as_of) else row["state"]
        rows.append(row | {"state": state, "aside": alert.ended_at is None and aside(alert)})
    reviewed = {} if view.review is None else {view.patient.id or 0: view.review.at}
    ordered = [kept[row["id"]] for row in in_order(rows, view.as_of, reviewed)]
    return sorted(ordered, key=lambda pair: (pair[0].covered_by is not None, pair[0].ended_at is not None))


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a small table as named tuples."""
    if table.empty:
        return iter(())
    row = namedtuple("row", table.columns.tolist())  # type: ignore[misc]
    return map(row._make, zip(*(table[name].tolist() for name in table.columns), strict=True))


def days_between(earlier: Any, later: Any) -> int:
    """Whole days from one day to another."""
    return (as_day(later) - as_day(earlier)).days


def as_day(value: Any) -> dt.date:
    """A cell of a frame as a date."""
    return pd.Timestamp(value).date()


def reviewed_today(view: PatientView, here: Current) -> bool:
    """Whether the signed-in person reviewed the patient today and may still take it back."""
    if view.review is None or view.review.by != here.user.name:
        return False
    zone = here.settings.timezone
    return clinic_date(view.review.at, zone) == clinic_date(here.now, zone)
