"""What `declining-strength` says."""

import itertools
import math
from statistics import median

from jobs.rules.declining_strength import STABLE_PATIENTS, STABLE_PATIENTS_TWO_STEPS
from models.patient_facts import Happening, Reading
from models.vocabulary import measures
from tests.jobs.rules.sentences.claims import Case, Says, mean, same

SAYS = Says("declining-strength")
NAMES = {"CMAS": "cmas", "MMT8": "mmt8", "MMT8 (both sides)": "mmt8_bilateral", "Total MMT": "mmt_total"}
STEPS = {"cmas": 3, "mmt8": 6, "mmt8_bilateral": 11, "mmt_total": 19}
ERRORS = {"cmas": 2.9, "mmt8": 2.0, "mmt8_bilateral": 3.8, "mmt_total": 6.5}


def scores(case: Case) -> list[Reading]:
    """The scores of the instrument, oldest first."""
    return case.values(case.subject)


def before(case: Case, place: int) -> list[float]:
    """The up to four scores before one, of the half year before it."""
    found = scores(case)
    return [one.value for one in found[:place] if found[place].day - one.day <= 182][-4:]


def regained(case: Case, place: int) -> bool:
    """Whether a later score came back to within half a step of what the one at a place is compared with."""
    back = mean(before(case, place)) - STEPS[case.subject] / 2
    return any(one.value >= back for one in scores(case)[place + 1 :])


def is_fall(case: Case, place: int) -> bool:
    """A step or more below the scores before it, and not regained."""
    reference = before(case, place)
    step = STEPS[case.subject]
    return bool(reference) and scores(case)[place].value <= mean(reference) - step and not regained(case, place)


def is_shift(case: Case, place: int) -> bool:
    """Two or more scores, all half a step lower, their mean lower by a step and by more than measurement error."""
    reference, since = before(case, place), [one.value for one in scores(case)[place:]]
    if len(reference) < 2 or len(since) < 2:
        return False
    step, gap = STEPS[case.subject], mean(reference) - mean(since)
    error = ERRORS[case.subject] * math.sqrt(1 / len(reference) + 1 / len(since))
    return all(one < mean(reference) - step / 2 for one in since) and gap >= step - 1e-9 and gap >= 1.9 * error - 1e-9


def place_of(case: Case, day: int) -> int:
    """The place of the score that counts since a day."""
    on_it = [place for place, one in enumerate(scores(case)) if one.day == day]
    return next((place for place in on_it if is_fall(case, place) or is_shift(case, place)), on_it[0])


def named_right(case: Case, name: str) -> None:
    assert measures()[case.subject].short_label == name


def compared_with(case: Case, said: float, day: int, digits: int, count: int) -> int:
    """The number said is the mean of so many scores before one of that day; the place of that score."""
    found = [
        place
        for place, one in enumerate(scores(case))
        if one.day == day
        and len(before(case, place)) == count
        and abs(said - mean(before(case, place))) <= 0.5 * 10.0**-digits + 0.006
    ]
    assert found
    return found[0]


@SAYS(
    "<name:w> <was:n> -> <now:n> of <most:n> on <day:d> (<again:n>: the score before it).",
    "<name:w> <was:n> -> <now:n> of <most:n> on <day:d> (<again:n>: the mean of the <count:i> scores before it).",
)
def fell(case, name, was, now, most, day, again, count=1):
    named_right(case, name)
    assert was == again
    assert most == measures()[case.subject].max_value
    assert case.answer.since == day
    place = compared_with(case, was, day, 2, count)
    assert same(now, scores(case)[place].value, 2)
    assert was - now >= STEPS[case.subject] - 0.01 or case.numbers("by_itself") is False
    assert is_fall(case, place) or not case.numbers("by_itself")


@SAYS(
    "<name:w> <was:n> -> <now:n> of <most:n>, the mean of the <many:i> scores since <day:d> (<again:n>: the score before it).",
    "<name:w> <was:n> -> <now:n> of <most:n>, the mean of the <many:i> scores since <day:d> (<again:n>: the mean of the "
    "<count:i> scores before it).",
)
def lies_lower(case, name, was, now, most, many, day, again, count=1):
    named_right(case, name)
    assert was == again
    place = compared_with(case, was, day, 2, count)
    since = [one.value for one in scores(case)[place:]]
    assert len(since) == many
    assert same(now, mean(since), 2)
    assert not regained(case, place)


