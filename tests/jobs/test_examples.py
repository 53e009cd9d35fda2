"""The worked examples answered as the application answers them: the same as the tests of the rules do."""

import datetime as dt

import pytest

from jobs.examples import AS_OF, answered, as_told, everything_said
from jobs.rule import Example, Rule, all_rules
from models.vocabulary import holding, with_own
from models.vocabulary.own import lines_of

EXAMPLES = [(one, example) for one in all_rules() for example in one.examples]


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=[f"{one.key}: {example.title}" for one, example in EXAMPLES])
def test_the_application_answers_an_example_as_its_rule_promises(one: Rule, example: Example) -> None:
    assert as_told(example, answered(one, example))


def test_a_promise_that_is_not_kept_is_noticed() -> None:
    one, example = EXAMPLES[0]
    other = Example(title="", expect={"subject": "nothing of the kind", "state": "met"})
    assert not as_told(other, answered(one, example))


def test_examples_are_answered_alike_on_any_day() -> None:
    later = AS_OF + dt.timedelta(days=400)
    assert all(as_told(example, answered(one, example, later), later) for one, example in EXAMPLES)


def test_what_is_said_follows_the_vocabulary_that_holds() -> None:
    row = {"treatment": "methotrexate", "test": "blood_count", "every": "7"}
    before = everything_said()
    with holding(with_own(lines_of("monitoring", row))):
        assert {name[0] for name in before if before[name] != everything_said()[name]} == {"overdue-labs"}
    assert everything_said() == before
