"""The row types of the vocabulary: one frozen class per table, in the field's own terms.

Every number has a mark that says how it is known:

* ``seen``: read in the source named beside it
* ``seed``: stated by one of the educational pages the project began with; never shown as a guideline
* ``memory``: known, but not seen in a source; shown with a "verify" badge, never as fact
* ``default``: a choice made here; a site setting
* ``computed``: follows by arithmetic from definitions

Rows are known by their key and read once, so they compare by identity; that also keeps the import quick.
"""

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Mark = Literal["seen", "seed", "memory", "default", "computed", ""]
MeasureKind = Literal["laboratory", "strength", "global", "function", "skin", "body", "respiratory"]
AnswerKind = Literal["acknowledge", "outcome", "snooze", "decline"]

DRUG_CLASSES: frozenset[str] = frozenset(
    {
        "glucocorticoid",
        "conventional-sparing",
        "biologic",
        "immunoglobulin",
        "calcineurin-inhibitor",
        "cytotoxic",
        "antimalarial",
        "jak-inhibitor",
        "anti-tnf",
        "checkpoint-inhibitor",
        "statin",
        "pjp-prophylaxis",
        "bone-protection",
        "bone-anabolic",
        "calcium-vitamin-d",
        "bisphosphonate",
        "folate",
        "other",
    }
)

WARNS_OF: frozenset[str] = frozenset(
    {"lung", "heart", "cancer", "calcinosis", "severe weakness", "statin", "swallowing", "skin", "treatment"}
)

# A glucocorticoid given by one of these routes adds nothing to the prednisone-equivalent dose: too little of it
# reaches the circulation, or (into a joint) too unevenly to convert. Source: S8 and the project's contract.
STEROID_ROUTES_NOT_COUNTED: frozenset[str] = frozenset({"topical", "inhaled", "intra-articular"})

ROUTES: frozenset[str] = frozenset({"oral", "iv", "im", "sc", "topical", "inhaled", "intra-articular"})
DOSE_UNITS: frozenset[str] = frozenset({"mg", "g", "mg/kg", "g/kg", "mg/m2"})
INTENTS: frozenset[str] = frozenset({"daily", "pulse", "infusion"})

# Monitoring rows of this treatment apply to everyone on a drug that counts as active treatment.
ACTIVE_TREATMENT = "active-treatment"
# Action limits of this treatment hold whatever is taken, and for a while after it ended.
ANY_DRUG = "any-drug"
# Action limits of this treatment hold under drugs whose blood tests are watched closely.
ANY_MONITORED = "any"
# A monitoring row may be for children or for adults only.
CHILD, ADULT = "child", "adult"
# Screening rows of this treatment apply before the first drug that counts as active treatment.
ANY_IMMUNOSUPPRESSANT = "any-immunosuppressant"


@dataclass(frozen=True, eq=False)
class Source:
    """Where a number or a statement comes from. ``educational-page`` and ``secondary`` are never guidelines."""

    id: str
    title: str
    year: int | None
    where: str
    kind: str


@dataclass(frozen=True, eq=False)
class SourceCheck:
    """How a source was last looked at, by whom, and when it is to be looked at again.

    ``read`` says how much of it was seen. ``checked_by`` never names a clinician who did not read it: what the
    engineers saw second-hand, or nobody saw, says so.
    """

    source: str
    read: Literal["full text", "part", "summary", "abstract", "second-hand", "list", "own choice", "not read"]
    checked_by: str
    checked_on: dt.date
    next_review: dt.date
    note: str


@dataclass(frozen=True, eq=False)
class Measure:
    """Something that is measured or scored. Values are stored in ``unit``; an empty unit is a pure score."""

    key: str
    label: str
    short_label: str
    kind: MeasureKind
    family: str
    unit: str
    min_value: float | None
    max_value: float | None
    higher_is: Literal["better", "worse", "neither"]
    loinc: str
    loinc_name: str
    local_code: str
    mark: Mark
    source: str
    range_mark: Mark
    range_source: str

    @property
    def is_strength(self) -> bool:
        """Whether this is a strength instrument, never compared with another one."""
        return self.kind == "strength"

    @property
    def is_score(self) -> bool:
        """Whether a value may come without a unit because it counts points."""
        return self.family in {"score", "vas"}

    @property
    def is_enzyme(self) -> bool:
        """Whether this is one of the muscle enzymes."""
        return self.family == "enzyme"


