"""What `screening-result` says."""

from models.vocabulary import drug, events, measures, written_unit
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.courses import course, labelled

SAYS = Says("screening-result")

FOUND = {
    "hepatitis B surface antigen is positive: there is an infection": "hbsag",
    "hepatitis B core antibody is positive: a past infection can wake": "anti_hbc",
    "hepatitis C antibody is positive": "anti_hcv",
    "the HIV test is positive": "hiv",
    "the tuberculosis screen is positive": ("igra", "tb_screen"),
    "no immunity against varicella": "vzv_igg",
    "TPMT is absent: ordinary doses destroy the marrow": "tpmt",
    "TPMT is low": "tpmt",
    "immunoglobulin G is very low": "igg",
    "immunoglobulin G is low": "igg",
    "glucose is dangerously high": "glucose",
    "glucose is in the range of diabetes": "glucose",
    "HbA1c is in the range of diabetes": "hba1c",
    "the pregnancy test is positive, and the drug harms the unborn": ("hcg", "pregnancy_test"),
    "the pregnancy test is positive": ("hcg", "pregnancy_test"),
}
LIMITS = {
    "TPMT is absent: ordinary doses destroy the marrow": lambda value: value < 10,
    "TPMT is low": lambda value: 10 <= value < 24,
    "immunoglobulin G is very low": lambda value: value < 400,
    "immunoglobulin G is low": lambda value: 400 <= value < 600,
    "glucose is dangerously high": lambda value: value >= 360,
    "glucose is in the range of diabetes": lambda value: 200 <= value < 360,
    "HbA1c is in the range of diabetes": lambda value: value >= 6.5,
}


def result(case: Case, words: str, day: int) -> float | str:
    """The newest result as it is told: positive, negative, the text of a record, or a number with its unit."""
    if case.subject in events():
        newest = case.happened(case.subject)[-1]
        assert newest.day == day
        text = newest.detail or "done"
        assert words == f"{events()[case.subject].label} {text}"
        return text
    newest = case.values(case.subject)[-1]
    assert newest.day == day
    shown = words.removeprefix(measures()[case.subject].short_label + " ")
    if shown in ("positive", "negative"):
        assert (shown == "positive") == (newest.value >= 1)
        return shown
    number, _, unit = shown.partition(" ")
    assert unit == written_unit(measures()[case.subject].unit)
    assert same(float(number.lstrip("<>")), newest.value, 3)
    assert number.startswith(newest.comparator)
    return float(number.lstrip("<>"))


def taken(case: Case, name: str, since: int) -> None:
    first, last = course(case.patient, labelled(case.patient, name))
    assert first == since
    assert last >= case.today


HEAD = "<words:w> on <day:d> (<name:w> since <since:d>): "


DONORS = "; under immunoglobulin the antibodies may be the donors'."
OPTION = "<words:w> on <day:d> (<name:w> <would:w> among the options of '<title:w>'): "


@SAYS(*(HEAD + found + end for found in FOUND for end in (".", DONORS)), rare=True)
def found(case, words, day, name, since):
    taken(case, name, since)
    means(case, words, day)


@SAYS(*(OPTION + found + end for found in FOUND for end in (".", DONORS)), rare=True)
def found_before(case, words, day, name, would, title):
    assert would in ("is", "would be")
    assert drug(case.numbers("drug")).label.lower() == name
    assert not any(one.drug == case.numbers("drug") and course(case.patient, one.drug)[1] >= case.today
                   for one in case.patient.statements)  # fmt: skip
    assert title == case.numbers("proposed")
    assert case.answer.severity != "urgent"
    means(case, words, day)


def means(case: Case, words: str, day: int) -> None:
    """What is found follows from the newest result."""
    said = next(text for text in sorted(FOUND, key=len, reverse=True) if f": {text}" in case.text)
    assert case.subject in (FOUND[said] if isinstance(FOUND[said], tuple) else (FOUND[said],))
    value = result(case, words, day)
    if said in LIMITS:
        assert LIMITS[said](value) or case.values(case.subject)[-1].comparator
    elif "positive" in said and isinstance(value, str):
        assert "positive" in value.lower()
    if "varicella" in said:
        assert value == "negative"
    if "donors" in case.text:
        assert any((row := drug(one.drug)) and row.has_class("immunoglobulin") and one.start <= day
                   for one in case.patient.statements)  # fmt: skip


@SAYS("<words:w> on <day:d>: no drug that it matters for is taken or thought of.")
def for_nobody(case, words, day):
    result(case, words, day)


@SAYS(HEAD + "nothing that stands against it.")
def fine(case, words, day, name, since):
    value = result(case, words, day)
    taken(case, name, since)
    assert case.subject not in ("hbsag", "anti_hbc", "anti_hcv", "hiv") or value == "negative"
    bad = [text for text, key in FOUND.items() if key == case.subject and text in LIMITS]
    assert isinstance(value, str) or not any(LIMITS[text](value) for text in bad)


@SAYS(
    HEAD + "no newer result than <last:d>.",
    HEAD + "the limit is for adults, and no limit is known for children.",
)
def not_known(case, words, day, name, since, last=None):
    result(case, words, day)
    taken(case, name, since)
    if last is None:
        assert case.patient.is_child()
    else:
        assert last == day
        assert case.today - day > 182


@SAYS("measure again, or hold it against the limits for this age")
def again(case):
    assert case.state == "cannot_tell"


@SAYS(
    "hepatologist and antiviral treatment before the next dose; HBV DNA, liver enzymes",
    "HBV DNA; antiviral prophylaxis under rituximab and other strong agents; liver enzymes every 2 to 3 months",
    "HCV RNA; treat first where it is found; liver-toxic drugs last",
    "confirm; infectious diseases before more immunosuppression",
    "chest X-ray, look for active disease; preventive treatment before or beside the drug",
    "tell the family what to do after contact; vaccinate contacts; no live vaccine under treatment",
    "stop azathioprine; another agent",
    "half the dose (1 mg/kg), blood counts more often, or another agent",
    "before the next dose: infections, replacement, another agent",
    "ask for infections; measure again before the next dose",
    "call today: symptoms, ketones; treat",
    "repeat fasting, HbA1c; treat; lower the dose if the disease allows",
    "treat; lower the dose if the disease allows",
    "call today: stop the drug, obstetrics, folic acid; never wait for the next visit",
    "obstetrics; which drugs may go on, and none that harms the unborn",
    rare=True,
)
def do(case):
    assert case.state == "met"
    assert not case.text.startswith("call today") or case.answer.severity == "urgent"


FIRST = (
    "hepatologist and antiviral treatment first; HBV DNA, liver enzymes",
    "HBV DNA first; antiviral prophylaxis under rituximab and other strong agents",
    "HCV RNA first, and treatment where it is found; liver-toxic drugs last",
    "confirm, and infectious diseases first",
    "chest X-ray and preventive treatment first",
    "vaccinate first where there is time: no live vaccine under treatment",
    "another agent",
    "half the dose (1 mg/kg), blood counts more often, or another agent",
    "infections and replacement first, or another agent",
    "ask for infections first",
    "treat it first: a steroid raises it further",
    "fasting glucose and HbA1c, and a plan for it, first: a steroid raises it further",
    "a plan for the sugar first: a steroid raises it further",
    "obstetrics first",
)


@SAYS(*(f"{when} <names:w>: {first}" for when in ("before", "no") for first in FIRST), rare=True)
def before_it(case, names):
    assert case.text.startswith("no ") == case.numbers("ruled_out")
    assert drug(case.numbers("drug")).label.lower() in names or case.numbers("ruled_out")
    assert case.numbers("proposed")
