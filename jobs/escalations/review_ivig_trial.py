"""Immunoglobulin as a trial: what does today's answer about it ask for?

Looked at: what the rule on the trial says: no baseline, not looked at, no response, a response for so long that less is
thought of, or a clot.
"""

from typing import Any

from jobs.chart import Chart
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, unless_active
from jobs.phenotype import STEROID_MYOPATHY_POSSIBLE
from jobs.rule import ACTION, rule
from jobs.rules.ivig_trial import CLOT, LESS, LOOK, START

CONTINUE = Option("go-on", "Go on at this dose, with the reason, and say when to look again.")


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """As urgent as the answer; options follow where the trial stands."""
    chart = situation.chart
    found = chart.met("ivig-trial")
    if not found:
        return None
    told = rule("ivig-trial")
    clot = next((one for one in found if one.subject == CLOT), None)
    answer = clot or found[0]
    step = CLOT if clot is not None else str(answer.numbers["step"])
    return Proposal(
        because=chart.facts(answer.evidence),
        why=told.explain(answer.cells(), told.defaults()),
        urgency=answer.severity or ACTION,
        options=_options(chart, step, situation.state == STEROID_MYOPATHY_POSSIBLE),
        collect_first=("strength, globals, function, skin and enzymes",) if step in (START, LOOK) else (),
        cautions=(
            "The trial that is quoted was of adults with dermatomyositis.",
            *(("Inclusion body myositis: a lasting response is not expected.",) if chart.diagnosis == "IBM" else ()),
        ),
    )


def _options(chart: Chart, step: str, no_more_drugs: bool) -> tuple[Option, ...]:
    if step == CLOT:
        return (
            Option("stop", "No further infusion before the clot is treated and the risk weighed again."),
            Option("lower", "Where it goes on: 1 g/kg, over five days, at the slowest rate (no clot at 1 g/kg there)."),
        )
    if step == START:
        return (Option("baseline", "Measure before the second course, and agree on the day on which it is judged."),)
    if step == LOOK:
        return (
            Option("judge", "Judge it now: total improvement score, or strength with skin and swallowing."),
            CONTINUE,
        )
    if step == LESS:
        return (
            Option("lower-dose", "A lower dose at the same gap.", "1 g/kg every 4 weeks"),
            Option("wider-gaps", "The same dose at wider gaps (6, then 8 weeks; site practice, not from the trial)."),
            CONTINUE,
        )
    stop = Option("stop", "Stop it, and look at the diagnosis, the dose given and the weight again.")
    if chart.diagnosis == "IBM" or no_more_drugs:
        return (stop, CONTINUE)
    return (
        stop,
        *unless_active(
            chart,
            [
                (Option("rituximab", "Rituximab instead."), ("rituximab",)),
                (Option("mycophenolate", "Mycophenolate instead."), ("mycophenolate mofetil", "mycophenolic acid")),
            ],
        ),
        CONTINUE,
    )


ESCALATION = Escalation(
    key="review-ivig-trial",
    title="Immunoglobulin: judge the trial",
    question="Does immunoglobulin help, and is it still needed at this dose?",
    why_it_matters="A trial without a day of judgement becomes a habit that costs days and can clot.",
    topic="ivig-trial",
    kind="review",
    order=37,
    catalogue=("ESC-03", "C1"),
    reads=("ivig-trial",),
    logic="What the rule on the trial answers: baseline, response at sixteen weeks, less after twenty-eight weeks of "
    "response, a clot within eight weeks of an infusion.",
    limitations="Wider gaps have no trial behind them. Skin and swallowing are judged by eye.",
    citations=(
        Citation("PRODERM-2022", "79 % responded at week 16, 44 % under placebo; 2 g/kg every 4 weeks."),
        Citation("PRODERM-2023", "Eight clots in six patients, fewer at a lower rate, none at 1 g/kg."),
        Citation("S25", "At most 4 mg/kg/min; slower where clots or the kidneys are a concern."),
    ),
    propose=propose,
    for_ibm=True,
)
