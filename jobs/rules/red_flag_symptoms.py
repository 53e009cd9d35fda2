"""Is there a sign that cannot wait until the next visit?

Looked at: difficulty swallowing, shortness of breath, absent reflexes, the strength of breathing in, vital capacity,
and weakness or raised CK after a checkpoint inhibitor. What counts: the newest word on each sign. A symptom without an
end is taken to be there for four weeks; after that nobody knows, and we say so. It is over when somebody says so.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.array_newest import (
    FAR,
    NewestEvent,
    NewestValue,
    dates,
    newest_event,
    newest_value,
    next_after,
    strength_verdicts,
)
from jobs.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    Example,
    Rule,
    Source,
    assessments,
    day_text,
    empty,
    number,
    parameter,
)
from models.frames import Frames
from models.list_order import Danger
from models.vocabulary import drug, events

SYMPTOMS = ("dysphagia", "dyspnoea", "areflexia")
CHECKPOINT = "checkpoint-inhibitor"


# ------------------------------------------------------------------------------------------------------------ the rule


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


@dataclass
class _Sign:
    patient: int
    subject: str
    state: str
    since: int = FAR
    recheck: int = FAR
    evidence: tuple[str, ...] = ()
    because: str | None = None
    said: str = ""


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient and sign on which there is a word on file."""
    today = int(np.datetime64(as_of, "D").astype("int64"))
    who = frames.patients.index.to_numpy(dtype="int64")
    if not len(who):
        return empty()
    signs: list[_Sign] = []
    there = {kind: newest_event(frames, kind, who) for kind in SYMPTOMS}
    for kind, event in there.items():
        signs += _symptom(kind, event, who, today, parameters)
    signs += _breath(newest_value(frames, "nif", who), who, today, parameters)
    signs += _capacity(frames, today, parameters)
    weak = np.zeros(len(who), dtype=bool)
    for kind in ("dysphagia", "dyspnoea"):
        weak |= there[kind].still_there(today, parameters.symptom_days)
    signs += _checkpoint(frames, who, weak, there, today, parameters)
    if not signs:
        return empty()
    return assessments(
        patient_id=np.array([sign.patient for sign in signs], dtype="int64"),
        subject=[sign.subject for sign in signs],
        state=[sign.state for sign in signs],
        severity=[URGENT if sign.state == MET else None for sign in signs],
        since=dates([sign.since if sign.state == MET else FAR for sign in signs]),
        recheck_on=dates([sign.recheck if sign.recheck > today else FAR for sign in signs]),
        evidence=[sign.evidence for sign in signs],
        cannot_tell_because=[sign.because for sign in signs],
        said=np.array([sign.said for sign in signs], dtype=object),
    )


def _symptom(kind: str, event: NewestEvent, who: series.Ints, today: int, parameters: Parameters) -> list[_Sign]:
    there = event.still_there(today, parameters.symptom_days)
    forgotten = event.forgotten(today, parameters.symptom_days, parameters.reach_days)
    label = events()[kind].label
    signs = []
    for place in np.flatnonzero(event.day > -FAR):
        day, end = int(event.day[place]), int(event.end[place])
        sign = _Sign(int(who[place]), kind, NOT_MET, evidence=(f"e{event.id[place]}",))
        when = day_text(np.datetime64(day, "D"))
        if there[place]:
            sign.state, sign.since = MET, day
            until = f", expected to last until {day_text(np.datetime64(end, 'D'))}" if end > -FAR else ""
            sign.said = f"{label}, recorded on {when}{until}"
            sign.recheck = (end if end > -FAR else day + parameters.symptom_days) + 1
        elif forgotten[place]:
            sign.state = CANNOT_TELL
            sign.because = f"recorded on {when} and never mentioned again"
            sign.said = label
            sign.recheck = day + parameters.reach_days + 1
        elif event.present[place] and end > -FAR:
            sign.said = f"{label}: over since {day_text(np.datetime64(end, 'D'))}"
        elif event.present[place]:
            sign.said = f"{label}: last recorded on {when}, too long ago to ask about"
        else:
            sign.said = f"{label}: absent on {when}"
        signs.append(sign)
    return signs


