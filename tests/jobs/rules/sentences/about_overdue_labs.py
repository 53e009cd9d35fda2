"""What `overdue-labs` says."""

from models.vocabulary import drug, events, measures, tests, vocabulary
from tests.jobs.rules.sentences.claims import Case, Says
from tests.jobs.rules.sentences.courses import begun as course_start

SAYS = Says("overdue-labs")


def results(case: Case) -> list[int]:
    """The days of valid results of the test."""
    found = []
    for key in tests()[case.subject].measures:
        if key in events():
            found += [one.day for one in case.happened(key)[-1:] if one.present]
        else:
            found += [one.day for one in case.values(key)]
            found += [one.reading.day for one in case.patient.doubtful() if one.reading.measure == key]
    return sorted(found)


def is_so(case: Case, label: str, last: int | None, every: int, treatment: str) -> None:
    """The test, the day of its last result, and a row of the table with this interval for a drug that is taken."""
    assert tests()[case.subject].label == label
    assert (results(case) or [None])[-1] == last
    rows = [row for row in vocabulary().monitoring if row.test == case.subject and row.interval_days == every]
    assert treatment == case.numbers("treatment")
    if case.numbers("recorded"):
        kind = next(key for key in events() if events()[key].label.lower() == treatment.lower())
        assert case.happened(kind)[-1].present
    elif treatment == "active treatment":
        assert every == 42
        assert any((row := drug(one.drug)) and row.counts_as_active_treatment for one in case.patient.statements)
    else:
        assert any(row.treatment == treatment for row in rows)
        assert any((row := drug(one.drug)) and (row.key == treatment or row.has_class(treatment))
                   for one in case.patient.statements)  # fmt: skip


LAST = ("last result <last:d>", "never measured here")
WHY = ("required every <every:i> days by <treatment:w>", "required within <every:i> days of <treatment:w>")


@SAYS(
    *(
        "<label:w> overdue: was due <due:d> (last result <last:d>; " + why + "; <grace:i> days of grace passed)."
        for why in WHY
    ),
    *(
        "<label:w> overdue: was due <due:d> (never measured here, "
        + since
        + " <begun:d>; "
        + why
        + "; <grace:i> days of grace passed)."
        for since in ("treatment began", "on record since")
        for why in WHY
    ),
    rare=True,
)
def overdue(case, label, due, every, treatment, grace, last=None, begun=None):
    is_so(case, label, last, every, treatment)
    assert (grace, case.answer.due) == (7, due)
    assert case.today - due > 7
    assert due >= (last or begun) + every
    if begun is not None and case.numbers("recorded"):
        assert any(one.day == begun and one.present for one in case.patient.happenings)
    elif begun is not None:
        drugs = {
            one.drug for one in case.patient.statements if one.route not in ("topical", "inhaled", "intra-articular")
        }
        assert begun in {course_start(case.patient, name) for name in drugs}


@SAYS(*("<label:w> due <due:d> (" + last + "; " + why + ")." for last in LAST for why in WHY), rare=True)
def due_on(case, label, due, every, treatment, last=None):
    is_so(case, label, last, every, treatment)
    assert case.today - due <= 7


@SAYS(*("<label:w>: paused (<note:w>); " + last + ", " + why + "." for last in LAST for why in WHY), rare=True)
def paused(case, label, note, every, treatment, last=None):
    is_so(case, label, last, every, treatment)
    assert any(one.reason == note and one.start <= case.today <= one.until for one in case.patient.pauses)


@SAYS(*("<label:w>: recorded as not possible (<note:w>); " + last + ", " + why + "."
        for last in LAST for why in WHY), rare=True)  # fmt: skip
def not_possible(case, label, note, every, treatment, last=None):
    is_so(case, label, last, every, treatment)
    assert any((one.reason or "no reason given") == note and (last is None or one.day > last)
               for one in case.patient.not_done)  # fmt: skip


@SAYS(*("<label:w> was due <due:d> (" + last + "), but whether it was done nobody can tell: feed silent since <since:d>."
        for last in LAST), rare=True)  # fmt: skip
def silent(case, label, due, since, last=None):
    assert tests()[case.subject].label == label
    assert (results(case) or [None])[-1] == last
    assert max(one.last_day for one in case.patient.feeds if one.measure in tests()[case.subject].measures) == since
    assert case.today - since >= 7
    assert case.today - due > 7


@SAYS(*("<label:w> was due <due:d> (" + last + "; " + why + "): <other:w> counts for it and is asked for."
        for last in LAST for why in WHY), rare=True)  # fmt: skip
def counts_for(case, label, due, every, treatment, other, last=None):
    is_so(case, label, last, every, treatment)
    assert case.today - due > 7
    asked = next(one for one in case.patient.answers_of("overdue-labs")
                 if one.state == "met" and tests()[one.subject].label == other)  # fmt: skip
    assert set(tests()[asked.subject].measures) <= set(tests()[case.subject].measures)


@SAYS("ask the laboratory or the interface team why results stopped coming")
def ask(case):
    assert case.state == "cannot_tell"


@SAYS("order <label:w> or record why it is not possible")
def order(case, label):
    assert tests()[case.subject].label == label


@SAYS("Overdue: <names:w> · due <due:d>")
def line(case, names, due):
    asked = case.together or (case.answer,)
    assert min(one.due for one in asked) == due
    labels = {tests()[one.subject].label.split(" (")[0] for one in asked}
    shorter = {measures()[one.subject].short_label for one in asked if one.subject in measures()}
    assert set(names.split(", ")) <= labels | shorter
    assert len(names.split(", ")) == len(labels)
