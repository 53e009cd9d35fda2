"""Does a drug on the list endanger this patient?

Looked at: how often methotrexate is taken, what is taken beside it, pregnancy and lung disease on file, and blood
counts, liver enzymes and creatinine against the limits at which a drug asks for action (adults).
What counts: facts of today's drug list and the newest result. What does not: raised liver enzymes are only watched
while CK is raised, because muscle makes them too; and a limit for adults says nothing about a child.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.array_newest import FAR, NewestValue, dates, newest_event, newest_value, next_after
from jobs.array_treatment import current_courses
from jobs.phrasing import listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    WATCH,
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
from models.states import severity_rank
from models.vocabulary import ActionLimit, Drug, action_limits, diagnoses, drug, frequencies, measure

METHOTREXATE = "methotrexate"
FOLATE_BLOCKERS = ("co-trimoxazole", "trimethoprim")
TERATOGENIC = ("cyclophosphamide", "methotrexate", "mycophenolate mofetil", "mycophenolic acid")
MONITORED_CLASSES = ("conventional-sparing", "cytotoxic", "jak-inhibitor")
LIVER = ("alt", "ast")
REACH_DAYS = 365
"""How far before the newest result others are looked at."""
FREQUENCY, INTERACTION, PREGNANCY, LUNG, LIMIT = "frequency", "interaction", "pregnancy", "lung", "limit"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the drug-safety rule. The action limits themselves are rows of the vocabulary."""

    latest_days: int = parameter(90, unit="days", low=14, high=182, meaning="an older result cannot tell any more")
    raised_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=10,
        meaning="with CK above this raised liver enzymes are likely muscle",
        source="EFNS 2010 / EAN 2024 (S29); muscle as a source of transaminases (S32, secondary)",
        mark="seen",
    )
    ck_days: int = parameter(28, unit="days", low=7, high=90, meaning="how near to the liver enzyme that CK must lie")
    adult_from: int = parameter(
        18, unit="years", low=16, high=21, meaning="the limits are for adults", source="NHS SPS (S12)", mark="seen"
    )
    protection_days: int = parameter(
        365, unit="days", low=28, high=730, meaning="a recorded contraception without an end holds this long"
    )


@dataclass
class _Finding:
    patient: int
    subject: str
    issue: str
    state: str
    severity: str | None
    since: int
    recheck: int
    evidence: tuple[str, ...]
    said: str
    because: str | None = None


@dataclass(frozen=True)
class _Taken:
    """The courses of one drug: patients (sorted), first day, day after the last, statement ids."""

    patient: series.Ints
    start: series.Ints
    ends: series.Ints
    ids: np.ndarray

    def rows_of(self, patient: int) -> int:
        """The row of a patient, -1 where the drug is not taken."""
        place = int(np.searchsorted(self.patient, patient))
        return place if place < len(self.patient) and self.patient[place] == patient else -1


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient and issue: those found, those nobody can tell, and results inside the limits of a drug."""
    courses = current_courses(frames)
    if courses.empty:
        return empty()
    today = int(np.datetime64(as_of, "D").astype("int64"))
    panel = frames.patients.index.to_numpy(dtype="int64")
    taken = _taken(courses)
    findings = [
        *_not_weekly(frames, taken, today),
        *_with_folate_blocker(taken, today),
        *_with_pregnancy(frames, taken, panel, today, parameters),
        *_with_lung_disease(frames, taken, panel, today),
        *_beyond_limits(frames, as_of, taken, panel, today, parameters),
    ]
    if not findings:
        return empty()
    findings.sort(key=lambda one: (one.patient, one.subject))
    return assessments(
        patient_id=np.array([one.patient for one in findings], dtype="int64"),
        subject=[one.subject for one in findings],
        state=[one.state for one in findings],
        severity=[one.severity if one.state == MET else None for one in findings],
        since=dates([one.since if one.state == MET else FAR for one in findings]),
        recheck_on=dates([one.recheck for one in findings]),
        evidence=[one.evidence for one in findings],
        cannot_tell_because=[one.because for one in findings],
        issue=np.array([one.issue for one in findings], dtype=object),
        said=np.array([one.said for one in findings], dtype=object),
    )


def _taken(courses: pd.DataFrame) -> dict[str, _Taken]:
    """Courses by the vocabulary's name of the drug."""
    out: dict[str, _Taken] = {}
    names = courses["drug"].to_numpy().astype(str)
    for name in np.unique(names):
        row = drug(name)
        if row is None:
            continue
        mine = courses[names == name]
        order = np.argsort(mine["patient_id"].to_numpy(), kind="stable")
        out[row.key] = _Taken(
            mine["patient_id"].to_numpy(dtype="int64")[order],
            mine["start"].to_numpy(dtype="int64")[order],
            mine["through"].to_numpy(dtype="int64")[order] + 1,
            mine["ids"].to_numpy()[order],
        )
    return out


