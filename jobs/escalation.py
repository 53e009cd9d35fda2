"""What a suggestion file must declare, and the shape of what it proposes.

A suggestion is one question to the prescriber ("add IVIG?"), in one file of `jobs/escalations`, with its logic in plain
words, its thresholds, sources and limits. It answers with a proposal, with the reason why it holds back, or with
nothing. A proposal is a list of options to consider with dose ranges and cautions, never an order and never a computed
infusion; "no change, with a reason" is always one of them.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from jobs.chart import Chart, Fact, fact_of
from jobs.phenotype import Phenotype, Signs
from jobs.rule import ACTION, URGENT, WATCH, Answer, NoParameters, day_text, number
from models.vocabulary import source

READY, PENDING = "ready", "pending"
URGENCIES = (URGENT, ACTION, WATCH)

Kind = Literal["escalation", "steroid", "sparing", "collect", "organ", "review", "safety"]
"""`escalation` is what the phenotype branch can switch off; `safety` is shown apart from the other suggestions."""

NO_CHANGE = "no-change"
COMING_BACK = "The treatment helps, and strength is coming back:"
"""Why nothing is added to treatment under which a fall is being regained."""
CHILD_WEIGHT_DAYS = 90
"""A child's weight older than this is not used for a dose (site setting)."""


@dataclass(frozen=True)
class Citation:
    """A row of the vocabulary's sources, and what it says in our words."""

    id: str
    says: str = ""

    def as_json(self) -> dict[str, Any]:
        """Title, year and place, and whether it may be called a guideline: an educational page never is."""
        row = source(self.id)
        labels = {
            "educational-page": "educational page, not a guideline",
            "secondary": "secondary page: check the original",
            "guideline": "guideline",
            "label": "product label",
        }
        return {
            "id": self.id,
            "title": row.title,
            "year": row.year,
            "where": row.where,
            "label": labels.get(row.kind, row.kind),
            "says": self.says,
        }


@dataclass(frozen=True)
class Option:
    """One thing that could be done: dose as a range, never as an order.

    `drugs` are those it would begin, one of which is chosen: what screening found of them is said beside it.
    """

    key: str
    text: str
    dose: str | None = None
    cautions: tuple[str, ...] = ()
    drugs: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The option in the contract's shape."""
        return {"key": self.key, "text": self.text, "dose": self.dose, "cautions": list(self.cautions)}


@dataclass(frozen=True)
class Proposal:
    """What a suggestion file puts before the prescriber."""

    because: tuple[Fact, ...]
    options: tuple[Option, ...]
    why: str
    urgency: str = ACTION
    status: str = READY
    title: str | None = None
    collect_first: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Withheld:
    """The suggestion was considered and is held back, for a reason a prescriber can check."""

    reason: str


@dataclass(frozen=True)
class Situation:
    """What a suggestion looks at: the facts, the signs worked out from them, and the state they were put into."""

    chart: Chart
    signs: Signs
    phenotype: Phenotype

    @property
    def state(self) -> str:
        """The phenotype branch."""
        return self.phenotype.state

    @property
    def waits(self) -> bool:
        """Whether a treatment decision has to wait for facts: too little is known, or there is a fever (RSP-04)."""
        return self.phenotype.waits or self.signs.fever is not None

    @property
    def first(self) -> tuple[str, ...]:
        """What to collect before the decision, where it waits."""
        fever = ("signs of infection: fever is not a flare by default",) if self.signs.fever else ()
        asked = (*self.phenotype.missing, *self.phenotype.collect) if self.phenotype.waits else ()
        return (*fever, *dict.fromkeys(asked))

    @property
    def status(self) -> str:
        """`pending` where the decision waits for facts, `ready` otherwise."""
        return PENDING if self.waits else READY

    @property
    def pulse_without_response(self) -> tuple[Answer, ...]:
        """The answer that the last pulse did not help, from the 28th day after it on; whether or not a score fell."""
        return self.chart.met("no-response-after-pulse")

    @property
    def inadequate(self) -> bool:
        """Active disease that does not respond to a glucocorticoid together with an agent."""
        return self.signs.not_responding and self.signs.on_steroid and bool(self.chart.sparing())

    @property
    def active_facts(self) -> tuple[Fact, ...]:
        """The facts behind active disease and behind a pulse without response."""
        answers = [*([self.signs.active] if self.signs.active else []), *self.pulse_without_response]
        return tuple(fact for one in answers for fact in self.chart.facts(one.evidence))

    @property
    def treated(self) -> bool:
        """On a steroid or a steroid-sparing agent, or after a pulse: what happens now happens under treatment."""
        return bool(self.signs.on_steroid or self.chart.sparing() or self.chart.pulses())

    @property
    def treatment(self) -> tuple[Fact, ...]:
        """Current steroid and steroid-sparing treatment and the last pulse, as facts."""
        pulse = self.chart.last_pulse()
        facts = [fact_of(course) for course in self.chart.sparing()]
        facts += self.chart.steroid_facts()
        if pulse is not None:
            facts.append(fact_of(pulse[0]))
        return tuple({(fact.kind, fact.name, fact.id): fact for fact in facts}.values())


Propose = Callable[[Situation, Any], "Proposal | Withheld | None"]


