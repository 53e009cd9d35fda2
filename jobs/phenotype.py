"""What kind of problem is this today: inflamed muscle, painful but not inflamed, steroid damage, or not clear yet?

The branch runs before any suggestion, because the same falling score asks for more treatment in a flare and for less
steroid in a steroid myopathy. It gives one state per patient and day, always with the facts for it, the facts against
it and what is missing, and never a diagnosis. States and order of the questions follow the clinical catalogue
(PH-00 to PH-12): danger first, then "do we know enough", then the explanations that need no treatment, then the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from jobs.chart import STRENGTH_INSTRUMENTS, Chart, Fact, SteroidDays, fact_of, last_day_of, share_of_maximum
from jobs.disease_treatment import NOT_JUDGED, NOT_RESPONDING, RESPONDING, UNTREATED
from jobs.response import ResponseSteps
from jobs.rule import CONFIRMED, CORROBORATED, MET, POSSIBLE, URGENT, Answer, apart, day_text, number, parameter, rule
from jobs.treatment import Course
from models.patient_facts import Happening, Reading, Statement
from models.vocabulary import drug, measures

TRUE_MYOSITIS = "true_myositis"
PAIN_NON_INFLAMMATORY = "pain_non_inflammatory"
STEROID_MYOPATHY_POSSIBLE = "steroid_myopathy_possible"
EXERCISE_CK = "exercise_ck"
ICI_MYOSITIS = "ici_myositis"
GBS_PATTERN = "gbs_pattern"
INDETERMINATE = "indeterminate"
STABLE = "stable"

STATES = (
    TRUE_MYOSITIS,
    PAIN_NON_INFLAMMATORY,
    STEROID_MYOPATHY_POSSIBLE,
    EXERCISE_CK,
    ICI_MYOSITIS,
    GBS_PATTERN,
    INDETERMINATE,
    STABLE,
)

STATE_TITLES = {
    TRUE_MYOSITIS: "Inflammatory weakness likely",
    PAIN_NON_INFLAMMATORY: "Pain without signs of inflamed muscle",
    STEROID_MYOPATHY_POSSIBLE: "Steroid myopathy possible",
    EXERCISE_CK: "Raised CK after exercise",
    ICI_MYOSITIS: "Myositis under a checkpoint inhibitor",
    GBS_PATTERN: "Nerve pattern: Guillain-Barre syndrome to be excluded",
    INDETERMINATE: "Not clear yet",
    STABLE: "No sign of change",
}
WEAKNESS_REMAINS = "No sign of activity; weakness remains"
RECOVERING = "No sign of activity; strength recovering"
STILL_ACTIVE = "Inflammatory weakness, recovering under treatment"
IBM_CK = "Inclusion body myositis; CK raised, as it often is"
LUNG_WORSE = "Muscle quiet; the lung is worse"
SKIN_WORSE = "Muscle quiet; the skin is worse"
QUIET_NOT_STABLE = "Muscle quiet; not stable"
URGENT_BESIDE = "No sign of activity; something urgent stands beside it"
INCLUSION_BODY = "Inclusion body myositis, weaker"
SPEAK_OF_ACTIVITY = (
    "active-disease",
    "declining-strength",
    "worsening",
    "lung-function",
    "skin-activity",
    "red-flag-symptoms",
    "rising-muscle-enzymes",
    "no-response-after-pulse",
)
"""Rules whose answer `met` on a day leaves no room for "stable" on that day."""
OF_THE_LUNG = ("lung-function", "mda5-lung-disease")
OTHER_THAN_MUSCLE = (*OF_THE_LUNG, "skin-activity", "red-flag-symptoms")
"""Rules that may be met while the muscle is quiet."""

DAMAGE = ("muscle_atrophy", "contracture", "calcinosis")
HIGHER_NORMAL_CK = (
    "CK: the limit of healthy men is about twice that of women, that of Black men and women higher again (upper "
    "limits of studies: 227 to 440 and 520 to 810 U/L in men), and much muscle raises it. Look at values from "
    "before the disease, and whether the limit reported is for this sex. Nothing is adjusted here"
)
"""A note, never an adjustment: the limit reported with the result is the one that counts (Filosto 2025)."""

BASIC_FINDINGS = (
    "a strength score by the same assessor",
    "CK with its upper limit",
    "aldolase, LDH, AST and ALT",
    "CRP and ESR",
    "troponin",
    "the current drug list, adherence included",
    "strenuous exercise in the last 7 days",
)
"""What PH-00 asks for before anything is decided (seed-000; window of 28 days is a site setting)."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the phenotype branch; all of them site settings where no source is named."""

    fresh_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=90,
        meaning="CK and strength older than this are collected before anything is decided",
    )
    valid_days: int = parameter(90, unit="days", low=28, high=365, meaning="an older result is not used at all")
    ck_raised: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=5,
        meaning="CK above this is raised",
        source="EFNS 2010 / EAN 2024 (S29)",
        mark="seen",
    )
    ck_clearly_raised: float = parameter(
        3.0,
        unit="x upper limit",
        low=1.5,
        high=20,
        meaning="CK from here on is clearly raised",
        source="EFNS 2010 (S29); ASCO 2021 grade 2 (S5)",
        mark="seen",
    )
    ck_rise: float = parameter(
        1.5,
        unit="x reference",
        low=1.2,
        high=3,
        meaning="a CK this much above the patient's own reference rises",
        source="reference change value of CK (CAROBENE-2017)",
        mark="seen",
    )
    ck_fall: float = parameter(
        0.67,
        unit="x reference",
        low=0.3,
        high=0.9,
        meaning="a CK this much below the patient's own reference falls",
        source="reference change value of CK (CAROBENE-2017)",
        mark="seen",
    )
    pain_from: float = parameter(4, unit="points of 10", low=1, high=9, meaning="pain from here on counts as pain")
    pain_rise: float = parameter(
        2, unit="points of 10", low=1, high=5, meaning="pain this much above the one before is new"
    )
    symptom_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="how long a recorded symptom counts as present"
    )
    fever_days: int = parameter(14, unit="days", low=3, high=42, meaning="how long a recorded fever counts as present")
    normal_strength: float = parameter(
        0.96, unit="share of maximum", low=0.8, high=1, meaning="a strength score from here on is normal"
    )
    exercise_days: int = parameter(
        7, unit="days", low=1, high=14, meaning="exercise this near before a CK explains it", source="S30", mark="seen"
    )
    high_dose_mg: float = parameter(
        30,
        unit="mg/day prednisone equivalent",
        low=20,
        high=60,
        meaning="above this a steroid dose is high",
        source="EULAR dose classes (S7)",
        mark="seen",
    )
    high_dose_mg_kg: float = parameter(
        0.5,
        unit="mg/kg/day",
        low=0.25,
        high=2,
        meaning="from here on a steroid dose is high by weight",
        source="seed-004",
        mark="seed",
    )
    high_dose_days: int = parameter(
        21, unit="days", low=7, high=84, meaning="this many days at high dose make a steroid myopathy possible"
    )
    course_gap_days: int = parameter(
        3,
        unit="days",
        low=0,
        high=14,
        meaning="a gap of this many days does not end a high-dose course",
        source="prolonged-high-dose-steroids",
        mark="contract",
    )
    after_pulse_days: int = parameter(
        14, unit="days", low=7, high=42, meaning="weakness this soon after a pulse may be acute steroid myopathy"
    )
    very_high_mg: float = parameter(
        100,
        unit="mg/day prednisone equivalent",
        low=60,
        high=300,
        meaning="above this a dose is very high",
        source="EULAR dose classes (S7)",
        mark="seen",
    )
    very_high_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=14,
        meaning="days at a very high dose in the last fortnight that make acute steroid myopathy possible whatever the "
        "CK (the published case had 10; a planned pulse of 1 to 5 days stays below)",
    )
    checkpoint_days: int = parameter(
        180, unit="days", low=30, high=730, meaning="how long after its last dose a checkpoint inhibitor still counts"
    )
    extramuscular_rise: float = parameter(
        2,
        unit="points of 10",
        low=1,
        high=5,
        meaning="extramuscular activity worse by this speaks for a flare",
        source="PRODERM-2023",
        mark="seen",
    )
    remembered_days: int = parameter(
        90,
        unit="days",
        low=28,
        high=182,
        meaning="a long high dose that ended so long ago may still weaken the muscles",
    )
    remembered_run_days: int = parameter(
        42, unit="days", low=21, high=182, meaning="a high dose this long is remembered after it came down"
    )
    gain_days: int = parameter(
        182, unit="days", low=60, high=365, meaning="a score a step above one of so many days before has come back"
    )
    pmr_age: int = parameter(
        50, unit="years", low=40, high=70, meaning="polymyalgia is not considered below this age", mark="memory"
    )