def _label(name: str) -> str:
    row = drug(name)
    return row.label if row else name


def _when(day: int) -> str:
    return day_text(np.datetime64(day, "D"))


def _not_weekly(frames: Frames, taken: Mapping[str, _Taken], today: int) -> list[_Finding]:
    """Methotrexate more often than once in seven days, by one statement or by several at the same time (IS-08)."""
    if METHOTREXATE not in taken:
        return []
    table = frames.medications
    codes, names = pd.factorize(table["drug"].to_numpy())
    wanted = np.array([(row := drug(str(name))) is not None and row.key == METHOTREXATE for name in names], dtype=bool)
    start = series.day_numbers(table["start"].to_numpy())
    raw = table["end"].to_numpy()
    end = np.where(np.isnat(raw), FAR, series.day_numbers(raw))
    current = np.flatnonzero(wanted[codes] & (codes >= 0) & (start <= today) & (end >= today))
    stopped = (table["status"].to_numpy()[current] == "stopped") & np.isnat(raw[current])
    current = current[~stopped]
    known = frequencies()
    findings = []
    patient = table["patient_id"].to_numpy()[current]
    groups = series.groups_of(patient)
    frequency, identifier = table["frequency"].to_numpy(), table["id"].to_numpy()
    for first, last in zip(groups.first.tolist(), groups.last.tolist(), strict=True):
        rows = current[first : last + 1]
        every = [known.get(str(frequency[row])) for row in rows]
        # A single dose is not a rhythm; an unknown rhythm is not known to be weekly.
        repeated = [
            (row, one) for row, one in zip(rows.tolist(), every, strict=True) if one is None or one.doses_per_day
        ]
        unknown = [row for row, one in repeated if one is None]
        per_week = sum(7 * (one.doses_per_day or 0.0) for _, one in repeated if one is not None)
        if per_week <= 1 + 1e-9 and not unknown:
            continue
        identifiers = tuple(f"m{identifier[row]}" for row, _ in repeated)
        recheck = int(next_after(today, *(int(end[row]) + 1 for row, _ in repeated))) if repeated else FAR
        finding = _Finding(
            int(patient[first]), f"{METHOTREXATE}:frequency", FREQUENCY, NOT_MET, URGENT, FAR, recheck, identifiers, ""
        )
        if per_week > 1 + 1e-9:
            finding.state = MET
            finding.since = max(int(start[row]) for row, _ in repeated)
            if all(one is None or 7 * (one.doses_per_day or 0) <= 1 + 1e-9 for _, one in repeated):
                finding.severity = ACTION  # two weekly prescriptions: most often an old one that was left open
            how = " and ".join(
                f"{number(float(table['dose'].iloc[row]))} {table['unit'].iloc[row]} {one.label if one else 'unknown'}"
                for row, one in repeated
            )
            finding.said = f"Methotrexate is on the list as {how}: more than one dose in seven days"
        else:
            finding.state, finding.because = CANNOT_TELL, "how often it is taken is not known"
            finding.said = "Methotrexate must not be taken more than once a week"
        findings.append(finding)
    return findings


def _with_folate_blocker(taken: Mapping[str, _Taken], today: int) -> list[_Finding]:
    """Methotrexate together with trimethoprim, alone or in co-trimoxazole (SAFE-05)."""
    findings: list[_Finding] = []
    mine = taken.get(METHOTREXATE)
    if mine is None:
        return findings
    for name in FOLATE_BLOCKERS:
        other = taken.get(name)
        if other is None:
            continue
        for place, patient in enumerate(other.patient.tolist()):
            row = mine.rows_of(patient)
            if row < 0:
                continue
            since = max(int(mine.start[row]), int(other.start[place]))
            findings.append(
                _Finding(
                    patient,
                    f"{METHOTREXATE}+{name}",
                    INTERACTION,
                    MET,
                    URGENT,
                    since,
                    int(next_after(today, mine.ends[row], other.ends[place])),
                    (f"m{mine.ids[row][-1]}", f"m{other.ids[place][-1]}"),
                    f"Methotrexate and {name} are taken together since {_when(since)}: both block folate, and "
                    "marrow can fail",
                )
            )
    return findings


