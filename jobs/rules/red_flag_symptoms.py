"""Is there a sign that cannot wait until the next visit?

Looked at: difficulty swallowing, shortness of breath, absent reflexes, bleeding from the gut, in juvenile disease pain
in the abdomen, the strength of breathing in, vital capacity, oxygen saturation at rest, and weakness or raised CK after
a checkpoint inhibitor. What counts: the newest word on each
sign. A symptom without an end is taken to be there for four weeks; after that nobody knows, and we say so. It is over
when somebody says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.newest import forgotten, lasts_until, next_after, still_there, strength_verdict
from jobs.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    Answer,
    Example,
    Rule,
    Source,
    apart,
    day_text,
    number,
    parameter,
    stretch,
)
from models.list_order import Danger
from models.patient_facts import Happening, PatientFacts, Reading
from models.states import Cause
from models.vocabulary import drug, events, remembered

BELLY = "abdominal_pain"
"""A red flag in juvenile disease, whose vessels of the gut can be inflamed: the bowel may be about to perforate."""
SYMPTOMS = ("dysphagia", "dyspnoea", "areflexia", "gastrointestinal_bleeding", BELLY)
CHECKPOINT = "checkpoint-inhibitor"
SATURATION = "oxygen_saturation"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the red-flag-symptoms rule."""

    symptom_days: int = parameter(
        28, unit="days", low=3, high=90, meaning="a symptom recorded without an end is taken to be there this long"
    )
    reach_days: int = parameter(
        182, unit="days", low=28, high=365, meaning="a symptom that nobody mentioned again is asked about this long"
    )
    latest_days: int = parameter(
        90, unit="days", low=7, high=365, meaning="an older breathing test cannot tell any more"
    )
    weakest_nif: float = parameter(
        30,
        unit="cm[H2O]",
        low=10,
        high=60,
        meaning="a breath in weaker than this is critical",
        source="20/30/40 rule of Guillain-Barre syndrome, secondary source (S38)",
        mark="seen",
    )
    fvc_fall: float = parameter(
        0.30,
        unit="share of the best value",
        low=0.1,
        high=0.6,
        meaning="a vital capacity that fell by more than this is critical",
        source="20/30/40 rule of Guillain-Barre syndrome, secondary source (S38)",
        mark="seen",
    )
    fvc_reference_days: int = parameter(
        365, unit="days", low=30, high=365, meaning="how far before the newest one the best vital capacity may lie"
    )
    lowest_saturation: float = parameter(
        90, unit="%", low=80, high=95, meaning="an oxygen saturation at rest below this is critical"
    )
    checkpoint_days: int = parameter(
        180, unit="days", low=30, high=730, meaning="how long after its last dose a checkpoint inhibitor counts"
    )
    raised_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=10,
        meaning="CK above this is raised",
        source="EFNS 2010 / EAN 2024 (S29)",
        mark="seen",
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for each sign on which there is a word on file."""
    symptoms = _newest_symptoms(patient)
    for kind in SYMPTOMS:
        if kind in symptoms:
            yield _symptom(symptoms[kind], as_of, parameters)
    breath = patient.latest("nif")
    if breath is not None:
        yield _breath(breath, as_of, parameters)
    capacity = _capacity(patient, as_of, parameters)
    if capacity is not None:
        yield capacity
    saturation = patient.latest(SATURATION)
    if saturation is not None:
        yield _saturation(saturation, as_of, parameters)
    given = checkpoint_doses(patient, as_of, parameters.checkpoint_days)
    if given is not None:
        yield _checkpoint(patient, given, symptoms, as_of, parameters)


def _newest_symptoms(patient: PatientFacts) -> dict[str, Happening]:
    """The newest record of each symptom."""
    found = {one.event: one for one in patient.happenings if one.event in SYMPTOMS}
    if not patient.is_juvenile:
        found.pop(BELLY, None)
    return found


def _symptom(event: Happening, today: int, parameters: Parameters) -> Answer:
    kind, day, end = event.event, event.day, event.end
    label, when = _label(kind), day_text(day)
    evidence = (event.fact,)
    if still_there(event, today, parameters.symptom_days):
        until = "" if end is None else f", expected to last until {day_text(end)}"
        return Answer(
            kind,
            MET,
            severity=URGENT,
            since=day,
            recheck_on=lasts_until(event, parameters.symptom_days) + 1,
            evidence=evidence,
            numbers={"said": f"{label}, recorded on {when}{until}"},
        )
    if forgotten(event, today, parameters.symptom_days, parameters.reach_days):
        return Answer(
            kind,
            CANNOT_TELL,
            recheck_on=day + parameters.reach_days + 1,
            evidence=evidence,
            cannot_tell_because=f"recorded on {when} and never mentioned again",
            cause=Cause.STALE,
            numbers={"said": label},
        )
    if not event.present:
        said = f"{label}: absent on {when}"
    elif end is not None:
        said = f"{label}: lasted until {day_text(end)}"
    else:
        said = f"{label}: last recorded on {when}, too long ago to ask about"
    return Answer(kind, NOT_MET, evidence=evidence, numbers={"said": said})


def _breath(newest: Reading, today: int, parameters: Parameters) -> Answer:
    value, bound = newest.value, newest.comparator
    weak = value <= parameters.weakest_nif if bound == "<" else value < parameters.weakest_nif
    unclear = (bound == "<" and not weak) or (bound == ">" and weak)
    shown = apart(value, parameters.weakest_nif)
    said = f"negative inspiratory force {bound}{shown} cmH2O on {day_text(newest.day)}"
    return _judged("nif", newest.day, weak, unclear, said, (newest.fact,), today, parameters)


def _capacity(patient: PatientFacts, today: int, parameters: Parameters) -> Answer | None:
    """The newest vital capacity against the best of the year before it; None where there is nothing to compare."""
    series = patient.series("fvc_percent")
    if not series:
        return None
    newest, reach = series[-1], parameters.fvc_reference_days
    if today - newest.day > reach:
        return None  # so old that the values before it may not have been read any more
    before = [one for one in series[:-1] if newest.day - one.day <= reach]
    if not before:
        return None  # one value alone is no fall
    best = max(before, key=lambda one: one.value)
    critical = (1 - parameters.fvc_fall) * best.value
    fell = newest.value < critical - 1e-9
    said = (
        f"forced vital capacity {apart(newest.value, critical)} % of predicted on {day_text(newest.day)}, the best of "
        f"the year before {number(best.value, 2)} % on {day_text(best.day)}"
    )
    judged = _judged("fvc_percent", newest.day, fell, False, said, (best.fact, newest.fact), today, parameters)
    return judged._replace(recheck_on=next_after(today, judged.recheck_on, newest.day + reach + 1))


def _saturation(newest: Reading, today: int, parameters: Parameters) -> Answer:
    """An old one that was not low is no reason to measure again; an old one that was low is."""
    value, least = newest.value, parameters.lowest_saturation
    low = value <= least if newest.comparator == "<" else value < least
    said = f"oxygen saturation {newest.comparator}{number(value)} % on {day_text(newest.day)}"
    if not low:
        return Answer(SATURATION, NOT_MET, evidence=(newest.fact,), numbers={"said": said})
    unclear = newest.comparator == ">"
    return _judged(SATURATION, newest.day, True, unclear, said, (newest.fact,), today, parameters)


def _judged(
    subject: str,
    day: int,
    bad: bool,
    unclear: bool,
    said: str,
    evidence: tuple[str, ...],
    today: int,
    parameters: Parameters,
) -> Answer:
    """A measured sign: one that is too old, or only a bound, cannot tell."""
    numbers = {"said": said}
    if today - day > parameters.latest_days:
        because = f"no newer value than {day_text(day)}"
        return Answer(
            subject, CANNOT_TELL, evidence=evidence, cannot_tell_because=because, cause=Cause.STALE, numbers=numbers
        )
    recheck_on = day + parameters.latest_days + 1
    if unclear:
        return Answer(
            subject,
            CANNOT_TELL,
            recheck_on=recheck_on,
            evidence=evidence,
            cannot_tell_because="the value is only a bound",
            cause=Cause.NOT_ON_FILE,
            numbers=numbers,
        )
    if not bad:
        return Answer(subject, NOT_MET, recheck_on=recheck_on, evidence=evidence, numbers=numbers)
    return Answer(subject, MET, severity=URGENT, since=day, recheck_on=recheck_on, evidence=evidence, numbers=numbers)


class CheckpointDoses(NamedTuple):
    """A checkpoint inhibitor given lately; without a `drug` only the diagnosis says so.

    `last` is at most today; `changes` are the days on which this would read differently with no new fact.
    """

    drug: str = ""
    last: int | None = None
    facts: tuple[str, ...] = ()
    changes: tuple[int, ...] = ()


def checkpoint_doses(patient: PatientFacts, today: int, within: int) -> CheckpointDoses | None:
    """The checkpoint inhibitor given last, if that is not too long ago."""
    found = CheckpointDoses() if patient.diagnosis == "ICI_MYOSITIS" else None
    for one in patient.statements:
        if not _is_checkpoint_inhibitor(one.drug):
            continue
        ended = one.start if one.frequency == "once" or (one.status == "stopped" and one.end is None) else one.end
        last = today if ended is None else min(ended, today)
        if today - last > within:
            continue
        before = found or CheckpointDoses()
        newer = before.last is None or last >= before.last
        found = CheckpointDoses(
            one.drug if newer else before.drug,
            last if before.last is None else max(last, before.last),
            (*before.facts, one.fact),
            before.changes if ended is None else (*before.changes, ended + 1, ended + within + 1),
        )
    return found


@remembered(maxsize=512)
def _is_checkpoint_inhibitor(name: str) -> bool:
    row = drug(name)
    return row is not None and row.has_class(CHECKPOINT)


def _checkpoint(
    patient: PatientFacts,
    given: CheckpointDoses,
    symptoms: Mapping[str, Happening],
    today: int,
    parameters: Parameters,
) -> Answer:
    """Weakness or raised CK of somebody who had a checkpoint inhibitor lately."""
    if given.last is None:
        said = ["myositis under a checkpoint inhibitor"]
    else:
        said = [f"{given.drug} still given" if given.last == today else f"{given.drug} until {day_text(given.last)}"]
    recheck: list[int | None] = [*given.changes]
    since: list[int] = []
    evidence = given.facts
    weaker = strength_verdict(patient)
    recheck.append(weaker.recheck_on)
    if weaker.met and weaker.since is not None:
        said.append(f"weaker since {day_text(weaker.since)}")
        since.append(weaker.since)
        evidence += weaker.facts
    for kind in ("dysphagia", "dyspnoea"):
        event = symptoms.get(kind)
        if event is not None and still_there(event, today, parameters.symptom_days):
            said.append(f"{_label(kind).lower()} on {day_text(event.day)}")
            since.append(event.day)
            evidence += (event.fact,)
            recheck.append(lasts_until(event, parameters.symptom_days) + 1)
    enzyme = patient.latest("ck")
    fresh = enzyme if enzyme is not None and today - enzyme.day <= parameters.latest_days else None
    times_limit = None if fresh is None else fresh.times_limit
    if fresh is not None:
        recheck.append(fresh.day + parameters.latest_days + 1)
        if times_limit is not None and times_limit > parameters.raised_ck and fresh.comparator != "<":
            times = apart(times_limit, parameters.raised_ck)
            said.append(f"CK {fresh.comparator}{times} times its limit on {day_text(fresh.day)}")
            since.append(fresh.day)
            evidence += (fresh.fact,)
    answer = Answer(
        CHECKPOINT,
        NOT_MET,
        recheck_on=next_after(today, *recheck),
        evidence=evidence,
        numbers={"said": "; ".join(said)},
    )
    if since:
        return answer._replace(state=MET, severity=URGENT, since=min(since))
    if times_limit is None:
        because = f"no CK with its limit in the last {parameters.latest_days} days"
        cause = Cause.NO_LIMIT if fresh is not None else Cause.NOT_ON_FILE if enzyme is None else Cause.STALE
        return answer._replace(state=CANNOT_TELL, cannot_tell_because=because, cause=cause)
    return answer


@remembered(maxsize=len(SYMPTOMS))
def _label(symptom: str) -> str:
    return events()[symptom].label


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The sign with its value and day."""
    said = str(row["said"])
    said = said[:1].upper() + said[1:]
    if row["state"] == CANNOT_TELL:
        return f"{said}: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{said}: no red flag." if row["subject"] not in SYMPTOMS else f"{said}."
    if row["subject"] == "nif":
        return f"{said}: weaker than {number(parameters.weakest_nif)} cmH2O."
    if row["subject"] == SATURATION:
        return f"{said}: below {number(parameters.lowest_saturation)} %."
    if row["subject"] == "fvc_percent":
        return f"{said}: a fall of more than {number(100 * parameters.fvc_fall)} %."
    return f"{said}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "ask the patient today" if row["subject"] in SYMPTOMS else "measure again"
    if row["state"] == NOT_MET:
        return ""
    return {
        "dysphagia": "see today: swallowing and aspiration risk, vital capacity",
        "dyspnoea": "see today: vital capacity and inspiratory force; infection, lung and heart",
        "areflexia": "see today: a disease of the nerves (Guillain-Barre syndrome) has to be excluded",
        BELLY: f"see today: {_GUT}",
        "gastrointestinal_bleeding": f"see today: blood count, drugs that make bleeding likelier; in a child {_GUT}",
        "nif": "see today: breathing muscles, repeat the test",
        "fvc_percent": "see today: breathing muscles or lung, repeat the test",
        SATURATION: "see today: repeat on a warm finger; infection, lung, breathing muscles, clot; oxygen",
        CHECKPOINT: "see today: troponin I, ECG, echocardiogram, breathing and swallowing; call the oncologist",
    }[str(row["subject"])]


