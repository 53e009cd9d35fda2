"""Every list of options obeys what screening found: an option that a result rules out is left out, with the reason.

What stands against an option that stays is said beside it, and it goes behind the others. So is a pregnancy that is
possible and not prevented; where nothing is on file about one, it is asked first. Absent is never "no".
"""

from collections.abc import Sequence
from dataclasses import replace

from jobs.chart import Chart, Fact, fact_of
from jobs.escalation import Option, Proposal
from jobs.rule import ACTION, URGENT
from jobs.screens import HARMS_THE_UNBORN, Adverse, ScreenLimits, adverse_results
from models.vocabulary import drug

PREGNANCY_POSSIBLE = "Pregnancy possible and no contraception on file: not before that is settled."
PREGNANCY_NOT_ASKED = "Nothing on file about pregnancy and contraception: ask before the first dose."
ASK_ABOUT_PREGNANCY = "whether a pregnancy is possible, and contraception"
SPEAK_OF_PREGNANCY = ("pregnancy_possible", "contraception", "pregnancy_test")
SUGAR = ("glucose", "hba1c")
"""High sugar asks for care with a steroid and does not make another drug the first choice."""
FERTILE = range(12, 51)
"""Ages in years at which pregnancy is asked about (site setting, as in `missing-safety-screen`)."""


def obeying(chart: Chart, proposal: Proposal, limits: ScreenLimits | None = None) -> Proposal:
    """The proposal with its options as the results on file allow them."""
    if not any(option.drugs for option in proposal.options):
        return proposal
    limits = limits or ScreenLimits()
    kept: list[tuple[bool, Option]] = []
    left_out: list[str] = []
    facts: list[Fact] = []
    asked: list[str] = []
    for option in proposal.options:
        against = {name: adverse_results(chart.patient, name, limits) for name in option.drugs}
        facts += [fact_of(one.result) for found in against.values() for one in found]
        ruled_out = [name for name, found in against.items() if any(one.verdict.rules_out for one in found)]
        if option.drugs and len(ruled_out) == len(option.drugs):
            left_out += [_left_out(name, against[name]) for name in ruled_out]
            continue
        cautions = [_left_out(name, against[name]) for name in ruled_out]
        left = [name for name in option.drugs if name not in ruled_out]
        found = list({one.screen.fact: one for name in left for one in against[name]}.values())
        cautions += [f"{one.said}: {one.verdict.before}." for one in found]
        pregnancy = _pregnancy(chart, left)
        cautions += pregnancy
        if PREGNANCY_NOT_ASKED in pregnancy:
            asked.append(ASK_ABOUT_PREGNANCY)
        behind = PREGNANCY_POSSIBLE in pregnancy or any(
            one.verdict.severity in (ACTION, URGENT) and one.screen.fact not in SUGAR for one in found
        )
        kept.append((behind, replace(option, cautions=tuple(dict.fromkeys((*option.cautions, *cautions))))))
    kept.sort(key=lambda one: one[0])
    return replace(
        proposal,
        because=(*proposal.because, *facts),
        options=tuple(option for _, option in kept),
        collect_first=tuple(dict.fromkeys((*proposal.collect_first, *asked))),
        cautions=(*proposal.cautions, *dict.fromkeys(left_out)),
    )


def _left_out(name: str, against: Sequence[Adverse]) -> str:
    """`Azathioprine is left out: TPMT 2 U/mL on 3 Mar 2026 (TPMT is absent ...).`."""
    row = drug(name)
    reasons = "; ".join(f"{one.said} ({one.verdict.found})" for one in against if one.verdict.rules_out)
    return f"{row.label if row else name} is left out: {reasons}."


def _pregnancy(chart: Chart, names: Sequence[str]) -> list[str]:
    """What has to be settled before a drug that harms the unborn."""
    if not any(name in HARMS_THE_UNBORN for name in names):
        return []
    if chart.condition("pregnancy_possible") is not None:
        return [] if chart.condition("contraception") is not None else [PREGNANCY_POSSIBLE]
    return [PREGNANCY_NOT_ASKED] if pregnancy_never_asked(chart) else []


def pregnancy_never_asked(chart: Chart) -> bool:
    """Whether nothing is on file about pregnancy of somebody who could be pregnant."""
    if chart.sex not in ("female", "other") or (chart.age is not None and chart.age not in FERTILE):
        return False
    return chart.latest("hcg") is None and not any(one.event in SPEAK_OF_PREGNANCY for one in chart.happenings)