def _with_pregnancy(
    frames: Frames, taken: Mapping[str, _Taken], panel: series.Ints, today: int, parameters: Parameters
) -> list[_Finding]:
    """A drug that harms the unborn, pregnancy possible, and no contraception on record (IS-05)."""
    possible = newest_event(frames, "pregnancy_possible", panel)
    protected = newest_event(frames, "contraception", panel)
    # "Possible" holds until somebody says otherwise; protection holds for as long as it was recorded for.
    concerned = possible.present & (possible.day > -FAR) & ((possible.end <= -FAR) | (possible.end >= today))
    safe = protected.still_there(today, parameters.protection_days)
    safe_until = np.where(protected.end > -FAR, protected.end, protected.day + parameters.protection_days)
    findings = []
    for place in np.flatnonzero(concerned):
        patient = int(panel[place])
        for name in TERATOGENIC:
            row = taken[name].rows_of(patient) if name in taken else -1
            if row < 0:
                continue
            mine = taken[name]
            until = int(possible.end[place])
            since = max(int(mine.start[row]), int(possible.day[place]))
            lapsed = protected.present[place] and protected.day[place] > -FAR
            if lapsed:
                since = max(since, int(safe_until[place]) + 1)
            said = f"{_label(name)} harms an unborn child, pregnancy is possible ({_when(int(possible.day[place]))})"
            findings.append(
                _Finding(
                    patient,
                    f"{name}:pregnancy",
                    PREGNANCY,
                    NOT_MET if safe[place] else MET,
                    URGENT,
                    since,
                    int(
                        next_after(
                            today,
                            mine.ends[row],
                            until + 1 if until > -FAR else FAR,
                            safe_until[place] + 1 if safe[place] else FAR,
                        )
                    ),
                    (
                        f"m{mine.ids[row][-1]}",
                        f"e{possible.id[place]}",
                        *((f"e{protected.id[place]}",) if protected.id[place] >= 0 else ()),
                    ),
                    f"{said}; contraception is recorded"
                    if safe[place]
                    else f"{said}, and no contraception is on record{' that still holds' if lapsed else ''}",
                )
            )
    return findings


def _with_lung_disease(frames: Frames, taken: Mapping[str, _Taken], panel: series.Ints, today: int) -> list[_Finding]:
    """Methotrexate in somebody with interstitial lung disease (IS-04)."""
    mine = taken.get(METHOTREXATE)
    if mine is None:
        return []
    lung = newest_event(frames, "interstitial_lung_disease", panel)
    sick = lung.present & (lung.day > -FAR) & ((lung.end <= -FAR) | (lung.end >= today))
    findings = []
    for place in np.flatnonzero(sick):
        row = mine.rows_of(int(panel[place]))
        if row < 0:
            continue
        findings.append(
            _Finding(
                int(panel[place]),
                f"{METHOTREXATE}:interstitial_lung_disease",
                LUNG,
                MET,
                WATCH,
                max(int(mine.start[row]), int(lung.day[place])),
                int(next_after(today, mine.ends[row], lung.end[place] + 1)),
                (f"m{mine.ids[row][-1]}", f"e{lung.id[place]}"),
                f"Methotrexate since {_when(int(mine.start[row]))} in interstitial lung disease "
                f"(recorded on {_when(int(lung.day[place]))})",
            )
        )
    return findings