@dataclass(frozen=True, eq=False)
class MeasureCode:
    """A code of a code system, and the measure it means, or why it is refused."""

    system: str
    code: str
    name: str
    name_contains: tuple[str, ...]
    measure: str
    refused_because: str
    code_mark: Mark
    source: str
    name_mark: Mark


@dataclass(frozen=True, eq=False)
class MeasureNames:
    """What a measure is called, beside its labels and the names of its codes.

    ``beside_a_code`` are names too short to mean it alone; ``other_forms`` words that make another test of this
    measure; ``own_words`` such words that belong to its own name.
    """

    measure: str
    names: tuple[str, ...]
    beside_a_code: tuple[str, ...]
    other_forms: frozenset[str]
    own_words: frozenset[str]
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class NameWords:
    """Names of other tests, or words in a name that say of which specimen or form a test is."""

    means: str
    what: str
    words: tuple[str, ...]
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class UnitRule:
    """How a unit as sent becomes the canonical unit: value * factor + offset."""

    applies_to: str
    unit: str
    factor: Fraction
    offset: Fraction
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class LabTest:
    """A test as monitoring asks for it: any of its measures (or events: an eye examination) counts, or all must."""

    key: str
    label: str
    measures: tuple[str, ...]
    counts_when: Literal["any", "all"]
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class MonitoringRow:
    """A test required of patients on a treatment, between two days since start or dose increase (both included).

    `treatment` is a drug, a class of drugs, or an event (interstitial lung disease, difficulty swallowing) that asks by
    itself, whatever is taken. `only_if` narrows it: to children or adults, to patients with an event present, or to
    those in whom a presence result is positive.
    """

    profile: str
    treatment: str
    only_if: str
    test: str
    phase: Literal["any", "start", "stable", "maintenance"]
    from_day: int
    to_day: int | None
    interval_days: int
    mark: Mark
    source: str
    active: bool
    note: str
    begins: dt.date | None = None
    """The day from which a clinic's own row asks: nothing was missed before it. None for the program's."""

    def applies_to(self, drug: "Drug") -> bool:
        """Whether the row is a reason to test someone taking this drug."""
        return _treatment_covers(self.treatment, drug)


@dataclass(frozen=True, eq=False)
class NoMonitoring:
    """Why a drug or a class of drugs has no monitoring rows in use: none is needed, or none was found in a source."""

    treatment: str
    because: str
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class Screen:
    """A screen wanted before (``within_days`` 0) or soon after a treatment begins; any of ``satisfied_by`` does."""

    treatment: str
    screen: str
    satisfied_by: tuple[str, ...]
    requirement: Literal["required", "if-risk", "site"]
    only_if: str
    within_days: int
    valid_for_days: int | None
    validity_mark: Mark
    mark: Mark
    source: str
    note: str

    def applies_to(self, drug: "Drug") -> bool:
        """Whether the screen is wanted of someone starting this drug."""
        return _treatment_covers(self.treatment, drug)


@dataclass(frozen=True, eq=False)
class ActionLimit:
    """A value at which a monitored drug needs action.

    ``limit`` is in the measure's canonical unit; of a rise per cent; or so many times the upper limit reported with the
    value. It holds from ``from_age`` years on. ``interrupt`` is for values that need somebody on the same day.
    """

    key: str
    measure: str
    applies_to: str
    kind: Literal["absolute", "relative-rise", "times-limit"]
    direction: Literal["below", "above"]
    limit: float
    unit: str
    within_days: int | None
    from_age: int
    consequence: Literal["act", "interrupt"]
    caveat: str
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class Drug:
    """An ingredient. Unknown ingredients are legal data: they have no row."""

    key: str
    label: str
    synonyms: tuple[str, ...]
    classes: tuple[str, ...]
    rxnorm: str
    rxnorm_mark: Mark
    rxnorm_source: str
    atc: str
    atc_mark: Mark
    equivalent_mg_to_5: float | None
    factor_mark: Mark
    factor_source: str
    excluded_because: str
    counts_as_active_treatment: bool
    sparing_agent: bool
    sparing_mark: Mark
    acts_for_days: int | None
    acts_for_mark: Mark
    note: str

    @property
    def prednisone_factor(self) -> float | None:
        """Milligrams of prednisone that one milligram equals; None for anything that does not count."""
        return None if self.equivalent_mg_to_5 is None else 5.0 / self.equivalent_mg_to_5

    @property
    def is_glucocorticoid(self) -> bool:
        """Whether this is a steroid, counted or not."""
        return "glucocorticoid" in self.classes

    def has_class(self, name: str) -> bool:
        """Whether the drug belongs to the class."""
        return name in self.classes


