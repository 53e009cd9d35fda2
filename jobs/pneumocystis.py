"""Who needs protection against Pneumocystis: the steroid's dose and duration, what is taken beside it, and who says so.

There is no guideline of this for myositis. EULAR 2022 (adults with rheumatic disease) saw a benefit above 15 to 30 mg
a day for more than two to four weeks, most of all beside another immunosuppressant; ASCO 2021 counts 20 mg for four
weeks or more than 30 mg for three under checkpoint inhibitors; ACR 2021 protects whoever has cyclophosphamide or
rituximab for ANCA vasculitis. Each reason names whose threshold it is. At the lower end of EULAR's range a further risk
is asked for: a pulse, few lymphocytes, lung disease, anti-MDA5, and in juvenile disease skin ulcers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jobs import exposure as steroids
from jobs.newest import going_on
from jobs.rule import apart, day_text, number, parameter
from jobs.treatment import Taking, taking
from models.patient_facts import PatientFacts
from models.vocabulary import Drug

_EULAR = "EULAR 2022 (S23)"
_ANY_MG = 0.001
_EVER = -1_000_000
"""A day before all others: an antibody on file has no day."""


@dataclass(frozen=True)
class PneumocystisParameters:
    """From which dose, for how long, and beside what protection is called for."""

    pneumocystis_from_mg: float = parameter(
        20,
        unit="mg/day prednisone-equivalent",
        low=10,
        high=60,
        meaning="a dose from this on, with another immunosuppressant, calls for protection",
        source=f"within the range of {_EULAR}: above 15 to 30 mg",
    )
    pneumocystis_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=90,
        meaning="days at it from which protection is called for",
        source=f"within the range of {_EULAR}: more than 2 to 4 weeks",
    )
    pneumocystis_alone_from_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=15,
        high=100,
        meaning="a dose from this on calls for protection whatever else is taken",
        source=f"upper end of {_EULAR}; cohort of 30 mg for four weeks or more in its review (EULAR-PCP-REVIEW)",
        mark="seen",
    )
    pneumocystis_alone_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=90,
        meaning="days at it from which protection is called for",
        source=f"upper end of {_EULAR}; cohort of 30 mg for four weeks or more in its review (EULAR-PCP-REVIEW)",
        mark="seen",
    )
    pneumocystis_at_risk_above_mg: float = parameter(
        15,
        unit="mg/day prednisone-equivalent",
        low=5,
        high=30,
        meaning="a dose above this calls for protection beside another immunosuppressant and a further risk",
        source=f"lower end of {_EULAR}",
        mark="seen",
    )
    pneumocystis_at_risk_days: int = parameter(
        14,
        unit="days",
        low=7,
        high=60,
        meaning="more days above it than this",
        source=f"lower end of {_EULAR}",
        mark="seen",
    )
    pneumocystis_lymphocytes: float = parameter(
        0.8,
        unit="10*9/L",
        low=0.2,
        high=1.5,
        meaning="fewer lymphocytes than this are a further risk",
        source="definition of a cohort (PARK-2019), from memory: to be verified",
        mark="memory",
    )
    pneumocystis_lymphocytes_days: int = parameter(
        90, unit="days", low=14, high=365, meaning="a lymphocyte count is used for this long"
    )
    pneumocystis_checkpoint_from_mg: float = parameter(
        20,
        unit="mg/day prednisone-equivalent",
        low=10,
        high=60,
        meaning="under a checkpoint inhibitor, a dose from this on for four weeks",
        source="ASCO 2021, section 12.2 (S5)",
        mark="seen",
    )
    pneumocystis_checkpoint_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=90,
        meaning="days at it from which protection is called for",
        source="ASCO 2021, section 12.2 (S5)",
        mark="seen",
    )
    pneumocystis_checkpoint_above_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=15,
        high=100,
        meaning="under a checkpoint inhibitor, a dose above this for three weeks",
        source="ASCO 2021, section 12.2 (S5)",
        mark="seen",
    )
    pneumocystis_checkpoint_above_days: int = parameter(
        21,
        unit="days",
        low=7,
        high=90,
        meaning="days above it from which protection is called for",
        source="ASCO 2021, section 12.2 (S5)",
        mark="seen",
    )
    pneumocystis_child_kg: float = parameter(
        50,
        unit="kg",
        low=30,
        high=70,
        meaning="for a child lighter than this the doses are taken per kg of a body of this weight",
    )
    pneumocystis_stop_below_mg: float = parameter(
        15,
        unit="mg/day prednisone-equivalent",
        low=2.5,
        high=20,
        meaning="below this, for long enough, whether protection is still needed can be reviewed",
        source=f"lower end of {_EULAR}; no guideline gives a number for stopping",
    )
    pneumocystis_stop_days: int = parameter(
        28, unit="days", low=7, high=183, meaning="days below it after which protection can be reviewed"
    )


class Need(NamedTuple):
    """Why protection is called for.

    Attributes:
        words: the reason, for a sentence.
        basis: whose threshold it is.
        since: the first day on which any reason held.
        taken_from: the day from which the steroid statements are evidence.
        facts: the facts beside the steroid.
    """

    words: str
    basis: str
    since: int | None
    taken_from: int
    facts: tuple[str, ...]


class Protection(NamedTuple):
    """What is to be said of one patient's protection against Pneumocystis.

    Attributes:
        need: why it is called for, None where it is not.
        taken: the protective drugs on file.
        could_be: with what is not known of the steroids it would be called for.
        on_methotrexate: methotrexate is taken, with which co-trimoxazole is avoided.
        may_stop: it is taken, nothing calls for it, and the steroid has been low for long enough.
        recheck: the first day on which time alone changes any of this.
    """

    need: Need | None
    taken: Taking
    could_be: bool
    on_methotrexate: bool
    may_stop: bool
    recheck: int | None


def is_other_agent(row: Drug) -> bool:
    """An immunosuppressant other than a steroid; immunoglobulin does not lower the defence against Pneumocystis."""
    return row.counts_as_active_treatment and not row.is_glucocorticoid and not row.has_class("immunoglobulin")


def protection(
    patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: PneumocystisParameters, gap_days: int
) -> Protection:
    """Whether protection against Pneumocystis is called for, taken, or may be reviewed.

    `gap_days` days off do not end a spell at these doses.
    """
    p, share = parameters, _share_of_an_adult(patient, found, parameters)

    def long_at(from_mg: float, days: int) -> steroids.Spell:
        # A child's dose is compared per kg: 30 mg are much for a child of 15 kg.
        return steroids.spell(found, from_mg * share, gap_days=gap_days, nth=days)

    agents = taking(patient, is_other_agent)
    cyclophosphamide = taking(patient, lambda row: row.key == "cyclophosphamide")
    rituximab = taking(patient, lambda row: row.key == "rituximab")
    taken = taking(patient, lambda row: row.has_class("pjp-prophylaxis"))
    methotrexate = taking(patient, lambda row: row.key == "methotrexate")
    any_steroid = steroids.spell(found, _ANY_MG, gap_days=gap_days, nth=1)
    together = long_at(p.pneumocystis_from_mg, p.pneumocystis_days)
    alone = long_at(p.pneumocystis_alone_from_mg, p.pneumocystis_alone_days)
    spells = [any_steroid, together, alone]
    reasons: list[Need] = []
    could_be = (any_steroid.could_be and rituximab.has) or (together.could_be and agents.has) or alone.could_be
    if cyclophosphamide.has:
        reasons.append(Need(cyclophosphamide.names, _VASCULITIS, cyclophosphamide.since, as_of, cyclophosphamide.facts))
    if rituximab.has and any_steroid.alive and any_steroid.run is not None:
        since = _later(any_steroid.run.start, rituximab.since)
        reasons.append(Need("rituximab together with a steroid", _VASCULITIS, since, as_of, rituximab.facts))
    if together.reached and agents.has and together.run is not None:
        words = f"{_from(p.pneumocystis_from_mg, share)} since {day_text(together.run.start)}, together with "
        since = _later(together.run.nth_day, agents.since)
        reasons.append(Need(words + agents.names, _within(p), since, together.run.start, agents.facts))
    if alone.reached and alone.run is not None:
        words = f"{_from(p.pneumocystis_alone_from_mg, share)} since {day_text(alone.run.start)}"
        reasons.append(Need(words, _UPPER_END, alone.run.nth_day, alone.run.start, ()))
    if _had_checkpoint_inhibitor(patient):
        for from_mg, days, said in (
            (p.pneumocystis_checkpoint_from_mg, p.pneumocystis_checkpoint_days, _from),
            (_above(p.pneumocystis_checkpoint_above_mg), p.pneumocystis_checkpoint_above_days, _more_than),
        ):
            one = long_at(from_mg, days)
            spells.append(one)
            could_be = could_be or one.could_be
            if one.reached and one.run is not None:
                words = f"{said(from_mg, share)} since {day_text(one.run.start)}, after a checkpoint inhibitor"
                reasons.append(Need(words, _ONCOLOGY, one.run.nth_day, one.run.start, ()))
    counted_until = None
    if agents.has:
        low = long_at(_above(p.pneumocystis_at_risk_above_mg), p.pneumocystis_at_risk_days + 1)
        risks, counted_until = _further_risks(patient, found, low, as_of, p)
        spells.append(low)
        could_be = could_be or (low.could_be and bool(risks))
        if low.reached and low.run is not None and risks:
            words = (
                f"{_more_than(p.pneumocystis_at_risk_above_mg, share)} since {day_text(low.run.start)}, together "
                f"with {agents.names}, and {' and '.join(risk.words for risk in risks)}"
            )
            since = _later(_later(low.run.nth_day, agents.since), min(risk.day for risk in risks))
            facts = (*agents.facts, *(fact for risk in risks for fact in risk.facts))
            reasons.append(Need(words, _LOWER_END, since, low.run.start, facts))
    need = None
    if reasons:
        since = steroids.earliest(*(one.since for one in reasons))
        need = reasons[0]._replace(since=since, taken_from=min(one.taken_from for one in reasons))
    still = need is not None or could_be or rituximab.has
    review = _review_on(found, as_of, p, share) if taken.has and not still else None
    ends = [one.ends for one in (agents, rituximab, taken, cyclophosphamide, methotrexate)]
    return Protection(
        need=need,
        taken=taken,
        could_be=could_be and need is None,
        on_methotrexate=methotrexate.has,
        may_stop=review is not None and review <= as_of,
        recheck=steroids.earliest(*(one.recheck for one in spells), *ends, counted_until, review),
    )


class _Risk(NamedTuple):
    """A further risk: in words, since which day, and its facts."""

    words: str
    day: int
    facts: tuple[str, ...]


def _further_risks(
    patient: PatientFacts,
    found: steroids.Exposure,
    low: steroids.Spell,
    as_of: int,
    parameters: PneumocystisParameters,
) -> tuple[list[_Risk], int | None]:
    """What raises the risk beside the dose, and the day on which some of it is over or too old to be used."""
    risks = list(_pulses(found, low))
    if "MDA5" in patient.autoantibodies.split(";"):
        risks.append(_Risk("anti-MDA5", _EVER, ()))
    until = None
    for event, words in (
        ("interstitial_lung_disease", "interstitial lung disease"),
        *((("skin_ulcers", "skin ulcers"),) if patient.is_juvenile else ()),
    ):
        records = going_on(patient, event)
        if records:
            risks.append(_Risk(words, records[0].day, tuple(one.fact for one in records)))
            until = steroids.earliest(until, None if records[-1].end is None else records[-1].end + 1)
    count = patient.latest("lymphocytes")
    limit = parameters.pneumocystis_lymphocytes
    if count is None or count.value >= limit:
        return risks, until
    too_old = count.day + parameters.pneumocystis_lymphocytes_days + 1
    if as_of >= too_old:
        return risks, until
    words = f"lymphocytes {apart(count.value, limit, 2)} on {day_text(count.day)}"
    return [*risks, _Risk(words, count.day, (count.fact,))], steroids.earliest(until, too_old)


def _pulses(found: steroids.Exposure, low: steroids.Spell) -> Iterator[_Risk]:
    """A pulse within the weeks that count."""
    if low.run is None:
        return
    pulses = [one for one in found.known if one.is_pulse and one.end >= low.run.start]
    if pulses:
        yield _Risk(f"a pulse from {day_text(pulses[-1].start)}", pulses[0].start, ())


def _had_checkpoint_inhibitor(patient: PatientFacts) -> bool:
    if patient.diagnosis == "ICI_MYOSITIS":
        return True
    return taking(patient, lambda row: row.has_class("checkpoint-inhibitor")).has


def _share_of_an_adult(patient: PatientFacts, found: steroids.Exposure, parameters: PneumocystisParameters) -> float:
    """By how much the doses of adults are lowered for this patient: 1 for adults and where no weight is on file."""
    if not patient.is_child() or not found.kilograms:
        return 1.0
    return min(found.kilograms / parameters.pneumocystis_child_kg, 1.0)


def _review_on(found: steroids.Exposure, as_of: int, parameters: PneumocystisParameters, share: float) -> int | None:
    """The day from which protection that is taken can be reviewed; None while the steroid is not low."""
    limit = parameters.pneumocystis_stop_below_mg * share - steroids.SMALLEST_DIFFERENCE_MG
    last = max((min(one.end, as_of) for one in found.known if one.mg >= limit), default=None)
    if last == as_of:
        return None
    return as_of if last is None else last + 1 + parameters.pneumocystis_stop_days


def _above(mg: float) -> float:
    """The least dose that is above a dose."""
    return mg + 2 * steroids.SMALLEST_DIFFERENCE_MG


def _from(mg: float, share: float) -> str:
    """`20 mg/day of steroid or more`; for a child what that comes to."""
    return f"{number(mg * share)} mg/day of steroid or more{_scaled(share)}"


def _more_than(mg: float, share: float) -> str:
    """`more than 15 mg/day of steroid`; for a child what that comes to."""
    return f"more than {number(mg * share)} mg/day of steroid{_scaled(share)}"


def _scaled(share: float) -> str:
    return " (scaled to the child's weight)" if share < 1 else ""


def _later(day: int | None, other: int | None) -> int | None:
    return max((one for one in (day, other) if one is not None), default=None)


def _within(parameters: PneumocystisParameters) -> str:
    return (
        "EULAR 2022 counts more than 15 to 30 mg for more than 2 to 4 weeks; "
        f"{number(parameters.pneumocystis_from_mg)} mg for {parameters.pneumocystis_days} days is a setting within it"
    )


_VASCULITIS = "ACR 2021 protects under this drug in ANCA vasculitis; for myositis that is carried over"
_UPPER_END = "the upper end of what EULAR 2022 counts, whatever else is taken"
_LOWER_END = "the lower end of what EULAR 2022 counts, together with a further risk"
_ONCOLOGY = "ASCO 2021 counts 20 mg for 4 weeks, or more than 30 mg for 3"
