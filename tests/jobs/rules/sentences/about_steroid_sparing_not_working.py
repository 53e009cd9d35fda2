"""What `steroid-sparing-not-working` says."""

from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.courses import begun, labelled
from tests.jobs.rules.sentences.responses import compared

SAYS = Says("steroid-sparing-not-working")


def taken(case: Case, name: str, since: int) -> None:
    """The drug and the first day of its course."""
    assert labelled(case.patient, name) == case.subject
    assert begun(case.patient, case.subject) == since


def falls(case: Case) -> list[int]:
    return [one.since for one in case.patient.answers["declining-strength"] if one.state == "met"]


DRUG = "<name:w> since <since:d>: "
TARGET = "[ The dose is not optimised: <dose:n> mg a week, the aim is <aim:n> mg within three to six months.]"


def target(case, dose, aim):
    if dose is not None:
        newest = [one for one in case.patient.statements if one.drug == "methotrexate"][-1]
        assert newest.frequency in (
            "weekly",
            "daily",
            "every-2-weeks",
            "twice-daily",
            "every-4-weeks",
            "every-other-day",
        )
        assert aim == 25
        assert dose < aim
        if newest.frequency == "weekly":
            assert same(dose, newest.dose, 2)


@SAYS(DRUG + "strength fell on <day:d> and is not regained, after <days:i> days or more on it." + TARGET)
def fell(case, name, since, day, days, dose, aim):
    taken(case, name, since)
    target(case, dose, aim)
    assert day == min(falls(case))
    assert (days, day - since >= 90) == (90, True)


@SAYS(DRUG + "no gain after <days:i> days or more (<said:w>)." + TARGET)
def no_gain(case, name, since, days, said, dose, aim):
    taken(case, name, since)
    target(case, dose, aim)
    compared(case, said)
    assert (days, case.today - since >= 180) == (180, True)


@SAYS(DRUG + "not judged before day <days:i>.")
def too_early(case, name, since, days):
    taken(case, name, since)
    assert (days, case.today - since < 90) == (90, True)


@SAYS(DRUG + "it helps (<said:w>).", DRUG + "strength and CK had nothing to gain (<said:w>).")
def helps(case, name, since, said):
    taken(case, name, since)
    compared(case, said)


@SAYS(DRUG + "no fall of strength on file since day <days:i>.")
def holds(case, name, since, days):
    taken(case, name, since)
    assert days == 90
    assert not falls(case) or min(falls(case)) < since + 90


@SAYS(DRUG + "whether it works cannot be told: <why:w>[ (<said:w>)].")
def not_known(case, name, since, why, said):
    taken(case, name, since)
    if said is not None:
        compared(case, said)
    states = [str(one.state) for one in case.patient.answers["declining-strength"]]
    if why == "no strength score or CK in the last 90 days":
        values = [one.day for key in ("cmas", "mmt8", "mmt8_bilateral", "mmt_total") for one in case.values(key)]
        values += [one.day for one in case.values("ck") if one.limit]
        assert not values or case.today - max(values) > 90 or max(values) < since + 90
    elif why == "no recent strength score to compare":
        assert "met" not in states
        assert "cannot_tell" in states
    elif why == "strength fell once, which may be scatter: the test has to be repeated":
        assert "met" in states
    else:
        assert why == "no result from before the drug to compare with"


@SAYS("test strength and measure CK: the effect of the drug is due to be judged")
def test(case):
    assert case.state == "cannot_tell"


@SAYS("check adherence, absorption and dose first: methotrexate has room to be raised")
def raise_it(case):
    assert case.subject == "methotrexate"


@SAYS("check adherence, absorption and dose; then see the options for escalation")
def escalate(case):
    assert case.state == "met"


@SAYS("<name:w> since <since:d>: weaker despite it")
def line(case, name, since):
    taken(case, name, since)
    assert falls(case)
