"""Is protection missing that should go with this patient's steroids and immunosuppression?

Looked at: the steroid dose, the other immunosuppressants, bone density scans, osteoporosis, and the protective drugs
on file. Four questions, each on its own line: a bone density scan after three months of steroid; calcium with vitamin D
after three months; a bone-protecting drug with osteoporosis or after a very high dose; protection against Pneumocystis
under a moderate to high dose with another immunosuppressant. What does not count: local steroids. A pause of two weeks
or less does not end the three months.
Everything here is for the prescriber to weigh; nothing is an order.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_exposure as steroids
from jobs.array_treatment import current_courses
from jobs.phrasing import listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    WATCH,
    Example,
    Rule,
    Source,
    assessments,
    day_text,
    empty,
    number,
    one_line_for_all,
    parameter,
)
from models.frames import Frames
from models.vocabulary import Drug, drug

SCAN, SUPPLEMENTS, BONE_DRUG, PNEUMOCYSTIS = "bone-density", "calcium-vitamin-d", "bone-protection", "pneumocystis"
_FAR = int(np.iinfo(np.int64).max // 4)
_CENTURY = 36_500  # days
GIOP = "ACR glucocorticoid-induced osteoporosis 2022 (S20)"
GIOP_SECOND_HAND = "ACR glucocorticoid-induced osteoporosis 2022 (S20), read second-hand: to be verified"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the missing-prophylaxis rule."""

    bone_from_mg: float = parameter(
        2.5,
        unit="mg/day prednisone-equivalent",
        low=1,
        high=15,
        meaning="a dose from this on is a risk for bone",
        source=GIOP,
        mark="seen",
    )
    bone_after_days: int = parameter(
        90, unit="days", low=28, high=365, meaning="more days than this are long for bone", source=GIOP, mark="seen"
    )
    bone_gap_days: int = parameter(
        14, unit="days", low=0, high=60, meaning="days off that do not end the course for bone"
    )
    scan_within_days: int = parameter(
        183, unit="days", low=28, high=365, meaning="a scan is due this long after the start", source=GIOP, mark="seen"
    )
    scan_valid_days: int = parameter(
        730, unit="days", low=180, high=1825, meaning="a scan counts for this long", source=GIOP, mark="seen"
    )
    very_high_from_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=15,
        high=100,
        meaning="a very high dose for bone",
        source=GIOP_SECOND_HAND,
        mark="seen",
    )
    very_high_days: int = parameter(
        30,
        unit="days",
        low=7,
        high=180,
        meaning="days at it that make the fracture risk very high",
        source=GIOP_SECOND_HAND,
        mark="seen",
    )
    very_high_year_mg: float = parameter(
        5000,
        unit="mg prednisone-equivalent in 365 days",
        low=1000,
        high=20000,
        meaning="a year's sum that makes the fracture risk very high",
        source=GIOP_SECOND_HAND,
        mark="seen",
    )
    pneumocystis_from_mg: float = parameter(
        20,
        unit="mg/day prednisone-equivalent",
        low=10,
        high=60,
        meaning="a dose from this on, with another immunosuppressant, calls for protection",
        source="within the range of EULAR 2022 (S23): above 15 to 30 mg",
    )
    pneumocystis_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=90,
        meaning="days at it from which protection is called for",
        source="within the range of EULAR 2022 (S23): more than 2 to 4 weeks",
    )
    gap_days: int = parameter(3, unit="days", low=0, high=14, meaning="days off that do not end a spell at these doses")


@dataclass(frozen=True)
class _Taking:
    """Who of the panel takes one of some drugs, or is still under its effect.

    `until` and `since` are day numbers for each patient of the panel (no day: takes none; `_FAR`: continuing);
    `first_until` is the day the first of several ends; `courses` the courses behind them.
    """

    until: steroids.Ints
    first_until: steroids.Ints
    since: steroids.Ints
    courses: pd.DataFrame

    @property
    def has(self) -> steroids.Bools:
        """Who takes any of them."""
        return steroids.is_day(self.until)

    @property
    def ends(self) -> steroids.Ints:
        """The first day without one of them, where one is known: what is said of several changes on it."""
        return np.where(self.has & (self.first_until < _FAR), self.first_until + 1, steroids.NEVER)

    def of(self, patient_id: int) -> tuple[str, tuple[str, ...]]:
        """The names of one patient's drugs for a sentence, and their statements as evidence."""
        mine = self.courses[self.courses["patient_id"] == patient_id]
        facts = tuple(f"m{identifier}" for ids in mine["ids"] for identifier in ids)
        return " and ".join(str(name) for name in mine["drug"]), facts


