"""Long steroid treatment: is the bone protected?

Looked at: days on steroid and its dose over the last year, bone density scan, calcium and vitamin D, bisphosphonates.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION, WATCH, number, parameter


@dataclass(frozen=True)
class Parameters:
    """When bone protection is due."""

    from_mg: float = parameter(
        2.5,
        unit="mg/day prednisone equivalent",
        low=1,
        high=10,
        meaning="steroid from here on",
        source="S20",
        mark="seen",
    )
    for_days: int = parameter(
        90, unit="days", low=60, high=182, meaning="for more than three months", source="S20", mark="seen"
    )
    within_days: int = parameter(120, unit="days", low=90, high=365, meaning="counted within this many days")
    very_high_mg: float = parameter(
        30,
        unit="mg/day prednisone equivalent",
        low=20,
        high=60,
        meaning="very high dose (read second-hand)",
        source="S20",
        mark="memory",
    )
    very_high_days: int = parameter(
        30, unit="days", low=14, high=90, meaning="for this many days (read second-hand)", source="S20", mark="memory"
    )
    year_grams: float = parameter(
        5, unit="g in a year", low=2, high=10, meaning="very high total (read second-hand)", source="S20", mark="memory"
    )
    scan_days: int = parameter(
        730, unit="days", low=365, high=1095, meaning="a scan is repeated after this", source="S20", mark="seen"
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Watch for a missing scan or vitamin D, action where a bone drug is due."""
    chart = situation.chart
    days = chart.steroid.days_at_least(parameters.from_mg, parameters.within_days)
    very_high = chart.steroid.days_at_least(parameters.very_high_mg, 90) >= parameters.very_high_days
    grams = sum(chart.steroid.mg[-365:]) / 1000
    osteoporosis = chart.condition("osteoporosis")
    if days < parameters.for_days and not very_high and grams < parameters.year_grams:
        return None
    options = []
    if chart.happened("dxa", parameters.scan_days) is None:
        options.append(Option("dxa", "Bone density scan" + (" and FRAX." if (chart.age or 0) >= 40 else ".")))
    if not chart.on_class("calcium-vitamin-d"):
        options.append(
            Option(
                "calcium-vitamin-d", "Calcium and vitamin D.", "calcium 1000 to 1200 mg, vitamin D 600 to 800 IU a day"
            )
        )
    wanted = (osteoporosis is not None or very_high or grams >= parameters.year_grams) and not chart.is_child
    if wanted and not chart.on_class("bone-protection"):
        options.append(
            Option(
                "bone-drug",
                "A bisphosphonate or another bone drug.",
                None,
                ("Kidney function, teeth, planned pregnancy.",),
            )
        )
    if not options:
        return None
    return Proposal(
        because=(*chart.steroid_facts(), *((fact_of(osteoporosis),) if osteoporosis else ())),
        why=f"{days} of the last {parameters.within_days} days at {number(parameters.from_mg)} mg/day or more, "
        f"{number(grams)} g in the last year.",
        urgency=ACTION if any(option.key == "bone-drug" for option in options) else WATCH,
        options=tuple(options),
        cautions=("Children: growth and vertebrae; advice of a centre before any bone drug.",)
        if chart.is_child
        else (),
    )


ESCALATION = Escalation(
    key="add-bone-protection",
    title="Consider bone protection",
    question="Is the bone protected?",
    why_it_matters="Bone is lost fastest in the first months of steroid treatment.",
    topic="bone",
    kind="safety",
    order=61,
    catalogue=("SAFE-01", "SAFE-02", "SAFE-03"),
    reads=("missing-prophylaxis",),
    logic="2.5 mg/day and more for over 3 months, 30 mg/day for 30 days, or 5 g in a year, without a scan of the "
    "last 2 "
    "years, vitamin D, or a bone drug where one is due.",
    limitations="The very-high-dose lines were read second-hand. Fracture risk is not calculated.",
    citations=(
        Citation("S20", "Assessment within 6 months of 2.5 mg/day for over 3 months."),
        *seeds(s004="Bone density, calcium and vitamin D; a bisphosphonate in osteoporosis."),
    ),
    propose=propose,
    parameters=Parameters,
    for_ibm=True,
)
