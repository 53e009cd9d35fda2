"""Is the lung getting worse?

Looked at: forced vital capacity and diffusing capacity, each as a share of what is predicted. What counts: a fall by a
published meaningful decline against the patient's own values of the two years before, or two tests in a row that lie so
far below the best of them. A smaller fall counts with a second sign: both measures fall, or shortness of breath is
recorded around the test. What does not: a single value, and a low value that has always been low.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.newest import next_after
from jobs.phrasing import amount
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    CONFIRMED,
    MET,
    NOT_MET,
    POSSIBLE,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    one_line_for_all,
    parameter,
)
from models.patient_facts import Happening, PatientFacts, Reading
from models.states import Cause
from models.vocabulary import measure

FVC, DLCO = "fvc_percent", "dlco_percent"
MEASURES = (FVC, DLCO)
DYSPNOEA = "dyspnoea"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the lung-function rule. Relative falls are per cent of the patient's own value before."""

    latest_days: int = parameter(365, unit="days", low=90, high=730, meaning="an older test says nothing about today")
    reference_days: int = parameter(
        730,
        unit="days",
        low=182,
        high=1095,
        meaning="how far before the newest test the patient's own values count",
        source="24 months, suggested criteria of progressive fibrosis (PF-ILD-2022)",
        mark="seen",
    )
    reference_values: int = parameter(
        3, unit="values", low=1, high=6, meaning="the mean of up to this many values before is what one test is held to"
    )
    fvc_relative: float = parameter(
        10,
        unit="% of the value before",
        low=5,
        high=30,
        meaning="a fall of FVC by this is meaningful",
        source="suggested criteria of progressive fibrosis (PF-ILD-2022)",
        mark="seen",
    )
    dlco_relative: float = parameter(
        15,
        unit="% of the value before",
        low=5,
        high=40,
        meaning="a fall of DLCO by this is meaningful",
        source="suggested criteria of progressive fibrosis (PF-ILD-2022)",
        mark="seen",
    )
    fvc_points: float = parameter(
        5,
        unit="points of per cent predicted",
        low=3,
        high=15,
        meaning="a fall of FVC by this within a year counts with a second sign",
        source="ATS/ERS/JRS/ALAT 2022, read second-hand (ATS-PPF-2022)",
        mark="seen",
    )
    dlco_points: float = parameter(
        10,
        unit="points of per cent predicted",
        low=5,
        high=25,
        meaning="a fall of DLCO by this within a year counts with a second sign",
        source="ATS/ERS/JRS/ALAT 2022, read second-hand (ATS-PPF-2022)",
        mark="seen",
    )
    points_days: int = parameter(
        365,
        unit="days",
        low=90,
        high=730,
        meaning="within this many days for the smaller falls",
        source="ATS/ERS/JRS/ALAT 2022, read second-hand (ATS-PPF-2022)",
        mark="seen",
    )
    sign_days: int = parameter(
        90, unit="days", low=14, high=182, meaning="so near to the test a second sign must lie to count with it"
    )