def _is_other_agent(row: Drug) -> bool:
    # Immunoglobulin treats myositis without lowering the defence against Pneumocystis.
    return row.counts_as_active_treatment and not row.is_glucocorticoid and not row.has_class("immunoglobulin")


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """Rows for everyone on a steroid, or on cyclophosphamide; bone density and bone drugs for adults only."""
    found = steroids.exposure(frames)
    # Whoever ever had cyclophosphamide keeps a row: only an answer, not silence, can settle an alert.
    given = frames.medications.loc[frames.medications["drug"] == "cyclophosphamide", "patient_id"]
    panel = np.union1d(found.patients(), given.to_numpy(dtype="int64"))
    if not len(panel):
        return empty()
    adult = ~steroids.children(frames, panel, as_of)
    bone = steroids.spell(
        found, panel, parameters.bone_from_mg, gap_days=parameters.bone_gap_days, nth=parameters.bone_after_days + 1
    )
    tables = [
        _scan(frames, found, panel, adult, bone, parameters),
        _supplements(frames, found, panel, bone, steroids.coming_of_age(frames, panel, as_of)),
        _bone_drug(frames, found, panel, adult, bone, parameters),
        _pneumocystis(frames, found, panel, parameters),
    ]
    return pd.concat(tables, ignore_index=True)


def _table(
    found: steroids.Exposure,
    panel: steroids.Ints,
    subject: str,
    *,
    met: steroids.Bools,
    could_be: steroids.Bools,
    severity: str,
    since: steroids.Ints,
    recheck: steroids.Ints,
    evidence_since: steroids.Ints,
    because: Iterable[str | None],
    due: steroids.Ints | None = None,
    extra: list[tuple[str, ...]] | None = None,
    rows: steroids.Bools | None = None,
    last_scan: steroids.Ints | None = None,
    on_methotrexate: steroids.Bools | None = None,
) -> pd.DataFrame:
    """One question's rows; `because` says in words what calls for the protection."""
    today = found.today
    cannot_tell = could_be & ~met
    unknown = np.full(len(panel), None, dtype=object)
    for row in np.flatnonzero(cannot_tell):
        unknown[row] = steroids.why_unknown(found, int(panel[row]))
    facts = steroids.evidence(found, panel, np.where(met & steroids.is_day(evidence_since), evidence_since, today))
    if extra is not None:
        facts = [mine + more if met[row] else mine for row, (mine, more) in enumerate(zip(facts, extra, strict=True))]
    nothing = np.full(len(panel), steroids.NEVER, dtype="int64")
    words = np.empty(len(panel), dtype=object)
    words[:] = list(because)
    table = assessments(
        patient_id=panel,
        subject=subject,
        state=np.where(met, MET, np.where(cannot_tell, CANNOT_TELL, NOT_MET)).astype(object),
        severity=[severity if yes else None for yes in met],
        since=steroids.as_days(np.where(met, since, steroids.NEVER)),
        due=steroids.as_days(np.where(met, nothing if due is None else due, steroids.NEVER)),
        recheck_on=steroids.as_days(np.where(recheck > today, recheck, steroids.NEVER)),
        evidence=facts,
        cannot_tell_because=unknown,
        called_for_by=words,
        last_scan=steroids.as_days(nothing if last_scan is None else last_scan),
        on_methotrexate=np.zeros(len(panel), dtype=bool) if on_methotrexate is None else on_methotrexate,
    )
    return table if rows is None else table[rows].reset_index(drop=True)


def _long_for_bone(met: steroids.Bools, bone: steroids.Spell, dose: str) -> list[str | None]:
    return [
        f"{dose} since {day_text(steroids.day_of(start))}" if yes else None
        for yes, start in zip(met, bone.run.start, strict=True)
    ]


