"""What `missing-safety-screen` says."""

from models.vocabulary import events, screening, tests
from tests.jobs.rules.sentences.claims import Case, Says
from tests.jobs.rules.sentences.courses import course, labelled

SAYS = Says("missing-safety-screen")


def rows(case: Case) -> list:
    """The rows of the screening table that the answer may be about."""
    _name, _, screen = case.subject.partition(":")
    return [row for row in screening() if row.screen == screen]


def done(case: Case) -> int | None:
    """The newest day of a result, or of a record that it was done."""
    days = []
    for fact in {fact for row in rows(case) for fact in row.satisfied_by}:
        if fact in events():
            days += [one.day for one in case.happened(fact)[-1:] if one.present]
        else:
            days += [one.day for one in case.values(fact)]
            days += [one.reading.day for one in case.patient.doubtful() if one.reading.measure == fact]
    return max(days, default=None)


def taken(case: Case, name: str, since: int) -> None:
    """The drug of the subject, and the first day of its course."""
    key = labelled(case.patient, name)
    assert key == case.subject.partition(":")[0]
    first, last = course(case.patient, key)
    assert first == since
    assert last >= case.today


def old(case: Case, last: int | None, since: int) -> None:
    """No result, or one from too long before the drug."""
    assert done(case) == last
    assert last is None or any(row.valid_for_days and last < since - row.valid_for_days for row in rows(case))


LAST = "[; the last one of <last:d> is too old]"
NOTE = "[ Note: <note:w>.]"


@SAYS("<screen:w>: not on file, required for <name:w> since <since:d>" + LAST + "." + NOTE)
def missing(case, screen, name, since, last, note):
    taken(case, name, since)
    old(case, last, since)
    assert screen == case.numbers("screen")
    assert note is None or any(row.note == note for row in rows(case))


@SAYS(
    "<screen:w>: nothing on file, and <name:w> since <since:d> can harm an unborn child." + NOTE,
    "<screen:w>: nothing on file, and <name:w> since <since:d> asks for a plan where a pregnancy is possible (to be verified)."
    + NOTE,
)
def never_asked(case, screen, name, since, note):
    taken(case, name, since)
    assert not any(case.happened(one) for one in ("pregnancy_possible", "contraception", "pregnancy_test"))
    assert not case.values("hcg")
    assert case.patient.sex in ("female", "other")


@SAYS("<screen:w>: not on file (<name:w> since <since:d>" + LAST + "); the drug was begun so long ago that the screen may lie "
      "in older records.")  # fmt: skip
def older_records(case, screen, name, since, last):
    taken(case, name, since)
    old(case, last, since)
    assert case.today - since > 365


@SAYS("<screen:w>: wanted by <due:d> (<name:w> since <since:d>).")
def wanted(case, screen, due, name, since):
    taken(case, name, since)
    assert due >= case.today
    assert any(since + row.within_days == due for row in rows(case))


@SAYS("<screen:w>: not on file (<name:w> since <since:d>" + LAST + "), and asked for by its schedule.")
def left_to_monitoring(case, screen, name, since, last):
    taken(case, name, since)
    old(case, last, since)
    facts = {fact for row in rows(case) for fact in row.satisfied_by}
    assert any(facts & set(tests()[one.subject].measures) for one in case.patient.answers_of("overdue-labs")
               if one.state == "met" or one.numbers["due_state"] in ("paused", "not_possible"))  # fmt: skip


@SAYS("<screen:w>: not on file (<name:w> since <since:d>" + LAST + "), and asked for because of <other:w>.", rare=True)
def left_to_another_drug(case, screen, name, since, last, other):
    taken(case, name, since)
    old(case, last, since)
    assert any(labelled(case.patient, other) == one.subject.partition(":")[0] and one.state == "met"
               and one.numbers["screen"] == screen
               for one in case.patient.answers_of("missing-safety-screen"))  # fmt: skip


@SAYS("ask about pregnancy, wishes and contraception; record the answer, also where it is no")
def ask(case):
    assert case.subject.endswith(":pregnancy")


@SAYS("look in older records once, then enter the result or order it")
def look(case):
    assert case.state == "cannot_tell"


@SAYS("find or order: <screen:w>; before the next dose", "find or order: <screen:w>")
def order(case, screen):
    assert screen == case.numbers("screen")
    assert case.text.endswith("before the next dose") == (case.answer.severity == "action")


@SAYS("Screening missing: <screens:w> (<names:w>)")
def line(case, screens, names):
    drugs = list(dict.fromkeys(one.subject.partition(":")[0] for one in case.together))
    asked = list(dict.fromkeys(one.numbers["screen"].split(" (")[0] for one in case.together))
    assert (screens.split(", "), names.split(", ")) == (asked, drugs)