@dataclass(frozen=True)
class Signs:
    """What the branch looks at, worked out once from the chart. None means not known, which is never normal."""

    chart: Chart
    parameters: Parameters
    declines: tuple[Answer, ...]
    active: Answer | None
    red_flags: tuple[Happening, ...]
    strength: Reading | None
    strength_normal: bool | None
    pain: Reading | Happening | None
    new_pain: bool
    ck: Reading | None
    ck_ratio: float | None
    ck_reference: float | None
    enzymes: tuple[Reading, ...]
    inflammation: tuple[Reading, ...]
    inflammation_known: bool
    exercise: Happening | None
    areflexia: Happening | None
    fever: Happening | None
    rash: Happening | None
    checkpoint: tuple[Statement, ...]
    statins: tuple[Course, ...]
    troponin_i_raised: Reading | None
    high_dose_days: int
    high_since: int
    very_high_days: int
    very_high_last: int
    recent_pulse: tuple[Statement, int] | None
    extramuscular_worse: Reading | None
    lung_disease: Happening | None

    # ----------------------------------------------------------------------------------------------------- weakness

    @property
    def swallowing(self) -> Happening | None:
        """Difficulty swallowing on file in the last weeks."""
        return next((flag for flag in self.red_flags if flag.event == "dysphagia"), None)

    @property
    def breathing(self) -> Happening | None:
        """Shortness of breath on file in the last weeks."""
        return next((flag for flag in self.red_flags if flag.event == "dyspnoea"), None)

    @property
    def weak(self) -> bool:
        """Objective weakness: a met decline, difficulty swallowing, or dyspnoea that no lung disease explains."""
        breath = self.breathing is not None and self.lung_disease is None and self.fever is None
        return bool(self.declines) or self.swallowing is not None or breath

    @property
    def untreated(self) -> bool:
        """Active disease without any treatment that runs or still acts."""
        return self.active is not None and self.active.numbers.get("treatment") == UNTREATED

    @property
    def responding(self) -> bool:
        """Active disease under treatment that helps, and no fall of strength."""
        helps = self.active is not None and self.active.numbers.get("treatment") == RESPONDING
        return helps and not self.declines

    @property
    def not_responding(self) -> bool:
        """Active disease under treatment that had its time and did not help."""
        return self.active is not None and self.active.numbers.get("treatment") == NOT_RESPONDING

    @property
    def recovering(self) -> bool:
        """A fall that is being regained: the treatment helps, and every score that fell is a step up again."""
        helps = self.active is not None and self.active.numbers.get("treatment") == RESPONDING
        return helps and bool(self.declines) and not self.red_flags and all(map(self._coming_back, self.declines))

    def _coming_back(self, verdict: Answer) -> bool:
        series = [one for one in self.chart.series(verdict.subject) if one.day >= (verdict.since or self.chart.today)]
        lowest = min((one.value for one in series), default=None)
        step: float = getattr(ResponseSteps(), f"step_{verdict.subject}")
        return lowest is not None and series[-1].value - lowest >= step

    @property
    def unhelped(self) -> bool:
        """Active disease that treatment did not help, or of which nobody knows whether it does."""
        return self.active is not None and self.active.numbers.get("treatment") in (NOT_RESPONDING, NOT_JUDGED)

    @property
    def grade(self) -> str | None:
        """The best-supported grade among the declines."""
        grades = {verdict.grade for verdict in self.declines}
        return next((grade for grade in (CORROBORATED, CONFIRMED, POSSIBLE) if grade in grades), None)

    @property
    def other_assessor(self) -> bool:
        """Whether nothing but a single score by another assessor speaks for weakness (STR-03)."""
        if not self.declines or self.red_flags:
            return False
        return all(
            verdict.grade == POSSIBLE and bool(verdict.numbers.get("other_assessor")) for verdict in self.declines
        )

    @property
    def severe(self) -> bool:
        """Weakness with a red flag, or two steps and more below the reference (severity urgent of the decline)."""
        return bool(self.red_flags and self.weak) or any(verdict.severity == "urgent" for verdict in self.declines)

    def weakness_facts(self) -> tuple[Fact, ...]:
        """The scores and symptoms behind `weak`: for a decline the latest score and the ones it is compared with."""
        facts: dict[tuple[str, int | None], Fact] = {}
        for verdict in self.declines:
            series = self.chart.series(verdict.subject)
            shown = [fact_of(reading) for reading in series[-2:]] or list(self.chart.facts(verdict.evidence))
            facts |= {(fact.kind, fact.id): fact for fact in shown}
        facts |= {("event", flag.id): fact_of(flag) for flag in self.red_flags}
        return tuple(facts.values())

    def decline_sentence(self) -> str:
        """The declines in words: `CMAS 27, the mean of the 3 scores before, to 24 on 3 Mar 2026 (possible)`.

        The fall is the one that counted, with its own day; where the score is now stands behind it.
        """
        return "; ".join(_fall_in_words(self.chart, verdict) for verdict in self.declines)

    # ------------------------------------------------------------------------------------------------------- enzymes

    @property
    def ck_fresh(self) -> bool:
        """A CK with its limit, recent enough to decide on."""
        return self.ck_ratio is not None and self.ck is not None and self._fresh(self.ck)

    @property
    def strength_fresh(self) -> bool:
        """A strength score recent enough to decide on."""
        return self.strength is not None and self._fresh(self.strength)

    def _fresh(self, reading: Reading) -> bool:
        return self.chart.days_since(reading.day) <= self.parameters.fresh_days

    @property
    def ck_raised(self) -> bool:
        """CK above 1.5 times the limit reported with it."""
        return self.ck_ratio is not None and self.ck_ratio > self.parameters.ck_raised

    @property
    def ck_rising(self) -> bool:
        """CK above its limit and beyond the reference change value above the patient's own reference."""
        if self.ck is None or self.ck_ratio is None or not self.ck_reference:
            return False
        return self.ck_ratio > 1 and self.ck.value >= self.parameters.ck_rise * self.ck_reference

    @property
    def ck_falling(self) -> bool:
        """CK beyond the reference change value below the patient's own reference."""
        return bool(self.ck and self.ck_reference and self.ck.value <= self.parameters.ck_fall * self.ck_reference)

    @property
    def ck_quiet(self) -> bool:
        """CK not raised, or falling and no longer clearly raised: it does not speak for a flare."""
        if self.ck_ratio is None:
            return False
        falling = self.ck_falling and self.ck_ratio < self.parameters.ck_clearly_raised
        return not self.ck_raised or falling

    def raised_enzymes(self, at_least: float) -> tuple[Reading, ...]:
        """Enzymes other than CK at or above a multiple of their limits."""
        return tuple(reading for reading in self.enzymes if (reading.times_limit or 0) >= at_least)

    # ----------------------------------------------------------------------------------------------------- steroids

    @property
    def on_steroid(self) -> bool:
        """Any counted steroid today."""
        return self.chart.steroid.today > 0

    @property
    def long_high_dose(self) -> bool:
        """At high dose for three weeks, or a pulse in the last fortnight."""
        return self.high_dose_days >= self.parameters.high_dose_days or self.recent_pulse is not None

    @property
    def remembered_high_dose(self) -> Answer | None:
        """The rule's answer that a long high dose of the last months, now lower, may still weaken the muscles."""
        found = self.chart.met("steroid-myopathy-pattern")
        return next((one for one in found if one.numbers.get("past_start") is not None), None)

    @property
    def rising_enzyme(self) -> Answer | None:
        """AST, ALT or LDH that rise: they speak for a flare as CK does."""
        found = self.chart.met("rising-muscle-enzymes")
        return next((one for one in found if one.subject in ("ast", "alt", "ldh")), None)

    def ck_facts(self) -> tuple[Fact, ...]:
        """The newest CK and the one before it."""
        return tuple(fact_of(reading) for reading in self.chart.series("ck")[-2:])