@dataclass(frozen=True)
class Escalation:
    """One suggestion with everything a clinician needs to judge it."""

    key: str
    title: str
    question: str
    why_it_matters: str
    topic: str
    kind: Kind
    order: int
    catalogue: tuple[str, ...]
    logic: str
    limitations: str
    citations: tuple[Citation, ...]
    propose: Propose
    reads: tuple[str, ...] = ()
    parameters: type = NoParameters
    version: str = "1.0.0"
    effective: str = "2026-11-22"
    author: str = "Myopanel"
    audience: tuple[str, ...] = ("physician",)
    for_ibm: bool = False

    def defaults(self) -> Any:
        """The parameters as shipped."""
        return self.parameters()

    def thresholds(self, values: Any) -> list[dict[str, Any]]:
        """The thresholds used, each with unit, meaning, origin mark and source."""
        return thresholds_of(values)


def thresholds_of(values: Any) -> list[dict[str, Any]]:
    """A parameter set as rows: key, value, unit, meaning, mark (`seen`, `seed`, `memory`, `default`, ...), source."""
    return [
        {
            "key": field.name,
            "value": getattr(values, field.name),
            "unit": field.metadata["unit"],
            "meaning": field.metadata["meaning"],
            "mark": field.metadata["mark"],
            "source": field.metadata["source"],
        }
        for field in dataclasses.fields(values)
    ]


@lru_cache(maxsize=1)
def all_escalations() -> tuple[Escalation, ...]:
    """Every suggestion of `jobs/escalations`, found by folder, in the order in which they are put to the reader.

    Raises:
        TypeError: a file declares no ESCALATION.
        ValueError: two files use the same key.
    """
    import jobs.escalations

    found: dict[str, Escalation] = {}
    for module in pkgutil.iter_modules(jobs.escalations.__path__):
        one = getattr(importlib.import_module(f"jobs.escalations.{module.name}"), "ESCALATION", None)
        if not isinstance(one, Escalation):
            raise TypeError(f"jobs/escalations/{module.name}.py declares no ESCALATION")
        if one.key in found:
            raise ValueError(f"two suggestions are called {one.key}")
        found[one.key] = one
    return tuple(sorted(found.values(), key=lambda one: (one.order, one.key)))


def escalation(key: str) -> Escalation:
    """The suggestion of that key.

    Raises:
        KeyError: no such suggestion.
    """
    for candidate in all_escalations():
        if candidate.key == key:
            return candidate
    raise KeyError(key)


# -------------------------------------------------------------------------------- doses from a weight


@dataclass(frozen=True)
class DoseByWeight:
    """A dose range in words, the weight it rests on as a fact, and what is wrong with that weight."""

    text: str
    weight: Fact | None
    caution: str | None

    @property
    def cautions(self) -> tuple[str, ...]:
        """The caution as a tuple for an option."""
        return (self.caution,) if self.caution else ()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The weight as a tuple for a proposal's facts."""
        return (self.weight,) if self.weight else ()


def dose_by_weight(
    chart: Chart, low: float, high: float, unit: str, *, per: str = "", most: float | None = None
) -> DoseByWeight:
    """A range of `low` to `high` `unit` per kg in words, with the totals for the last weight on file.

    `per` follows the unit (`/day`), `most` caps the totals. Both the measured and, for adults whose height is on file,
    the ideal body weight are used, because sources differ on which counts (C2). Without a weight, or with an old one
    in a child, the totals are left out and the caution says so.
    """
    span = number(low, 2) if low == high else f"{number(low, 2)} to {number(high, 2)}"
    cap = f", at most {number(most)} {unit}{per}" if most else ""
    words = f"{span} {unit}/kg{per}{cap}"
    reading = chart.latest("weight")
    if reading is None:
        return DoseByWeight(words, None, "No weight is on file: the total cannot be shown.")
    age = chart.days_since(reading.day)
    if chart.is_child and age > CHILD_WEIGHT_DAYS:
        return DoseByWeight(
            words,
            fact_of(reading),
            f"The child's last weight is of {day_text(reading.day)}: weigh first.",
        )

    def total(kilograms: float) -> str:
        amounts = [min(share * kilograms, most) if most else share * kilograms for share in (low, high)]
        shown = [number(amount, 1 if amount < 10 else 0) for amount in amounts]
        return f"{shown[0]} {unit}" if shown[0] == shown[1] else f"{shown[0]} to {shown[1]} {unit}"

    words += f": {total(reading.value)} at {number(reading.value)} kg (measured {day_text(reading.day)})"
    ideal = ideal_body_weight(chart)
    if ideal is not None:
        words += f", {total(ideal)} at {number(ideal)} kg (ideal body weight; from memory, to be verified)"
    caution = None
    if not chart.is_child and age > 365:
        caution = f"The last weight is from {day_text(reading.day)}."
    return DoseByWeight(words, fact_of(reading), caution)


def ideal_body_weight(chart: Chart) -> float | None:
    """Kilograms by Devine's formula (from memory) for an adult of known sex and a height of at least 152.4 cm."""
    height = chart.latest("height")
    if chart.is_child or height is None or height.value < 152.4 or chart.sex not in ("female", "male"):
        return None
    base = 50.0 if chart.sex == "male" else 45.5
    return base + 0.91 * (height.value - 152.4)


def unless_active(chart: Chart, options: Sequence[tuple[Option, Sequence[str]]]) -> tuple[Option, ...]:
    """The options whose drugs the patient does not take already."""
    return tuple(replace(option, drugs=tuple(drugs)) for option, drugs in options if chart.on(*drugs) is None)


def seeds(**says: str) -> tuple[Citation, ...]:
    """Citations of the educational pages: `seeds(s002="...")`."""
    return tuple(Citation(f"seed-{key[1:]}", text) for key, text in says.items())
