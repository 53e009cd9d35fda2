"""What a rule says is so: every sentence is read back, and each value in it recomputed from the patient's facts.

A rule without a file here, a sentence without a template, a template that no history reaches: each of them fails.
"""

import importlib
import itertools
from collections.abc import Iterator, Sequence

import pytest

from jobs.rule import MET, Answer, Rule, all_rules
from models.patient_facts import PatientFacts
from tests.jobs.rules.sentences.claims import Case, Says
from tests.jobs.rules.sentences.histories import told


def says(rule: Rule) -> Says:
    """The sentences of a rule and their checks."""
    module = importlib.import_module(f"tests.jobs.rules.sentences.about_{rule.key.replace('-', '_')}")
    found: Says = module.SAYS
    assert found.key == rule.key
    return found


def cases(rule: Rule) -> Iterator[Case]:
    """Every text of the rule with the answer it is made of: explanation, first thing to do, and the line of a list."""
    parameters = rule.defaults()
    for who, answers in itertools.groupby(told()[rule.key], key=lambda pair: pair[0]):
        found = [answer for _, answer in answers]
        for answer in found:
            cells = answer.cells()
            yield Case(who, rule, answer, rule.explain(cells, parameters), parameters)
            yield Case(who, rule, answer, rule.suggested_action(cells, parameters), parameters)
        yield from _lines(who, rule, [answer for answer in found if answer.state == MET])


def _lines(who: PatientFacts, rule: Rule, met: Sequence[Answer]) -> Iterator[Case]:
    if rule.phrase is None:
        return
    lines: dict[str, list[Answer]] = {}
    for answer in met:
        yield Case(who, rule, answer, rule.phrase([answer.cells()]), rule.defaults())
        lines.setdefault(rule.one_line(answer.cells()), []).append(answer)
    for together in lines.values():
        if len(together) > 1:
            text = rule.phrase([answer.cells() for answer in together])
            yield Case(who, rule, together[0], text, rule.defaults(), tuple(together))


@pytest.mark.parametrize("rule", all_rules(), ids=[one.key for one in all_rules()])
def test_what_it_says_follows_from_what_is_on_file(rule: Rule) -> None:
    sentences = says(rule)
    sentences.read.clear()
    for case in cases(rule):
        sentences.hold(case)
    assert not sentences.never_read()
