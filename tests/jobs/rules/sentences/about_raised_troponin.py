"""What `raised-troponin` says."""

import itertools

from models.patient_facts import Reading
from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("raised-troponin")
LETTERS = {"T": "troponin_t", "I": "troponin_i"}


def series(case: Case) -> list[Reading]:
    """The values of the subject's kind and assay."""
    kind, _, assay = case.subject.partition(":")
    return [one for one in case.values(kind) if (one.assay or "").strip().lower() == assay.lower()]


def certainly_raised(one: Reading) -> bool:
    """Whatever a bound may stand for, the value lies above its limit."""
    if one.limit is None or one.comparator == "<":
        return False
    return one.value >= one.limit if one.comparator == ">" else one.value > one.limit


def judged_i(case: Case, day: int) -> list[Reading]:
    """Troponin I of the fortnight before and after a day that is certainly raised or certainly not."""
    near = [one for one in case.values("troponin_i") if abs(one.day - day) <= 14 and one.limit is not None]
    fine = [one for one in near if one.comparator != ">" and one.value <= (one.limit or 0)]
    return [one for one in near if certainly_raised(one) or one in fine]


def is_newest(case: Case, letter: str, sign: str, value: float, day: int) -> Reading:
    """The value, its sign and day are those of the newest of the series."""
    newest = series(case)[-1]
    assert newest.measure == LETTERS[letter]
    assert (newest.comparator or "") == (sign or "")
    assert round(newest.value, 4) == value
    assert newest.day == day
    return newest


HEAD = "Troponin <letter:w>[ (<assay:w>)] [<sign:s>]<value:n> ng/L on <day:d>"


@SAYS(HEAD + ", above its upper limit <limit:n> ng/L, raised since <since:d>.")
def raised(case, letter, assay, sign, value, day, limit, since):
    newest = is_newest(case, letter, sign, value, day)
    assert round(newest.limit, 4) == limit
    assert value > limit or (value == limit and sign == ">")
    run = list(itertools.takewhile(certainly_raised, reversed(series(case))))
    assert since == min(one.day for one in run if one.day >= day - 440)
    assert (assay or "").lower() == (newest.assay or "").lower()


@SAYS(HEAD + ", at or below its upper limit <limit:n> ng/L.")
def within_its_limit(case, letter, assay, sign, value, day, limit):
    newest = is_newest(case, letter, sign, value, day)
    assert round(newest.limit, 4) == limit
    assert value <= limit
    assert sign != ">"


@SAYS(HEAD + ": no newer value than <last:d>.")
def old(case, letter, assay, sign, value, day, last):
    is_newest(case, letter, sign, value, last)
    assert case.today - last > 90


@SAYS(HEAD + ": no upper limit on file for this value.")
def no_limit(case, letter, assay, sign, value, day):
    assert is_newest(case, letter, sign, value, day).limit is None


@SAYS(HEAD + ": the value is only a bound and its limit lies beyond it.")
def only_a_bound(case, letter, assay, sign, value, day):
    newest = is_newest(case, letter, sign, value, day)
    assert newest.value > newest.limit if sign == "<" else newest.value < newest.limit


@SAYS(
    "Troponin I is made by heart muscle: involvement of the heart until shown otherwise.",
    "ECG and cardiac review today",
)
def the_heart(case):
    assert series(case)[-1].measure == "troponin_i"
    assert case.answer.severity == "urgent"


@SAYS("Troponin I within <days:i> days was normal: skeletal muscle is a likely source.")
def i_is_normal(case, days):
    near = judged_i(case, series(case)[-1].day)
    assert days == 14
    assert near
    assert not any(certainly_raised(one) for one in near)


@SAYS("Troponin I within <days:i> days was raised as well: see there.")
def i_is_raised(case, days):
    assert any(certainly_raised(one) for one in judged_i(case, series(case)[-1].day))


@SAYS(
    "No troponin I to judge by within <days:i> days: diseased skeletal muscle makes troponin T too; the source is open."
)
def no_i(case, days):
    assert not judged_i(case, series(case)[-1].day)


@SAYS("skeletal muscle is a likely source; look at the trend at the next visit")
def look_at_the_trend(case):
    i_is_normal(case, 14)


@SAYS("measure troponin I")
def measure_i(case):
    no_i(case, 14)


@SAYS("see the raised troponin I")
def see_i(case):
    i_is_raised(case, 14)


@SAYS("measure again, with the laboratory's limit")
def measure_again(case):
    assert case.state == "cannot_tell"


@SAYS("Troponin <letter:w> [<sign:s>]<value:n> ng/L, limit <limit:n>[, <other:w>]")
def line(case, letter, sign, value, limit, other):
    newest = series(case)[-1]
    is_newest(case, letter, sign, value, newest.day)
    assert round(newest.limit, 4) == limit
    assert value > limit or (value == limit and sign == ">")
    if letter == "T":
        near = judged_i(case, newest.day)
        raised_too = any(certainly_raised(one) for one in near)
        assert other == (None if raised_too else "I normal" if near else "no I to judge it by")