@dataclass(frozen=True, eq=False)
class EventKind:
    """A kind of clinical event: a symptom, a procedure, a screening done, a condition, an exposure."""

    key: str
    label: str
    kind: Literal["symptom", "procedure", "screening", "condition", "exposure", "report"]
    red_flag: bool
    snomed: str
    origin: Literal["contract", "added"]


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A myositis subtype with the codes found for it; a subtype without codes is kept under its local code."""

    code: str
    label: str
    juvenile: bool
    icd10cm: tuple[str, ...]
    icd10cm_mark: Mark
    snomed: tuple[str, ...]
    snomed_mark: Mark
    source: str
    note: str


@dataclass(frozen=True, eq=False)
class Autoantibody:
    """A myositis-specific or -associated autoantibody."""

    code: str
    label: str
    synonyms: tuple[str, ...]
    target: str
    target_mark: Mark
    group: Literal["ASYS", "DM", "IMNM", "IBM", "MAA"]
    features: str
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class AntibodyWarning:
    """One thing an antibody warns of, in a word (`lung`, `heart`, `cancer`, ...) and in a few."""

    antibody: str
    warns_of: str
    says: str
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class Frequency:
    """How often a dose is taken: ``doses`` every ``every_days`` days; a single dose has no period."""

    key: str
    label: str
    doses: int
    every_days: int | None

    @property
    def doses_per_day(self) -> float | None:
        """Doses per day as a mean; None for a single dose."""
        return None if self.every_days is None else self.doses / self.every_days


@dataclass(frozen=True, eq=False)
class TaperStep:
    """From above ``to_dose`` (and at most ``from_dose``) reduce by ``step`` every ``every_days``, never below."""

    template: str
    from_dose: float | None
    to_dose: float
    step: float
    every_days: int
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class TaperTemplate:
    """A steroid taper that a program can walk; doses in ``unit`` of prednisone equivalent per day."""

    key: str
    label: str
    unit: Literal["mg", "mg/kg"]
    population: Literal["adult", "juvenile"]
    start_from_day: int
    start_by_day: int
    mark: Mark
    source: str
    note: str
    steps: tuple[TaperStep, ...]

    def next_dose(self, dose: float) -> tuple[float, int] | None:
        """The next lower dose and for how many days it is then held; None when nothing is left to reduce.

        A dose reached by a step is held for that step's ``every_days``, so the first reduction happens on the day
        the taper starts and the next one ``every_days`` later.
        """
        for step in self.steps:
            if dose > step.to_dose:
                return max(round(dose - step.step, 6), step.to_dose), step.every_days
        return None

    def schedule(self, start_dose: float, taper_from_day: int) -> tuple[tuple[int, float], ...]:
        """The planned doses as (day of the course, dose from that day on), beginning with day 0."""
        plan = [(0, start_dose)]
        day, dose = taper_from_day, start_dose
        while (following := self.next_dose(dose)) is not None:
            dose, held_for = following
            plan.append((day, dose))
            day += held_for
        return tuple(plan)


@dataclass(frozen=True, eq=False)
class CmasItem:
    """One of the 14 items of the CMAS; a timed item scores one point per threshold reached (seconds)."""

    number: int
    label: str
    max: int
    timed: bool
    thresholds_seconds: tuple[int, ...]
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class MuscleGroup:
    """A muscle group of manual muscle testing, graded 0 to 10 on each side it has."""

    number: int
    key: str
    label: str
    region: Literal["axial", "proximal", "distal"]
    paired: bool
    in_mmt8: bool
    mark: Mark
    source: str


@dataclass(frozen=True, eq=False)
class Answer:
    """A coded answer to an alert or a suggestion, and where it may be given."""

    code: str
    label: str
    kinds: tuple[AnswerKind, ...]


def _treatment_covers(treatment: str, drug: Drug) -> bool:
    if treatment in {ACTIVE_TREATMENT, ANY_IMMUNOSUPPRESSANT}:
        return drug.counts_as_active_treatment
    return treatment == drug.key or treatment in drug.classes
