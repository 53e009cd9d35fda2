"""What must not stand together in what is said of one patient on one day, wherever the patient comes from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.asked_for import asked_by
from jobs.cards import OF_THE_DISEASE
from jobs.escalation import escalation
from jobs.phenotype import OF_THE_LUNG, RECOVERING, SPEAK_OF_ACTIVITY, STATE_TITLES, WEAKNESS_REMAINS
from jobs.rule import ACTION, MET, URGENT, Answer
from models.patient_facts import PatientFacts
from models.states import severity_rank

SOON = (URGENT, ACTION)
QUIET_TITLES = (STATE_TITLES["stable"], WEAKNESS_REMAINS, RECOVERING)
COUNTED_FROM_TODAY = re.compile(
    r"\b\d+ days? (?:ago|old|at high)|\bday \d+[;,:]|\bhas run for \d+|\b\d+ of the last \d+"
)
WEAKER = re.compile(r"\b[Ww]eaker\b")


def texts(said: Any) -> Iterator[str]:
    """Every text of an answer, however deep."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, dict):
        for value in said.values():
            yield from texts(value)
    elif isinstance(said, list | tuple):
        for value in said:
            yield from texts(value)


def contradictions(
    patient: PatientFacts, answers: Mapping[str, Sequence[Answer]], said: Mapping[str, Any]
) -> list[str]:
    """In words, what contradicts what: the state, the cards (the answer of `suggest`) and the rules' answers."""
    met = [(key, one) for key, found in answers.items() for one in found if one.state == MET]
    cards = {one["key"]: one for one in (*said["suggestions"], *said["safety"])}
    return [
        *_about_the_state(said, met, cards),
        *_about_the_steroid(met, cards),
        *_about_weakness(said, met, cards),
        *_about_the_liver(met, cards),
        *_about_the_lung(met),
        *_asked_twice(met),
        *_counts_of_days(said),
        *_raw_units(said),
    ]


Met = Sequence[tuple[str, Answer]]
Cards = Mapping[str, Mapping[str, Any]]


def _about_the_state(said: Mapping[str, Any], met: Met, cards: Cards) -> Iterator[str]:
    title, why = said["phenotype"]["title"], said["phenotype"]["why"]
    active = [key for key, one in met if key in SPEAK_OF_ACTIVITY or one.severity == URGENT]
    soon = [key for key, card in cards.items()
            if card["urgency"] in SOON and escalation(key).kind in OF_THE_DISEASE]  # fmt: skip
    if said["state"] == "stable" and active:
        yield f"stable beside {active}"
    if title in QUIET_TITLES and soon:
        yield f"{title!r} beside the cards {soon}"
    if said["state"] in ("pain_non_inflammatory", "exercise_ck"):
        rested = said["state"] == "exercise_ck"
        other = [key for key in active if not (rested and key == "rising-muscle-enzymes")]
        if other and "Beside it" not in why:
            yield f"{title!r} and no word on {other}"
    if said["state"] == "steroid_myopathy_possible" and {"add-ivig", "consider-pulse", "consider-rituximab"} & set(
        cards
    ):
        yield "more treatment where less steroid is meant"


def _about_the_steroid(met: Met, cards: Cards) -> Iterator[str]:
    unanswered = any(key == "no-response-after-pulse" for key, _ in met)
    if unanswered and "consider-pulse" in cards and "ici-stop-review" not in cards:
        yield "another pulse after one that did not help"
    taper = {"start-taper", "avoid-rapid-taper", "reduce-steroid-for-myopathy"} & set(cards)
    if len(taper) > 1:
        yield f"opposite advice on the steroid: {taper}"


def _about_weakness(said: Mapping[str, Any], met: Met, cards: Cards) -> Iterator[str]:
    weaker = any(key in ("declining-strength", "red-flag-symptoms") for key, _ in met)
    for card in cards.values():
        if WEAKER.search(card["why"]) and not weaker:
            yield f"nothing says weaker: {card['why']}"
    both = next((one for one in cards.get("add-ivig", {}).get("options", ()) if one["key"] == "ivig"), None)
    if both is not None and "go on with the steroid and" in both["text"] and "no steroid" in cards["add-ivig"]["why"]:
        yield "go on with what is not taken"
    for part in ("for", "against"):
        facts = said["phenotype"][part]
        if len(facts) != len(set(facts)):
            yield f"told twice {part}: {facts}"


def _about_the_liver(met: Met, cards: Cards) -> Iterator[str]:
    told = [str(one.numbers.get("said")) for key, one in met if key == "drug-safety"]
    card = cards.get("check-source-of-transaminases")
    liver = any("muscle alone does not explain" in one for one in told)
    if card is not None and liver and "likely source" in card["why"]:
        yield "liver in one place, muscle in the other"


def _about_the_lung(met: Met) -> Iterator[str]:
    lung = [one for key, one in met if key in OF_THE_LUNG and one.subject != "ferritin"]
    worse = next((one for key, one in met if key == "worsening" and one.numbers["only_lung"]), None)
    fvc = [one for one in lung if one.subject in ("fvc_percent", "lung")]
    if worse is not None and fvc and max(map(_rank, fvc)) < _rank(worse):
        yield "a fall of vital capacity is more urgent in the general alert than in that of the lung"


def _rank(one: Answer) -> int:
    return severity_rank(one.severity)


def _asked_twice(met: Met) -> Iterator[str]:
    """One sample serves whoever wants it: no two alerts ask for the same test."""
    asking = [(f"{key} ({one.subject})", asked_by(key, one.subject, one.numbers)) for key, one in met]
    for place, (who, asked) in enumerate(asking):
        for other, wanted in asking[place + 1 :]:
            if asked & wanted:
                yield f"{who} and {other} both ask for {sorted(asked & wanted)}"


RAW_UNIT = re.compile(r"10\*\d|\b(?:u|mc)(?:g|mol|kat)\b|[\[{][A-Za-z0-9_]+[\]}]|\bm2\b")
"""A unit as it is stored or sent, not as clinicians write it."""


def _raw_units(said: Mapping[str, Any]) -> Iterator[str]:
    # `unit` of a fact is a code that programs rely on; what is read are the sentences.
    for card in (*said["suggestions"], *said["safety"]):
        for text in texts([card[name] for name in ("why", "options", "collect_first", "cautions")]):
            if RAW_UNIT.search(text):
                yield f"a unit as it is stored: {text}"
    for text in texts([said["phenotype"], said["explanations"], said["missing"]]):
        if RAW_UNIT.search(text):
            yield f"a unit as it is stored: {text}"


def _counts_of_days(said: Mapping[str, Any]) -> Iterator[str]:
    spoken = [said["phenotype"], said["explanations"], said["missing"], said["suppressed"]]
    spoken += [[card[name] for name in ("title", "why", "options", "collect_first", "cautions")]
               for card in (*said["suggestions"], *said["safety"])]  # fmt: skip
    for text in texts(spoken):
        if COUNTED_FROM_TODAY.search(text):
            yield f"counts days: {text}"