@SAYS("Latest: <value:n> on <day:d>.")
def latest(case, value, day):
    newest = scores(case)[-1]
    assert (newest.day, same(value, newest.value, 2)) == (day, True)


@SAYS(
    "<name:w> went down step by step from <was:n> on <begun:d> to <now:n> of <most:n> on <day:d>; no single step shows it."
)
def step_by_step(case, name, was, begun, now, most, day):
    named_right(case, name)
    run = [one.value for one in scores(case) if begun <= one.day <= day]
    starts = [place for place, value in enumerate(run) if same(was, value, 2)]
    assert starts
    run = run[starts[0] :]
    assert all(later <= earlier for earlier, later in itertools.pairwise(run))
    assert run[0] - now >= STEPS[case.subject]
    assert not any(is_fall(case, place) for place in range(len(scores(case))) if before(case, place)
                   and case.today - scores(case)[place].day <= 182)  # fmt: skip


@SAYS(
    "The mean of the <many:i> scores since <day:d> is <now:n>, of the <count:i> before <was:n>: lower than measurement "
    "error explains."
)
def shifted(case, many, day, now, count, was):
    place = compared_with(case, was, day, 2, count)
    since = [one.value for one in scores(case)[place:]]
    assert (len(since), same(now, mean(since), 2)) == (many, True)
    assert is_shift(case, place)


def parts(case: Case, summed: str, total: float) -> set[str]:
    """Every part of the sum is one that weighs something, from and to what is on file; together they are the total."""
    weights, names = [], set()
    for part in summed.split(" + "):
        name, _, rest = part.partition(" (")
        label, _, weight = name.rpartition(" ")
        weights.append(float(weight))
        names.add(label)
        if label in ("CK", "physician global", "patient global"):
            changed(case, label, rest.rstrip(")"))
        elif label == "new symptom":
            for one in rest.removesuffix(": enough by itself)").split("; "):
                event = one.split(" on ")[0]
                assert any(
                    isinstance(fact, Happening) and fact.event == event and fact.present for fact in case.named()
                )
        elif label != "strength":
            assert rest == "fell as well)"
            assert label in NAMES or label in {measures()[key].short_label for key in STEPS}
    assert all(weight > 0 for weight in weights)
    assert abs(sum(weights) - total) < 0.051
    return names


def changed(case: Case, label: str, said: str) -> None:
    """`280 -> 900 U/L, geometric mean of 2`: the values named as evidence, the last of them against those before."""
    key = {"CK": "ck", "physician global": "physician_global", "patient global": "patient_global"}[label]
    readings = [one for one in case.named() if isinstance(one, Reading) and one.measure == key]
    was, _, rest = said.partition(" -> ")
    now, _, unit = rest.partition(" ")
    count = int(said.rpartition(" of ")[2]) if "mean of" in said else 1
    values = [max(one.value / one.limit if "times its limit" in unit else one.value, 0.01) for one in readings]
    middle = median if key == "ck" else mean
    last = values[-count:]
    is_now = math.exp(mean([math.log(one) for one in last])) if key == "ck" else mean(last)
    digits = 0 if unit.startswith("U/L") and round(is_now) > round(middle(values[:-count])) else 2
    assert same(float(was), middle(values[:-count]), digits)
    assert same(float(now), is_now, digits)
    assert float(now) > float(was)


@SAYS("Corroborated: <summed:w> = <total:n>, needs <needed:n>.")
def corroborated(case, summed, total, needed):
    names = parts(case, summed, total)
    assert (case.answer.grade, needed) == ("corroborated", 6.5)
    assert total >= needed
    assert names - {"strength"}


@SAYS("Less than a step by itself: it counts because other measures changed with it.")
def by_others(case):
    assert not any(is_fall(case, place) or is_shift(case, place) for place in range(1, len(scores(case)))
                   if case.today - scores(case)[place].day <= 182)  # fmt: skip


@SAYS("Evidence: <summed:w> = <total:n>; to be corroborated it needs <needed:n>[, with a measure beside these scores].")
def not_enough(case, summed, total, needed):
    names = parts(case, summed, total)
    assert total < needed or names == {"strength"}


OFTEN = "chance alone does this to <rate:w> of 100 stable patients at some time in six monthly visits"


@SAYS(
    f"C{OFTEN[1:]}.",
    f"Possible only: {OFTEN}.",
    f"Possible only: {OFTEN}, and each score was no higher than the one before.",
)
def by_chance(case, rate):
    assert not case.numbers("deep")
    known = getattr(STABLE_PATIENTS[case.subject], str(case.answer.grade))
    assert rate == (str(known) if known else "fewer than 1")