def _beyond_limits(
    frames: Frames,
    as_of: dt.date,
    taken: Mapping[str, _Taken],
    panel: series.Ints,
    today: int,
    parameters: Parameters,
) -> list[_Finding]:
    """Results beyond the limit at which a drug asks for action (adults), one finding per patient and measure."""
    longest: dict[str, tuple[np.ndarray, series.Ints, series.Ints, series.Ints]] = {}
    adult = _adults(frames, as_of, parameters.adult_from)
    best: dict[tuple[int, str], _Finding] = {}
    ck = newest_value(frames, "ck", panel)
    for limit in action_limits().values():
        if limit.mark == "memory" or limit.measure not in frames.by_measure:
            continue
        if limit.applies_to not in longest:
            longest[limit.applies_to] = _longest_running(taken, limit.applies_to, panel)
        name, _, ends, statement = longest[limit.applies_to]
        asked = (statement >= 0) & adult
        if not asked.any():
            continue
        newest = newest_value(frames, limit.measure, panel)
        threshold, base_id = _threshold(frames, limit, panel, today)
        with np.errstate(invalid="ignore"):
            beyond = newest.value < threshold if limit.direction == "below" else newest.value > threshold
            # "<4" is below 3.5 for certain only if 4 is; the other way round nobody can tell.
            certain = ((newest.comparator == "<") & (newest.value <= threshold)) | (newest.comparator == "")
            if limit.direction == "above":
                certain = ((newest.comparator == ">") & (newest.value >= threshold)) | (newest.comparator == "")
                beyond |= (newest.comparator == ">") & (newest.value >= threshold)
            else:
                beyond |= (newest.comparator == "<") & (newest.value <= threshold)
        asked &= (newest.day > -FAR) & ~np.isnan(threshold)
        fresh = today - newest.day <= parameters.latest_days
        bound = ~certain & (newest.comparator == ("<" if limit.direction == "below" else ">"))
        run = _since(frames, limit, panel, threshold)
        for place in np.flatnonzero(asked & (beyond | bound)):
            patient = int(panel[place])
            value = f"{newest.comparator[place]}{number(newest.value[place], 2)}"
            unit = measure(limit.measure).unit
            said = f"{measure(limit.measure).short_label} {value} {unit} on {_when(int(newest.day[place]))}"
            side = "below" if limit.direction == "below" else "above"
            if limit.kind == "relative-rise":
                said += (
                    f", {side} {number(threshold[place], 2)} (a rise of {number(limit.limit)} % on the "
                    "values of the year before)"
                )
            else:
                said += f", {side} the action limit of {number(threshold[place], 2)}"
            finding = _Finding(
                patient,
                f"{name[place]}:{limit.measure}",
                LIMIT,
                MET,
                URGENT if limit.consequence == "interrupt" else ACTION,
                int(run[place]),
                int(
                    next_after(
                        today,
                        newest.day[place] + parameters.latest_days + 1,
                        newest.day[place] + REACH_DAYS + 1 if limit.kind == "relative-rise" else FAR,
                        ends[place],
                    )
                ),
                (f"m{statement[place]}", *base_id.get(int(place), ()), f"o{newest.id[place]}"),
                f"{said}, under {_label(str(name[place])).lower()}",
            )
            if limit.measure in LIVER and _muscle_likely(ck, int(place), int(newest.day[place]), parameters):
                finding.severity = WATCH
                finding.said += f"; CK is {number(ck.times_limit[place])} times its limit, so muscle is a likely source"
                finding.evidence += (f"o{ck.id[place]}",)
            elif limit.caveat and limit.measure not in LIVER:
                finding.said += f" ({limit.caveat})"
            if not fresh[place]:
                finding.state, finding.because = CANNOT_TELL, f"no newer result than {_when(int(newest.day[place]))}"
            elif bound[place]:
                finding.state, finding.because = CANNOT_TELL, "the result is only a bound"
            key = patient, limit.measure
            kept = best.get(key)
            if kept is None or _weight(finding) > _weight(kept):
                best[key] = finding
    return list(best.values())


def _weight(finding: _Finding) -> tuple[bool, int]:
    return finding.state == MET, severity_rank(finding.severity)


def _longest_running(
    taken: Mapping[str, _Taken], applies_to: str, panel: series.Ints
) -> tuple[np.ndarray, series.Ints, series.Ints, series.Ints]:
    """Per patient the longest-taken drug the limit is for: name, start, day after its end, statement (-1: none)."""
    name = np.full(len(panel), "", dtype=object)
    start, ends = np.full(len(panel), FAR, dtype="int64"), np.full(len(panel), FAR, dtype="int64")
    statement = np.full(len(panel), -1, dtype="int64")
    for key in sorted(taken):
        row = drug(key)
        if row is None or not _limited(row, applies_to):
            continue
        mine = taken[key]
        place = np.searchsorted(panel, mine.patient)
        earlier = mine.start < start[place]
        where = place[earlier]
        name[where], start[where], ends[where] = key, mine.start[earlier], mine.ends[earlier]
        statement[where] = [ids[-1] for ids in mine.ids[earlier]]
    return name, start, ends, statement


def _limited(row: Drug, applies_to: str) -> bool:
    if applies_to == "any":
        return any(row.has_class(name) for name in MONITORED_CLASSES)
    return applies_to == row.key or row.has_class(applies_to)


