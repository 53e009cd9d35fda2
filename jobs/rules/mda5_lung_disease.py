"""Anti-MDA5: is the lung in danger?

Looked at: in patients with anti-MDA5 only, shortness of breath, lung disease on file, lung function, oxygen saturation,
chest CT and ferritin. What counts: any sign that the lung is ill now. Its lung disease can kill within weeks while CK
is normal and nobody is weak, so one sign is enough. A raised ferritin without lung disease on file asks for a look at
the lung. What does not: lung disease known for long, with recent tests that are steady.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.newest import forgotten, going_on, lasts_until, next_after, still_there
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    CORROBORATED,
    MET,
    NOT_MET,
    POSSIBLE,
    URGENT,
    Answer,
    Example,
    Rule,
    Source,
    apart,
    day_text,
    number,
    one_line_each,
    parameter,
    stretch,
)
from models.list_order import Danger
from models.patient_facts import Happening, PatientFacts, Reading, day_number
from models.states import Cause
from models.vocabulary import written_unit

MDA5 = "MDA5"
LUNG, FERRITIN = "lung", "ferritin"
LUNG_DISEASE, CHEST_CT, DYSPNOEA = "interstitial_lung_disease", "chest_ct", "dyspnoea"
SATURATION = "oxygen_saturation"
LUNG_FUNCTION = "lung-function"
TESTS = ("fvc_percent", "dlco_percent", SATURATION)


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the mda5-lung-disease rule."""

    symptom_days: int = parameter(
        28, unit="days", low=3, high=90, meaning="shortness of breath without an end is taken to be there this long"
    )
    new_days: int = parameter(
        182, unit="days", low=28, high=365, meaning="lung disease first recorded this recently is new"
    )
    test_days: int = parameter(
        90,
        unit="days",
        low=14,
        high=182,
        meaning="an older saturation or ferritin, or an older fall, is no sign of today",
    )
    saturation_below: float = parameter(
        94, unit="%", low=88, high=97, meaning="an oxygen saturation at rest below this is low"
    )
    saturation_fall: float = parameter(
        4,
        unit="points of saturation",
        low=2,
        high=10,
        meaning="a saturation this much below the patient's own is a fall",
    )
    saturation_values: int = parameter(
        3,
        unit="values",
        low=1,
        high=6,
        meaning="the mean of up to this many saturations of the year before is their own",
    )
    ferritin_from: float = parameter(
        500,
        unit="ug/L",
        low=200,
        high=2000,
        meaning="a ferritin from this on is raised where no limit was reported with it",
        source="order of the cut-offs in survival studies of anti-MDA5 lung disease",
        mark="memory",
    )
    early_days: int = parameter(
        365, unit="days", low=90, high=1095, meaning="this long after the diagnosis the lung is looked at closely"
    )
    known_days_early: int = parameter(
        90, unit="days", low=28, high=182, meaning="in that time a test of the lung says something for this long"
    )
    known_days_late: int = parameter(
        365, unit="days", low=90, high=730, meaning="later a test of the lung says something for this long"
    )


