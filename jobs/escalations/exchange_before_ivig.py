"""Was plasma exchange recorded soon after IVIG?

Looked at: the dates of IVIG and of plasma exchange. An exchange on or within three weeks after IVIG removes what was
given.
"""

from jobs.chart import fact_of, last_day_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.escalations.consider_plasmapheresis import Parameters
from jobs.rule import URGENT, day_text


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Urgent for an exchange of the last three weeks that follows IVIG within three weeks."""
    chart = situation.chart
    exchange = chart.happened("plasmapheresis", parameters.after_ivig_days)
    if exchange is None:
        return None
    before = [
        given
        for given in chart.given("ivig")
        if 0 <= exchange.day - min(last_day_of(given), exchange.day) <= parameters.after_ivig_days
        and given.start <= exchange.day
    ]
    if not before:
        return None
    days = exchange.day - min(last_day_of(before[-1]), exchange.day)
    return Proposal(
        because=(fact_of(before[-1]), fact_of(exchange)),
        why=f"Plasma exchange on {day_text(exchange.day)}, {days} days after IVIG: it removes the immunoglobulin "
        "just given.",
        urgency=URGENT,
        options=(
            Option("postpone", "Postpone the exchange where the patient's state allows."),
            Option("exchange-first", "Where both are needed: finish the exchanges, then give IVIG again."),
        ),
        cautions=("A caution, not a hard stop: danger to life can outweigh the lost immunoglobulin.",),
        conflicts=("C4: no source gives the number of days; 21 is from the half-life of IgG, from memory.",),
    )


ESCALATION = Escalation(
    key="exchange-before-ivig",
    title="Plasma exchange soon after IVIG",
    question="Is the exchange removing the immunoglobulin just given?",
    why_it_matters="The IVIG is lost, with its cost, its risk and its effect.",
    topic="plasmapheresis",
    kind="review",
    order=2,
    catalogue=("ESC-12",),
    logic="A plasma exchange of the last 21 days that lies on or within 21 days after an IVIG infusion.",
    limitations="Planned exchanges are known only once they are recorded.",
    citations=(
        Citation("S37", "Immunoglobulin after, not before, an exchange."),
        *seeds(s000="Not immediately after IVIG, because it removes the immunoglobulin."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
)