def _threshold(
    frames: Frames, limit: ActionLimit, panel: series.Ints, today: int
) -> tuple[series.Floats, dict[int, tuple[str, ...]]]:
    """Per patient the value that is too much or too little; for a rise it rests on the median of the year before."""
    if limit.kind == "absolute":
        return np.full(len(panel), limit.limit), {}
    out = np.full(len(panel), np.nan)
    used: dict[int, tuple[str, ...]] = {}
    rows = frames.observations(limit.measure)
    patient, value = rows["patient_id"].to_numpy(), rows["value"].to_numpy()
    day = series.day_numbers(rows["day"].to_numpy())
    groups = series.groups_of(patient)
    last = groups.last[groups.of]
    # A newest result older than the reach would be compared with results that a panel no longer reads.
    before = np.flatnonzero(
        (np.arange(len(rows)) < last)
        & (day[last] - day <= min(limit.within_days or REACH_DAYS, REACH_DAYS))
        & (today - day[last] <= REACH_DAYS)
    )
    if not len(before):
        return out, used
    median = pd.Series(value[before]).groupby(patient[before]).median()
    place = np.searchsorted(panel, median.index.to_numpy())
    out[place] = median.to_numpy() * (1 + limit.limit / 100)
    nearest = series.groups_of(patient[before])
    identifier = rows["id"].to_numpy()
    for one, row in zip(place.tolist(), before[nearest.last].tolist(), strict=True):
        used[one] = (f"o{identifier[row]}",)
    return out, used


def _since(frames: Frames, limit: ActionLimit, panel: series.Ints, threshold: series.Floats) -> series.Ints:
    """Per patient the first day of the unbroken run of results beyond the threshold that ends with the newest one."""
    rows = frames.observations(limit.measure)
    groups = series.groups_of(rows["patient_id"].to_numpy())
    place = np.searchsorted(panel, rows["patient_id"].to_numpy()[groups.first])
    against = threshold[place][groups.of]
    with np.errstate(invalid="ignore"):
        inside = (
            rows["value"].to_numpy() >= against if limit.direction == "below" else rows["value"].to_numpy() <= against
        )
    day = series.day_numbers(rows["day"].to_numpy())
    inside |= day[groups.last[groups.of]] - day > REACH_DAYS
    broken = np.where(inside, np.arange(len(rows)), -1)
    first = np.minimum(np.maximum(np.maximum.reduceat(broken, groups.first) + 1, groups.first), groups.last)
    out = np.full(len(panel), FAR, dtype="int64")
    out[place] = day[first]
    return out


def _muscle_likely(ck: NewestValue, place: int, day: int, parameters: Parameters) -> bool:
    ratio = ck.times_limit[place]
    return bool(ratio > parameters.raised_ck and abs(int(ck.day[place]) - day) <= parameters.ck_days)


