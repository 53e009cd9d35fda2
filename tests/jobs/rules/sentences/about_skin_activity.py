"""What `skin-activity` says."""

from tests.jobs.rules.sentences.claims import Case, Says, mean, same

SAYS = Says("skin-activity")


def scores(case: Case):
    return case.values("cdasi_activity")


def is_newest(case: Case, value: float, day: int) -> None:
    assert scores(case)[-1].day == day
    assert same(value, scores(case)[-1].value)


def own(case: Case, until: int, count: int) -> float:
    """The mean of so many newest scores of earlier days."""
    before = [one.value for one in scores(case) if one.day < until]
    assert len(before) >= count
    return mean(before[-count:])


HEAD = "CDASI activity <value:n> of 100 on <day:d>"


@SAYS(
    HEAD + "; the mean of the <count:i> scores before: <was:n>. No rise by <step:n> points that lasts.",
    HEAD + "; the score before: <was:n>. No rise by <step:n> points that lasts.",
)
def no_rise(case, value, day, was, step, count=1):
    is_newest(case, value, day)
    assert same(was, own(case, day, count))
    assert step == 5


@SAYS(HEAD + ": no newer score than <last:d>.")
def old(case, value, day, last):
    is_newest(case, value, last)
    assert case.today - day > 90


@SAYS(HEAD + ": only one score within reach: nothing to compare it with.")
def alone(case, value, day):
    is_newest(case, value, day)
    assert not any(0 < day - one.day <= 182 for one in scores(case))


RISE = "-> <value:n> of 100 on <day:d>: <step:n> points are a meaningful change. "


@SAYS(*(f"CDASI activity <was:n> ({own}) " + RISE + end
        for own in ("the mean of the <count:i> scores before", "the score before")
        for end in ("Possible only: one score.", "Since <since:d>.")))  # fmt: skip
def risen(case, was, value, day, step, since=None, count=1):
    is_newest(case, value, day)
    first = case.answer.since
    assert since in (None, first)
    assert same(was, own(case, first, count))
    assert value - was >= step - 0.11
    assert (since is None) == (first == day)
    assert all(one.value >= was + step - 0.11 for one in scores(case) if one.day > first)


@SAYS("score the skin at the next visit")
def score(case):
    assert case.state == "cannot_tell"


@SAYS(
    "[score again, same assessor; ]sun, itch, adherence; dermatology; muscle and lung examined too; skin that worsens may be "
    "a flare"
)
def act(case):
    assert case.text.startswith("score again") == (case.answer.grade == "possible")


@SAYS("Skin worse: CDASI <was:n> → <value:n> of 100, <grade:w>")
def line(case, was, value, grade):
    is_newest(case, value, scores(case)[-1].day)
    assert grade == case.answer.grade
    assert value > was
