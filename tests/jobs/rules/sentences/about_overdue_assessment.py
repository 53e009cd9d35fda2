"""What `overdue-assessment` says."""

from models.vocabulary import drug, measures
from tests.jobs.rules.sentences.about_prolonged_high_dose_steroids import unknown
from tests.jobs.rules.sentences.claims import Case, Says
from tests.jobs.rules.sentences.courses import course
from tests.jobs.rules.sentences.doses import dose, is_high

SAYS = Says("overdue-assessment")
INSTRUMENTS = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")


def treated_since(case: Case) -> int:
    """The first day of the first course that goes on."""
    names = {one.drug for one in case.patient.statements
             if (row := drug(one.drug)) and row.counts_as_active_treatment
             and not (row.is_glucocorticoid and one.route in ("topical", "inhaled", "intra-articular"))}  # fmt: skip
    return min(first for name in names for first, last in [course(case.patient, name)] if last >= case.today)


def last_test(case: Case, day: int | None, name: str | None, begun: int | None) -> int:
    """The day of the newest score of any instrument, or of the beginning of the treatment."""
    days = [one.day for key in INSTRUMENTS for one in case.values(key)]
    if day is None:
        assert not days
        assert begun == treated_since(case)
        return begun
    assert max(days) == day
    assert any(measures()[key].short_label == name and case.values(key)[-1].day == day
               for key in INSTRUMENTS if case.values(key))  # fmt: skip
    return day


HEADS = (
    "Strength last tested on <day:d> (<name:w>)",
    "Strength never tested here, treatment began on <begun:d>",
)


def wanted(case: Case, every: int, why: str) -> None:
    """The interval and its reason."""
    assert every == (90 if why == "steady treatment" else 42)
    if why == "high steroid dose":
        assert is_high(case.patient)(dose(case.patient, case.today))
    elif why == "declining strength":
        assert any(one.state == "met" for one in case.patient.answers["declining-strength"])
    elif why == "raised CK":
        ck = case.values("ck")[-1]
        assert ck.value > 1.5 * ck.limit
        assert case.today - ck.day <= 90
    else:
        assert why in ("treatment begun or increased", "steady treatment")
        newest = [
            one.start for one in case.patient.statements if (row := drug(one.drug)) and row.counts_as_active_treatment
        ]
        assert why == "steady treatment" or case.today - max(newest) <= 90


@SAYS(*(head + ", wanted every <every:i> days (<why:w>): was due on <due:d>." for head in HEADS))
def overdue(case, every, why, due, day=None, name=None, begun=None):
    wanted(case, every, why)
    assert last_test(case, day, name, begun) + every == due < case.today


@SAYS(*(head + ", wanted every <every:i> days (<why:w>): due on <due:d>." for head in HEADS))
def coming(case, every, why, due, day=None, name=None, begun=None):
    wanted(case, every, why)
    assert last_test(case, day, name, begun) + every == due >= case.today


@SAYS(*(head + "; recorded as not possible since." for head in HEADS))
def excused(case, day=None, name=None, begun=None):
    base = last_test(case, day, name, begun)
    undone = [one.day for one in case.patient.not_done if one.measure in INSTRUMENTS]
    assert max(undone) > base or day is None


@SAYS(HEADS[0] + "; whether that is long enough ago to repeat it cannot be told: steroid dose unknown (<why:w>).")
def not_known(case, why, day, name):
    assert 42 < case.today - last_test(case, day, name, None) <= 90
    unknown(case, why)


@SAYS("CMAS is a children's scale: choose another instrument.")
def scale(case):
    assert case.patient.age >= 18


@SAYS("complete the steroid record: dose, weight or end date")
def complete(case):
    assert case.state == "cannot_tell"


@SAYS("test strength at the next contact, same assessor, or record why it is not possible")
def test(case):
    assert case.state == "met"
