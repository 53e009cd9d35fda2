"""What `rising-muscle-enzymes` says."""

from statistics import median

from jobs.rules.rising_muscle_enzymes import STABLE_CONFIRMED, STABLE_POSSIBLE
from models.patient_facts import Reading
from models.vocabulary import measures
from tests.jobs.rules.sentences.claims import Case, Says, same

SAYS = Says("rising-muscle-enzymes")


def newest(case: Case) -> Reading:
    """The value judged."""
    return case.values(case.subject)[-1]


def before(case: Case, count: int | None = None) -> list[float]:
    """The last up to three values before it within a year, as multiples of their own limits."""
    values = case.values(case.subject)
    year = [one for one in values[:-1] if values[-1].day - one.day <= 365 and one.limit]
    found = [one.value / one.limit for one in year][-3:]
    assert count in (None, len(found))
    return found


def is_newest(case: Case, name: str, sign: str | None, value: float, day: int) -> None:
    one = newest(case)
    assert measures()[one.measure].short_label == name
    assert (one.comparator, one.day) == (sign or "", day)
    assert same(value, one.value)


def factor(case: Case) -> float:
    """The value against the median of those before."""
    return newest(case).value / newest(case).limit / median(before(case))


HEAD = "<name:w> [<sign:s>]<value:n> U/L on <day:d>"
ALONE = HEAD + " (<times:n> times its upper limit; before it: <base:n> times)"
SEVERAL = HEAD + " (<times:n> times its upper limit; the median of the <count:i> values before it: <base:n> times)"


def compared(case, name, sign, value, day, times, base, count):
    is_newest(case, name, sign, value, day)
    assert same(times, newest(case).value / newest(case).limit, 2)
    assert same(base, median(before(case, count)), 2)
    assert (times > 1) == (newest(case).value > newest(case).limit)


@SAYS(ALONE + ": within its limit.", SEVERAL + ": within its limit.")
def within(case, name, sign, value, day, times, base, count=1):
    compared(case, name, sign, value, day, times, base, count)
    assert times <= 1


@SAYS(ALONE + ": only known to lie below that.", SEVERAL + ": only known to lie below that.")
def a_bound(case, name, sign, value, day, times, base, count=1):
    compared(case, name, sign, value, day, times, base, count)
    assert sign == "<"


@SAYS(
    ALONE + ": <factor:n> times the value before it, a rise begins at <rise:n>.",
    SEVERAL + ": <factor:n> times the median, a rise begins at <rise:n>.",
)
def no_rise(case, name, sign, value, day, times, base, factor, rise, count=1):
    compared(case, name, sign, value, day, times, base, count)
    assert (rise, factor < rise) == (1.5, True)
    assert same(factor, times_before(case), 2)


times_before = factor


@SAYS(ALONE + ": <factor:n> times the value before it.", SEVERAL + ": <factor:n> times the median.")
def risen(case, name, sign, value, day, times, base, factor, count=1):
    compared(case, name, sign, value, day, times, base, count)
    assert factor >= 1.5
    assert times > 1
    assert same(factor, times_before(case), 2)
    assert case.answer.since == day


@SAYS(ALONE + ": far above a value before it of nothing.", SEVERAL + ": far above a median of nothing.")
def from_nothing(case, name, sign, value, day, times, base, count=1):
    compared(case, name, sign, value, day, times, base, count)
    assert median(before(case)) == 0


@SAYS(HEAD + ": no newer value than <last:d>.")
def old(case, name, sign, value, day, last):
    is_newest(case, name, sign, value, last)
    assert case.today - day > 90


@SAYS(HEAD + ": no upper limit on file for this value.")
def no_limit(case, name, sign, value, day):
    is_newest(case, name, sign, value, day)
    assert not newest(case).limit


@SAYS(HEAD + ": no earlier value within reach to compare it with.")
def nothing_before(case, name, sign, value, day):
    is_newest(case, name, sign, value, day)
    before(case, 0)


OFTEN = "; chance alone does this to <rate:i> of 100 patients with a steady CK at some time in six visits"


@SAYS(
    f"Confirmed: the <what:w> beyond the <whose:w> variation of <share:i> %[{OFTEN}].",
    f"Possible only: the <whose:w> variation of <share:i> % can explain it[{OFTEN}].",
)
def variation(case, whose, share, rate, what=None):
    earlier = case.values(case.subject)[: -(1 if what in (None, "value lies") else 2)]
    assert case.answer.grade == ("possible" if what is None else "confirmed")
    assert what in (None, "value lies", "last 2 values together lie")
    assert whose == ("own" if len(earlier) >= 5 else "assumed") or what is None
    assert 15 <= share <= 40
    assert share == 25 or whose == "own"
    assert (rate is not None) == (case.subject == "ck")
    assert rate in (None, STABLE_POSSIBLE if what is None else STABLE_CONFIRMED)


@SAYS("Strenuous exercise in the <days:i> days before may explain it: repeat after <again:i> days of rest.")
def exercise(case, days, again):
    assert (days, again) == (7, 7)
    day = newest(case).day
    assert any(one.present and one.day <= day and day - max(one.day, one.end or one.day) <= 7
               for one in case.happened("strenuous_exercise"))  # fmt: skip


@SAYS("Strength has fallen too and is not regained.")
def weaker(case):
    assert any(one.state == "met" for one in case.patient.answers["declining-strength"])


@SAYS("repeat after <days:i> days of rest")
def rest(case, days):
    exercise(case, days, 7)
    assert case.answer.severity == "watch"


@SAYS("look at it at the next visit", "examine strength and look for a cause[; measure again]")
def to_do(case):
    assert (case.answer.severity == "action") == case.text.startswith("examine")
    assert case.answer.grade == "confirmed" or "measure again" in case.text or case.answer.severity == "watch"


@SAYS("measure again, with the laboratory's limit")
def again(case):
    assert case.state == "cannot_tell"


@SAYS("<name:w> up: [<sign:s>]<value:n> U/L, <times:n>× its limit, <how:w>[; also <others:w>]")
def line(case, name, sign, value, times, how, others):
    keys = {measures()[one.subject].short_label: one.subject for one in case.together or (case.answer,)}
    latest = case.values(keys[name])[-1]
    assert same(value, latest.value, 0)
    assert (sign or "") == latest.comparator
    assert same(times, latest.value / latest.limit, 2)
    assert sorted([name, *(others.split(", ") if others else [])]) == sorted(keys)
    exercised = how.endswith(", after exercise")
    shown = how.removesuffix(", after exercise")
    if shown != "from nothing":
        own = Case(case.patient, case.rule, next(a for a in case.together or (case.answer,) if a.subject == keys[name]))
        times = float(shown.removesuffix("× baseline").replace("\u202f", ""))
        assert same(times, factor(own), 2 if times < 10 else 0)
    assert exercised == any(
        one.present and one.day <= latest.day and latest.day - max(one.day, one.end or one.day) <= 7
        for one in case.happened("strenuous_exercise")
    )