def _adults(frames: Frames, as_of: dt.date, years: int) -> series.Bools:
    """Who is an adult; without a birth date whoever has no juvenile diagnosis."""
    born = frames.patients["birth_date"].to_numpy().astype("datetime64[D]")
    limit = np.datetime64(as_of.replace(year=as_of.year - years, day=min(as_of.day, 28)), "D")
    juvenile = frames.patients["diagnosis"].isin([code for code, row in diagnoses().items() if row.juvenile]).to_numpy()
    return np.asarray(np.where(np.isnat(born), ~juvenile, born <= limit))


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The drug and the fact that makes it dangerous."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return f"{row['said']}: {row['cannot_tell_because']}."
    return f"{row['said']}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["state"] == CANNOT_TELL:
        return "ask how often it is taken" if row["issue"] == FREQUENCY else "measure again"
    if row["issue"] == LIMIT and row["severity"] == WATCH:
        return "add GGT and bilirubin before blaming the drug; do not stop it for this alone"
    actions: Mapping[str, str] = {
        FREQUENCY: "call the patient today: what is really taken; blood count, creatinine; correct the prescription",
        INTERACTION: (
            "call the prescriber today: another drug against Pneumocystis, or a documented decision with blood counts"
        ),
        PREGNANCY: "talk to the patient today: contraception, pregnancy test; another drug where pregnancy is planned",
        LUNG: "ask at the next visit whether azathioprine or mycophenolate suits better; lung function",
        LIMIT: "repeat within a week, look at the dose; decide on a pause with the prescriber",
    }
    return actions[str(row["issue"])]


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`ALT, AST beyond the action limit under methotrexate`; a single answer is told in full."""
    if len(rows) == 1:
        return ""
    pairs = [str(row["subject"]).partition(":") for row in rows]
    measured = listed([subject_label(measure or drug) for drug, _, measure in pairs])
    return f"{measured} beyond the action limit under {listed([drug for drug, _, _ in pairs])}"


def one_line(row: Mapping[str, Any]) -> str:
    """Values beyond their limits share a line; every other danger has its own."""
    return LIMIT if row.get("issue") == LIMIT else str(row["subject"])


RULE = Rule(
    key="drug-safety",
    title="Drug safety",
    question="Does a drug on the list endanger this patient?",
    why_it_matters=(
        "Daily instead of weekly methotrexate, and methotrexate with trimethoprim, have killed. Falling counts "
        "are seen by "
        "whoever opens the result, if anybody does."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="drug and issue",
    reads=(
        "medications",
        "white_cells",
        "neutrophils",
        "platelets",
        "haemoglobin",
        "alt",
        "ast",
        "creatinine",
        "ck",
        "pregnancy_possible",
        "contraception",
        "interstitial_lung_disease",
    ),
    sources=(
        Source(
            "NHS Specialist Pharmacy Service: action limits of disease-modifying drugs",
            2024,
            "sps.nhs.uk/monitorings",
            "seen",
        ),
        Source("NHS protocol: methotrexate with co-trimoxazole", None, "docest.com/doc/90798", "seen", "avoid"),
        Source(
            "ACR guideline on reproductive health",
            2020,
            "the-rheumatologist.org",
            "seen",
            "stop cyclophosphamide, mycophenolate and methotrexate in pregnancy",
        ),
        Source(
            "Product information of JAK inhibitors",
            None,
            "mims.com",
            "seen",
            "interrupt at low neutrophils or haemoglobin",
        ),
        Source(
            "Treatment options in inflammatory myopathy",
            2025,
            "educational page, not a guideline",
            "seed",
            "methotrexate weekly; not with lung disease",
        ),
    ),
    known_false_alarms=(
        "a frequency typed wrongly in the record: that too must be corrected",
        "a low-dose co-trimoxazole prophylaxis on which a specialist decided: acknowledge it with the reason",
        "a low count after an infection; raised liver enzymes from muscle; creatinine after a dry day",
        "an old prescription left open beside the new one",
    ),
    clears_when="the drug list or the record is corrected, the drug ends, or a later result lies inside the limit",
    topic="treatment safety",
    limitations=(
        "Limits are for adults; for children none is asserted. Interactions other than methotrexate with "
        "trimethoprim are "
        "not looked at. An alert is a reason to look, not to stop a drug."
    ),
    catalogue=("IS-04", "IS-05", "IS-08", "SAFE-05", "SAFE-13"),
    phrase=phrase,
    one_line=one_line,
    examples=(
        Example(
            title="methotrexate every day",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "daily", "start": -3},),
            expect={"subject": "methotrexate:frequency", "state": MET, "severity": URGENT, "since": -3},
        ),
        Example(
            title="co-trimoxazole beside weekly methotrexate",
            medications=(
                {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100},
                {"drug": "co-trimoxazole", "dose": 960, "frequency": "twice-daily", "start": -2},
            ),
            expect={"subject": "methotrexate+co-trimoxazole", "state": MET, "severity": URGENT, "since": -2},
        ),
        Example(
            title="white cells 3.1 under azathioprine",
            observations=({"measure": "white_cells", "value": 3.1, "day": -2},),
            medications=({"drug": "azathioprine", "dose": 150, "start": -100},),
            expect={"subject": "azathioprine:white_cells", "state": MET, "severity": ACTION, "since": -2},
        ),
        Example(
            title="ALT 130 with CK at five times its limit: watched",
            observations=(
                {"measure": "alt", "value": 130, "day": -2},
                {"measure": "ck", "value": 1000, "upper_limit": 200, "day": -2},
            ),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100},),
            expect={"subject": "methotrexate:alt", "state": MET, "severity": WATCH, "since": -2},
        ),
        Example(
            title="pregnancy possible under mycophenolate, contraception on record",
            medications=({"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -100},),
            events=({"event": "pregnancy_possible", "day": -100}, {"event": "contraception", "day": -90}),
            expect={"subject": "mycophenolate mofetil:pregnancy", "state": NOT_MET},
        ),
        Example(
            title="a low count that nobody repeated for four months",
            observations=({"measure": "white_cells", "value": 3.1, "day": -120},),
            medications=({"drug": "azathioprine", "dose": 150, "start": -300},),
            expect={"subject": "azathioprine:white_cells", "state": CANNOT_TELL},
        ),
    ),
)
