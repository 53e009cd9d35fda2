"""What `taper-too-fast` says."""

from tests.jobs.rules.sentences.about_prolonged_high_dose_steroids import unknown
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.doses import steady

SAYS = Says("taper-too-fast")


def came_down(case: Case, before: float, after: float, days: int, day: int, step: float) -> None:
    """A dose held for three days of the fortnight before is gone on that day, by more than a step."""
    earlier = [steady(case.patient, on) for on in range(day - days, day)]
    held = {mg for mg in earlier if earlier.count(mg) >= 3}
    assert days == 14
    assert any(same(before, mg, 2) for mg in held)
    assert same(after, steady(case.patient, day), 2)
    assert steady(case.patient, day - 1) != steady(case.patient, day)
    assert after < step < before + 1e-9
    assert case.today - day < 28


CUT = (
    "came down from <before:n> to <after:n> mg/day within <days:i> days, on <day:d>; one step would have been to "
    "<step:n> mg."
)


@SAYS("While strength is lower than it was, the steroid " + CUT)
def in_a_flare(case, before, after, days, day, step):
    came_down(case, before, after, days, day, step)
    assert any(one.state == "met" for one in case.patient.answers["declining-strength"])


@SAYS("The steroid " + CUT)
def cut(case, before, after, days, day, step):
    came_down(case, before, after, days, day, step)


@SAYS("No fall of strength is left.")
def steady_strength(case):
    states = [str(one.state) for one in case.patient.answers["declining-strength"]]
    assert "met" not in states
    assert "not_met" in states


@SAYS("Whether strength fell cannot be told: no recent strength score to compare with an earlier one.")
def no_score(case):
    assert all(str(one.state) == "cannot_tell" for one in case.patient.answers["declining-strength"])


@SAYS("Whether strength fell cannot be told: <why:w>.", rare=True)
def dose_unknown(case, why):
    unknown(case, why)


@SAYS("No cut of the steroid by more than one step of the taper within <days:i> days.")
def no_cut(case, days):
    assert days == 14


@SAYS("No full stop of a long steroid course in the last weeks.")
def no_stop(case):
    lately = [day for day in range(case.today - 28, case.today) if steady(case.patient, day) > 0]
    if steady(case.patient, case.today) == 0 and lately:
        above = days_above(case, case.today)
        assert len(above) < 21 or lately[-1] - above[-1] >= 7


def limit_of(case: Case) -> float:
    """The dose above which a stop is a risk: 7.5 mg, in a child less by weight."""
    weights = case.values("weight")
    return min(7.5, 0.1 * weights[-1].value) if weights and case.patient.is_child() else 7.5


def days_above(case: Case, until: int) -> list[int]:
    """The newest days above 7.5 mg before a day; up to three others do not end them."""
    above = [on for on in range(until - 790, until) if steady(case.patient, on) > limit_of(case) + 1e-5]
    found = above[-1:]
    for on in reversed(above[:-1]):
        if found[0] - on > 4:
            break
        found.insert(0, on)
    return found


STOP = "No regular steroid of known dose on file since <day:d>, after <days:i> days above <mg:n> mg/day"


def stopped(case, day, days, mg):
    assert same(mg, limit_of(case), 2)
    assert steady(case.patient, day - 1) > 0
    assert all(steady(case.patient, on) == 0 for on in range(day, case.today + 1))
    assert len(days_above(case, day)) == days
    assert days >= 21


@SAYS(STOP + ": the adrenal glands may not have recovered (limits to be verified by a clinician).")
def full_stop(case, day, days, mg):
    stopped(case, day, days, mg)
    assert case.answer.severity == "urgent"


@SAYS(STOP + "; whether it was stopped cannot be told: <why:w>.", rare=True)
def perhaps(case, day, days, mg, why):
    stopped(case, day, days, mg)
    if "replaced" not in why:
        unknown(case, why)


@SAYS(
    "complete the steroid record: dose, weight or end date",
    "measure strength, and ask how the new dose is tolerated",
)
def ask(case):
    assert case.state == "cannot_tell"
    assert case.text.startswith("complete") == (case.subject == "abrupt-stop")


@SAYS(
    "call the patient today: was the steroid really stopped, and are there signs of adrenal insufficiency",
    "ask the prescriber whether to slow the taper while the flare is treated",
)
def act(case):
    assert case.state == "met"
    assert case.text.startswith("call") == (case.subject == "abrupt-stop")
