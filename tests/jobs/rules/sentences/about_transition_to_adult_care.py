"""What `transition-to-adult-care` says."""

from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("transition-to-adult-care")
HEAD = "<age:i> years old with disease since childhood: "


def is_young(case: Case, age: int) -> None:
    assert case.patient.diagnosis == "JDM"
    assert age == case.patient.age
    assert 14 <= age < 21


def said_yes(case: Case, name: str) -> bool:
    found = case.happened(name)
    return bool(found) and found[-1].present


@SAYS("Transition to adult care planned on <day:d>.")
def planned(case, day):
    assert case.happened("transition_plan")[-1].day == day
    assert case.state == "not_met"


@SAYS("Handed over to adult care on <day:d>.", rare=True)
def handed_over(case, day):
    assert case.happened("transition_handover")[-1].day == day
    assert case.state == "not_met"


@SAYS(HEAD + "no plan for adult care is on record (wanted from <first:i> years on).")
def no_plan(case, age, first):
    is_young(case, age)
    assert age >= first == 14
    assert not said_yes(case, "transition_plan")
    assert case.state == "cannot_tell"


@SAYS(HEAD + "not handed over to adult care. To hand over: <what:w>.")
def not_handed_over(case, age, what):
    is_young(case, age)
    assert age >= 17
    assert not said_yes(case, "transition_handover")
    for code in case.patient.autoantibodies.split(";"):
        assert code in what
    for name in ("calcinosis", "contracture"):
        assert (name in what) == said_yes(case, name)


@SAYS("talk with the young person, alone too, about disease, drugs and the way to adult care; record the plan")
def talk(case):
    assert case.state == "cannot_tell"


@SAYS("name the adult clinic, see the young person together once, send the summary; record the handover")
def name_the_clinic(case):
    assert case.state == "met"