@dataclass(frozen=True)
class Phenotype:
    """The state of a patient on a day, the branch that led there, and what it rests on."""

    state: str
    branch: str
    why: str
    because: tuple[Fact, ...] = ()
    facts_for: tuple[str, ...] = ()
    facts_against: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    collect: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    suppresses_escalation: bool = False
    waits: bool = False
    titled: str | None = None

    @property
    def title(self) -> str:
        """The state in words; some branches say it more exactly than the state's own title."""
        return self.titled or STATE_TITLES[self.state]

    def as_json(self) -> dict[str, Any]:
        """The state for the patient page."""
        return {
            "state": self.state,
            "title": self.title,
            "branch": self.branch,
            "why": self.why,
            "because": [fact.as_json() for fact in self.because],
            "for": list(self.facts_for),
            "against": list(self.facts_against),
            "missing": list(self.missing),
            "modifiers": list(self.modifiers),
        }


def _fall_in_words(chart: Chart, verdict: Answer) -> str:
    numbers, latest = verdict.numbers, chart.latest(verdict.subject)
    label = measures()[verdict.subject].short_label
    scores = int(numbers.get("reference_scores") or 1)
    before = number(numbers.get("reference"), 2)
    since = verdict.since if verdict.since is not None else chart.today
    if numbers.get("gradual"):
        said = f"{label} step by step from {before} to {number(numbers.get('fall_value'), 2)} on {day_text(since)}"
    else:
        whose = "the score before" if scores == 1 else f"the mean of the {scores} scores before"
        several = not numbers.get("by_fall") and int(numbers.get("since_scores") or 1) > 1
        to = numbers.get("since_mean") if several else numbers.get("fall_value")
        when = f"the mean since {day_text(since)}" if several else f"on {day_text(since)}"
        said = f"{label} {before} ({whose}) -> {number(to, 2)}{',' if several else ''} {when}"
    if latest is not None and latest.day > since:
        said += f", {number(latest.value)} on {day_text(latest.day)}"
    return f"{said} ({verdict.grade})"


# ------------------------------------------------------------------------------------------------- the signs of a chart


def signs_of(chart: Chart, parameters: Parameters | None = None) -> Signs:
    """What the branch looks at, worked out from one chart and the rules' answers on it."""
    p = parameters or Parameters()
    ck = chart.latest("ck", p.valid_days)
    reference = [reading.value for reading in chart.before(ck, 365, 3)] if ck else []
    strength = chart.newest(STRENGTH_INSTRUMENTS, p.valid_days)
    latest_scores = [
        reading for name in STRENGTH_INSTRUMENTS if (reading := chart.latest(name, p.valid_days)) is not None
    ]
    red_flags = tuple(
        found for event in ("dysphagia", "dyspnoea") if (found := chart.happened(event, p.symptom_days)) is not None
    )
    inflammation_readings = [reading for name in ("crp", "esr") if (reading := chart.latest(name, p.fresh_days))]
    weight = chart.latest("weight")
    pulse = chart.last_pulse()
    if pulse is not None and chart.days_since(pulse[1]) > p.after_pulse_days:
        pulse = None
    pain, new_pain = _pain(chart, p)
    high_days, first_high = chart.steroid.run_of_high_days(
        p.high_dose_mg, p.high_dose_mg_kg * weight.value if weight else None, p.course_gap_days
    )
    last_days = chart.steroid.mg[-p.after_pulse_days :]
    very_high = [back for back, dose in enumerate(reversed(last_days)) if dose > p.very_high_mg]
    return Signs(
        chart=chart,
        parameters=p,
        declines=chart.met("declining-strength"),
        active=next((one for one in chart.met("active-disease") if one.subject == "muscle"), None),
        red_flags=red_flags,
        strength=strength,
        strength_normal=(
            all((share_of_maximum(reading) or 0) >= p.normal_strength for reading in latest_scores)
            if latest_scores
            else None
        ),
        pain=pain,
        new_pain=new_pain,
        ck=ck,
        ck_ratio=ck.times_limit if ck else None,
        ck_reference=median(reference) if reference else None,
        enzymes=tuple(
            reading for name in ("aldolase", "ldh", "ast", "alt") if (reading := chart.latest(name, p.valid_days))
        ),
        inflammation=tuple(reading for reading in inflammation_readings if (reading.times_limit or 0) > 1),
        inflammation_known=any(reading.times_limit is not None for reading in inflammation_readings),
        exercise=_exercise(chart, ck, p),
        areflexia=chart.happened("areflexia", p.symptom_days),
        fever=chart.happened("fever", p.fever_days),
        rash=chart.happened("rash", p.symptom_days),
        checkpoint=_checkpoint(chart, p),
        statins=chart.on_class("statin"),
        troponin_i_raised=_raised_troponin_i(chart, p),
        high_dose_days=high_days,
        high_since=chart.today - first_high,
        very_high_days=len(very_high),
        very_high_last=chart.today - min(very_high, default=0),
        recent_pulse=pulse,
        extramuscular_worse=_worse(chart, "extramuscular_global", p.extramuscular_rise, p.symptom_days),
        lung_disease=chart.condition("interstitial_lung_disease"),
    )


