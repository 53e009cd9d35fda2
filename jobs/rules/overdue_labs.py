"""Which blood tests are overdue?

Looked at: the tests that a patient's current drugs require by the monitoring table, and those that a condition on
record asks for whatever is taken (lung function in interstitial lung disease, a swallowing assessment in dysphagia).
Due is the first day on which the days since the last valid result (or since the start of what requires the test) reach
the shortest interval in force on that day; overdue is from the day after due plus grace. A test that was missed stays
missed, with the same due day, when the treatment reaches a phase with longer intervals. What does not count: patients
who left the clinic, a test that was recorded as not possible or is paused with a reason, and a laboratory whose results
stopped coming in (nobody can tell then).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.newest import next_after
from jobs.phrasing import dated, listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    one_line_for_all,
    parameter,
    stretch,
)
from jobs.treatment import CONTINUING, courses
from models.patient_facts import ADULT_FROM_YEARS, FeedSilence, Happening, PatientFacts, Reading, date_of, day_number
from models.states import Cause
from models.vocabulary import ACTIVE_TREATMENT, ADULT, CHILD, MonitoringRow, drug, events, remembered, vocabulary
from models.vocabulary import tests as laboratory_tests
from models.vocabulary.own import OWN_PROFILE

STEROID_PROFILE = "steroid"
FOR_THE_NEXT_VISIT = frozenset({"dlco", "fvc", "growth"})
"""What is followed over years: a patient is not called in for it, it is done when they come [default]."""
DUE_STATES = ("not_due", "due", "grace", "overdue", "never_measured", "not_possible", "paused")


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the overdue-labs rule."""

    active_interval_days: int = parameter(
        42,
        unit="days",
        low=14,
        high=180,
        meaning="CK, troponin and CRP on active treatment are due this long after the last",
        source="monitoring every 4 to 6 weeks, educational page (seed 000)",
        mark="seed",
    )
    grace_days: int = parameter(7, unit="days", low=0, high=42, meaning="overdue only after this many days past due")
    drug_profile: str = parameter(
        "acr",
        unit="",
        choices=("acr", "bsr", "none"),
        meaning="methotrexate monitoring profile; `none` leaves drug safety tests out",
        source="ACR 2008/2015 (S10), BSR 2017 (S11)",
        mark="seen",
    )
    steroid_tests: str = parameter(
        "no",
        unit="",
        choices=("no", "yes"),
        meaning="also ask for glucose, blood pressure, weight, height and lipids under a steroid taken for long",
        source="EULAR 2007 (S21) and AACI 2013 (S22) without intervals: at each visit",
    )
    symptom_days: int = parameter(
        90,
        unit="days",
        low=14,
        high=365,
        meaning="a recorded symptom without an end asks for its tests this long",
    )
    feed_normal_results: int = parameter(
        20,
        unit="results",
        low=1,
        high=1000,
        meaning="a sender with this many results in 60 days normally delivers a test",
    )
    feed_silent_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=60,
        meaning="no result of a test from such a sender for this long: the feed is silent",
        mark="contract",
    )
    feed_rhythm_deliveries: int = parameter(
        5,
        unit="days",
        low=3,
        high=50,
        meaning="a sender with fewer results normally delivers a test if it did so on this many days of a year",
        mark="contract",
    )
    feed_rhythm_times: float = parameter(
        4,
        unit="x median gap",
        low=1.5,
        high=20,
        meaning="such a sender is silent after this many times its median gap between delivery days",
        mark="contract",
    )
    feed_rhythm_silent_days: int = parameter(
        21, unit="days", low=7, high=90, meaning="and after at least this long", mark="contract"
    )
    feed_patients_waiting: int = parameter(
        5,
        unit="patients",
        low=2,
        high=100,
        meaning="and when at least this many of its patients have waited longer than they usually do",
        mark="contract",
    )