class _Course(NamedTuple):
    """How one measure went.

    Attributes:
        mean, values: of the newest values before, and how many.
        best: the highest value before, None without any.
        run: the newest readings in a row that lie a meaningful fall below the best, oldest first.
        relative: the fall against `mean` in per cent of it.
        points: the fall within `points_days` in points, against the highest value there.
    """

    newest: Reading
    mean: float
    values: tuple[Reading, ...]
    best: Reading
    run: tuple[Reading, ...]
    relative: float
    points: float
    highest_of_year: Reading | None


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for each measure on file."""
    found = [key for key in MEASURES if key in patient.measures]
    if not found:
        return
    series = {key: [one for one in patient.series(key) if one.comparator != ">"] for key in found}
    courses = {key: course for key in found if (course := _course(series[key], key, parameters)) is not None}
    breathless = patient.last_event(DYSPNOEA) if courses else None
    for key in found:
        if series[key]:
            yield _answer(key, series[key][-1], courses, patient, breathless, as_of, parameters)


def _course(series: Sequence[Reading], key: str, parameters: Parameters) -> _Course | None:
    """None where there is no earlier value within reach."""
    if not series:
        return None
    newest = series[-1]
    before = [one for one in series[:-1] if one.day < newest.day and newest.day - one.day <= parameters.reference_days]
    if not before:
        return None
    values = tuple(before[-parameters.reference_values :])
    mean = sum(one.value for one in values) / len(values)
    best = max(before, key=lambda one: one.value)
    line = best.value * (1 - _relative(key, parameters) / 100) + 1e-9
    run: list[Reading] = []
    for one in (newest, *reversed(before)):
        if one.value > line:
            break
        run.append(one)
    of_year = [one for one in before if newest.day - one.day <= parameters.points_days]
    highest = max(of_year, key=lambda one: one.value, default=None)
    return _Course(
        newest=newest,
        mean=mean,
        values=values,
        best=best,
        run=tuple(reversed(run)),
        relative=100 * (mean - newest.value) / mean if mean > 0 else 0.0,
        points=0.0 if highest is None else highest.value - newest.value,
        highest_of_year=highest,
    )


def _relative(key: str, parameters: Parameters) -> float:
    return parameters.fvc_relative if key == FVC else parameters.dlco_relative


def _points(key: str, parameters: Parameters) -> float:
    return parameters.fvc_points if key == FVC else parameters.dlco_points


def _answer(
    key: str,
    newest: Reading,
    courses: Mapping[str, _Course],
    patient: PatientFacts,
    breathless: Happening | None,
    today: int,
    parameters: Parameters,
) -> Answer:
    numbers: dict[str, Any] = {"latest": newest.value, "before": None, "said": _value(newest)}
    if today - newest.day > parameters.latest_days:
        because = f"no newer test than {day_text(newest.day)}"
        return Answer(
            key, CANNOT_TELL, evidence=(newest.fact,), cannot_tell_because=because, cause=Cause.STALE, numbers=numbers
        )
    recheck_on = next_after(today, newest.day + parameters.latest_days + 1)
    course = courses.get(key)
    if course is None:
        return Answer(
            key,
            CANNOT_TELL,
            recheck_on=recheck_on,
            evidence=(newest.fact,),
            cannot_tell_because="only one test within reach: nothing to compare it with",
            cause=Cause.NOT_ON_FILE,
            numbers=numbers,
        )
    answer = Answer(key, NOT_MET, recheck_on=recheck_on, evidence=(newest.fact,), numbers=numbers)
    lasting = len({one.day for one in course.run}) > 1
    single = course.relative >= _relative(key, parameters) - 1e-9
    if lasting or single:
        return answer._replace(
            state=MET,
            severity=ACTION,
            grade=CONFIRMED if lasting else POSSIBLE,
            since=course.run[0].day if lasting else newest.day,
            evidence=_facts((course.best, *course.run) if lasting else (*course.values, newest)),
            numbers=numbers
            | (
                {"before": course.best.value, "said": _said_lasting(course)}
                if lasting
                else {"before": course.mean, "said": _said_single(course)}
            ),
        )
    beside = _second_sign(key, courses, breathless, parameters)
    if beside is not None and course.points >= _points(key, parameters) - 1e-9 and course.highest_of_year is not None:
        said, facts = beside
        return answer._replace(
            state=MET,
            severity=WATCH,
            grade=POSSIBLE,
            since=newest.day,
            evidence=_facts((course.highest_of_year, newest), facts),
            numbers=numbers
            | {
                "before": course.highest_of_year.value,
                "said": f"{_said_between(course.highest_of_year, newest)}, and {said}",
            },
        )
    return answer


def _second_sign(
    key: str, courses: Mapping[str, _Course], breathless: Happening | None, parameters: Parameters
) -> tuple[str, tuple[str, ...]] | None:
    """What makes a smaller fall count, in words, with its facts."""
    newest = courses[key].newest
    other = courses.get(DLCO if key == FVC else FVC)
    if (
        other is not None
        and other.highest_of_year is not None
        and abs(other.newest.day - newest.day) <= parameters.sign_days
        and other.points >= _points(other.newest.measure, parameters) - 1e-9
    ):
        return _said_between(other.highest_of_year, other.newest), (other.highest_of_year.fact, other.newest.fact)
    if breathless is not None and breathless.present and abs(breathless.day - newest.day) <= parameters.sign_days:
        return f"shortness of breath on {day_text(breathless.day)}", (breathless.fact,)
    return None


def _facts(readings: Sequence[Reading], more: Sequence[str] = ()) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(one.fact for one in readings), *more)))


def _short(key: str) -> str:
    """`FVC`, `DLCO`."""
    return measure(key).short_label.removesuffix(" %")


def _value(reading: Reading) -> str:
    label = _short(reading.measure)
    return f"{label} {reading.comparator}{number(reading.value)} % of predicted on {day_text(reading.day)}"


def _said_single(course: _Course) -> str:
    label = _short(course.newest.measure)
    many = len(course.values)
    of = f"the mean of the {many} tests before" if many > 1 else f"the test of {day_text(course.values[0].day)}"
    return (
        f"{label} {number(course.mean)} ({of}) -> {number(course.newest.value)} % of predicted on "
        f"{day_text(course.newest.day)}, {number(course.relative)} % less"
    )


def _said_lasting(course: _Course) -> str:
    label = _short(course.newest.measure)
    less = 100 * (course.best.value - course.newest.value) / course.best.value
    return (
        f"{label} {number(course.best.value)} on {day_text(course.best.day)} -> {number(course.newest.value)} % of "
        f"predicted on {day_text(course.newest.day)}, {number(less)} % less; so low in {len(course.run)} tests in a row"
    )


def _said_between(before: Reading, newest: Reading) -> str:
    label = _short(newest.measure)
    return (
        f"{label} {number(before.value)} on {day_text(before.day)} -> {number(newest.value)} % of predicted on "
        f"{day_text(newest.day)}"
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The values against each other, and how sure it is."""
    said = str(row["said"])
    if row["state"] == CANNOT_TELL:
        return f"{said}: {row['cannot_tell_because']}."
    line = number(_relative(str(row["subject"]), parameters))
    if row["state"] == NOT_MET:
        return f"{said}: no meaningful fall (it begins at {line} %)."
    if row["severity"] == WATCH:
        return f"{said}. Less than {line} %, meaningful only together."
    if row["grade"] == POSSIBLE:
        return f"{said} (meaningful from {line} % on). Possible only: one test; effort and device make tests vary."
    return f"{said} (meaningful from {line} % on)."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "measure FVC and DLCO"
    if row["state"] == NOT_MET:
        return ""
    if row["severity"] == WATCH:
        return "ask about breath and cough, oxygen saturation at rest and walking; repeat the test within 3 months"
    if row["grade"] == POSSIBLE:
        return "repeat FVC and DLCO within weeks; oxygen saturation; infection, breathing muscles, chest CT if it stays"
    return "chest CT, oxygen saturation at rest and walking, respiratory physician; infection and breathing muscles too"


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Another fall by the smaller step since somebody last looked is worse."""
    before, latest = seen.get("latest"), now.get("latest")
    if before is None or latest is None or latest > before - _points(str(now["subject"]), parameters) + 1e-9:
        return None
    return f"{number(before)} -> {number(latest)} % since seen"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Lung worse: FVC 83 → 72 %, DLCO 70 → 58 %`."""
    return "Lung worse: " + ", ".join(
        f"{_short(str(row['subject']))} {amount(row['before'])} → {amount(row['latest'])} %" for row in rows
    )