def _scan(
    frames: Frames,
    found: steroids.Exposure,
    panel: steroids.Ints,
    adult: steroids.Bools,
    bone: steroids.Spell,
    parameters: Parameters,
) -> pd.DataFrame:
    last, facts = _last_event(frames, panel, "dxa")
    valid = steroids.is_day(last) & (found.today - last <= parameters.scan_valid_days)
    expires = np.where(steroids.is_day(last), last + parameters.scan_valid_days + 1, steroids.NEVER)
    met = bone.reached & ~valid
    return _table(
        found,
        panel,
        SCAN,
        met=met,
        could_be=bone.could_be & ~valid,
        severity=WATCH,
        since=np.maximum(bone.run.nth_day, expires),
        due=np.maximum(bone.run.start + parameters.scan_within_days, expires),
        recheck=steroids.earliest(bone.recheck, np.where(valid, expires, steroids.NEVER)),
        evidence_since=bone.run.start,
        because=_long_for_bone(met, bone, f"{number(parameters.bone_from_mg)} mg/day of steroid or more"),
        extra=facts,
        rows=adult,
        last_scan=last,
    )


def _supplements(
    frames: Frames, found: steroids.Exposure, panel: steroids.Ints, bone: steroids.Spell, grown_up: steroids.Ints
) -> pd.DataFrame:
    taking = _taking(frames, panel, lambda row: row.has_class("calcium-vitamin-d"))
    has = taking.has
    met = bone.reached & ~has
    return _table(
        found,
        panel,
        SUPPLEMENTS,
        met=met,
        could_be=bone.could_be & ~has,
        severity=WATCH,
        since=bone.run.nth_day,
        recheck=steroids.earliest(bone.recheck, taking.ends, grown_up),
        evidence_since=bone.run.start,
        because=_long_for_bone(met, bone, "a steroid"),
    )


def _bone_drug(
    frames: Frames,
    found: steroids.Exposure,
    panel: steroids.Ints,
    adult: steroids.Bools,
    bone: steroids.Spell,
    parameters: Parameters,
) -> pd.DataFrame:
    today = found.today
    taking = _taking(frames, panel, lambda row: row.has_class("bone-protection"))
    has = taking.has
    osteoporosis, facts = _last_event(frames, panel, "osteoporosis")
    fragile = steroids.is_day(osteoporosis)
    # A very high dose counts for the year after it, as long as a steroid is taken.
    high = found.known.mg >= parameters.very_high_from_mg - steroids.SMALLEST_DIFFERENCE_MG
    spells = steroids.runs(found.known, high, gap_days=parameters.gap_days, nth=parameters.very_high_days)
    long_enough = spells.reached()
    reached = steroids.Runs(
        spells.patient[long_enough],
        spells.start[long_enough],
        spells.last[long_enough],
        spells.days[long_enough],
        spells.nth_day[long_enough],
    )
    newest = reached.newest().aligned(panel)
    very_high = steroids.is_day(newest.last) & (today - newest.last < 365)
    year_mg = found.cumulative(panel, today - 364, today)
    much = year_mg >= parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG
    called_for = fragile | very_high | much
    met = bone.alive & called_for & ~has
    now = steroids.spell(
        found, panel, parameters.very_high_from_mg, gap_days=parameters.gap_days, nth=parameters.very_high_days
    )
    could_be = (now.could_be | (fragile & ~bone.alive & bone.could_be)) & ~has
    dose = found.dose_on(today, panel)
    may_grow = ~much & (dose > 0) & (year_mg + 365 * dose >= parameters.very_high_year_mg)
    grows = _day_the_year_reaches(found, panel, may_grow, dose, parameters)
    leaves = np.where(very_high, newest.last + 365, steroids.NEVER)
    shrinks = np.where(much, today + 1, steroids.NEVER)
    reason = np.full(len(panel), None, dtype=object)
    for row in np.flatnonzero(met):
        if fragile[row]:
            reason[row] = f"osteoporosis on file since {day_text(steroids.day_of(osteoporosis[row]))}"
        elif very_high[row]:
            reason[row] = (
                f"{number(parameters.very_high_from_mg)} mg/day or more for at least {parameters.very_high_days} days, "
                f"from {day_text(steroids.day_of(newest.start[row]))}"
            )
        else:
            reason[row] = f"{number(year_mg[row] / 1000)} g of prednisone-equivalent in a year"
    since = np.where(
        fragile,
        np.maximum(osteoporosis, bone.run.start),
        np.where(very_high, newest.nth_day, _day_reached(found, panel, much, parameters)),
    )
    return _table(
        found,
        panel,
        BONE_DRUG,
        met=met,
        could_be=could_be,
        severity=ACTION,
        since=since,
        recheck=steroids.earliest(bone.recheck, now.recheck, grows, leaves, shrinks, taking.ends),
        evidence_since=np.where(very_high, newest.start, np.where(much, today - 364, bone.run.start)),
        because=reason,
        extra=facts,
        rows=adult,
    )


