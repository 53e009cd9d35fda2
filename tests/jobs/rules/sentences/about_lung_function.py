"""What `lung-function` says."""

from models.patient_facts import Reading
from tests.jobs.rules.sentences.claims import Case, Says, mean, same

SAYS = Says("lung-function")
KEYS = {"FVC": "fvc_percent", "DLCO": "dlco_percent"}
BEGINS = {"FVC": 10, "DLCO": 15}


def tests(case: Case, name: str) -> list[Reading]:
    """The values of a measure, bounds from below left out."""
    return [one for one in case.values(KEYS[name]) if one.comparator != ">"]


def is_newest(case: Case, name: str, value: float, day: int) -> Reading:
    newest = tests(case, name)[-1]
    assert newest.day == day
    assert same(value, newest.value)
    return newest


def is_subject(case: Case, name: str) -> None:
    assert KEYS[name] == case.subject


def was_on(case: Case, name: str, was: float, when: int) -> None:
    assert any(one.day == when and same(was, one.value) for one in tests(case, name))


HEAD = "<name:w> [<sign:s>]<value:n> % of predicted on <day:d>"


@SAYS(HEAD + ": no meaningful fall (it begins at <line:n> %).")
def no_fall(case, name, sign, value, day, line):
    is_subject(case, name)
    assert is_newest(case, name, value, day).comparator == (sign or "")
    assert line == BEGINS[name]


@SAYS(HEAD + ": no newer test than <last:d>.")
def old(case, name, sign, value, day, last):
    is_subject(case, name)
    is_newest(case, name, value, last)
    assert case.today - day > 365


@SAYS(HEAD + ": only one test within reach: nothing to compare it with.")
def alone(case, name, sign, value, day):
    is_subject(case, name)
    is_newest(case, name, value, day)
    assert not any(0 < day - one.day <= 730 for one in tests(case, name))


SINGLE = (
    "<name:w> <was:n> (the mean of the <count:i> tests before) -> ",
    "<name:w> <was:n> (the test of <when:d>) -> ",
)


@SAYS(*(head + "<value:n> % of predicted on <day:d>, <less:n> % less (meaningful from <line:n> % on). Possible only: one test; "
        "effort and device make tests vary." for head in SINGLE))  # fmt: skip
def once(case, name, was, value, day, less, line, count=1, when=None):
    is_subject(case, name)
    newest = is_newest(case, name, value, day)
    before = [one.value for one in tests(case, name) if 0 < day - one.day <= 730][-3:]
    assert len(before) == count
    assert same(was, mean(before))
    assert when is None or was_on(case, name, was, when) is None
    assert same(less, 100 * (mean(before) - newest.value) / mean(before))
    assert (line, less >= line) == (BEGINS[name], True)


@SAYS("<name:w> <was:n> on <when:d> -> <value:n> % of predicted on <day:d>, <less:n> % less; so low in <count:i> tests in a row "
      "(meaningful from <line:n> % on).")  # fmt: skip
def lasting(case, name, was, when, value, day, less, count, line):
    is_subject(case, name)
    newest = is_newest(case, name, value, day)
    was_on(case, name, was, when)
    best = max(one.value for one in tests(case, name) if 0 < day - one.day <= 730)
    assert same(was, best)
    assert same(less, 100 * (best - newest.value) / best)
    assert line == BEGINS[name]
    low = [one.value <= best * (1 - line / 100) + 1e-6 for one in tests(case, name)]
    assert all(low[-count:])
    assert count >= 2


BETWEEN = "<name:w> <was:n> on <when:d> -> <value:n> % of predicted on <day:d>, and "
LESS = ". Less than <line:n> %, meaningful only together."


@SAYS(BETWEEN + "shortness of breath on <other:d>" + LESS)
def breathless(case, name, was, when, value, day, other, line):
    is_subject(case, name)
    is_newest(case, name, value, day)
    was_on(case, name, was, when)
    newest = case.happened("dyspnoea")[-1]
    assert (newest.present, newest.day) == (True, other)
    assert was - value >= 5 - 0.11


@SAYS(BETWEEN + "<name2:w> <was2:n> on <when2:d> -> <value2:n> % of predicted on <day2:d>" + LESS)
def both(case, name, was, when, value, day, name2, was2, when2, value2, day2, line):
    is_subject(case, name)
    for one in ((name, was, when, value, day), (name2, was2, when2, value2, day2)):
        is_newest(case, one[0], one[3], one[4])
        was_on(case, one[0], one[1], one[2])
        assert one[1] > one[3]
    assert name != name2


@SAYS("measure FVC and DLCO")
def measure_it(case):
    assert case.state == "cannot_tell"


@SAYS("ask about breath and cough, oxygen saturation at rest and walking; repeat the test within 3 months")
def watch(case):
    assert case.answer.severity == "watch"


@SAYS(
    "repeat FVC and DLCO within weeks; oxygen saturation; infection, breathing muscles, chest CT if it stays",
    "chest CT, oxygen saturation at rest and walking, respiratory physician; infection and breathing muscles too",
)
def act(case):
    assert case.text.startswith("repeat") == (case.answer.grade == "possible")


@SAYS("Lung worse: <what:w>")
def line(case, what):
    asked = case.together or (case.answer,)
    assert len(what.split(", ")) == len(asked)
    for part in what.split(", "):
        name, was, _, value, unit = part.split()
        is_newest(case, name, float(value), tests(case, name)[-1].day)
        assert unit == "%"
        assert float(was) > float(value)