def _pain(chart: Chart, p: Parameters) -> tuple[Reading | Happening | None, bool]:
    reading = chart.latest("pain", p.symptom_days)
    if reading is not None and reading.value >= p.pain_from:
        earlier = chart.before(reading, 182, 1)
        return reading, not earlier or reading.value - earlier[-1].value >= p.pain_rise
    event = chart.happened("myalgia", p.symptom_days)
    if event is None or (reading is not None and reading.day > event.day):
        return None, False
    first = event.day - 182
    known = any(other.event == "myalgia" and first <= other.day < event.day for other in chart.happenings)
    return event, not known


def _exercise(chart: Chart, ck: Reading | None, p: Parameters) -> Happening | None:
    """Strenuous exercise on the days before the CK (or before the day asked about where there is no CK)."""
    until = ck.day if ck else chart.today
    found = [
        event
        for event in chart.happenings
        if event.event == "strenuous_exercise"
        and event.present
        and event.day <= until
        and until - max(event.day, min(event.end or event.day, until)) <= p.exercise_days
    ]
    return found[-1] if found else None


def _checkpoint(chart: Chart, p: Parameters) -> tuple[Statement, ...]:
    earliest = chart.today - p.checkpoint_days
    return tuple(
        statement
        for statement in chart.statements
        if (row := drug(statement.drug))
        and row.has_class("checkpoint-inhibitor")
        and last_day_of(statement) >= earliest
    )


def _raised_troponin_i(chart: Chart, p: Parameters) -> Reading | None:
    """The newest raised troponin I of any assay that no later value of its assay has cleared."""
    newest: dict[str | None, Reading] = {}
    for reading in chart.series("troponin_i"):
        newest[reading.assay] = reading
    raised = [
        reading
        for reading in newest.values()
        if (reading.times_limit or 0) > 1
        and reading.comparator != "<"
        and chart.days_since(reading.day) <= p.valid_days
    ]
    return max(raised, key=lambda reading: reading.day, default=None)


def _worse(chart: Chart, measure: str, by: float, within: int) -> Reading | None:
    reading = chart.latest(measure, within)
    earlier = chart.before(reading, 182, 1) if reading else ()
    return reading if reading and earlier and reading.value - earlier[-1].value >= by else None


# -------------------------------------------------- the branches, in their order


def _gbs(signs: Signs) -> Phenotype | None:
    """PH-07: weakness with absent reflexes or sensory signs."""
    if signs.areflexia is None:
        return None
    plainly_strong = signs.strength_normal is True and signs.strength_fresh and not signs.weak
    if plainly_strong:
        return None
    return Phenotype(
        GBS_PATTERN,
        "PH-07",
        "Weakness with absent reflexes or sensory signs: a disease of the nerves has to be excluded today.",
        because=(fact_of(signs.areflexia), *signs.weakness_facts()),
        collect=("nerve conduction study", "NIF and vital capacity, repeated", "neurological examination today"),
    )


def _checkpoint_myositis(signs: Signs) -> Phenotype | None:
    """PH-08: a checkpoint inhibitor and weakness, raised CK or raised troponin I."""
    exposed = bool(signs.checkpoint) or signs.chart.diagnosis == "ICI_MYOSITIS"
    if not exposed or not (signs.weak or signs.ck_raised or signs.troponin_i_raised):
        return None
    because = [fact_of(statement) for statement in signs.checkpoint[-1:]]
    because += [*signs.weakness_facts()]
    if signs.ck_raised:
        because += signs.ck_facts()[-1:]
    if signs.troponin_i_raised:
        because.append(fact_of(signs.troponin_i_raised))
    return Phenotype(
        ICI_MYOSITIS,
        "PH-08",
        "Weakness or raised muscle or heart markers after a checkpoint inhibitor: heart and breathing muscles first.",
        because=tuple(because),
        collect=("troponin I", "ECG", "echocardiogram", "FVC and NIF", "acetylcholine receptor antibodies"),
    )


def _acute_steroid_myopathy(signs: Signs) -> Phenotype | None:
    """PH-04b: weakness within a fortnight of a very high dose held for days, whatever the CK."""
    if not signs.declines or signs.very_high_days < signs.parameters.very_high_days:
        return None
    return Phenotype(
        STEROID_MYOPATHY_POSSIBLE,
        "PH-04b",
        f"Weaker after {signs.parameters.very_high_days} or more days above {number(signs.parameters.very_high_mg)} "
        f"mg/day, the last on {day_text(signs.very_high_last)}: the acute form of steroid myopathy can raise CK, so CK "
        "does not decide.",
        because=(*signs.weakness_facts(), *signs.chart.steroid_facts(), *signs.ck_facts()[-1:]),
        collect=("FVC and NIF", "EMG", "potassium", "CK again in 3 to 7 days"),
        modifiers=("acute",),
    )


def _active(signs: Signs) -> Phenotype | None:
    """PH-12: weak with a sign of activity, whether or not anything changed; what is more specific goes before it."""
    if signs.active is None:
        return None
    missing = _too_old_or_missing(signs)
    if not missing:
        for branch in (_exercise_ck, _flare_despite_steroid, _steroid_myopathy, _inflamed):
            found = branch(signs)
            if found is not None:
                return found
    numbers = signs.active.numbers
    facts = (*signs.weakness_facts(), *signs.chart.facts(signs.active.evidence), *signs.ck_facts()[-1:])
    return Phenotype(
        TRUE_MYOSITIS,
        "PH-12",
        f"Weak ({numbers['weak']}) with signs of activity ({numbers['active']}).",
        because=tuple({(fact.kind, fact.id): fact for fact in facts}.values()),
        missing=missing,
        collect=missing,
        waits=bool(missing),
    )


def _know_too_little(signs: Signs) -> Phenotype | None:
    """PH-00: a decline or new pain, and CK or strength missing or too old."""
    if not (signs.weak or signs.new_pain):
        return None
    missing = _too_old_or_missing(signs)
    if not missing:
        return None
    what = _weaker(signs) if signs.weak else "New pain"
    return Phenotype(
        INDETERMINATE,
        "PH-00",
        f"{what}, but not enough is known to tell a flare from other causes: collect first.",
        because=(*signs.weakness_facts(), *_pain_facts(signs), *signs.ck_facts()[-1:]),
        missing=missing,
        collect=BASIC_FINDINGS,
        waits=True,
        titled=_inclusion_body(signs),
    )


def _inclusion_body(signs: Signs) -> str | None:
    """Its title, where somebody with inclusion body myositis got weaker: that is no riddle."""
    return INCLUSION_BODY if signs.chart.diagnosis == "IBM" and signs.declines else None


def _weaker(signs: Signs) -> str:
    """What makes somebody count as weaker: a fall of strength, else the symptom by its name."""
    if signs.declines or not signs.red_flags:
        return "Weaker"
    return " and ".join(fact_of(flag).label for flag in signs.red_flags)