class Requirement(NamedTuple):
    """A row of the monitoring table as it asks a test of a patient, by days since start or dose increase."""

    test: str
    treatment: str
    only_if: str
    from_day: int
    to_day: int | None
    interval: int
    place: int
    begins: int | None = None

    @property
    def once(self) -> bool:
        """Whether the row asks for one result within its days, and not for one every so many days."""
        return self.from_day == 0 and self.to_day == self.interval


class Ground(NamedTuple):
    """What asks for tests: a course of a drug, or a condition on record. Days are day numbers.

    `phases` are the days on which close monitoring begins (anew); `fact` is the newest record of it.
    """

    phases: tuple[int, ...]
    through: int
    fact: str
    recorded: bool

    @property
    def start(self) -> int:
        """The first day of the course, or of the condition."""
        return self.phases[0]


class Reason(NamedTuple):
    """The ground because of which a test is due on a day; the one with the earliest day speaks for the test."""

    due: int
    begin: int
    place: int
    requirement: Requirement
    ground: Ground


@remembered(maxsize=16)
def _rows_in_force(profile: str, steroid_tests: bool) -> tuple[tuple[int, MonitoringRow], ...]:
    """The rows of the monitoring table that hold under the chosen profile, with their place in the table."""
    rows = enumerate(vocabulary().monitoring)
    return tuple((place, row) for place, row in rows if in_force(row, profile, steroid_tests=steroid_tests))


def in_force(row: MonitoringRow, profile: str, *, steroid_tests: bool) -> bool:
    """Whether a row of the monitoring table is asked for under a profile (`drug_profile`) and with `steroid_tests`."""
    if row.profile == OWN_PROFILE:
        return True
    if row.profile in {"acr", "bsr"} and row.treatment == "methotrexate":
        return row.profile == profile
    if row.profile == STEROID_PROFILE:
        return steroid_tests and row.mark != "memory"
    if (row.treatment, row.profile) == (ACTIVE_TREATMENT, "contract"):
        return True
    # `none` leaves out the safety tests of drugs; what a condition asks for is no matter of a drug.
    return row.active and (profile != "none" or row.treatment in events())


@remembered(maxsize=1024)
def _asked_by(name: str, profile: str, steroid_tests: bool, active_interval: int) -> tuple[Requirement, ...]:
    """What a drug, or an event, requires; nothing for a drug that the vocabulary does not know."""
    known = drug(name)
    return tuple(
        Requirement(
            row.test,
            _in_words(row.treatment),
            row.only_if,
            row.from_day,
            row.to_day,
            active_interval if (row.treatment, row.profile) == (ACTIVE_TREATMENT, "contract") else row.interval_days,
            place,
            None if row.begins is None else day_number(row.begins),
        )
        for place, row in _rows_in_force(profile, steroid_tests)
        if row.treatment == name or (known is not None and row.applies_to(known))
    )


@remembered(maxsize=16)
def _events_that_ask(profile: str, steroid_tests: bool) -> tuple[str, ...]:
    asking = (row.treatment for _, row in _rows_in_force(profile, steroid_tests))
    return tuple(dict.fromkeys(name for name in asking if name in events()))