def _breath(nif: NewestValue, who: series.Ints, today: int, parameters: Parameters) -> list[_Sign]:
    signs = []
    for place in np.flatnonzero(nif.day > -FAR):
        day, value, bound = int(nif.day[place]), float(nif.value[place]), str(nif.comparator[place])
        said = f"negative inspiratory force {bound}{number(value)} cmH2O on {day_text(np.datetime64(day, 'D'))}"
        sign = _Sign(int(who[place]), "nif", NOT_MET, evidence=(f"o{nif.id[place]}",), said=said)
        weak = value <= parameters.weakest_nif if bound == "<" else value < parameters.weakest_nif
        unclear = (bound == "<" and not weak) or (bound == ">" and weak)
        _judge(sign, day, weak, unclear, today, parameters)
        signs.append(sign)
    return signs


def _capacity(frames: Frames, today: int, parameters: Parameters) -> list[_Sign]:
    rows = frames.observations("fvc_percent")
    groups = series.groups_of(rows["patient_id"].to_numpy())
    day, value = series.day_numbers(rows["day"].to_numpy()), rows["value"].to_numpy()
    patient, identifier = rows["patient_id"].to_numpy(), rows["id"].to_numpy()
    signs = []
    for first, last in zip(groups.first.tolist(), groups.last.tolist(), strict=True):
        if today - day[last] > parameters.fvc_reference_days:
            continue  # so old that the values before it may not have been read any more
        before = np.arange(first, last)
        before = before[day[last] - day[before] <= parameters.fvc_reference_days]
        if not len(before):
            continue  # one value alone is no fall
        best = int(before[np.argmax(value[before])])
        sign = _Sign(
            int(patient[last]),
            "fvc_percent",
            NOT_MET,
            evidence=(f"o{identifier[best]}", f"o{identifier[last]}"),
            said=(
                f"forced vital capacity {number(value[last])} % of predicted on "
                f"{day_text(np.datetime64(int(day[last]), 'D'))}, "
                f"{number(value[best])} % on {day_text(np.datetime64(int(day[best]), 'D'))}"
            ),
        )
        fell = bool(value[last] < (1 - parameters.fvc_fall) * value[best] - 1e-9)
        _judge(sign, int(day[last]), fell, False, today, parameters)
        if sign.state == CANNOT_TELL:
            sign.recheck = int(day[last]) + parameters.fvc_reference_days + 1
        signs.append(sign)
    return signs


def _judge(sign: _Sign, day: int, bad: bool, unclear: bool, today: int, parameters: Parameters) -> None:
    """State of a measured sign: too old or only a bound cannot tell."""
    if today - day > parameters.latest_days:
        sign.state, sign.because = CANNOT_TELL, f"no newer value than {day_text(np.datetime64(day, 'D'))}"
        return
    sign.recheck = day + parameters.latest_days + 1
    if unclear:
        sign.state, sign.because = CANNOT_TELL, "the value is only a bound"
    elif bad:
        sign.state, sign.since = MET, day


def _checkpoint(
    frames: Frames,
    who: series.Ints,
    weak: series.Bools,
    there: Mapping[str, NewestEvent],
    today: int,
    parameters: Parameters,
) -> list[_Sign]:
    """Weakness or raised CK of everyone who had a checkpoint inhibitor lately."""
    given = _checkpoint_doses(frames, today, parameters.checkpoint_days)
    if not given:
        return []
    verdicts = strength_verdicts(frames, who)
    enzyme = newest_value(frames, "ck", who)
    fresh = today - enzyme.day <= parameters.latest_days
    with np.errstate(invalid="ignore"):
        raised = fresh & (enzyme.times_limit > parameters.raised_ck) & (enzyme.comparator != "<")
    signs = []
    for patient, (name, last, facts) in sorted(given.items()):
        place = int(np.searchsorted(who, patient))
        sign = _Sign(patient, CHECKPOINT, NOT_MET, evidence=facts)
        if last > -FAR:
            said = [f"{name} until {day_text(np.datetime64(last, 'D'))}" if last < today else f"{name} still given"]
        else:
            said = ["myositis under a checkpoint inhibitor"]
        recheck = [int(verdicts.recheck[place])]
        if last > -FAR:
            recheck += [last + 1, last + parameters.checkpoint_days + 1]
        since: list[int] = []
        if verdicts.met[place]:
            said.append(f"weaker since {day_text(np.datetime64(int(verdicts.since[place]), 'D'))}")
            since.append(int(verdicts.since[place]))
            sign.evidence += verdicts.facts.get(place, ())
        for kind in ("dysphagia", "dyspnoea"):
            event = there[kind]
            if weak[place] and event.still_there(today, parameters.symptom_days)[place]:
                said.append(f"{events()[kind].label.lower()} on {day_text(np.datetime64(int(event.day[place]), 'D'))}")
                since.append(int(event.day[place]))
                sign.evidence += (f"e{event.id[place]}",)
                end = int(event.end[place])
                recheck.append((end if end > -FAR else int(event.day[place]) + parameters.symptom_days) + 1)
        if fresh[place]:
            recheck.append(int(enzyme.day[place]) + parameters.latest_days + 1)
        if raised[place]:
            when = day_text(np.datetime64(int(enzyme.day[place]), "D"))
            said.append(f"CK {number(enzyme.times_limit[place])} times its limit on {when}")
            since.append(int(enzyme.day[place]))
            sign.evidence += (f"o{enzyme.id[place]}",)
        if since:
            sign.state, sign.since = MET, min(since)
        elif not fresh[place] or np.isnan(enzyme.times_limit[place]):
            sign.state = CANNOT_TELL
            sign.because = f"no CK with its limit in the last {parameters.latest_days} days"
        sign.said = "; ".join(said)
        sign.recheck = int(next_after(today, *recheck))
        signs.append(sign)
    return signs