def _too_old_or_missing(signs: Signs) -> tuple[str, ...]:
    """CK with its limit and strength, as far as they are missing or too old to decide on."""
    p = signs.parameters
    missing = []
    if signs.ck is None:
        missing.append(f"CK: none in the last {p.valid_days} days")
    elif signs.ck_ratio is None:
        missing.append(f"upper limit of the CK of {day_text(signs.ck.day)}")
    elif not signs.ck_fresh:
        missing.append(f"CK: the last one is from {day_text(signs.ck.day)}, older than {p.fresh_days} days")
    if signs.strength is None:
        missing.append(f"strength score: none in the last {p.valid_days} days")
    elif not signs.strength_fresh:
        missing.append(
            f"strength score: the last one is from {day_text(signs.strength.day)}, older than {p.fresh_days} days"
        )
    return tuple(missing)


def _other_assessor(signs: Signs) -> Phenotype | None:
    """STR-03: nothing but one lower score by another assessor."""
    if not signs.other_assessor:
        return None
    return Phenotype(
        INDETERMINATE,
        "STR-03",
        "The lower score was taken by another assessor than the ones before: repeat it before it counts as weakness.",
        because=signs.weakness_facts(),
        missing=("a strength score by the same assessor",),
        collect=("a strength score by the same assessor within 14 days",),
        waits=True,
    )


def _exercise_ck(signs: Signs) -> Phenotype | None:
    """PH-09: CK raised, strength normal, strenuous exercise in the 7 days before it."""
    if not signs.ck_raised or signs.exercise is None or signs.weak or signs.strength_normal is not True:
        return None
    return Phenotype(
        EXERCISE_CK,
        "PH-09",
        "CK is raised after strenuous exercise and strength is normal: no escalation, repeat CK after 7 days of rest."
        + _beside(signs),
        because=(*signs.ck_facts()[-1:], fact_of(signs.exercise), *_strength_facts(signs)),
        collect=("CK after 7 days of rest",),
        suppresses_escalation=True,
    )


def _polymyalgia(signs: Signs) -> Phenotype | None:
    """PH-10: CRP or ESR raised, CK normal, pain, no weakness, of an age for polymyalgia."""
    age = signs.chart.age
    old_enough = age is None or age >= signs.parameters.pmr_age
    if signs.pain is None or not signs.inflammation or not old_enough or not _painful_but_strong(signs):
        return None
    return Phenotype(
        PAIN_NON_INFLAMMATORY,
        "PH-10",
        "Pain with raised CRP or ESR, normal CK and normal strength: a polymyalgia pattern, not a flare of the muscle."
        + _beside(signs),
        because=(*_pain_facts(signs), *(fact_of(reading) for reading in signs.inflammation), *signs.ck_facts()[-1:]),
        modifiers=("polymyalgia",),
        suppresses_escalation=True,
    )


def _painful_but_strong(signs: Signs) -> bool:
    if signs.weak or signs.strength_normal is not True or signs.ck_ratio is None or signs.ck_raised:
        return False
    return not signs.raised_enzymes(signs.parameters.ck_clearly_raised)


def _pain_only(signs: Signs) -> Phenotype | None:
    """PH-02: pain, normal strength, CK not raised, other enzymes normal or mild."""
    if signs.pain is None or not _painful_but_strong(signs):
        return None
    return Phenotype(
        PAIN_NON_INFLAMMATORY,
        "PH-02",
        "Pain with normal strength and normal CK: the pain does not call for more immunosuppression." + _beside(signs),
        because=(*_pain_facts(signs), *_strength_facts(signs), *signs.ck_facts()[-1:]),
        suppresses_escalation=True,
    )


def _pain_with_ck(signs: Signs) -> Phenotype | None:
    """PH-03: pain, normal strength, CK raised and no exercise behind it."""
    if signs.pain is None or signs.weak or signs.strength_normal is not True or not signs.ck_raised:
        return None
    clearly = (signs.ck_ratio or 0) >= signs.parameters.ck_clearly_raised
    collect = (
        ("CK again after 7 days of rest", "statin and exercise history", "a formal strength test", "aldolase")
        if clearly
        else ("CK again in 2 to 4 weeks",)
    )
    return Phenotype(
        INDETERMINATE,
        "PH-03",
        f"Pain with normal strength and CK at {number(signs.ck_ratio)} times its limit: not classifiable yet.",
        because=(*_pain_facts(signs), *_strength_facts(signs), *signs.ck_facts()[-1:]),
        collect=collect,
        suppresses_escalation=True,
    )


def _flare_despite_steroid(signs: Signs) -> Phenotype | None:
    """PH-05: weaker under long high-dose steroid, but CK rises."""
    if not (signs.weak and signs.long_high_dose and signs.ck_rising) or signs.chart.diagnosis == "IBM":
        return None
    return Phenotype(
        TRUE_MYOSITIS,
        "PH-05",
        f"{_weaker(signs)} under high-dose steroid with rising CK: favours a flare over steroid myopathy.",
        because=(*signs.weakness_facts(), *signs.ck_facts(), *signs.chart.steroid_facts()),
    )


def _steroid_myopathy(signs: Signs) -> Phenotype | None:
    """PH-04: weaker under long high-dose steroid, CK normal or falling, nothing else inflamed."""
    remembered = None if signs.long_high_dose else signs.remembered_high_dose
    if not signs.declines or not (signs.long_high_dose or remembered) or not signs.ck_quiet:
        return None
    if signs.inflammation or signs.swallowing or signs.rash or signs.extramuscular_worse or _aldolase(signs):
        return None
    if signs.rising_enzyme or (remembered is not None and (signs.ck_raised or signs.ck_rising)):
        return None
    p = signs.parameters
    if remembered is not None:
        begun, ended = (day_text(remembered.numbers[name]) for name in ("past_start", "past_end"))
        behind = f"a high dose from {begun} to {ended}, remembered while a steroid is taken,"
    elif signs.high_dose_days >= p.high_dose_days:
        behind = (
            f"a dose above {number(p.high_dose_mg)} mg/day or of {number(p.high_dose_mg_kg)} mg/kg/day and more since "
            f"{day_text(signs.high_since)}"
        )
    else:
        behind = f"a steroid pulse until {day_text(signs.recent_pulse[1])}" if signs.recent_pulse else "a steroid pulse"
    return Phenotype(
        STEROID_MYOPATHY_POSSIBLE,
        "PH-04",
        f"Weaker with {behind} and CK not raised or falling: steroid myopathy is possible, a flare with normal CK too.",
        because=(*signs.weakness_facts(), *signs.ck_facts()[-1:], *signs.chart.steroid_facts()),
        missing=() if signs.inflammation_known else ("CRP and ESR with their limits",),
        collect=(
            "muscle MRI with T2 or STIR",
            "EMG",
            "TSH and potassium",
            "hip flexors and neck flexors muscle by muscle",
        ),
    )


def _aldolase(signs: Signs) -> Reading | None:
    return next((r for r in signs.raised_enzymes(signs.parameters.ck_raised) if r.measure == "aldolase"), None)


def _inflamed(signs: Signs) -> Phenotype | None:
    """PH-01: objective weakness and CK above 1.5 times its limit."""
    if not (signs.weak and signs.ck_raised):
        return None
    if signs.chart.diagnosis == "IBM":
        return Phenotype(
            INDETERMINATE,
            "IBM",
            "Inclusion body myositis gets weaker slowly, and its CK may be raised: neither is a flare by itself.",
            because=(*signs.weakness_facts(), *signs.ck_facts()[-1:]),
            titled=INCLUSION_BODY,
        )
    return Phenotype(
        TRUE_MYOSITIS,
        "PH-01",
        f"{_weaker(signs)} with CK at {number(signs.ck_ratio)} times its limit: inflammatory weakness is likely.",
        because=(*signs.weakness_facts(), *signs.ck_facts()[-1:]),
    )