DEEP = "hance alone brings a fall of two steps or more, graded so, to <rate:w> of 100 stable patients at some time in six monthly visits."


@SAYS(f"C{DEEP}", f"Graded possible: c{DEEP}", rare=True)
def two_steps_by_chance(case, rate):
    known = getattr(STABLE_PATIENTS_TWO_STEPS[case.subject], str(case.answer.grade))
    assert rate == (str(known) if known else "fewer than 1")
    assert case.numbers("deep")


@SAYS("Urgent: the latest score lies two steps or more below.")
def two_steps(case):
    newest, step = scores(case)[-1].value, STEPS[case.subject]
    counted = [place for place in range(1, len(scores(case))) if is_fall(case, place) or is_shift(case, place)]
    assert any(newest <= mean(before(case, place)) - 2 * step + 1e-9 for place in counted)


@SAYS("Urgent: <flags:w>.")
def red_flags(case, flags):
    for said in flags.split("; "):
        event = said.split(" on ")[0]
        assert any(one.event == event and one.present for one in case.named() if isinstance(one, Happening))
        assert event in ("dysphagia", "dyspnoea")


@SAYS("Measured by another assessor than before: weaker evidence.")
def another_assessor(case):
    used = [one for one in case.named() if isinstance(one, Reading) and one.measure == case.subject]
    count = case.numbers("reference_scores")
    earlier, later = {one.assessor for one in used[:count]}, {one.assessor for one in used[count:]}
    assert None not in earlier | later
    assert not earlier & later


@SAYS("<name:w> <value:n> of <most:n> on <day:d>: no fall of <step:n> points or more that has not been regained.")
def nothing_fell(case, name, value, most, day, step):
    named_right(case, name)
    latest(case, value, day)
    assert step == STEPS[case.subject]
    recent = [place for place, one in enumerate(scores(case)) if place and case.today - one.day <= 182]
    assert not any(is_fall(case, place) or is_shift(case, place) for place in recent)


@SAYS("<name:w>: no <again:w> score since <day:d>.")
def too_old(case, name, again, day):
    named_right(case, name)
    assert scores(case)[-1].day == day
    assert case.today - day > 90


@SAYS("<name:w>: only one score within reach: nothing to compare it with.")
def nothing_to_compare(case, name):
    assert not before(case, len(scores(case)) - 1)


@SAYS("repeat within <days:i> days, same assessor[; review today: red flag][; review today: two steps or more]")
def repeat(case, days):
    assert (case.answer.grade, days) == ("possible", 14)
    assert ("review today" in case.text) == (case.answer.severity == "urgent")
    assert ("two steps" in case.text) <= bool(case.numbers("deep"))
    assert ("red flag" in case.text) == bool(case.numbers("red_flag"))


@SAYS("review treatment: see the options for escalation[ today]")
def review(case):
    assert case.answer.grade in ("confirmed", "corroborated")
    assert case.text.endswith("today") == (case.answer.severity == "urgent")
    assert case.patient.diagnosis != "IBM"


@SAYS("review[ today]: swallowing, falls and function; a fast fall is not the course of this disease", rare=True)
def review_of_inclusion_body(case):
    assert case.answer.grade in ("confirmed", "corroborated")
    assert case.text.startswith("review today") == (case.answer.severity == "urgent")
    assert case.patient.diagnosis == "IBM"


@SAYS("repeat the strength test")
def test_again(case):
    assert case.state == "cannot_tell"


LINE = "Weaker: <name:w> [mean <m:n>][<was:n>] → [mean <together:n>][<now:n>] of <most:n> since <day:d>[, latest <last:n>], "


@SAYS(LINE + "possible", LINE + "confirmed", LINE + "corroborated")
def line(case, name, m, was, together, now, most, day, last):
    named_right(case, name)
    assert case.text.endswith(str(case.answer.grade))
    newest, lower = scores(case)[-1].value, together if now is None else now
    assert same(lower if last is None else last, newest, 1)
    if case.numbers("gradual"):
        assert was - lower >= STEPS[case.subject] - 0.1
        return
    place = compared_with(case, was if m is None else m, day, 1, case.numbers("reference_scores"))
    assert (m is not None) == (len(before(case, place)) > 1)
    since = [one.value for one in scores(case)[place:]]
    assert same(lower, mean(since) if together is not None else since[0], 1)
