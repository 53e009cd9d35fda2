"""What a rule says would end its alert names the thresholds in force: those that the clinic set, not those shipped.

Every threshold that such a sentence reads is set to another value, for every rule. The sentence then holds the new
value and nothing of the old one, and where it speaks of time the alert ends on the day that the new value makes it.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pytest

from jobs.assessing import ask, document
from jobs.rule import MET, NOT_MET, Rule, all_rules, number, rule, stretch
from jobs.thresholds import Thresholds
from tests.jobs.rules.sentences.histories import patient
from tests.jobs.rules.test_clears_when import ENDS_ON, days_later, with_more

each_rule = pytest.mark.parametrize("one", all_rules(), ids=[one.key for one in all_rules()])


class Read:
    """Parameters that note which of them a sentence reads."""

    def __init__(self, parameters: Any) -> None:
        self.parameters, self.names = parameters, []

    def __getattr__(self, name: str) -> Any:
        self.names.append(name)
        return getattr(self.parameters, name)


def read_by(one: Rule) -> list[str]:
    """The thresholds that the rule's sentence reads."""
    reading = Read(one.defaults())
    one.ends_when(reading)
    return list(dict.fromkeys(reading.names))


def another(one: Rule, name: str) -> Any:
    """Another value of a threshold that the rule allows, nearer than its bounds where it can be."""
    about = next(field.metadata for field in one.parameter_fields() if field.name == name)
    default = getattr(one.defaults(), name)
    candidates = (
        (default + 1, default - 1) if isinstance(default, int) else (default * 1.5, default * 1.1, default * 0.9)
    )
    return next(value for value in candidates if about["low"] <= value <= about["high"])


def numbers_of(text: str) -> list[str]:
    """The numbers a text holds, and the words for half a year."""
    return re.findall(r"\d+(?:\.\d+)?|half a year", text)


UNSET = {
    "active-disease": ["10"],
    "mda5-lung-disease": [],
    "pain-without-weakness": ["10"],
    "steroid-myopathy-pattern": ["2"],
}
"""What no clinic sets: the length of a scale, and the two weeks in which days at a very high dose are counted."""


@each_rule
def test_every_number_of_the_sentence_is_a_threshold_in_force(one: Rule) -> None:
    names = read_by(one)
    told, shipped = one.ends_when(one.defaults()), numbers_of(one.ends_when(one.defaults()))
    if not names:
        assert [found for found in shipped if found != "8"] == [], told  # MMT8 is a name
        return
    changed = dataclasses.replace(one.defaults(), **{name: another(one, name) for name in names})
    both = numbers_of(told), numbers_of(one.ends_when(changed))
    kept = [old for old, new in zip(*both, strict=True) if old == new]
    assert sorted(kept) == sorted(UNSET.get(one.key, ["8", "8"] if one.key == "declining-strength" else [])), told


@each_rule
def test_each_threshold_that_the_sentence_reads_changes_it_alone(one: Rule) -> None:
    for name in read_by(one):
        changed = dataclasses.replace(one.defaults(), **{name: another(one, name)})
        assert one.ends_when(changed) != one.ends_when(one.defaults()), name


def document_of(key: str, **changed: Any) -> Mapping[str, Any]:
    """The answer, as it is kept and shown, of the rule's first example that is met, under a clinic's thresholds."""
    one = rule(key)
    parameters = dataclasses.replace(one.defaults(), **changed)
    example = next(example for example in one.examples if example.expect["state"] == MET)
    thresholds = Thresholds({other.key: other.defaults() for other in all_rules()} | {key: parameters}, {}, {})
    answer = next(
        found
        for found in ask(patient(*days_later(example, 0)), thresholds, {key}).answers[key]
        if found.subject == example.expect["subject"] and found.state == MET
    )
    return document(answer, one, "active", "P1", parameters, [])


@pytest.mark.parametrize(
    ("key", "changed", "says"),
    [
        ("prolonged-high-dose-steroids", {"above_mg": 40}, "above 40 mg/day"),
        ("prolonged-high-dose-steroids", {"gap_days": 5}, "more than 5 days in a row"),
        ("steroid-monotherapy", {"from_mg": 10}, "below 10 mg/day"),
        ("declining-strength", {"step_cmas": 2}, "CMAS 1,"),
        ("rising-muscle-enzymes", {"rise": 1.3}, "less than 1.3 times"),
        ("red-flag-symptoms", {"reach_days": 60}, "more than 60 days ago"),
    ],
)
def test_the_answer_that_is_kept_and_shown_names_the_clinics_own_threshold(
    key: str, changed: Mapping[str, Any], says: str
) -> None:
    assert says in document_of(key, **changed)["clears_when"]


MOVED_BY = {
    "drug-safety": {"the drug was stopped five days ago": "after_days"},
    "inclusion-body-follow-up": {"a fall last week": "fall_days"},
    "red-flag-symptoms": {"difficulty swallowing reported": "reach_days", "pembrolizumab and CK": "checkpoint_days"},
    "worsening": {"a new rash three months": "within_days"},
    "ivig-trial": {"the first course a week ago": "baseline_until_day"},
    "mda5-lung-disease": {"new lung disease": "new_days"},
    "no-response-after-pulse": {"35 days after the pulse": "until_day"},
    "overdue-labs": {"short of breath for three weeks": "symptom_days"},
    "pain-without-weakness": {"pain 8 of 10": "reach_days"},
    "plasmapheresis-after-ivig": {"exchange three days": "shown_days"},
    "steroid-myopathy-pattern": {"40 mg for five months": "remembered_for_days"},
    "taper-too-fast": {"60 to 30 mg a week ago": "remembered_days"},
    "vaccination": {"vaccinated last week": "pause_days", "a live vaccine": "live_days"},
    "cancer-screening": {"dermatomyositis at 62": "early_days"},
    "doubtful-value": {"6.5 kg at 40 years": "asked_for_days"},
}
"""Of examples that time ends, the threshold that the sentence names."""
CASES = [(key, title, name) for key, found in MOVED_BY.items() for title, name in found.items()]


@pytest.mark.parametrize(("key", "title", "name"), CASES)
def test_time_ends_an_alert_on_the_day_that_the_threshold_in_force_makes_it(key: str, title: str, name: str) -> None:
    one, shorter = rule(key), 2
    value = getattr(one.defaults(), name) - shorter
    parameters = dataclasses.replace(one.defaults(), **{name: value})
    assert stretch(value) in one.time_that_ends(parameters) or number(value) in one.time_that_ends(parameters)
    thresholds = Thresholds({other.key: other.defaults() for other in all_rules()} | {key: parameters}, {}, {})
    example = next(example for example in with_more(one) if example.title.startswith(title))
    ends = ENDS_ON[key][title] - shorter

    def on(day: int) -> str:
        found = ask(patient(*days_later(example, day)), thresholds, {key}).answers[key]
        return next((str(a.state) for a in found if a.subject == example.expect["subject"]), str(NOT_MET))

    assert on(ends - 1) != NOT_MET
    assert on(ends) == NOT_MET