def _weak_and_quiet(signs: Signs) -> Phenotype | None:
    """PH-06: weakness, CK normal and no steroid to explain it."""
    if not signs.weak:
        return None
    return Phenotype(
        INDETERMINATE,
        "PH-06",
        f"{_weaker(signs)} with a CK that is not raised: a flare with normal CK, damage and other causes are all "
        "possible.",
        because=(*signs.weakness_facts(), *signs.ck_facts()[-1:]),
        collect=("muscle MRI with T2 or STIR", "aldolase", "EMG", "biopsy if it stays unclear"),
        waits=True,
        titled=_inclusion_body(signs),
    )


def _ck_alone(signs: Signs) -> Phenotype | None:
    """CK rises without weakness, pain or exercise: nothing is decided on an enzyme alone."""
    if not (signs.ck_rising and signs.ck_raised):
        return None
    collect: tuple[str, ...] = ()
    risen = f"CK has risen to {number(signs.ck_ratio)} times its limit"
    if signs.chart.diagnosis == "IBM":
        why = f"{risen}, as it may in inclusion body myositis; no fall of strength is on file."
    elif signs.strength_fresh:
        why = f"{risen}; strength has not fallen."
        collect = ("CK again in 2 to 4 weeks", "exercise and statin history")
    else:
        why = f"{risen} without recorded weakness or pain: test strength first."
        collect = ("a strength score by the same assessor", "CK again in 2 to 4 weeks", "exercise and statin history")
    return Phenotype(
        INDETERMINATE,
        "CK-alone",
        why,
        because=(*_strength_facts(signs), *signs.ck_facts()),
        missing=() if signs.strength_fresh else ("a strength score of the last weeks",),
        collect=collect,
        titled=IBM_CK if signs.chart.diagnosis == "IBM" and signs.strength_fresh else None,
        suppresses_escalation=True,
    )


def _stable(signs: Signs) -> Phenotype | None:
    """Strength and CK are recent and quiet, and no answer of the day speaks of activity."""
    if _missing_for_stable(signs) or _speaks_of_activity(signs) or _urgent_beside(signs):
        return None
    weak = signs.strength_normal is False
    gained = _gained(signs) if weak else None
    return Phenotype(
        STABLE,
        "none",
        "No decline, no sign of activity and no rise of muscle enzymes that would call for a decision"
        + (f": {_weakness_left(signs, gained)}." if weak else "."),
        because=(*((fact_of(gained),) if gained else ()), *_strength_facts(signs), *signs.ck_facts()[-1:]),
        titled=None if not weak else WEAKNESS_REMAINS if gained is None else RECOVERING,
    )


def _gained(signs: Signs) -> Reading | None:
    """The lowest score of the last half year, where the newest of its instrument lies a step above it."""
    newest = signs.strength
    if newest is None:
        return None
    before = signs.chart.before(newest, signs.parameters.gain_days, _ALL)
    lowest = min(before, key=lambda one: one.value, default=None)
    step: float = getattr(ResponseSteps(), f"step_{newest.measure}")
    return lowest if lowest is not None and newest.value - lowest.value >= step else None


_ALL = 10_000


def _weakness_left(signs: Signs, gained: Reading | None) -> str:
    """What the weakness on file may be, where nothing is active."""
    newest = signs.strength
    if gained is not None and newest is not None:
        return (
            f"strength is coming back ({fact_of(newest).label} {number(gained.value)} on {day_text(gained.day)}, "
            f"{number(newest.value)} on {day_text(newest.day)})"
        )
    if signs.chart.diagnosis == "IBM":
        return "the weakness on file is the slow course of inclusion body myositis"
    high = _high_dose_of_late(signs)
    return "the weakness on file may be damage" + (f", or come from the steroid (high dose {high})" if high else "")


def _high_dose_of_late(signs: Signs) -> str:
    """Since when, or until when, the steroid was high for weeks; empty where it was not, or long ago."""
    p, chart = signs.parameters, signs.chart
    if signs.high_dose_days >= p.high_dose_days:
        return f"since {day_text(signs.high_since)}"
    weight = chart.latest("weight")
    line = p.high_dose_mg_kg * weight.value if weight else None
    for back in range(1, min(p.remembered_days, len(chart.steroid.mg))):
        days, _ = SteroidDays(chart.steroid.mg[:-back]).run_of_high_days(p.high_dose_mg, line, 0)
        if days:
            return f"until {day_text(chart.today - back)}" if days >= p.remembered_run_days else ""
    return ""


def _missing_for_stable(signs: Signs) -> tuple[str, ...]:
    """What has to be known before anybody is called stable."""
    days = signs.parameters.valid_days
    missing = [] if signs.strength is not None else [f"strength score: none in the last {days} days"]
    if signs.ck is None:
        missing.append(f"CK: none in the last {days} days")
    elif signs.ck_ratio is None:
        missing.append(f"upper limit of the CK of {day_text(signs.ck.day)}")
    return tuple(missing)


def _activity(signs: Signs) -> tuple[tuple[str, Answer], ...]:
    """The answers of the day that speak of activity, with their rules: each finding once."""
    lung_told = bool(signs.chart.met("lung-function"))
    return tuple(
        (key, one)
        for key, answers in signs.chart.answers.items()
        for one in answers
        if one.state == MET
        and (key in SPEAK_OF_ACTIVITY or (key in OF_THE_LUNG and one.severity == URGENT))
        and not (key == "worsening" and one.numbers.get("only_lung") and lung_told)
    )


def _speaks_of_activity(signs: Signs) -> tuple[str, ...]:
    """What speaks against calling the disease quiet, in words: a raised CK, or an answer of the day."""
    said = []
    if signs.ck is not None and signs.ck_raised:
        times = apart(signs.ck_ratio or 0.0, signs.parameters.ck_raised)
        said.append(f"CK {times} times its limit on {day_text(signs.ck.day)}")
    # A very high CK is told already.
    said += [_in_words(key, one) for key, one in _activity(signs) if (key, one.subject) != ("active-disease", "enzyme")]
    return tuple(dict.fromkeys(said))


def _urgent_beside(signs: Signs) -> tuple[str, ...]:
    """What is for today and says nothing of the disease: nobody is called stable beside it."""
    activity = {(key, one.subject) for key, one in _activity(signs)}
    return tuple(
        _in_words(key, one)
        for key, answers in signs.chart.answers.items()
        for one in answers
        if one.state == MET and one.severity == URGENT and (key, one.subject) not in activity
    )


def _in_words(key: str, answer: Answer) -> str:
    """An answer in a few words, as the lists say it: `lung worse: FVC 83 → 72 %`, `difficulty swallowing, recorded`."""
    found = rule(key)
    said = answer.numbers.get("said")
    if key == "no-response-after-pulse":
        return f"no response to the steroid pulse ({said})"
    if found.phrase is not None and (phrase := found.phrase([answer.cells()])):
        return _as_a_part(phrase)
    return _as_a_part(str(said) if said else found.title)