def _day_the_year_reaches(
    found: steroids.Exposure,
    panel: steroids.Ints,
    chosen: steroids.Bools,
    dose: Any,
    parameters: Parameters,
) -> steroids.Ints:
    """The day on which the sum of the year before it first reaches the limit if today's dose goes on.

    Counted out day by day: as old doses leave the year while new ones enter it, an estimate would move with the day it
    is made on, and with it the day named for looking again.
    """
    out = np.full(len(panel), steroids.NEVER, dtype="int64")
    begin = found.today - 364
    for row in np.flatnonzero(chosen):
        mine = found.known.of(int(panel[row]))
        daily = np.zeros(2 * 365)
        for start, end, mg in zip(mine.start, mine.end, mine.mg, strict=True):
            daily[max(int(start) - begin, 0) : max(min(int(end), found.today) - begin + 1, 0)] += mg
        daily[365:] = dose[row]
        total = np.cumsum(daily)
        reached = np.flatnonzero(
            total[365:] - total[:365] >= parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG
        )
        if len(reached):
            out[row] = found.today + 1 + int(reached[0])
    return out


def _day_reached(
    found: steroids.Exposure, panel: steroids.Ints, much: steroids.Bools, parameters: Parameters
) -> steroids.Ints:
    """The first day within the last year on which the sum of the year up to today had reached the limit."""
    out = np.full(len(panel), steroids.NEVER, dtype="int64")
    begin = found.today - 364
    for row in np.flatnonzero(much):
        mine = found.known.of(int(panel[row]))
        total = 0.0
        for start, end, mg in zip(mine.start, mine.end, mine.mg, strict=True):
            first = max(int(start), begin)
            days = int(end) - first + 1
            if days <= 0:
                continue
            if total + days * mg >= parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG:
                out[row] = first + max(int(np.ceil((parameters.very_high_year_mg - total) / mg - 1e-9)), 1) - 1
                break
            total += days * mg
    return out


def _pneumocystis(
    frames: Frames,
    found: steroids.Exposure,
    panel: steroids.Ints,
    parameters: Parameters,
) -> pd.DataFrame:
    moderate = steroids.spell(
        found, panel, parameters.pneumocystis_from_mg, gap_days=parameters.gap_days, nth=parameters.pneumocystis_days
    )
    any_steroid = steroids.spell(found, panel, 0.001, gap_days=parameters.gap_days, nth=1)
    agents = _taking(frames, panel, _is_other_agent)
    cyclophosphamide = _taking(frames, panel, lambda row: row.key == "cyclophosphamide")
    rituximab = _taking(frames, panel, lambda row: row.key == "rituximab")
    protected = _taking(frames, panel, lambda row: row.has_class("pjp-prophylaxis"))
    methotrexate = _taking(frames, panel, lambda row: row.key == "methotrexate")
    by_dose = moderate.reached & agents.has
    by_cyclophosphamide = cyclophosphamide.has
    by_rituximab = rituximab.has & any_steroid.alive
    met = (by_dose | by_cyclophosphamide | by_rituximab) & ~protected.has
    could_be = ((moderate.could_be & agents.has) | (any_steroid.could_be & rituximab.has)) & ~protected.has
    never = np.full(len(panel), steroids.NEVER, dtype="int64")
    since = steroids.earliest(
        np.where(by_dose, np.maximum(moderate.run.nth_day, agents.since), never),
        np.where(by_cyclophosphamide, cyclophosphamide.since, never),
        np.where(by_rituximab, np.maximum(rituximab.since, any_steroid.run.start), never),
    )
    reason = np.full(len(panel), None, dtype=object)
    facts: list[tuple[str, ...]] = [()] * len(panel)
    for row in np.flatnonzero(met):
        who = int(panel[row])
        if by_cyclophosphamide[row]:
            reason[row], facts[row] = cyclophosphamide.of(who)
        elif by_rituximab[row]:
            reason[row], facts[row] = "rituximab together with a steroid", rituximab.of(who)[1]
        else:
            names, facts[row] = agents.of(who)
            reason[row] = (
                f"{number(parameters.pneumocystis_from_mg)} mg/day of steroid or more since "
                f"{day_text(steroids.day_of(moderate.run.start[row]))}, together with {names}"
            )
    ends = [taking.ends for taking in (agents, rituximab, protected, cyclophosphamide, methotrexate)]
    return _table(
        found,
        panel,
        PNEUMOCYSTIS,
        met=met,
        could_be=could_be,
        severity=ACTION,
        since=since,
        recheck=steroids.earliest(moderate.recheck, any_steroid.recheck, *ends),
        evidence_since=np.where(by_dose, moderate.run.start, found.today),
        because=reason,
        extra=facts,
        on_methotrexate=methotrexate.has & met,
    )


