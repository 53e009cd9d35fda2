"""What `steroid-monotherapy` says."""

from models.vocabulary import drug
from tests.jobs.rules.sentences.about_prolonged_high_dose_steroids import unknown
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.doses import EVERY, dose, is_high, run

SAYS = Says("steroid-monotherapy")


def agent_acts_until(case: Case) -> int | None:
    """The last day on which any steroid-sparing agent acted; None where there was none."""
    last = []
    for one in case.patient.statements:
        row = drug(one.drug)
        if row is None or not row.sparing_agent:
            continue
        end = one.start if one.frequency == "once" else one.end
        if end is None:
            end = case.today if one.status != "stopped" else one.start
        last.append(end + max(row.acts_for_days or 0, EVERY.get(one.frequency, 1) - 1))
    return max(last, default=None)


def alone(case: Case, until: int | None) -> None:
    """No agent has acted for a fortnight, and the last day told is true."""
    acted = agent_acts_until(case)
    assert acted == until
    assert acted is None or acted + 14 < case.today


def taken_now(case: Case, now: str) -> None:
    """The dose of the day, or that there is none."""
    if now == "No steroid dose on this day":
        assert dose(case.patient, case.today) == 0
    else:
        mg = now.removesuffix(" mg/day prednisone-equivalent")
        assert same(float(mg), dose(case.patient, case.today), 2)


def least(case: Case) -> float:
    """The dose that should not be given alone."""
    weights = case.values("weight")
    return 0.25 * weights[-1].value if weights and case.patient.is_child() else 15


ALONE = "[ (the last one acted until <until:d>)]."


@SAYS(
    "<least:n> mg/day of steroid or more since <day:d>, on more than <days:i> days; today: <now:w>. No steroid-sparing agent acts"
    + ALONE
)
def long_alone(case, least, day, days, now, until):
    found = run(case.patient, lambda taken: taken >= lowest(case) - 1e-5, 3)
    assert same(least, lowest(case), 2)
    assert (found[0], days) == (day, 14)
    assert len(found) > 14
    taken_now(case, now)
    alone(case, until)


lowest = least


@SAYS("High steroid dose since <day:d>; today: <now:w>. No steroid-sparing agent acts" + ALONE)
def high_alone(case, day, now, until):
    assert run(case.patient, is_high(case.patient), 3)[0] == day
    taken_now(case, now)
    alone(case, until)


@SAYS("<now:w>: not a long or high dose without a steroid-sparing agent.")
def fine(case, now):
    taken_now(case, now)
    acted = agent_acts_until(case)
    covered = acted is not None and acted + 14 >= case.today
    long = len(run(case.patient, lambda taken: taken >= lowest(case) - 1e-5, 3)) > 14
    high = bool(run(case.patient, is_high(case.patient), 3))
    assert covered or not (long or high) or case.patient.diagnosis in ("IBM", "UNSPECIFIED", "ICI_MYOSITIS")


@SAYS("No steroid-sparing agent acts today, and the steroid dose is not known: <why:w>.")
def not_known(case, why):
    unknown(case, why)
    acted = agent_acts_until(case)
    assert acted is None or acted < case.today


@SAYS("complete the steroid record: dose, weight or end date")
def complete(case):
    assert case.state == "cannot_tell"


@SAYS("ask the prescriber whether a steroid-sparing agent is meant to be added, or why not; check the medication list")
def ask(case):
    assert case.state == "met"
