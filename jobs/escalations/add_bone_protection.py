"""Long steroid treatment: is the bone protected?

Looked at: what the rule on missing protection found: a scan, calcium and vitamin D, and a bone drug by the risk of a
fracture (ACR 2022). Adults of 40 years and older, younger adults and children are asked for different things.
"""

from collections.abc import Iterator
from typing import Any

from jobs.chart import Chart, fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.fracture_risk import FRAX_FROM_YEARS, VERY_HIGH
from jobs.rule import ACTION, CANNOT_TELL, MET, WATCH, Answer
from jobs.rules.missing_prophylaxis import BONE_DRUG, RULE, SCAN, SUPPLEMENTS

_ANTIRESORPTIVE = ("Kidney function, calcium and vitamin D first; teeth.", "Planned pregnancy.")


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Watch for a missing scan, vitamin D or a moderate risk, action where the risk is high or very high."""
    del parameters
    chart = situation.chart
    found = {subject: chart.verdict(RULE.key, subject) for subject in (SCAN, SUPPLEMENTS, BONE_DRUG)}
    wanted = {subject: one for subject, one in found.items() if one is not None and one.state == MET}
    drug = found[BONE_DRUG]
    unknown = drug is not None and drug.state == CANNOT_TELL and drug.numbers.get("risk") is None
    if not wanted:
        return None
    options = [*_scan(chart, SCAN in wanted), *_supplements(chart, SUPPLEMENTS in wanted)]
    if BONE_DRUG in wanted:
        options += _drugs(chart, str(wanted[BONE_DRUG].numbers["risk"]))
    facts = [*chart.steroid_facts(), *(fact for one in wanted.values() for fact in chart.facts(one.evidence))]
    facts += [
        fact_of(one)
        for name in ("bone_t_score", "bone_z_score", "frax_major", "frax_hip")
        if (one := chart.latest(name)) is not None
    ]
    return Proposal(
        because=tuple({(fact.kind, fact.name, fact.id): fact for fact in facts}.values()),
        why=" ".join(_why(one) for one in (*wanted.values(), *((drug,) if drug is not None and unknown else ()))),
        urgency=ACTION if any(one.severity == ACTION for one in wanted.values()) else WATCH,
        options=tuple(options),
        collect_first=(str(drug.cannot_tell_because),) if unknown and drug is not None else (),
        cautions=tuple(_cautions(chart)),
    )


def _why(one: Answer) -> str:
    if one.state == CANNOT_TELL:
        return f"The risk of a fracture is not known: {one.cannot_tell_because}."
    text = str(one.numbers["called_for_by"])
    words = {
        SCAN: "no scan on file",
        SUPPLEMENTS: "no calcium and vitamin D on the present list of drugs",
        BONE_DRUG: "no bone drug on the present list of drugs",
    }
    risk = f" (risk {one.numbers['risk']})" if one.subject == BONE_DRUG and not one.numbers.get("child") else ""
    return f"{text[0].upper()}{text[1:]}{risk}: {words[one.subject]}."


def _scan(chart: Chart, called_for: bool) -> Iterator[Option]:
    """A scan for adults, FRAX from 40 years on; for a child what is asked for instead of a scan."""
    if chart.is_child:
        yield Option(
            "child-bone",
            "Ask about back pain, measure height and plot growth; a lateral image of the spine where the back hurts, "
            "height is lost or a bone broke.",
            None,
            (
                "About half of the broken vertebrae under steroids in childhood do not hurt, most come in the first "
                "year: some centres image every child (STOPP cohort).",
                "A density scan is for a children's bone centre: Z-scores, corrected for size. FRAX is for adults.",
            ),
        )
    elif called_for:
        frax = chart.age is None or chart.age >= FRAX_FROM_YEARS
        yield Option(
            "dxa",
            "Bone density scan with an image of the vertebrae" + (", and FRAX with it." if frax else "."),
            "within 6 months of the start, then every 1 to 2 years",
            ("FRAX is raised above 7.5 mg/day (major by 1.15, hip by 1.2; factors from memory).",)
            if frax
            else ("FRAX is not made for under 40 years.",),
        )


def _supplements(chart: Chart, called_for: bool) -> Iterator[Option]:
    if called_for:
        yield Option(
            "calcium-vitamin-d",
            "Calcium and vitamin D.",
            "what the age needs, food counted"
            if chart.is_child
            else "calcium 1000 to 1200 mg, vitamin D 600 to 800 IU a day",
        )


def _drugs(chart: Chart, risk: str) -> Iterator[Option]:
    """The drugs of the guideline in its order for the risk."""
    if chart.is_child:
        yield Option(
            "bone-centre",
            "A children's bone centre decides about a bisphosphonate.",
            None,
            ("From 4 years on, after a fracture, while the steroid goes on (from memory).",),
        )
        return
    bisphosphonate = Option("bone-drug", "A bisphosphonate, by mouth or infusion.", None, _ANTIRESORPTIVE)
    denosumab = Option(
        "denosumab", "Denosumab.", None, (*_ANTIRESORPTIVE, "Bone is lost at once when it ends: plan what follows.")
    )
    anabolic = Option(
        "anabolic",
        "An anabolic drug: teriparatide or abaloparatide.",
        None,
        (
            "Followed by another bone drug.",
            "Not with bone metastases, after radiation of bone, or with open growth plates (from memory).",
            "Not with a high calcium (from memory).",
        ),
    )
    # At very high risk the guideline puts what builds bone before what keeps it.
    yield from (anabolic, bisphosphonate, denosumab) if risk == VERY_HIGH else (bisphosphonate, denosumab, anabolic)


def _cautions(chart: Chart) -> Iterator[str]:
    if chart.is_child:
        yield "Growth and vertebrae; advice of a centre before any bone drug."
    pregnancy = chart.condition("pregnancy_possible")
    if pregnancy is not None and not chart.is_child:
        yield (
            "Pregnancy is possible: bisphosphonates stay in bone for years, denosumab and anabolic drugs are not used."
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
    reads=(RULE.key,),
    logic="Wherever the rule on missing protection calls for a scan, for calcium and vitamin D, or for a bone drug: "
    "moderate risk and above is treated, an anabolic drug stands first at very high risk. A child is never asked for a "
    "scan.",
    limitations="Fracture risk is read, not worked out. Children after ACR from memory.",
    citations=(
        Citation(
            "S20", "Assessment within 6 months; moderate, high and very high risk are treated; the order of drugs."
        ),
        Citation("GIOP-CLASSES", "The limits of each class."),
        Citation("STOPP-2015", "Vertebrae in children: most in the first year, about half without pain."),
        *seeds(s004="Bone density, calcium and vitamin D; a bisphosphonate in osteoporosis."),
    ),
    propose=propose,
    version="2.0.0",
    effective="2026-11-28",
    for_ibm=True,
)