class _Sign(NamedTuple):
    """One sign that the lung is ill: since when, in words, its facts, and the day on which it stops being one."""

    since: int
    said: str
    facts: tuple[str, ...]
    until: int


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer on the lung of a patient with anti-MDA5, and one on ferritin where it is on file."""
    if MDA5 not in patient.autoantibodies.split(";"):
        return
    disease = patient.last_event(LUNG_DISEASE)
    known = disease is not None and disease.present and (disease.end is None or disease.end >= as_of)
    ferritin = _ferritin(patient.latest("ferritin"), as_of, parameters)
    signs = [
        sign
        for sign in (
            _breathless(patient.last_event(DYSPNOEA), as_of, parameters),
            *_falling(patient, as_of, parameters),
            _saturation(patient.series(SATURATION), as_of, parameters),
            _new_disease(patient, disease, as_of, parameters) if known else None,
            ferritin if known else None,
        )
        if sign is not None
    ]
    last = _last_look(patient)
    unanswered = [] if signs else [one for one in _old_signs(patient, known, as_of, parameters) if one.day >= last]
    yield _lung(patient, signs, unanswered, disease if known else None, as_of, parameters)
    newest = patient.latest("ferritin")
    if newest is not None:
        old = None if known or signs or ferritin else _ferritin(newest, newest.day, parameters)
        waits = old is not None and newest.day >= last
        yield _ferritin_alone(patient, None if known or signs else ferritin, old if waits else None, as_of)


# --------------------------------------------------------------------------------------------------------------- signs


def _breathless(event: Happening | None, today: int, parameters: Parameters) -> _Sign | None:
    if event is None or not still_there(event, today, parameters.symptom_days):
        return None
    said = f"shortness of breath on {day_text(event.day)}"
    return _Sign(event.day, said, (event.fact,), lasts_until(event, parameters.symptom_days) + 1)


def _falling(patient: PatientFacts, today: int, parameters: Parameters) -> Iterator[_Sign]:
    """What the rule on lung function found, where the last test is recent."""
    for answer in patient.answers_of(LUNG_FUNCTION):
        newest = patient.latest(answer.subject)
        if answer.state == MET and newest is not None and today - newest.day <= parameters.test_days:
            since = newest.day if answer.since is None else answer.since
            yield _Sign(since, answer.numbers["said"], answer.evidence, newest.day + parameters.test_days + 1)


def _saturation(series: Sequence[Reading], today: int, parameters: Parameters) -> _Sign | None:
    if not series or today - series[-1].day > parameters.test_days:
        return None
    newest = series[-1]
    before = [one for one in series[:-1] if one.day < newest.day and newest.day - one.day <= 365]
    own = before[-parameters.saturation_values :]
    mean = sum(one.value for one in own) / len(own) if own else None
    low = newest.value < parameters.saturation_below
    fell = mean is not None and mean - newest.value >= parameters.saturation_fall - 1e-9
    if newest.comparator == ">" or not (low or fell):
        return None
    shown = apart(newest.value, parameters.saturation_below)
    said = f"oxygen saturation {newest.comparator}{shown} % on {day_text(newest.day)}"
    if fell:
        said += f" ({number(mean)} % before)"
    facts = tuple(one.fact for one in (*(own if fell else ()), newest))
    return _Sign(newest.day, said, facts, newest.day + parameters.test_days + 1)


class _OldSign(NamedTuple):
    """A sign that nobody looked after: its newest day, in words, its facts."""

    day: int
    said: str
    facts: tuple[str, ...]


def _old_signs(patient: PatientFacts, known: bool, today: int, parameters: Parameters) -> Iterator[_OldSign]:
    """What was a sign when it was last measured or said, too long ago to be one of today."""
    breath = patient.last_event(DYSPNOEA)
    if breath is not None and forgotten(breath, today, parameters.symptom_days, today - breath.day):
        yield _OldSign(breath.day + 1, f"shortness of breath on {day_text(breath.day)}", (breath.fact,))
    for answer in patient.answers_of(LUNG_FUNCTION):
        newest = patient.latest(answer.subject)
        if answer.state == MET and newest is not None:
            yield _OldSign(newest.day, answer.numbers["said"], answer.evidence)
    series = patient.series(SATURATION)
    ferritin = patient.latest("ferritin") if known else None
    for newest, sign in (
        (series[-1] if series else None, _saturation(series, series[-1].day, parameters) if series else None),
        (ferritin, ferritin and _ferritin(ferritin, ferritin.day, parameters)),
    ):
        if newest is not None and sign:
            yield _OldSign(newest.day, sign.said, sign.facts)


def _last_look(patient: PatientFacts) -> int:
    """The newest day of a test of the lung or of a chest CT; long ago where there is none."""
    days = [one.day for key in TESTS if (one := patient.latest(key)) is not None]
    days += [one.last_day for one in patient.events(CHEST_CT) if one.present]
    return min(max(days), patient.today) if days else _NEVER


_NEVER = -1_000_000


def _new_disease(patient: PatientFacts, disease: Happening | None, today: int, parameters: Parameters) -> _Sign | None:
    """Lung disease first recorded lately; recorded again it is not new."""
    first = next((one for one in patient.events(LUNG_DISEASE) if one.present), disease)
    if first is None or today - first.day > parameters.new_days:
        return None
    said = f"lung disease first recorded on {day_text(first.day)}"
    return _Sign(first.day, said, (first.fact,), first.day + parameters.new_days + 1)


def _ferritin(newest: Reading | None, today: int, parameters: Parameters) -> _Sign | None:
    if newest is None or today - newest.day > parameters.test_days or newest.comparator == "<":
        return None
    limit = newest.limit
    raised = newest.value > limit if limit is not None else newest.value >= parameters.ferritin_from
    if not raised:
        return None
    against = f", limit {number(limit)}" if limit is not None else ", no limit reported"
    shown = apart(newest.value, parameters.ferritin_from if limit is None else limit, 0)
    said = f"ferritin {newest.comparator}{shown} {written_unit('ug/L')} on {day_text(newest.day)}{against}"
    return _Sign(newest.day, said, (newest.fact,), newest.day + parameters.test_days + 1)


# ------------------------------------------------------------------------------------------------------------- answers


def _lung(
    patient: PatientFacts,
    signs: Sequence[_Sign],
    unanswered: Sequence[_OldSign],
    disease: Happening | None,
    today: int,
    parameters: Parameters,
) -> Answer:
    early = patient.diagnosed_on is not None and today - _day(patient) <= parameters.early_days
    within = parameters.known_days_early if early else parameters.known_days_late
    tests = [one for key in TESTS if (one := patient.latest(key)) is not None]
    look = _last_look(patient)
    last = None if look == _NEVER else look
    recheck_on = next_after(
        today,
        *(sign.until for sign in signs),
        None if last is None else last + parameters.known_days_early + 1,
        None if last is None else last + parameters.known_days_late + 1,
        _day(patient) + parameters.early_days + 1 if patient.diagnosed_on is not None else None,
        None if disease is None or disease.end is None else disease.end + 1,
    )
    recorded = going_on(patient, LUNG_DISEASE)
    with_disease = f"; lung disease on file since {day_text(recorded[0].day)}" if recorded else ""
    if signs:
        facts = (*(fact for sign in signs for fact in sign.facts), *(one.fact for one in recorded))
        return Answer(
            LUNG,
            MET,
            grade=POSSIBLE if len(signs) == 1 else CORROBORATED,
            severity=URGENT,
            since=min(sign.since for sign in signs),
            recheck_on=recheck_on,
            evidence=tuple(dict.fromkeys(facts)),
            numbers={"said": "; ".join(sign.said for sign in signs), "disease": with_disease, "signs": len(signs)},
        )
    numbers = {"said": "", "disease": with_disease, "signs": 0, "last": "" if last is None else day_text(last)}
    evidence = tuple(one.fact for one in sorted(tests, key=lambda one: one.day))
    if unanswered:
        return Answer(
            LUNG,
            CANNOT_TELL,
            recheck_on=recheck_on,
            evidence=tuple(dict.fromkeys(fact for one in unanswered for fact in one.facts)),
            cannot_tell_because=f"nothing newer than {'; '.join(one.said for one in unanswered)}",
            cause=Cause.STALE,
            numbers=numbers,
        )
    if last is None or today - last > within:
        because = "no lung function, saturation or chest CT on file"
        if last is not None:
            because = f"no lung function, saturation or chest CT since {day_text(last)}"
        return Answer(
            LUNG,
            CANNOT_TELL,
            recheck_on=recheck_on,
            evidence=evidence,
            cannot_tell_because=because,
            cause=Cause.NOT_ON_FILE if last is None else Cause.STALE,
            numbers=numbers,
        )
    return Answer(LUNG, NOT_MET, recheck_on=recheck_on, evidence=evidence, numbers=numbers)


def _day(patient: PatientFacts) -> int:
    """The day of the diagnosis as a number."""
    return 0 if patient.diagnosed_on is None else day_number(patient.diagnosed_on)


def _ferritin_alone(patient: PatientFacts, raised: _Sign | None, old: _Sign | None, today: int) -> Answer:
    """A raised ferritin where nothing else speaks of the lung; `old` is one that nobody looked after."""
    newest = patient.latest("ferritin")
    evidence = () if newest is None else (newest.fact,)
    past = any(one.present for one in patient.events(LUNG_DISEASE))
    numbers = {"said": "" if raised is None else raised.said, "disease": "", "signs": 0, "past": past}
    if old is not None:
        return Answer(
            FERRITIN,
            CANNOT_TELL,
            evidence=evidence,
            cannot_tell_because=f"nothing newer than {old.said}",
            cause=Cause.STALE,
            numbers=numbers,
        )
    if raised is None:
        return Answer(FERRITIN, NOT_MET, evidence=evidence, numbers=numbers)
    return Answer(
        FERRITIN,
        MET,
        grade=POSSIBLE,
        severity=ACTION,
        since=raised.since,
        recheck_on=next_after(today, raised.until),
        evidence=evidence,
        numbers=numbers,
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The signs with their days."""
    del parameters
    if row["subject"] == FERRITIN:
        if row["state"] == NOT_MET:
            return "Anti-MDA5: ferritin does not ask for a look at the lung by itself."
        if row["state"] == CANNOT_TELL:
            return f"Anti-MDA5: whether ferritin is still raised cannot be told: {row['cannot_tell_because']}."
        return f"Anti-MDA5 with {row['said']}, and no lung disease on file{' goes on' if row.get('past') else ''}."
    if row["state"] == CANNOT_TELL:
        return f"Anti-MDA5: whether the lung is ill cannot be told: {row['cannot_tell_because']}{row['disease']}."
    if row["state"] == NOT_MET:
        return f"Anti-MDA5: no sign that the lung is ill now; last looked at on {row['last']}{row['disease']}."
    return f"Anti-MDA5 with {row['said']}{row['disease']}. Its lung disease can advance within days to weeks."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["state"] == CANNOT_TELL:
        return "FVC, DLCO, saturation at rest and walking; chest CT where there is none"
    if row["subject"] == FERRITIN:
        return "this week: saturation, FVC, DLCO and chest CT; other causes of a high ferritin"
    return (
        "see today: saturation at rest and walking, chest CT, FVC and DLCO, ferritin, infection; respiratory "
        "physician; early combination treatment is on the patient's page"
    )


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Anti-MDA5: shortness of breath on 3 Mar 2026; ferritin 900 µg/L ...`."""
    row = rows[0]
    return f"Anti-MDA5{', lung' if row['subject'] == LUNG else ''}: {row['said']}"


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Another sign since somebody last looked is worse."""
    del parameters
    before, signs = int(seen.get("signs") or 0), int(now.get("signs") or 0)
    return f"{before} -> {signs} signs since seen" if signs > before else None


RULE = Rule(
    key="mda5-lung-disease",
    title="Anti-MDA5 and the lung",
    question="Anti-MDA5: is the lung in danger?",
    why_it_matters=(
        "With anti-MDA5 lung disease can progress within weeks and kill, often without weakness and with a normal CK. "
        "Treatment with a combination of drugs is given early, before the lung is lost."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    phrase=phrase,
    one_line=one_line_each,
    worse=worse,
    danger=lambda subject: Danger.BREATHING if subject == LUNG else None,
    parameters=Parameters,
    subject="lung or ferritin",
    reads=("autoantibodies", DYSPNOEA, LUNG_DISEASE, CHEST_CT, *TESTS, "ferritin", LUNG_FUNCTION),
    after=(LUNG_FUNCTION,),
    covers=(LUNG_FUNCTION, "worsening"),
    sources=(
        Source(
            "Tables of myositis-specific autoantibodies",
            None,
            "myositis.org; Merck Manual",
            "seen",
            "clinically amyopathic disease, rapidly progressive lung disease",
        ),
        Source(
            "Recommendations for rapidly progressive lung disease with anti-MDA5",
            2020,
            "doi:10.1016/j.semarthrit.2020.03.007 (table 1)",
            "seen",
            "combination treatment as the first option",
        ),
        Source(
            "Treatment of anti-MDA5 rapidly progressive lung disease: a review",
            2021,
            "doi:10.1007/s40674-021-00186-x (abstract)",
            "seen",
            "high ferritin, spread of infiltrates and ground glass foretell a bad course",
        ),
        Source("That one sign is enough, and for how long", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "an infection, which looks the same and has to be excluded anyway",
        "breathlessness from weak muscles, heart or anaemia",
        "cold or painted fingers, which lower the reading of an oximeter",
        "ferritin raised by inflammation, liver disease, iron or transfusion",
    ),
    clears_when="shortness of breath has ended and later tests of the lung and ferritin are not of that kind any more",
    in_time=lambda limits: (
        f"lung disease was first recorded more than {stretch(limits.new_days)} ago, or shortness of breath more than "
        f"{stretch(limits.symptom_days)} ago, and the lung was looked at since"
    ),
    topic="lung",
    limitations=(
        "Chest CT is known as done, not what it showed. How long a sign counts is a site setting; the level of "
        "ferritin where no limit was reported is from memory. The rule reads anti-MDA5 as it was recorded: a weak line "
        "blot is not told from a strong one."
    ),
    catalogue=("LUNG-02",),
    examples=(
        Example(
            title="anti-MDA5 with new shortness of breath",
            patient={"autoantibodies": MDA5, "diagnosis": "ADM"},
            events=({"event": DYSPNOEA, "day": -3},),
            expect={"subject": LUNG, "state": MET, "grade": POSSIBLE, "severity": URGENT, "since": -3},
        ),
        Example(
            title="lung disease on file for long, ferritin 1200 with a limit of 300",
            patient={"autoantibodies": MDA5, "diagnosis": "DM"},
            observations=({"measure": "ferritin", "value": 1200, "upper_limit": 300, "day": -5},),
            events=({"event": LUNG_DISEASE, "day": -600},),
            expect={"subject": LUNG, "state": MET, "grade": POSSIBLE, "severity": URGENT, "since": -5},
        ),
        Example(
            title="saturation 97, now 92, and FVC falling",
            patient={"autoantibodies": MDA5, "diagnosis": "DM"},
            observations=(
                {"measure": SATURATION, "value": 97, "day": -60},
                {"measure": SATURATION, "value": 92, "day": -1},
                {"measure": "fvc_percent", "value": 85, "day": -60},
                {"measure": "fvc_percent", "value": 70, "day": -1},
            ),
            expect={"subject": LUNG, "state": MET, "grade": CORROBORATED, "severity": URGENT, "since": -1},
        ),
        Example(
            title="raised ferritin and no lung disease on file",
            patient={"autoantibodies": MDA5, "diagnosis": "DM"},
            observations=(
                {"measure": "ferritin", "value": 900, "upper_limit": 300, "day": -5},
                {"measure": "fvc_percent", "value": 95, "day": -5},
            ),
            expect={"subject": FERRITIN, "state": MET, "severity": ACTION, "since": -5},
        ),
        Example(
            title="lung disease known for long, steady tests",
            patient={"autoantibodies": MDA5, "diagnosis": "DM"},
            observations=(
                {"measure": "fvc_percent", "value": 82, "day": -200},
                {"measure": "fvc_percent", "value": 83, "day": -10},
                {"measure": SATURATION, "value": 97, "day": -10},
            ),
            events=({"event": LUNG_DISEASE, "day": -900},),
            expect={"subject": LUNG, "state": NOT_MET},
        ),
        Example(
            title="nobody has looked at the lung",
            patient={"autoantibodies": MDA5, "diagnosis": "DM"},
            expect={"subject": LUNG, "state": CANNOT_TELL},
        ),
        Example(
            title="shortness of breath with anti-Mi-2 is not this rule's",
            patient={"autoantibodies": "MI2", "diagnosis": "DM"},
            events=({"event": DYSPNOEA, "day": -3},),
            expect={"state": NOT_MET},
        ),
    ),
)