def _in_words(treatment: str) -> str:
    if treatment == ACTIVE_TREATMENT:
        return "active treatment"
    return events()[treatment].label.lower() if treatment in events() else treatment


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per test required of the patient."""
    wanted: dict[str, list[tuple[Ground, Requirement]]] = {}
    tables = parameters.drug_profile, parameters.steroid_tests == "yes"
    for name, ground in _grounds(patient, as_of, tables, parameters.symptom_days):
        for requirement in _asked_by(name, *tables, parameters.active_interval_days):
            if not requirement.only_if or _holds(patient, requirement.only_if, as_of, parameters.symptom_days):
                wanted.setdefault(requirement.test, []).append((ground, requirement))
    answers: list[Answer] = []
    for test in sorted(wanted):
        last = last_result(patient, test)
        reasons = [reason for pair in wanted[test] if (reason := _reason(*pair, last)) is not None]
        if reasons:
            ends = min(ground.through for ground, _ in wanted[test]) + 1
            answers.append(_answer(patient, as_of, test, last, reasons, ends, parameters))
    yield from _each_once(answers)


def _each_once(answers: Sequence[Answer]) -> Iterator[Answer]:
    """One result serves every test that it counts for: of two that are overdue the narrower one is asked for."""
    overdue = [one for one in answers if one.state == MET]
    asked_as: dict[str, Answer] = {}
    as_urgent: set[str] = set()
    for wide in overdue:
        for narrow in overdue:
            if narrow is not wide and _counts_for(narrow.subject, wide.subject):
                asked_as[wide.subject] = narrow
                if wide.severity == ACTION:
                    as_urgent.add(narrow.subject)
    for one in answers:
        if one.subject in asked_as:
            numbers = {**one.numbers, "asked_as": asked_as[one.subject].numbers["label"]}
            yield one._replace(state=NOT_MET, severity=None, since=None, numbers=numbers)
        else:
            yield one._replace(severity=ACTION) if one.subject in as_urgent else one


@remembered(maxsize=4096)
def _counts_for(narrow: str, wide: str) -> bool:
    """Whether every result of one test is a result of another one; of two that are the same, for the later by name."""
    mine, other = frozenset(laboratory_tests()[narrow].measures), frozenset(laboratory_tests()[wide].measures)
    return mine < other or (mine == other and narrow < wide)


def _grounds(
    patient: PatientFacts, as_of: int, tables: tuple[str, bool], symptom_days: int
) -> Iterator[tuple[str, Ground]]:
    """What the patient takes, and what is on record that asks for tests by itself."""
    for course in courses(patient):
        yield course.drug, Ground(course.phases, course.through, course.newest.fact, recorded=False)
    if patient.happenings:
        for name in _events_that_ask(*tables):
            ground = _on_record(patient, name, as_of, symptom_days)
            if ground is not None:
                yield name, ground


def _on_record(patient: PatientFacts, name: str, as_of: int, symptom_days: int) -> Ground | None:
    """The unbroken stretch in which an event is on record as present, None where it is not today.

    A condition without an end lasts until somebody says otherwise, a symptom for `symptom_days`.
    """
    symptom = events()[name].kind == "symptom"
    begin: int | None = None
    through, fact = 0, ""
    for one in patient.events(name):
        if not one.present:
            begin = None
            continue
        if begin is None or one.day > through + 1:
            begin = one.day
        through = one.end if one.end is not None else one.day + symptom_days if symptom else CONTINUING
        fact = one.fact
    return None if begin is None or through < as_of else Ground((begin,), through, fact, recorded=True)


def _holds(patient: PatientFacts, condition: str, as_of: int, symptom_days: int) -> bool:
    """Whether a row that is for some patients only is for this one."""
    if condition in (CHILD, ADULT):
        return patient.is_child() == (condition == CHILD)
    if condition in events():
        return _on_record(patient, condition, as_of, symptom_days) is not None
    result = patient.latest(condition)
    return result is not None and result.value == 1


def _reason(ground: Ground, requirement: Requirement, last: Reading | Happening | None) -> Reason | None:
    """When a ground makes a test due under one row of the table, by the first phase in which the days are reached.

    A row holds from `from_day` to `to_day` after the start and after each dose increase, until the next increase. The
    due day is never before the row holds: a drug begun today asks today for what was last measured a year ago, and so
    does a row that the clinic added today.
    """
    reached = (ground.start if last is None else last.day) + requirement.interval
    phases, count = ground.phases, len(ground.phases)
    for place, begin in enumerate(phases):
        due = max(begin + requirement.from_day, reached)
        if requirement.to_day is not None and due > begin + requirement.to_day:
            continue
        if place + 1 < count and due >= phases[place + 1]:
            continue
        asked = due if requirement.begins is None else max(due, requirement.begins)
        return Reason(asked, ground.start, requirement.place, requirement, ground)
    return None


def _answer(
    patient: PatientFacts,
    as_of: int,
    test: str,
    last: Reading | Happening | None,
    reasons: Sequence[Reason],
    ends: int,
    parameters: Parameters,
) -> Answer:
    # What asks first speaks for the test; among equals the treatment that began first, then the order of the table.
    reason = min(reasons, key=lambda one: one[:3])
    ground, requirement = reason.ground, reason.requirement
    due, overdue_from = reason.due, reason.due + parameters.grace_days + 1
    state = MET if as_of >= overdue_from else NOT_MET
    due_state, note, until, because = _due_state(as_of, due, overdue_from, last), "", None, None
    if (pause := _pause(patient, test, as_of)) is not None:
        state, due_state = NOT_MET, "paused"
        note, until = pause
    elif (excuse := _excuse(patient, test, last, requirement.interval + parameters.grace_days, as_of)) is not None:
        state, due_state = NOT_MET, "not_possible"
        note, until = excuse
    elif state == MET and (silent_since := _silent_since(test, patient.feeds, as_of, parameters)) is not None:
        state, because = CANNOT_TELL, f"feed silent since {day_text(silent_since)}"
    return Answer(
        test,
        state,
        severity=None if state != MET else WATCH if test in FOR_THE_NEXT_VISIT else ACTION,
        since=overdue_from if state == MET else None,
        due=due,
        recheck_on=next_after(as_of, due, due + 1, overdue_from, ends, None if until is None else until + 1),
        evidence=(ground.fact,) if last is None else (last.fact, ground.fact),
        cannot_tell_because=because,
        cause=None if because is None else Cause.FEED_SILENT,
        numbers={
            "due_state": due_state,
            "last_day": None if last is None else date_of(last.day),
            "measured": last is not None,
            "interval_days": requirement.interval,
            "once": requirement.once,
            "treatment": requirement.treatment,
            "treatment_start": date_of(reason.begin),
            "recorded": ground.recorded,
            "note": note,
            "label": laboratory_tests()[test].label,
            "asked_as": "",
        },
    )


def last_result(patient: PatientFacts, test: str) -> Reading | Happening | None:
    """The newest valid result of any measure of a test; of an examination the newest record that it was done."""
    newest: Reading | Happening | None = None
    for key, is_event in _facts_of(test):
        found = patient.last_event(key) if is_event else patient.last_measured(key)
        if found is None or (isinstance(found, Happening) and not found.present):
            continue
        if newest is None or (found.day, found.id) > (newest.day, newest.id):
            newest = found
    return newest


@remembered(maxsize=256)
def _facts_of(test: str) -> tuple[tuple[str, bool], ...]:
    """What counts as a result of a test: measures, or events (true)."""
    return tuple((key, key in events()) for key in laboratory_tests()[test].measures)


def _due_state(as_of: int, due: int, overdue_from: int, last: Reading | Happening | None) -> str:
    if last is None:
        return "never_measured"
    if as_of >= overdue_from:
        return "overdue"
    if as_of > due:
        return "grace"
    return "due" if as_of == due else "not_due"


def _excuse(
    patient: PatientFacts, test: str, last: Reading | Happening | None, lasts_days: int, as_of: int
) -> tuple[str, int] | None:
    """Why the test could not be done since its last result, and until when that excuses it."""
    best: tuple[str, int] | None = None
    if not patient.not_done:
        return best
    own = laboratory_tests()[test].measures
    for one in patient.not_done:
        if one.measure not in own or (last is not None and one.day <= last.day) or as_of > one.day + lasts_days:
            continue
        if best is None or one.day + lasts_days > best[1]:
            best = one.reason or "no reason given", one.day + lasts_days
    return best


def _pause(patient: PatientFacts, test: str, as_of: int) -> tuple[str, int] | None:
    """Why the test is paused today, and until when."""
    found = None
    for one in patient.pauses:
        if one.test in (test, "all") and one.start <= as_of <= one.until and (found is None or one.until > found[1]):
            found = one.reason, one.until
    return found


def silent_feeds(feeds: Sequence[FeedSilence], today: int, parameters: Parameters) -> dict[str, int]:
    """Tests whose normal senders have all gone silent, with the day of the last delivery."""
    silent = {test: _silent_since(test, feeds, today, parameters) for test in laboratory_tests()}
    return {test: day for test, day in silent.items() if day is not None}


def _silent_since(test: str, feeds: Sequence[FeedSilence], today: int, parameters: Parameters) -> int | None:
    """The last day on which a test was delivered by anybody who normally does; None where it still is."""
    senders = _senders_of(laboratory_tests()[test].measures, feeds)
    normal = [one for one in senders if one.results >= parameters.feed_normal_results]
    if normal:
        quiet = all(today - one.last_day >= parameters.feed_silent_days for one in normal)
    else:
        normal = [one for one in senders if one.delivery_days >= parameters.feed_rhythm_deliveries]
        quiet = all(_out_of_rhythm(one, today, parameters) for one in normal)
    return max(one.last_day for one in normal) if normal and quiet else None


def _senders_of(measures: Sequence[str], feeds: Sequence[FeedSilence]) -> list[FeedSilence]:
    """How each sender delivers a test: its measures taken together, the rhythm of the one delivered most often."""
    found: dict[str, FeedSilence] = {}
    for feed in feeds:
        if feed.measure not in measures:
            continue
        other = found.get(feed.sender)
        if other is not None:
            oftener = max(other, feed, key=lambda one: one.delivery_days)
            feed = oftener._replace(
                last_day=max(other.last_day, feed.last_day),
                results=other.results + feed.results,
                patients_waiting=max(other.patients_waiting, feed.patients_waiting),
            )
        found[feed.sender] = feed
    return list(found.values())


def _out_of_rhythm(feed: FeedSilence, today: int, parameters: Parameters) -> bool:
    """Whether a sender of few results has been silent for much longer than it usually is, and patients wait."""
    if feed.median_gap is None:
        return False
    quiet_for = today - feed.last_day
    return (
        quiet_for > parameters.feed_rhythm_times * feed.median_gap
        and quiet_for >= parameters.feed_rhythm_silent_days
        and feed.patients_waiting >= parameters.feed_patients_waiting
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is due, why, and since when; dates only, so that the sentence stays true tomorrow."""
    label = row["label"]
    days = int(row["interval_days"])
    why = f"required within {days} days of" if row.get("once") else f"required every {days} days by"
    why += f" {row['treatment']}"
    last = f"last result {day_text(row['last_day'])}" if row["measured"] else "never measured here"
    if row["state"] == CANNOT_TELL:
        silent = row["cannot_tell_because"]
        return f"{label} was due {day_text(row['due'])} ({last}), but whether it was done nobody can tell: {silent}."
    if row["due_state"] == "not_possible":
        return f"{label}: recorded as not possible ({row['note']}); {last}, {why}."
    if row["due_state"] == "paused":
        return f"{label}: paused ({row['note']}); {last}, {why}."
    if row["asked_as"]:
        return (
            f"{label} was due {day_text(row['due'])} ({last}; {why}): {row['asked_as']} counts for it and is asked for."
        )
    if row["state"] == MET:
        since = "on record since" if row.get("recorded") else "treatment began"
        begun = "" if row["measured"] else f", {since} {day_text(row['treatment_start'])}"
        passed = f"{parameters.grace_days} days of grace passed"
        return f"{label} overdue: was due {day_text(row['due'])} ({last}{begun}; {why}; {passed})."
    return f"{label} due {day_text(row['due'])} ({last}; {why})."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "ask the laboratory or the interface team why results stopped coming"
    return f"order {row['label']} or record why it is not possible" if row["state"] == MET else ""


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Overdue: CK, CRP · due 10 Nov 2026`."""
    ranked = sorted(rows, key=lambda row: str(row["due"] or "9"))
    first = ranked[0]["due"]
    names = listed([subject_label(str(row["subject"])) for row in ranked])
    return f"Overdue: {names}" + (f" · due {dated(first)}" if first else "")


RULE = Rule(
    key="overdue-labs",
    title="Overdue laboratory tests",
    question="Which tests that this patient's treatment requires are overdue?",
    why_it_matters=(
        "A flare, a failing heart or a toxic drug shows in the blood before it shows in the clinic, but only if the "
        "blood is taken. A quarter of patients on methotrexate miss their tests within three months."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="laboratory test",
    reads=("medications", "laboratory results", "conditions and symptoms", "pauses", "feeds"),
    sources=(
        Source(
            "Monitoring every 4 to 6 weeks after treatment begins", 2025, "educational page, not a guideline", "seed"
        ),
        Source("ACR: laboratory monitoring of methotrexate", 2015, "PMC5684575, table 1", "seen"),
        Source("BSR/BHPR DMARD monitoring", 2017, "as used by NHS services", "seen"),
        Source(
            "ACR/CHEST guideline: monitoring of interstitial lung disease",
            2024,
            "doi:10.1002/art.42860, summary tables",
            "seen",
            "lung function every 3 to 6 months in the first year in myositis, then less often",
        ),
        Source("Systemic corticosteroid monitoring", 2013, "doi:10.1186/1710-1492-9-30, table 5", "seen", "growth"),
        Source(
            "Missed methotrexate monitoring (PINCER)", 2012, "24 to 30 % without blood tests in three months", "seen"
        ),
    ),
    known_false_alarms=(
        "a test done at another hospital whose results do not reach us: enter it or record it as not possible",
        "a drug that was stopped but never ended in the record",
    ),
    clears_when="a valid result of the test arrives, or what requires it ends",
    in_time=lambda limits: f"a symptom that requires it was recorded more than {stretch(limits.symptom_days)} ago",
    topic="monitoring",
    version="2.0.0",
    changed=(
        "A missed test stays missed, with the same due day, when the treatment reaches a phase with longer intervals; "
        "a feed of few results is judged by its own rhythm. Lung function in interstitial lung disease, a swallowing "
        "assessment and a breathing test at symptoms, growth of children on long steroid treatment are asked for."
    ),
    limitations="Intervals marked default or seed are site settings, not facts. A result counts whatever its value.",
    catalogue=("MON", "C16"),
    phrase=phrase,
    one_line=one_line_for_all,
    listed_in="labs",
    examples=(
        Example(
            title="day 42 plus 7 of grace is not overdue yet",
            observations=tuple(
                {"measure": key, "value": 5, "day": -49, "upper_limit": 200} for key in ("ck", "troponin_i", "crp")
            ),
            medications=({"drug": "prednisone", "dose": 5, "start": -200},),
            expect={"subject": "ck", "state": NOT_MET, "due": -7},
        ),
        Example(
            title="the day after due plus grace is the first",
            observations=tuple(
                {"measure": key, "value": 5, "day": -50, "upper_limit": 200} for key in ("ck", "troponin_i", "crp")
            ),
            medications=({"drug": "prednisone", "dose": 5, "start": -200},),
            expect={"subject": "ck", "state": MET, "since": 0, "due": -8, "severity": ACTION},
        ),
        Example(
            title="missed in the close phase of methotrexate: still missed when twelve weeks would be enough",
            observations=({"measure": "platelets", "value": 250, "day": -90},),
            medications=({"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start": -120},),
            expect={"subject": "blood_count", "state": MET, "due": -62, "since": -54},
        ),
        Example(
            title="interstitial lung disease: lung function twice in the first year, whatever is taken",
            observations=({"measure": "fvc_percent", "value": 70, "unit": "%", "day": -190},),
            events=({"event": "interstitial_lung_disease", "day": -200},),
            expect={"subject": "fvc", "state": MET, "due": -8, "since": 0},
        ),
        Example(
            title="a child on steroids for a year, height last taken seven months ago",
            patient={"age_years": 9},
            observations=({"measure": "height", "value": 130, "unit": "cm", "day": -210},),
            medications=({"drug": "prednisone", "dose": 5, "start": -365},),
            expect={"subject": "growth", "state": MET, "due": -28},
        ),
        Example(
            title="never measured: counted from the start of treatment",
            medications=({"drug": "prednisone", "dose": 5, "start": -50},),
            expect={"subject": "crp", "state": MET, "due": -8, "since": 0},
        ),
    ),
)