_GUT = (
    "inflamed vessels of the gut (under steroid the abdomen can be quiet): stool for blood, imaging, surgeon and "
    "expert centre early"
)


ENDANGERS = {
    "dyspnoea": Danger.BREATHING,
    "nif": Danger.BREATHING,
    "fvc_percent": Danger.BREATHING,
    SATURATION: Danger.BREATHING,
    "dysphagia": Danger.SWALLOWING,
}


RULE = Rule(
    key="red-flag-symptoms",
    title="Red flags",
    question="Is there a sign that cannot wait until the next visit?",
    why_it_matters=(
        "Swallowing, breathing and the heart are where myositis kills. These signs are reported by telephone "
        "or stand in "
        "a note, and are lost there."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="sign",
    reads=(*SYMPTOMS, "nif", "fvc_percent", SATURATION, "ck", "medications", "declining-strength"),
    sources=(
        Source(
            "Respiratory limits in neuromuscular weakness",
            None,
            "20/30/40 rule; a secondary source",
            "seen",
            "derived in Guillain-Barre syndrome",
        ),
        Source(
            "ASCO: myositis under immune checkpoint inhibitors",
            2021,
            "guideline on immune-related adverse events, 5.2",
            "seen",
        ),
        Source(
            "Refractory muscle pain",
            2025,
            "educational page, not a guideline",
            "seed",
            "breathing tests with swallowing or breathing trouble",
        ),
        Source(
            "Methylprednisolone pulse therapy in myositis",
            2025,
            "educational page, not a guideline",
            "seed",
            "vasculopathy of the gut in juvenile dermatomyositis asks for more treatment",
        ),
    ),
    known_false_alarms=(
        "shortness of breath from a known lung disease, anaemia or an infection",
        "poor effort or an ill-fitting mouthpiece in a breathing test",
        "cold or painted fingers, which lower the reading of an oximeter",
        "CK raised for another reason in somebody who had a checkpoint inhibitor",
    ),
    clears_when="the sign is recorded as absent or ended, or a later test is on the safe side of its limit",
    in_time=lambda limits: (
        f"a symptom that nobody mentioned again is more than {stretch(limits.reach_days)} ago, the last dose of a "
        f"checkpoint inhibitor more than {stretch(limits.checkpoint_days)}, or a vital capacity more than "
        f"{stretch(limits.fvc_reference_days)}"
    ),
    after=("declining-strength",),
    topic="danger",
    limitations=(
        "A list for review on the same day, not an emergency monitor: what nobody entered is not seen. The limits for "
        "breathing were derived in another disease."
    ),
    version="1.2.0",
    changed=(
        "Oxygen saturation at rest is read; bleeding from the gut and, in juvenile disease, pain in the abdomen are "
        "red flags. Wording: the value with the digits that decide."
    ),
    catalogue=("RESP-01", "RESP-02", "SAFE-15", "PH-07", "PH-08", "ESC-04"),
    danger=ENDANGERS.get,
    examples=(
        Example(
            title="difficulty swallowing reported two days ago",
            events=({"event": "dysphagia", "day": -2},),
            expect={"subject": "dysphagia", "state": MET, "severity": URGENT, "since": -2},
        ),
        Example(
            title="juvenile dermatomyositis, pain in the abdomen since yesterday",
            patient={"age_years": 9, "diagnosis": "JDM"},
            events=({"event": "abdominal_pain", "day": -1},),
            expect={"subject": "abdominal_pain", "state": MET, "severity": URGENT, "since": -1},
        ),
        Example(
            title="recorded as gone",
            events=({"event": "dysphagia", "day": -9}, {"event": "dysphagia", "day": -1, "present": "no"}),
            expect={"subject": "dysphagia", "state": NOT_MET},
        ),
        Example(
            title="five weeks ago and never mentioned again",
            events=({"event": "dyspnoea", "day": -35},),
            expect={"subject": "dyspnoea", "state": CANNOT_TELL},
        ),
        Example(
            title="oxygen saturation of 87 % at rest",
            observations=({"measure": SATURATION, "value": 87, "day": -1},),
            expect={"subject": SATURATION, "state": MET, "severity": URGENT, "since": -1},
        ),
        Example(
            title="inspiratory force of 28",
            observations=({"measure": "nif", "value": 28, "day": -1},),
            expect={"subject": "nif", "state": MET, "severity": URGENT, "since": -1},
        ),
        Example(
            title="exactly 30 is not weaker than 30",
            observations=({"measure": "nif", "value": 30, "day": -1},),
            expect={"subject": "nif", "state": NOT_MET},
        ),
        Example(
            title="vital capacity from 90 to 60 % of predicted",
            observations=(
                {"measure": "fvc_percent", "value": 90, "day": -100},
                {"measure": "fvc_percent", "value": 60, "day": -3},
            ),
            expect={"subject": "fvc_percent", "state": MET, "severity": URGENT, "since": -3},
        ),
        Example(
            title="pembrolizumab and CK at four times its limit",
            observations=({"measure": "ck", "value": 800, "upper_limit": 200, "day": 0},),
            medications=({"drug": "pembrolizumab", "dose": 200, "frequency": "once", "route": "iv", "start": -20},),
            expect={"subject": CHECKPOINT, "state": MET, "severity": URGENT, "since": 0},
        ),
    ),
)