def _checkpoint_doses(frames: Frames, today: int, within: int) -> dict[int, tuple[str, int, tuple[str, ...]]]:
    """Patient -> drug, last day it was given (-FAR: only the diagnosis says so), statement ids."""
    found: dict[int, tuple[str, int, tuple[str, ...]]] = {}
    diagnosed = frames.patients.index[(frames.patients["diagnosis"] == "ICI_MYOSITIS").to_numpy()]
    for patient in diagnosed.tolist():
        found[int(patient)] = ("", -FAR, ())
    table = frames.medications
    if table.empty:
        return found
    names = pd.unique(table["drug"])
    wanted = [name for name in names if (known := drug(str(name))) is not None and known.has_class(CHECKPOINT)]
    for row in np.flatnonzero(table["drug"].isin(wanted).to_numpy()).tolist():
        start = int(series.day_numbers(table["start"].to_numpy()[row : row + 1])[0])
        end = table["end"].to_numpy()[row]
        last = today if np.isnat(end) else int(end.astype("datetime64[D]").astype("int64"))
        if table["frequency"].iloc[row] == "once" or (table["status"].iloc[row] == "stopped" and np.isnat(end)):
            last = start
        last = min(last, today)
        if today - last > within:
            continue
        patient = int(table["patient_id"].iloc[row])
        before = found.get(patient, ("", -FAR, ()))
        newer = last >= before[1]
        found[patient] = (
            str(table["drug"].iloc[row]) if newer else before[0],
            max(last, before[1]),
            (*before[2], f"m{table['id'].iloc[row]}"),
        )
    return found


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
        "nif": "see today: breathing muscles, repeat the test",
        "fvc_percent": "see today: breathing muscles or lung, repeat the test",
        CHECKPOINT: "see today: troponin I, ECG, echocardiogram, breathing and swallowing; call the oncologist",
    }[str(row["subject"])]


ENDANGERS = {
    "dyspnoea": Danger.BREATHING,
    "nif": Danger.BREATHING,
    "fvc_percent": Danger.BREATHING,
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
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="sign",
    reads=(*SYMPTOMS, "nif", "fvc_percent", "ck", "medications", "declining-strength"),
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
    ),
    known_false_alarms=(
        "shortness of breath from a known lung disease, anaemia or an infection",
        "poor effort or an ill-fitting mouthpiece in a breathing test",
        "CK raised for another reason in somebody who had a checkpoint inhibitor",
    ),
    clears_when="the sign is recorded as absent or ended, or a later test is above the limit",
    after=("declining-strength",),
    topic="danger",
    limitations=(
        "A list for review on the same day, not an emergency monitor: what nobody entered is not seen. The limits for "
        "breathing were derived in another disease."
    ),
    catalogue=("RESP-01", "RESP-02", "SAFE-15", "PH-07", "PH-08"),
    danger=ENDANGERS.get,
    examples=(
        Example(
            title="difficulty swallowing reported two days ago",
            events=({"event": "dysphagia", "day": -2},),
            expect={"subject": "dysphagia", "state": MET, "severity": URGENT, "since": -2},
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
