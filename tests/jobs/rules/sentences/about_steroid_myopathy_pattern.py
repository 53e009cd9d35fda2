"""What `steroid-myopathy-pattern` says."""

from statistics import median

from models.patient_facts import Reading
from models.vocabulary import events, measures
from tests.jobs.rules.sentences.about_prolonged_high_dose_steroids import unknown
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.doses import days as doses_of
from tests.jobs.rules.sentences.doses import dose, is_high, run

SAYS = Says("steroid-myopathy-pattern")
DOSE = Says("the steroid of a steroid myopathy")
AGAINST = Says("what speaks for a flare")


def weaker_since(case: Case, day: int) -> None:
    """The first day of a fall of strength that was not regained."""
    assert min(one.since for one in case.patient.answers["declining-strength"] if one.state == "met") == day


def ck(case: Case) -> Reading:
    """The newest CK, not older than four weeks."""
    newest = case.values("ck")[-1]
    assert case.today - newest.day <= 28
    return newest


def each(says: Says, case: Case, text: str, between: str) -> None:
    """Every part of a list is one of the templates, and so."""
    for part in text.split(between):
        says.hold(Case(case.patient, case.rule, case.answer, part))


@DOSE("steroid")
def any_steroid(case):
    assert case.state == "cannot_tell"


@DOSE("a pulse until <day:d>")
def pulse(case, day):
    whole, regular = doses_of(case.patient)[day]
    assert whole > regular
    assert case.today - day <= 14


@DOSE("high-dose steroid since <day:d>")
def high_since(case, day):
    assert run(case.patient, is_high(case.patient), 3)[0] == day


@DOSE("high-dose steroid from <day:d> to <last:d>")
def was_high(case, day, last):
    found = run(case.patient, is_high(case.patient), 3, until=last)
    assert (found[0], found[-1]) == (day, last)
    assert len(found) >= 42
    assert case.today - last <= 90
    assert dose(case.patient, case.today) > 0
    assert not is_high(case.patient)(dose(case.patient, case.today))


@AGAINST("<name:w> <times:n> times its limit")
def raised(case, name, times):
    key = next(key for key in ("crp", "esr", "aldolase") if measures()[key].short_label == name)
    newest = case.values(key)[-1]
    assert same(times, newest.value / newest.limit)
    assert times > (1.5 if key == "aldolase" else 1)
    assert case.today - newest.day <= 28


@AGAINST("<name:w> up on <day:d>")
def enzyme_up(case, name, day):
    key = next(key for key in ("ast", "alt", "ldh") if measures()[key].short_label == name)
    assert any(one.subject == key and one.state == "met" and one.since == day
               for one in case.patient.answers["rising-muscle-enzymes"])  # fmt: skip
    assert case.values(key)[-1].day == day


@AGAINST("<name:w> on <day:d>")
def symptom(case, name, day):
    key = next(key for key in ("dysphagia", "rash") if events()[key].label.lower() == name)
    newest = case.happened(key)[-1]
    assert (newest.present, newest.day) == (True, day)


@AGAINST("extramuscular activity <was:n> to <now:n> of 10")
def elsewhere(case, was, now):
    before, last = case.values("extramuscular_global")[-2:]
    assert same(was, before.value)
    assert same(now, last.value)
    assert last.value - before.value >= 2


@SAYS(
    "Weaker since <day:d> after <count:i> or more days above <mg:n> mg/day within <within:i> days: the acute form of steroid "
    "myopathy is possible, whatever the CK."
)
def acute(case, day, count, mg, within):
    weaker_since(case, day)
    assert (count, mg, within) == (7, 100, 14)
    lately = [dose(case.patient, on) for on in range(case.today - 13, case.today + 1)]
    assert sum(one > 100 for one in lately) >= 7


@SAYS(
    "Weaker since <day:d> with <what:w>, and CK <times:n> times its limit on <when:d>[, <factor:n> times the own baseline]: "
    "not up. The pattern fits steroid myopathy; a flare with normal CK fits it too."
)
def fits(case, day, what, times, when, factor):
    weaker_since(case, day)
    each(DOSE, case, what, " and ")
    newest = ck(case)
    assert newest.day == when
    assert same(times, newest.value / newest.limit, 2)
    before = [one.value / one.limit for one in case.values("ck")[:-1] if one.limit and newest.day - one.day <= 365][-3:]
    if factor is not None:
        assert same(factor, newest.value / newest.limit / median(before), 2)
    ratio = factor if factor is not None else 1
    assert times <= 1 or ratio <= 1.51
    assert times <= 1.5 or ratio <= 0.67


@SAYS("Weaker since <day:d> with <what:w>, but <against:w>: rather a flare.")
def flare(case, day, what, against):
    weaker_since(case, day)
    each(DOSE, case, what, " and ")
    each(AGAINST, case, against, "; ")


@SAYS("Weaker since <day:d> with <what:w>, but CK is up (<times:n> times its limit): rather a flare.")
def ck_up(case, day, what, times):
    weaker_since(case, day)
    each(DOSE, case, what, " and ")
    assert same(times, ck(case).value / ck(case).limit, 3)
    assert times > 1


@SAYS("Weaker since <day:d>, and no steroid dose of these weeks high and long enough to explain it.")
def not_exposed(case, day):
    weaker_since(case, day)
    assert len(run(case.patient, is_high(case.patient), 3)) < 21


@SAYS("No falling strength that a steroid could explain.")
def no_weakness(case):
    assert all(one.state != "met" for one in case.patient.answers["declining-strength"])


@SAYS(
    "Weaker since <day:d> with <what:w>; whether the steroid could be the cause cannot be told: <why:w>.",
    "<what:w>; whether it weakens the muscles cannot be told: <why:w>.",
)
def not_known(case, what, why, day=None):
    if day is not None:
        weaker_since(case, day)
    each(DOSE, case, what[0].lower() + what[1:], " and ")
    values = case.values("ck")
    if why == "no recent strength score to compare":
        assert day is None
    elif why == "no CK in the last 28 days":
        assert not values or case.today - values[-1].day > 28
    elif why == "the newest CK came without its limit":
        assert values[-1].limit is None
    elif why == "CK is above its limit and there is no earlier value to compare it with":
        assert values[-1].value > values[-1].limit
    else:
        assert why.startswith("steroid dose unknown (")
        unknown(case, why.removeprefix("steroid dose unknown (").rstrip(")"))


@SAYS("test strength and measure CK with its limit before the steroid is changed")
def look(case):
    assert case.state == "cannot_tell"


@SAYS("see today: breathing; discuss with the prescriber whether the dose can come down")
def today(case):
    assert case.answer.severity == "urgent"


FIRST = (
    "do not increase the steroid for this alone: muscle MRI, EMG, hip against neck flexors, TSH and potassium; then "
)


@SAYS(FIRST + "discuss the next step of the taper with the prescriber")
def next_step(case):
    assert dose(case.patient, case.today) > 0
    assert not is_high(case.patient)(dose(case.patient, case.today))


@SAYS(FIRST + "discuss a lower dose with the prescriber")
def lower(case):
    assert case.state == "met"
