"""Is the skin disease getting worse?

Looked at: the activity score of the CDASI (0 to 100, higher is worse). What counts: a score that lies at least the
published smallest meaningful change above the mean of the patient's own scores of the year before, until a later score
comes back. What does not: damage (scars, calcinosis) is another score; a rash without a score is not judged here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    parameter,
)
from models.patient_facts import PatientFacts, Reading
from models.states import Cause

CDASI = "cdasi_activity"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the skin-activity rule, in points of the CDASI activity score."""

    step: float = parameter(
        5,
        unit="points of 100",
        low=4,
        high=15,
        meaning="a score higher by this is worse (the study found 4 points in one centre and 5 in the other)",
        source="smallest clinically significant change, Anyanwu 2015 (CDASI-2015)",
        mark="seen",
    )
    moderate: float = parameter(
        19,
        unit="points of 100",
        low=10,
        high=40,
        meaning="a score above this is moderate or severe skin disease (one centre; 14 in the other)",
        source="Anyanwu 2015 (CDASI-2015)",
        mark="seen",
    )
    latest_days: int = parameter(182, unit="days", low=60, high=365, meaning="an older score says nothing about today")
    reference_days: int = parameter(
        365, unit="days", low=90, high=730, meaning="how far back the patient's own scores count"
    )
    reference_scores: int = parameter(
        3, unit="scores", low=1, high=6, meaning="the mean of up to this many scores before is what a score is held to"
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer where the skin was scored."""
    if CDASI not in patient.measures:
        return
    series = patient.series(CDASI)
    if not series:
        return
    newest = series[-1]
    numbers: dict[str, Any] = {
        "latest": newest.value,
        "reference": None,
        "reference_scores": 0,
        "scored": day_text(newest.day),
    }
    if as_of - newest.day > parameters.latest_days:
        because = f"no newer score than {day_text(newest.day)}"
        yield Answer(
            CDASI, CANNOT_TELL, evidence=(newest.fact,), cannot_tell_because=because, cause=Cause.STALE, numbers=numbers
        )
        return
    recheck_on = next_after(as_of, newest.day + parameters.latest_days + 1)
    run = _run(series, parameters)
    own = _before(series, series.index(run[0]) if run else len(series) - 1, parameters)
    if not own:
        yield Answer(
            CDASI,
            CANNOT_TELL,
            recheck_on=recheck_on,
            evidence=(newest.fact,),
            cannot_tell_because="only one score within reach: nothing to compare it with",
            cause=Cause.NOT_ON_FILE,
            numbers=numbers,
        )
        return
    reference = _mean(own)
    numbers |= {"reference": reference, "reference_scores": len(own)}
    if not run:
        yield Answer(CDASI, NOT_MET, recheck_on=recheck_on, evidence=(newest.fact,), numbers=numbers)
        return
    lasting = len({one.day for one in run}) > 1
    much = newest.value > parameters.moderate or newest.value - reference >= 2 * parameters.step - 1e-9
    yield Answer(
        CDASI,
        MET,
        grade=CONFIRMED if lasting else POSSIBLE,
        severity=ACTION if much else WATCH,
        since=run[0].day,
        recheck_on=recheck_on,
        evidence=tuple(one.fact for one in (*own, *run)),
        numbers=numbers,
    )


def _before(series: Sequence[Reading], place: int, parameters: Parameters) -> tuple[Reading, ...]:
    """The scores on earlier days that one is held to."""
    day = series[place].day
    own = [one for one in series[:place] if one.day < day and day - one.day <= parameters.reference_days]
    return tuple(own[-parameters.reference_scores :])


def _mean(readings: Sequence[Reading]) -> float:
    return sum(one.value for one in readings) / len(readings)


def _run(series: Sequence[Reading], parameters: Parameters) -> tuple[Reading, ...]:
    """The newest scores from the first one that rose by a step, as long as none after it came back; empty without."""
    newest = series[-1]
    for place, first in enumerate(series):
        if newest.day - first.day > parameters.reference_days:
            continue
        own = _before(series, place, parameters)
        if not own:
            continue
        line = _mean(own) + parameters.step - 1e-9
        if all(one.value >= line for one in series[place:]):
            return tuple(series[place:])
    return ()


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The score against the patient's own."""
    latest = f"CDASI activity {number(row['latest'])} of 100 on {row['scored']}"
    if row["state"] == CANNOT_TELL:
        return f"{latest}: {row['cannot_tell_because']}."
    many = int(row["reference_scores"])
    own = f"the mean of the {many} scores before" if many > 1 else "the score before"
    if row["state"] == NOT_MET:
        return f"{latest}; {own}: {number(row['reference'])}. No rise by {number(parameters.step)} points that lasts."
    once = " Possible only: one score." if row["grade"] == POSSIBLE else f" Since {day_text(row['since'])}."
    return (
        f"CDASI activity {number(row['reference'])} ({own}) -> {number(row['latest'])} of 100 on {row['scored']}: "
        f"{number(parameters.step)} points are a meaningful change.{once}"
    )


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "score the skin at the next visit"
    if row["state"] == NOT_MET:
        return ""
    again = "score again, same assessor; " if row["grade"] == POSSIBLE else ""
    return f"{again}sun, itch, adherence; dermatology; muscle and lung examined too; skin that worsens may be a flare"


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Another step since somebody last looked is worse."""
    before, latest = seen.get("latest"), now.get("latest")
    if before is None or latest is None or latest < before + parameters.step:
        return None
    return f"{number(before)} -> {number(latest)} since seen"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Skin worse: CDASI 12 → 24 of 100, confirmed`."""
    row = rows[0]
    return f"Skin worse: CDASI {amount(row['reference'])} → {amount(row['latest'])} of 100, {row['grade']}"


RULE = Rule(
    key="skin-activity",
    title="Skin disease worse",
    question="Is the skin disease getting worse?",
    why_it_matters=(
        "The skin can flare while muscle and enzymes are quiet. It is what many patients suffer from most, and in "
        "adults a skin that does not settle is one of the signs that ask for a look for cancer again."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    phrase=phrase,
    worse=worse,
    parameters=Parameters,
    subject="skin score",
    reads=(CDASI,),
    quiet_when_untold=True,
    sources=(
        Source(
            "Validation of the CDASI: severity and responsiveness to clinical change",
            2015,
            "doi:10.1111/bjd.13915 (abstract)",
            "seen",
            "4 or 5 points are the smallest clinically significant change; found for improvement",
        ),
        Source("The same number of points for worsening", None, "our choice: no study was found", "default"),
    ),
    known_false_alarms=("another assessor", "sun or heat in the days before", "an infection or another rash"),
    clears_when=lambda limits: (
        f"a later score comes back to less than {number(limits.step, 2)} points above the patient's own before"
    ),
    topic="skin",
    limitations="The published change was found for improvement. Damage and calcinosis are not scored here.",
    catalogue=("SKIN-01",),
    examples=(
        Example(
            title="12 and 14, then 24",
            observations=(
                {"measure": CDASI, "value": 12, "day": -180},
                {"measure": CDASI, "value": 14, "day": -90},
                {"measure": CDASI, "value": 24, "day": -2},
            ),
            expect={"subject": CDASI, "state": MET, "grade": POSSIBLE, "severity": ACTION, "since": -2},
        ),
        Example(
            title="8, then 14 and 15: mild, and it stays",
            observations=(
                {"measure": CDASI, "value": 8, "day": -150},
                {"measure": CDASI, "value": 14, "day": -60},
                {"measure": CDASI, "value": 15, "day": -2},
            ),
            expect={"subject": CDASI, "state": MET, "grade": CONFIRMED, "severity": WATCH, "since": -60},
        ),
        Example(
            title="12 to 16 is less than a step",
            observations=(
                {"measure": CDASI, "value": 12, "day": -90},
                {"measure": CDASI, "value": 16, "day": -2},
            ),
            expect={"subject": CDASI, "state": NOT_MET},
        ),
        Example(
            title="high and steady",
            observations=(
                {"measure": CDASI, "value": 30, "day": -90},
                {"measure": CDASI, "value": 31, "day": -2},
            ),
            expect={"subject": CDASI, "state": NOT_MET},
        ),
        Example(
            title="one score",
            observations=({"measure": CDASI, "value": 30, "day": -2},),
            expect={"subject": CDASI, "state": CANNOT_TELL},
        ),
    ),
)