def _as_a_part(sentence: str) -> str:
    """A sentence within another: its first letter small, unless the word is an abbreviation."""
    text = sentence.rstrip(".")
    return text if text[1:2].isupper() or text[:1].isdigit() else text[:1].lower() + text[1:]


def _beside(signs: Signs) -> str:
    """A sentence on what asks for something else, beside a state that asks for nothing; empty where nothing does."""
    said = (*(_in_words(key, one) for key, one in _activity(signs)), *_urgent_beside(signs))
    return f" Beside it, and not explained by it: {'; '.join(dict.fromkeys(said))}." if said else ""


def _not_stable(signs: Signs) -> Phenotype:
    """Nothing decides, and it is not known to be quiet."""
    missing, against, urgent = _missing_for_stable(signs), _speaks_of_activity(signs), _urgent_beside(signs)
    parts = []
    if missing:
        parts.append(f"missing: {'; '.join(missing)}")
    if against:
        parts.append(f"speaks against calm: {'; '.join(against)}")
    if urgent:
        parts.append(f"for today: {'; '.join(urgent)}")
    quiet = None if missing else _quiet_muscle_title(signs)
    only_ck_of_ibm = signs.chart.diagnosis == "IBM" and not (missing or urgent or _activity(signs))
    if only_ck_of_ibm:
        why = f"Inclusion body myositis, no fall of strength; its CK may be raised ({'; '.join(against)})."
    elif quiet is None:
        why = f"No pattern is recognised, and the disease is not known to be quiet ({'. '.join(parts)})."
    else:
        why = f"No decline of strength and no rise of muscle enzymes; not called stable ({'. '.join(parts)})."
    return Phenotype(
        INDETERMINATE,
        "not-stable",
        why,
        because=(*_strength_facts(signs), *signs.ck_facts()[-1:]),
        missing=missing,
        collect=_about_ck(signs) if signs.ck_raised and not only_ck_of_ibm else (),
        titled=IBM_CK if only_ck_of_ibm else quiet,
    )


def _about_ck(signs: Signs) -> tuple[str, ...]:
    """What tells where a raised CK comes from; a very high one waits for no month."""
    very_high = any(one.subject == "enzyme" for one in signs.chart.met("active-disease"))
    again = "CK again after a week of rest" if very_high else "CK again in 2 to 4 weeks"
    more = ("a strength score by the same assessor",) if very_high and not signs.strength_fresh else ()
    return (*more, again, "exercise and statin history")


def _quiet_muscle_title(signs: Signs) -> str | None:
    """The title where strength and CK are quiet and only something else speaks; None where the muscle may speak too."""
    if signs.ck_raised:
        return None
    lung = skin = other = False
    for key, one in _activity(signs):
        of_lung = key in OF_THE_LUNG or (key == "worsening" and bool(one.numbers.get("only_lung")))
        if not of_lung and key not in OTHER_THAN_MUSCLE:
            return None
        lung, skin = lung or of_lung, skin or key == "skin-activity"
        other = other or key == "red-flag-symptoms"
    if other:
        return QUIET_NOT_STABLE
    if lung:
        return LUNG_WORSE
    return SKIN_WORSE if skin else URGENT_BESIDE


Branch = Callable[[Signs], Phenotype | None]

BRANCHES: tuple[Branch, ...] = (
    _gbs,
    _checkpoint_myositis,
    _acute_steroid_myopathy,
    _active,
    _know_too_little,
    _other_assessor,
    _exercise_ck,
    _polymyalgia,
    _pain_only,
    _pain_with_ck,
    _flare_despite_steroid,
    _steroid_myopathy,
    _inflamed,
    _weak_and_quiet,
    _ck_alone,
    _stable,
)
"""The questions in the order in which they are asked (catalogue A2); the first that answers decides."""


def _pain_facts(signs: Signs) -> tuple[Fact, ...]:
    return () if signs.pain is None else (fact_of(signs.pain),)


def _strength_facts(signs: Signs) -> tuple[Fact, ...]:
    return () if signs.strength is None else (fact_of(signs.strength),)


def phenotype_of(signs: Signs) -> Phenotype:
    """The state of the patient: the first branch that answers, with facts for and against it and what is missing."""
    decided = next((found for branch in BRANCHES if (found := branch(signs)) is not None), None) or _not_stable(signs)
    for_it, against_it = _weigh(signs, decided.state)
    missing = list(decided.missing)
    if signs.chart.steroid.unknown:
        missing.append(f"steroid dose: {signs.chart.steroid.unknown}")
    modifiers = list(decided.modifiers)
    if signs.statins and (signs.pain or signs.weak or signs.ck_raised):
        modifiers.append("statin")  # PH-11 goes with any state
    if signs.checkpoint and decided.state != ICI_MYOSITIS:
        modifiers.append("checkpoint-inhibitor")
    if signs.fever:
        modifiers.append("fever")  # RSP-04: an infection is not a flare
    return Phenotype(
        state=decided.state,
        branch=decided.branch,
        why=decided.why,
        because=decided.because,
        facts_for=for_it,
        facts_against=against_it,
        missing=tuple(missing),
        collect=decided.collect,
        modifiers=tuple(modifiers),
        suppresses_escalation=decided.suppresses_escalation,
        waits=decided.waits,
        titled=STILL_ACTIVE if decided.state == TRUE_MYOSITIS and signs.recovering else decided.titled,
    )


# -------------------------------------------------- facts that tell flare, steroid, damage, measurement


@dataclass
class Explanation:
    """One possible explanation of a change, with what speaks for it, against it, and what is not known."""

    key: str
    title: str
    speaks_for: list[str] = field(default_factory=list)
    speaks_against: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The explanation for the patient page."""
        return {
            "key": self.key,
            "title": self.title,
            "for": self.speaks_for,
            "against": self.speaks_against,
            "missing": self.missing,
        }


def explanations_of(signs: Signs) -> tuple[Explanation, ...]:
    """Flare, steroid myopathy, damage, measurement: the discriminating facts on file for each. Never one diagnosis.

    Sources: the comparison of steroid myopathy and flare in S31 and seed-003; measurement error from S28.
    """
    flare = Explanation("flare", "Flare of the myositis")
    steroid = Explanation("steroid-myopathy", "Steroid myopathy")
    damage = Explanation("damage", "Damage that is there already")
    measurement = Explanation("measurement", "Chance of the measurement")
    for gather in (_weigh_ck, _weigh_other_signs, _weigh_dose, _weigh_scores, _weigh_imaging, _weigh_damage):
        gather(signs, flare, steroid, damage, measurement)
    return flare, steroid, damage, measurement


def _weigh_ck(signs: Signs, flare: Explanation, steroid: Explanation, damage: Explanation, chance: Explanation) -> None:
    if signs.ck is None or signs.ck_ratio is None:
        missing = (
            "CK with its upper limit" if signs.ck is None else f"upper limit of the CK of {day_text(signs.ck.day)}"
        )
        flare.missing.append(missing)
        steroid.missing.append(missing)
        return
    said = f"CK {number(signs.ck_ratio)} times its limit on {day_text(signs.ck.day)}"
    if not signs.ck_fresh:
        flare.missing.append(f"a CK of the last {signs.parameters.fresh_days} days")
    if signs.ck_rising:
        flare.speaks_for.append(f"{said}, rising")
        steroid.speaks_against.append(f"{said}, rising")
        chance.speaks_against.append(f"{said}, rising")
    elif signs.ck_raised:
        flare.speaks_for.append(said)
        (steroid.speaks_for if signs.ck_falling else steroid.speaks_against).append(
            f"{said}, falling" if signs.ck_falling else said
        )
        damage.speaks_against.append(said)
    else:
        flare.speaks_against.append(f"{said} (a flare with normal CK exists)")
        steroid.speaks_for.append(said)
        damage.speaks_for.append(said)


def _weigh_damage(
    signs: Signs, flare: Explanation, steroid: Explanation, damage: Explanation, chance: Explanation
) -> None:
    """Damage on record explains weakness that stays; a mildly raised, steady CK may be this person's normal."""
    del flare, steroid
    for name in DAMAGE:
        found = signs.chart.condition(name)
        if found is not None:
            damage.speaks_for.append(f"{fact_of(found).label} on file since {day_text(found.day)}")
    ratio = signs.ck_ratio
    mild = ratio is not None and 1 < ratio <= signs.parameters.ck_clearly_raised
    steady = signs.ck_reference is not None and not (signs.ck_rising or signs.ck_falling)
    not_weak = signs.strength_normal is True and not signs.weak and signs.active is None
    if mild and steady and not_weak and not signs.chart.is_child:
        chance.speaks_for.append(HIGHER_NORMAL_CK)


