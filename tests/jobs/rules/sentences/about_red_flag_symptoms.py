"""What `red-flag-symptoms` says."""

from models.patient_facts import Happening
from models.vocabulary import drug, events
from tests.jobs.rules.sentences.claims import Case, Says, same

SAYS = Says("red-flag-symptoms")
SYMPTOMS = ("dysphagia", "dyspnoea", "areflexia", "gastrointestinal_bleeding", "abdominal_pain")


def word(case: Case, name: str) -> Happening:
    """The newest record of the symptom a sentence names."""
    kind = next(key for key in SYMPTOMS if events()[key].label.lower() == name.lower())
    return case.happened(kind)[-1]


@SAYS("<name:w>, recorded on <day:d>[, expected to last until <end:d>].")
def there(case, name, day, end):
    one = word(case, name)
    assert (one.present, one.day, one.end) == (True, day, end)
    assert one.event == case.subject
    assert (end or day + 28) >= case.today


@SAYS("<name:w>: recorded on <day:d> and never mentioned again.")
def forgotten(case, name, day):
    one = word(case, name)
    assert (one.present, one.day, one.end) == (True, day, None)
    assert 28 < case.today - day <= 182


@SAYS("<name:w>: absent on <day:d>.")
def absent(case, name, day):
    assert (word(case, name).present, word(case, name).day) == (False, day)


@SAYS("<name:w>: lasted until <end:d>.")
def ended(case, name, end):
    assert (word(case, name).present, word(case, name).end) == (True, end)
    assert end < case.today


@SAYS("<name:w>: last recorded on <day:d>, too long ago to ask about.")
def long_ago(case, name, day):
    assert word(case, name).day == day
    assert case.today - day > 182


def is_breath(case, sign, value, day):
    one = case.values("nif")[-1]
    assert (one.comparator, one.day) == (sign or "", day)
    assert same(value, one.value)
    assert (value < 30) == (one.value < 30)


BREATH = "Negative inspiratory force [<sign:s>]<value:n> cmH2O on <day:d>"


@SAYS(BREATH + ": weaker than <limit:n> cmH2O.")
def weak_breath(case, sign, value, day, limit):
    is_breath(case, sign, value, day)
    assert limit == 30
    assert value < 30 or (sign == "<" and value <= 30)


@SAYS(BREATH + ": no red flag.")
def strong_breath(case, sign, value, day):
    is_breath(case, sign, value, day)
    assert value >= 30
    assert sign != "<"


@SAYS(BREATH + ": no newer value than <last:d>.")
def old_breath(case, sign, value, day, last):
    is_breath(case, sign, value, last)
    assert day == last
    assert case.today - day > 90


@SAYS(BREATH + ": the value is only a bound.")
def bound(case, sign, value, day):
    is_breath(case, sign, value, day)
    assert sign


LUNG = "Forced vital capacity <now:n> % of predicted on <day:d>, the best of the year before <best:n> % on <when:d>"


def is_capacity(case, now, day, best, when):
    values = case.values("fvc_percent")
    earlier = [one for one in values[:-1] if day - one.day <= 365]
    assert values[-1].day == day
    assert same(now, values[-1].value)
    assert same(best, max(one.value for one in earlier), 2)
    assert any(one.day == when and same(best, one.value, 2) for one in earlier)


@SAYS(LUNG + ": a fall of more than <share:n> %.")
def capacity_fell(case, now, day, best, when, share):
    is_capacity(case, now, day, best, when)
    assert share == 30
    assert now < 0.7 * best


@SAYS(LUNG + ": no red flag.")
def capacity_holds(case, now, day, best, when):
    is_capacity(case, now, day, best, when)
    assert now >= 0.7 * best - 0.1


@SAYS(LUNG + ": no newer value than <last:d>.")
def old_capacity(case, now, day, best, when, last):
    is_capacity(case, now, day, best, when)
    assert last == day
    assert case.today - day > 90


SATURATION = "Oxygen saturation [<sign:s>]<value:n> % on <day:d>"


@SAYS(
    SATURATION + ": below <limit:n> %.",
    SATURATION + ": no red flag.",
    SATURATION + ": no newer value than <last:d>.",
    SATURATION + ": the value is only a bound.",
    rare=True,
)
def saturation(case, sign, value, day, limit=None, last=None):
    newest = case.values("oxygen_saturation")[-1]
    assert (newest.comparator, newest.day) == (sign or "", day)
    assert same(value, newest.value)
    if limit is not None:
        assert value < limit == 90
    elif last is not None:
        assert last == day
    else:
        assert value >= 90 or sign


def checkpoint(case, given, signs):
    """The inhibitor and when, then every sign beside it."""
    taken = [
        one for one in case.patient.statements if (row := drug(one.drug)) and row.has_class("checkpoint-inhibitor")
    ]
    if given == "Myositis under a checkpoint inhibitor":
        assert case.patient.diagnosis == "ICI_MYOSITIS"
    else:
        name = given.split(" still given")[0].split(" until ")[0].lower()
        mine = [one for one in taken if one.drug.lower() == name]
        assert mine
        if "still given" in given:
            assert any((one.frequency != "once" and (one.end is None or one.end >= case.today)) or one.start == case.today
                       for one in mine)  # fmt: skip
    for sign in signs.split("; ") if signs else ():
        SIGNS.hold(Case(case.patient, case.rule, case.answer, sign))


SIGNS = Says("signs under a checkpoint inhibitor")


@SIGNS("weaker since <day:d>")
def weaker(case, day):
    falls = [one.since for one in case.patient.answers["declining-strength"] if one.state == "met"]
    assert min(falls) == day


@SIGNS("<name:w> on <day:d>")
def symptom(case, name, day):
    there(case_of(case, word(case, name)), name, day, word(case, name).end)


def case_of(case, one):
    return Case(case.patient, case.rule, case.answer._replace(subject=one.event))


@SIGNS("CK [<sign:s>]<times:n> times its limit on <day:d>")
def raised_ck(case, sign, times, day):
    ck = case.values("ck")[-1]
    assert ck.day == day
    assert same(times, ck.value / ck.limit)
    assert times > 1.5


CHECKPOINT = "<given:w>[; <signs:w>]"


@SAYS(CHECKPOINT + ".")
def under_checkpoint(case, given, signs):
    assert case.subject == "checkpoint-inhibitor"
    assert signs
    checkpoint(case, given, signs)


@SAYS(CHECKPOINT + ": no red flag.")
def quiet_under_checkpoint(case, given, signs):
    assert not signs
    checkpoint(case, given, signs)


@SAYS(CHECKPOINT + ": no CK with its limit in the last <days:i> days.")
def no_ck(case, given, signs, days):
    assert days == 90
    checkpoint(case, given, signs)
    values = case.values("ck")
    assert not values or case.today - values[-1].day > 90 or not values[-1].limit


@SAYS("ask the patient today", "measure again")
def ask(case):
    assert case.state == "cannot_tell"
    assert (case.subject in SYMPTOMS) == case.text.startswith("ask")


@SAYS("see today: <what:w>")
def see_today(case, what):
    assert case.answer.severity == "urgent"
    words = {"dysphagia": "swallowing", "dyspnoea": "vital capacity", "areflexia": "Guillain-Barre",
             "gastrointestinal_bleeding": "blood count", "abdominal_pain": "vessels of the gut", "nif": "breathing",
             "fvc_percent": "lung", "oxygen_saturation": "", "checkpoint-inhibitor": "troponin I"}  # fmt: skip
    assert words.get(case.subject, "") in what
