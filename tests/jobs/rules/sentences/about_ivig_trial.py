"""What `ivig-trial` says."""

from tests.jobs.rules.sentences.about_plasmapheresis_after_ivig import given_on
from tests.jobs.rules.sentences.claims import Case, Says
from tests.jobs.rules.sentences.responses import STEPS, compared

SAYS = Says("ivig-trial")
TRIAL = ("Immunoglobulin since <day:d>, one course, the last on <last:d>: ",
         "Immunoglobulin since <day:d>, <count:i> courses, the last on <last:d>: ")  # fmt: skip
SLOWER = "[ At most <rate:n> mg/kg/min, over five days: <why:w>.]"


def trial(case: Case, day: int, last: int, count: int) -> None:
    """First and last course; days near each other are one."""
    assert given_on(case, day)
    assert given_on(case, last)
    assert not any(one.drug == "ivig" and one.start > last + 14 for one in case.patient.statements)
    assert 1 <= count <= len([on for on in range(day, last + 1) if given_on(case, on)])


def slower(case: Case, rate: float | None, why: str | None) -> None:
    assert rate in (None, 1, 1.0, 2.0, 0.5) or rate < 5
    assert (why or "") == case.numbers("slower")


def judged(case: Case, said: str | None) -> None:
    """What strength and CK, or the total improvement score, say."""
    if said is not None and not said.startswith("total improvement score"):
        compared(case, said)


@SAYS(*(head + "no strength score from before it, so that nobody can tell on <due:d> whether it helped." + SLOWER
        for head in TRIAL))  # fmt: skip
def no_baseline(case, day, last, due, rate, why, count=1):
    trial(case, day, last, count)
    slower(case, rate, why)
    assert due == case.answer.due > case.today
    assert not any(day - 28 <= one.day <= day + 2 for key in STEPS for one in case.values(key))


MISSING = (
    "no strength score from the 90 days before it",
    "no strength score from the 90 days before it, and none since <from_day:d>",
    "no strength score since <from_day:d>",
    "no instrument of strength was used both before it and since <from_day:d>",
    "strength before it was too near its maximum to become better by a step",
)


def missing(case: Case, day: int, from_day: int | None) -> None:
    """Whether strength was measured in the ninety days before the first course, and from twelve weeks after it on."""
    before = {key for key in STEPS if any(day - 90 <= one.day <= day for one in case.values(key))} - {"ck"}
    after = {key for key in STEPS if any(one.day >= day + 84 for one in case.values(key))} - {"ck"}
    assert from_day in (None, day + 84)
    assert ("from the 90 days before it" in case.text) == (not before)
    assert ("none since" in case.text or "no strength score since" in case.text) == (not after)
    assert ("no instrument" in case.text) == bool(before and after and not before & after)


@SAYS(*(head + "whether it helped should have been judged on <due:d>, and cannot be: " + what + "[ (<said:w>)]."
        for head in TRIAL for what in MISSING), rare=True)  # fmt: skip
def not_looked_at(case, day, last, due, said, from_day=None, count=1):
    trial(case, day, last, count)
    judged(case, said)
    missing(case, day, from_day)
    assert due == case.answer.due <= case.today


@SAYS(*(head + what + "; by the values that active disease is judged by no response (<compared:w>)."
        for head in TRIAL for what in MISSING), rare=True)  # fmt: skip
def no_response_by_activity(case, day, last, compared, from_day=None, count=1):
    trial(case, day, last, count)
    missing(case, day, from_day)
    assert any(one.state == "met" and one.numbers["treatment"] == "not_responding"
               and one.numbers["compared"] == compared
               for one in case.patient.answers_of("active-disease"))  # fmt: skip


@SAYS(*(head + "no response[ (<said:w>)], judged from <due:d> on." for head in TRIAL), rare=True)
def no_response(case, day, last, said, due, count=1):
    trial(case, day, last, count)
    judged(case, said)
    assert due == case.answer.due <= case.today


@SAYS(
    *(head + "it helps[ (<said:w>)], at the full dose for more than <days:i> days." + SLOWER for head in TRIAL),
    rare=True,
)
def less(case, day, last, said, days, rate, why, count=1):
    trial(case, day, last, count)
    judged(case, said)
    slower(case, rate, why)
    assert case.today - day >= days


@SAYS(*(head + "it helps[ (<said:w>)]." + SLOWER for head in TRIAL), rare=True)
def helps(case, day, last, said, rate, why, count=1):
    trial(case, day, last, count)
    judged(case, said)
    slower(case, rate, why)


@SAYS(*(head + "the response is judged on <due:d>." + SLOWER for head in TRIAL))
def later(case, day, last, due, rate, why, count=1):
    trial(case, day, last, count)
    slower(case, rate, why)
    assert due == case.answer.due


@SAYS("A clot on <day:d>, after the immunoglobulin of <last:d>.")
def clot(case, day, last):
    newest = case.happened("thrombosis")[-1]
    assert (newest.present, newest.day) == (True, day)
    assert given_on(case, last)
    assert last <= day


@SAYS("No clot soon after an infusion; the last word on one is of <day:d>.", rare=True)
def no_clot(case, day):
    newest = case.happened("thrombosis")[-1]
    assert newest.day == day
    assert not newest.present or not any(given_on(case, on) for on in range(day - 14, day + 1))


ACTS = {
    "start": "measure strength, both globals, function, skin and enzymes before the second course",
    "look": "measure the core set now and decide: go on, change, or stop",
    "no response": "stop or change it: look at the diagnosis, the dose given and the alternatives",
    "less": "think of a lower dose (1 g/kg) or wider gaps; agree what brings it back",
}


@SAYS("call today: no further infusion before it is settled; treat the clot", *ACTS.values())
def act(case):
    assert case.state == "met"
    assert case.text.startswith("call") == (case.answer.severity == "urgent")