def _weigh_other_signs(
    signs: Signs, flare: Explanation, steroid: Explanation, damage: Explanation, chance: Explanation
) -> None:
    for reading in signs.raised_enzymes(signs.parameters.ck_raised):
        flare.speaks_for.append(f"{fact_of(reading).text()}: raised")
    for reading in signs.inflammation:
        flare.speaks_for.append(f"{fact_of(reading).text()}: raised")
        steroid.speaks_against.append(f"{fact_of(reading).text()}: raised")
    if not signs.inflammation_known:
        flare.missing.append("CRP and ESR with their limits")
    for event in (*signs.red_flags, *((signs.rash,) if signs.rash else ())):
        said = f"{fact_of(event).label.lower()} on {day_text(event.day)}"
        flare.speaks_for.append(said)
        chance.speaks_against.append(said)
        if event.event in ("dysphagia", "rash"):
            steroid.speaks_against.append(said)
    if signs.extramuscular_worse:
        flare.speaks_for.append(f"{fact_of(signs.extramuscular_worse).text()}: worse than before")
        steroid.speaks_against.append(f"{fact_of(signs.extramuscular_worse).text()}: worse than before")
    if signs.fever:
        flare.speaks_against.append(f"fever on {day_text(signs.fever.day)}: an infection can weaken too")
        chance.speaks_for.append(f"fever on {day_text(signs.fever.day)}: an ill patient scores lower")
    if signs.pain:
        chance.speaks_for.append("pain can limit what is scored")


def _weigh_dose(
    signs: Signs, flare: Explanation, steroid: Explanation, damage: Explanation, chance: Explanation
) -> None:
    if signs.chart.steroid.unknown:
        steroid.missing.append(f"steroid dose: {signs.chart.steroid.unknown}")
    dose = signs.chart.steroid.today
    if signs.high_dose_days >= signs.parameters.high_dose_days:
        steroid.speaks_for.append(f"high steroid dose since {day_text(signs.high_since)}, {number(dose)} mg/day now")
    elif signs.recent_pulse:
        steroid.speaks_for.append(f"steroid pulse until {day_text(signs.recent_pulse[1])}")
    elif signs.on_steroid:
        how = f"high only since {day_text(signs.high_since)}" if signs.high_dose_days else "not high"
        steroid.speaks_against.append(f"steroid dose {number(dose)} mg/day, {how}")
    else:
        steroid.speaks_against.append("no steroid on file")
    if signs.chart.met("taper-too-fast"):
        flare.speaks_for.append("the steroid was cut fast in the last weeks")


def _weigh_scores(
    signs: Signs, flare: Explanation, steroid: Explanation, damage: Explanation, chance: Explanation
) -> None:
    if signs.strength is None:
        for explanation in (flare, steroid, damage, chance):
            explanation.missing.append("a strength score of the last weeks")
        return
    if not signs.declines:
        damage.speaks_for.append("strength is not falling") if signs.strength_normal is False else None
        return
    said = signs.decline_sentence()
    flare.speaks_for.append(said)
    steroid.speaks_for.append(said)
    damage.speaks_against.append(f"{said}: damage does not come within weeks")
    if signs.grade == POSSIBLE:
        chance.speaks_for.append(f"{said}: not confirmed by further scores")
        chance.missing.append("a second score within 14 days by the same assessor")
    else:
        chance.speaks_against.append(f"{said}: more than the scatter of the instrument")
    if any(bool(verdict.numbers.get("other_assessor")) for verdict in signs.declines):
        chance.speaks_for.append("the latest score has another assessor")


def _weigh_imaging(
    signs: Signs, flare: Explanation, steroid: Explanation, damage: Explanation, chance: Explanation
) -> None:
    for event, what in (("mri", "muscle MRI with T2 or STIR"), ("emg", "EMG")):
        found = signs.chart.happened(event, signs.parameters.valid_days)
        if found is None:
            for explanation in (flare, steroid, damage):
                explanation.missing.append(what)
        elif found.detail:
            # The finding is free text: it is shown to the reader and decides nothing here.
            for explanation in (flare, steroid, damage):
                explanation.missing.append(
                    f"reading of the {what.split()[-1] if event == 'emg' else 'MRI'} of "
                    f"{day_text(found.day)}: {found.detail}"
                )


def _active_words(signs: Signs) -> tuple[str, ...]:
    """What makes the disease active today, where nothing has to have changed."""
    if signs.active is None or signs.declines:
        return ()
    return tuple(part for name in ("weak", "active") for part in str(signs.active.numbers[name]).split("; "))


def _weigh(signs: Signs, state: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What speaks for and against the state, in words."""
    flare, steroid, _, chance = explanations_of(signs)
    if state in (TRUE_MYOSITIS, ICI_MYOSITIS):
        others = (*flare.speaks_against, *steroid.speaks_for, *chance.speaks_for)
        # A fall fits each of them: it speaks for none against another.
        fall = signs.decline_sentence()
        return tuple(dict.fromkeys((*_active_words(signs), *flare.speaks_for))), tuple(
            one for one in dict.fromkeys(others) if one != fall
        )
    if state == STEROID_MYOPATHY_POSSIBLE:
        return tuple(steroid.speaks_for), tuple(steroid.speaks_against)
    if state == GBS_PATTERN:
        return ("absent reflexes or sensory signs",), (("CK raised",) if signs.ck_raised else ())
    if state == EXERCISE_CK:
        return ("strenuous exercise before the CK", "strength normal"), (("pain",) if signs.pain else ())
    if state == PAIN_NON_INFLAMMATORY:
        against = [f"{fact_of(reading).text()}: raised" for reading in signs.raised_enzymes(signs.parameters.ck_raised)]
        return ("strength normal", f"CK {number(signs.ck_ratio)} times its limit"), tuple(against)
    if state == INDETERMINATE:
        return (), ((*_speaks_of_activity(signs), *_urgent_beside(signs)) if not signs.weak else ())
    return (("strength not falling",) if signs.strength else ()), ()