RULE = Rule(
    key="lung-function",
    title="Falling lung function",
    question="Is the lung getting worse?",
    why_it_matters=(
        "Interstitial lung disease is what people with antisynthetase and MDA5 antibodies die of, and it advances "
        "without a word from the muscle: neither strength nor CK shows it."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    phrase=phrase,
    one_line=one_line_for_all,
    shown=("before", "latest"),
    worse=worse,
    parameters=Parameters,
    subject="measure",
    reads=(*MEASURES, DYSPNOEA),
    quiet_when_untold=True,
    several_series=True,
    sources=(
        Source(
            "Suggested criteria of progressive fibrosis in clinical practice",
            2022,
            "table 2 of a review, PMC8782547",
            "seen",
            "relative fall of FVC by 10 % or DLCO by 15 % within 24 months; 5 to 10 % of FVC with symptoms or CT",
        ),
        Source(
            "ATS/ERS/JRS/ALAT: progressive pulmonary fibrosis",
            2022,
            "read through a secondary page (Medscape)",
            "seen",
            "absolute fall of FVC by 5 or of DLCO by 10 points within a year, one of two signs asked for",
        ),
        Source("Two tests in a row, or one against the mean", None, "our reading of these criteria", "default"),
    ),
    known_false_alarms=(
        "poor effort, another device or another laboratory's reference values",
        "weak breathing muscles, which lower FVC and leave the lung itself alone",
        "anaemia, where DLCO was not corrected for haemoglobin",
        "infection or fluid around the lung at the time of the test",
    ),
    clears_when="a later test lies above the line again",
    topic="lung",
    covers=("worsening",),
    limitations=(
        "Chest CT is not read. Per cent predicted is taken as sent: reference equations are not compared. The "
        "published criteria are for fibrosing lung disease of any cause, not for myositis alone."
    ),
    catalogue=("LUNG-01",),
    examples=(
        Example(
            title="FVC 84, 82, 83, then 72: one test a meaningful fall below the mean before",
            observations=(
                {"measure": FVC, "value": 84, "day": -420},
                {"measure": FVC, "value": 82, "day": -300},
                {"measure": FVC, "value": 83, "day": -150},
                {"measure": FVC, "value": 72, "day": -3},
            ),
            expect={"subject": FVC, "state": MET, "grade": POSSIBLE, "severity": ACTION, "since": -3},
        ),
        Example(
            title="FVC 84, then 75 and 74: two tests in a row",
            observations=(
                {"measure": FVC, "value": 84, "day": -300},
                {"measure": FVC, "value": 75, "day": -120},
                {"measure": FVC, "value": 74, "day": -3},
            ),
            expect={"subject": FVC, "state": MET, "grade": CONFIRMED, "severity": ACTION, "since": -120},
        ),
        Example(
            title="FVC low and steady",
            observations=(
                {"measure": FVC, "value": 58, "day": -300},
                {"measure": FVC, "value": 56, "day": -150},
                {"measure": FVC, "value": 57, "day": -3},
            ),
            expect={"subject": FVC, "state": NOT_MET},
        ),
        Example(
            title="DLCO 70 to 58 of predicted",
            observations=(
                {"measure": DLCO, "value": 70, "day": -200},
                {"measure": DLCO, "value": 58, "day": -3},
            ),
            expect={"subject": DLCO, "state": MET, "grade": POSSIBLE, "severity": ACTION, "since": -3},
        ),
        Example(
            title="FVC 80 to 74 with shortness of breath",
            observations=(
                {"measure": FVC, "value": 80, "day": -200},
                {"measure": FVC, "value": 74, "day": -3},
            ),
            events=({"event": DYSPNOEA, "day": -10},),
            expect={"subject": FVC, "state": MET, "grade": POSSIBLE, "severity": WATCH, "since": -3},
        ),
        Example(
            title="FVC 80 to 74 and nothing else",
            observations=(
                {"measure": FVC, "value": 80, "day": -200},
                {"measure": FVC, "value": 74, "day": -3},
            ),
            expect={"subject": FVC, "state": NOT_MET},
        ),
        Example(
            title="one test cannot tell",
            observations=({"measure": FVC, "value": 74, "day": -3},),
            expect={"subject": FVC, "state": CANNOT_TELL},
        ),
    ),
)
