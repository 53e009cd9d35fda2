"""Screens before and under immunosuppression: which are missing?

Looked at: the drugs being taken and the screening table of the vocabulary; each required screen is satisfied by any of
its measures or events ever on file (or within the time the table gives).
"""

from typing import Any

from jobs.chart import Chart, Fact, fact_of, label_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION
from jobs.treatment import Course
from models.vocabulary import Screen, events, measures, screening


def missing_screens(chart: Chart) -> tuple[tuple[Course, Screen], ...]:
    """The required screens of the current drugs that nothing on file satisfies, each once."""
    out: dict[str, tuple[Course, Screen]] = {}
    for course in chart.courses:
        row = course.row
        for screen in screening():
            if row is None or screen.requirement != "required" or not screen.applies_to(row) or screen.screen in out:
                continue
            if screen.only_if and chart.condition(screen.only_if) is None:
                continue
            if chart.days_since(course.start) < screen.within_days or _satisfied(chart, course, screen):
                continue
            out[screen.screen] = (course, screen)
    return tuple(out.values())


def _satisfied(chart: Chart, course: Course, screen: Screen) -> bool:
    """Whether any of the screen's measures or events is on file since it began to count."""
    limit = None if screen.valid_for_days is None else screen.valid_for_days + chart.days_since(course.start)
    for name in screen.satisfied_by:
        if chart.latest(name, limit) is not None:
            return True
        if any(
            happening.event == name
            and happening.present
            and (limit is None or chart.days_since(happening.day) <= limit)
            for happening in chart.happenings
        ):
            return True
    return False


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Action where required screens are missing; one option for each drug."""
    missing = missing_screens(situation.chart)
    if not missing:
        return None
    by_drug: dict[str, list[str]] = {}
    facts: dict[str, Fact] = {}
    for course, screen in missing:
        by_drug.setdefault(label_of(course), []).append(_label(screen))
        facts[course.drug] = fact_of(course)
    return Proposal(
        because=tuple(facts.values()),
        why="Screens that the current drugs ask for are not on file: "
        + "; ".join(f"{drug}: {', '.join(names)}" for drug, names in by_drug.items())
        + ".",
        urgency=ACTION,
        options=(Option("complete", "Complete the screens, or record where they were done."),),
        collect_first=tuple(dict.fromkeys(name for names in by_drug.values() for name in names)),
        cautions=(
            "A screen done elsewhere counts once it is on file.",
            *(
                ("Azathioprine without TPMT: absent activity means severe marrow failure.",)
                if any(screen.screen == "tpmt" for _, screen in missing)
                else ()
            ),
        ),
    )


def _label(screen: Screen) -> str:
    """The screen in words: the label of what satisfies it, or its own name."""
    if len(screen.satisfied_by) == 1:
        name = screen.satisfied_by[0]
        if name in measures():
            return measures()[name].short_label
        if name in events():
            return events()[name].label
    return screen.screen.replace("_", " ")


ESCALATION = Escalation(
    key="complete-screening",
    title="Complete the screens of the current drugs",
    question="Which screens are missing?",
    why_it_matters="Hepatitis B, absent TPMT and pregnancy change which drug is safe.",
    topic="screening",
    kind="safety",
    order=55,
    catalogue=("SAFE-06", "SAFE-08", "SAFE-09", "SAFE-10"),
    reads=("missing-safety-screen",),
    logic="The screening table asks for a screen of a current drug and neither result nor event on file satisfies it.",
    limitations="Screens done elsewhere are known only once recorded.",
    citations=(
        Citation("S12", "Screens before methotrexate, azathioprine and mycophenolate."),
        Citation("S16", "Hepatitis B and immunoglobulins before rituximab."),
        *seeds(s004="Hepatitis B and C before methotrexate, TPMT before azathioprine, vaccines."),
    ),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)