def _taking(frames: Frames, panel: steroids.Ints, wanted: Callable[[Drug], bool]) -> _Taking:
    """Who of the panel is on (or still under the effect of) a drug whose row in the drug table is wanted."""
    courses = current_courses(frames)
    code, names = pd.factorize(courses["drug"])
    known = [drug(str(name)) for name in names]
    chosen = np.array([row is not None and wanted(row) for row in known], dtype=bool)
    part = courses[chosen[code]] if len(code) else courses
    until = np.full(len(panel), steroids.NEVER, dtype="int64")
    since = np.full(len(panel), _FAR, dtype="int64")
    who = part["patient_id"].to_numpy(dtype="int64")
    place = np.minimum(np.searchsorted(panel, who), len(panel) - 1)
    mine = panel[place] == who
    through = part["through"].to_numpy(dtype="int64")
    # A drug that is continued has a day far in the future as its end.
    through = np.where(through < steroids.day_number(frames.as_of) + _CENTURY, through, _FAR)
    first_until = np.full(len(panel), _FAR, dtype="int64")
    np.maximum.at(until, place[mine], through[mine])
    np.minimum.at(first_until, place[mine], through[mine])
    np.minimum.at(since, place[mine], part["start"].to_numpy(dtype="int64")[mine])
    return _Taking(until, first_until, np.where(since == _FAR, steroids.NEVER, since), part)


def _last_event(frames: Frames, panel: steroids.Ints, event: str) -> tuple[steroids.Ints, list[tuple[str, ...]]]:
    """The day of each patient's newest event of a kind that was present, and it as evidence."""
    out = np.full(len(panel), steroids.NEVER, dtype="int64")
    facts: list[tuple[str, ...]] = [()] * len(panel)
    table = frames.events
    if table.empty:
        return out, facts
    part = table[(table["event"] == event) & table["present"]]
    place_of = {int(who): place for place, who in enumerate(panel)}
    for who, day, identifier in zip(
        part["patient_id"], steroids.as_numbers(part["day"].to_numpy()), part["id"], strict=True
    ):
        place = place_of.get(int(who))
        if place is not None and day >= out[place]:
            out[place] = day
            facts[place] = (f"e{identifier}",)
    return out, facts


_WANTED = {
    SCAN: "a bone density scan",
    SUPPLEMENTS: "calcium with vitamin D",
    BONE_DRUG: "a bone-protecting drug",
    PNEUMOCYSTIS: "protection against Pneumocystis",
}


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What calls for the protection, and that it is not on file."""
    wanted = _WANTED[str(row["subject"])]
    if row["state"] == CANNOT_TELL:
        return f"Whether {wanted} is called for cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{wanted[0].upper()}{wanted[1:]} is on file, or not called for."
    text = f"{row['called_for_by']}, and no {wanted.removeprefix('a ')} on file"
    text = text[0].upper() + text[1:]
    if row["subject"] == SCAN:
        last = row.get("last_scan")
        known = last is not None and not pd.isna(last)
        text += f" since {day_text(last)}" if known else ""
        return f"{text}; due {day_text(row['due'])}."
    return f"{text}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    if row["state"] != MET:
        return ""
    if row["subject"] == SCAN:
        return "book a bone density scan and a fracture risk assessment, or record where it was done"
    if row["subject"] == SUPPLEMENTS:
        return "ask about calcium and vitamin D (often bought without prescription) and record it"
    if row["subject"] == BONE_DRUG:
        return "ask the prescriber about bone protection"
    text = "ask the prescriber about protection against Pneumocystis"
    if row["on_methotrexate"]:
        text += "; not co-trimoxazole together with methotrexate without a documented decision"
    return text


SAID_SHORT = {
    PNEUMOCYSTIS: "Pneumocystis protection",
    BONE_DRUG: "bone protection",
    SCAN: "bone density scan",
    SUPPLEMENTS: "calcium and vitamin D",
}


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Missing beside steroids: Pneumocystis protection, bone density scan`."""
    missing = [SAID_SHORT.get(str(row["subject"]), subject_label(str(row["subject"])).lower()) for row in rows]
    return f"Missing beside steroids: {listed(missing)}"


