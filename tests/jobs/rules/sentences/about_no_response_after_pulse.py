"""What `no-response-after-pulse` says."""

from tests.jobs.rules.sentences.claims import Case, Says
from tests.jobs.rules.sentences.doses import days
from tests.jobs.rules.sentences.responses import STEPS, compared

SAYS = Says("no-response-after-pulse")
HEAD = "Pulse until <day:d>: "


def last_pulse(case: Case, day: int) -> None:
    """The last day of the last pulse; a day of 250 mg or more counts as one."""
    pulses = [on for on, (whole, steady) in days(case.patient).items() if whole > steady or whole >= 250 - 1e-5]
    assert max(pulses) == day


@SAYS(HEAD + "not judged before <from:d>.".replace("from", "first"))
def early(case, day, first):
    last_pulse(case, day)
    assert first == day + 28 > case.today


@SAYS(HEAD + "nothing on file that could have become better.", rare=True)
def nothing(case, day):
    last_pulse(case, day)


@SAYS(HEAD + "<said:w>.", HEAD + "no response on <said:w>.")
def judged(case, day, said):
    last_pulse(case, day)
    compared(case, said)
    assert case.today >= day + 28


@SAYS(HEAD + "whether it helped cannot be told: <why:w>[ (<said:w>)].")
def not_known(case, day, why, said):
    last_pulse(case, day)
    if said is not None:
        compared(case, said)
    if why.startswith("no strength score since the pulse"):
        assert not any(one.day >= day + 28 for key in STEPS for one in case.values(key))
    else:
        assert why == "no strength score within 90 days before the pulse to compare with"


@SAYS("test strength and measure CK: the response to the pulse is due")
def due(case):
    assert case.state == "cannot_tell"


@SAYS("ask again what the weakness is (flare, steroid, other), then see the options for escalation")
def ask(case):
    assert case.state == "met"