RULE = Rule(
    key="missing-prophylaxis",
    title="Protection missing beside steroids",
    question="Does this patient lack protection of bone or against infection that goes with the treatment?",
    why_it_matters=(
        "Bone is lost in the first months of a steroid, and Pneumocystis pneumonia under combined immunosuppression is "
        "rare but often fatal. Both can be prevented, and both are easily forgotten while attention is on the muscle."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="protection",
    reads=("medications", "weight", "dxa", "osteoporosis"),
    sources=(
        Source(
            "ACR guideline on glucocorticoid-induced osteoporosis",
            2022,
            "guidelinecentral.com/guideline/7043",
            "seen",
            "from 2.5 mg/day for more than three months; the very-high-dose limits were read second-hand",
        ),
        Source(
            "EULAR recommendations on screening for and preventing infections",
            2022,
            "doi 10.1136/ard-2022-223335",
            "seen",
            "above 15 to 30 mg for more than 2 to 4 weeks",
        ),
        Source(
            "Methotrexate with co-trimoxazole",
            None,
            "NHS Greater Glasgow protocol, docest.com/doc/90798",
            "seen",
            "avoid",
        ),
        Source("Treatment options in inflammatory myopathy", None, "educational page, not a guideline", "seed"),
    ),
    known_false_alarms=(
        "calcium and vitamin D bought without prescription",
        "a scan done elsewhere",
        "protection against Pneumocystis left out on purpose: allergy, or a decision not on file",
    ),
    clears_when="the protection is on file, or the dose no longer calls for it",
    topic="protection",
    limitations=(
        "Fracture risk beyond dose and osteoporosis (age, FRAX, falls) is not computed. Bone density scans and bone "
        "drugs are judged for adults only. Which dose calls for protection against Pneumocystis is a setting within a "
        "published range."
    ),
    catalogue=("SAFE-01", "SAFE-02", "SAFE-03", "SAFE-04"),
    phrase=phrase,
    one_line=one_line_for_all,
    examples=(
        Example(
            title="10 mg for four months and no bone density scan",
            medications=({"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -120},),
            patient={"age_years": 50},
            expect={"subject": SCAN, "state": MET, "severity": WATCH, "since": -30, "due": 63},
        ),
        Example(
            title="10 mg for four months, scanned last year",
            medications=({"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -120},),
            events=({"event": "dxa", "day": -300},),
            patient={"age_years": 50},
            expect={"subject": SCAN, "state": NOT_MET},
        ),
        Example(
            title="10 mg for four months with vitamin D",
            medications=(
                {"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -120},
                {"drug": "cholecalciferol", "dose": 0.02, "unit": "mg", "frequency": "daily", "start": -100},
            ),
            expect={"subject": SUPPLEMENTS, "state": NOT_MET},
        ),
        Example(
            title="a steroid and osteoporosis without a bone drug",
            medications=({"drug": "prednisone", "dose": 5, "unit": "mg", "frequency": "daily", "start": -40},),
            events=({"event": "osteoporosis", "day": -400},),
            patient={"age_years": 60},
            expect={"subject": BONE_DRUG, "state": MET, "severity": ACTION, "since": -40},
        ),
        Example(
            title="30 mg for 30 days",
            medications=({"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -29},),
            patient={"age_years": 60},
            expect={"subject": BONE_DRUG, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="20 mg for 28 days with azathioprine and no protection against Pneumocystis",
            medications=(
                {"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -27},
                {"drug": "azathioprine", "dose": 100, "unit": "mg", "frequency": "daily", "start": -27},
            ),
            expect={"subject": PNEUMOCYSTIS, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="the same with atovaquone",
            medications=(
                {"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -27},
                {"drug": "azathioprine", "dose": 100, "unit": "mg", "frequency": "daily", "start": -27},
                {"drug": "atovaquone", "dose": 1500, "unit": "mg", "frequency": "daily", "start": -20},
            ),
            expect={"subject": PNEUMOCYSTIS, "state": NOT_MET},
        ),
    ),
)
