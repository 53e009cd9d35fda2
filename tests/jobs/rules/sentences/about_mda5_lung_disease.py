"""What `mda5-lung-disease` says."""

import re

from jobs.chart import chart_of
from jobs.suggest import answer_for
from models.patient_facts import Happening, day_number
from tests.jobs.rules.sentences.claims import PATTERNS, Case, Says, day_of, mean, same

SAYS = Says("mda5-lung-disease")
DISEASE = "interstitial_lung_disease"
LUNG = ("fvc_percent", "dlco_percent", "oxygen_saturation")


def has_the_antibody(case: Case) -> None:
    assert "MDA5" in case.patient.autoantibodies.split(";")


def disease(case: Case) -> list[Happening]:
    """The records of lung disease that goes on, since it was last said not to be there."""
    records = case.happened(DISEASE)
    if not records or not records[-1].present or (records[-1].end is not None and records[-1].end < case.today):
        return []
    found: list[Happening] = []
    for one in reversed(records):
        if not one.present:
            break
        found.append(one)
    return found[::-1]


def on_file_since(case: Case, day: int | None) -> None:
    records = disease(case)
    assert day == (records[0].day if records else None)


SIGN = Says("a sign of the lung")


@SIGN("shortness of breath on <day:d>")
def breathless(case, day):
    newest = case.happened("dyspnoea")[-1]
    assert (newest.present, newest.day) == (True, day)
    assert (newest.day + 28 if newest.end is None else newest.end) >= case.today


@SIGN("oxygen saturation [<sign:s>]<value:n> % on <day:d>[ (<before:n> % before)]")
def saturation(case, value, day, sign=None, before=None):
    newest = case.values("oxygen_saturation")[-1]
    assert (newest.day, newest.comparator) == (day, sign or "")
    assert same(value, newest.value)
    assert case.today - day <= 90
    own = [one.value for one in case.values("oxygen_saturation") if 0 < day - one.day <= 365][-3:]
    assert before is None or same(before, mean(own))
    # A value that is told as low is below the limit as it is shown, too.
    assert value < 94 if before is None else mean(own) - newest.value >= 4 - 1e-9


@SIGN("lung disease first recorded on <day:d>")
def new(case, day):
    assert min(one.day for one in case.happened(DISEASE) if one.present) == day
    assert case.today - day <= 182
    assert disease(case)


@SIGN("ferritin [<sign:s>]<value:n> µg/L on <day:d>, limit <limit:n>", "ferritin [<sign:s>]<value:n> µg/L on <day:d>, no limit "
      "reported")  # fmt: skip
def ferritin(case, value, day, sign=None, limit=None):
    newest = case.values("ferritin")[-1]
    assert (newest.day, newest.limit, newest.comparator) == (day, limit, sign or "")
    assert sign != "<"
    assert same(value, newest.value, 0)
    assert value > limit if limit is not None else value >= 500
    assert case.today - day <= 90


@SIGN("<name:w> <was:n> (<of:w>) -> <value:n> % of predicted on <day:d>, <less:n> % less",
      "<name:w> <was:n> on <when:d> -> <value:n> % of predicted on <day:d>[, <less:n> % less][ so low in <count:i> tests in a row]"
      "[, and <other:w>]")  # fmt: skip
def lung_function(case, name, was, value, day, of=None, less=None, when=None, count=None, other=None):
    """The sentence is that of the rule on lung function, whose own file takes it apart."""
    key = {"FVC": "fvc_percent", "DLCO": "dlco_percent"}[name]
    assert same(value, case.values(key)[-1].value)
    assert case.values(key)[-1].day == day
    assert case.today - day <= 90
    assert was > value
    found = [one for one in case.patient.answers_of("lung-function") if one.subject == key]
    assert [one.state for one in found] == ["met"]
    assert found[0].numbers["said"].replace("; so low", " so low") == case.text


def are_signs(case: Case, said: str) -> int:
    """Every sign told is there; how many there are."""
    parts = said.replace("; so low", " so low").split("; ")
    for part in parts:
        SIGN.hold(Case(case.patient, case.rule, case.answer, part))
    return len(parts)


DISEASED = "[; lung disease on file since <since:d>]."


@SAYS("Anti-MDA5 with <said:w>" + DISEASED + " Its lung disease can advance within days to weeks.")
def endangered(case, said, since=None):
    has_the_antibody(case)
    count = are_signs(case, said)
    assert count == case.numbers("signs")
    assert case.answer.grade == ("corroborated" if count > 1 else "possible")
    assert case.answer.severity == "urgent"
    on_file_since(case, since)
    assert "ferritin" not in said or since is not None


@SAYS("Anti-MDA5 with ferritin <said:w>, and no lung disease on file[<on:w>].")
def ferritin_alone(case, said, on=None):
    has_the_antibody(case)
    assert are_signs(case, f"ferritin {said}") == 1
    assert not disease(case)
    assert on == (" goes on" if any(one.present for one in case.happened(DISEASE)) else None)


@SAYS("Anti-MDA5: ferritin does not ask for a look at the lung by itself.")
def ferritin_quiet(case):
    newest = case.values("ferritin")[-1]
    others = [one for one in case.patient.answers_of("mda5-lung-disease") if one.subject == "lung"]
    raised = newest.value > newest.limit if newest.limit is not None else newest.value >= 500
    assert (others[0].state == "met" or disease(case) or not raised or newest.comparator == "<"
            or case.today - newest.day > 90)  # fmt: skip


def looked_at(case: Case) -> int | None:
    """The newest day of a test of the lung or of a chest CT."""
    days = [one.day for key in LUNG for one in case.values(key)]
    days += [one.end if one.end is not None else one.day for one in case.happened("chest_ct") if one.present]
    return min(max(days), case.today) if days else None


def known_for(case: Case) -> int:
    """How long a test says something: a quarter in the year after the diagnosis, a year later."""
    diagnosed = case.patient.diagnosed_on
    return 90 if diagnosed is not None and case.today - day_number(diagnosed) <= 365 else 365


@SAYS("Anti-MDA5: no sign that the lung is ill now; last looked at on <last:d>" + DISEASED)
def quiet(case, last, since=None):
    has_the_antibody(case)
    assert looked_at(case) == last
    assert case.today - last <= known_for(case)
    on_file_since(case, since)
    breath = case.happened("dyspnoea")
    assert not (breath and breath[-1].present and breath[-1].end is None and case.today - breath[-1].day <= 28)


@SAYS("Anti-MDA5: whether the lung is ill cannot be told: no lung function, saturation or chest CT[ since <last:d>][ on file]"
      + DISEASED)  # fmt: skip
def untold(case, last=None, since=None):
    has_the_antibody(case)
    assert looked_at(case) == last
    assert last is None or case.today - last > known_for(case)
    on_file_since(case, since)


@SAYS("Anti-MDA5: whether the lung is ill cannot be told: nothing newer than <said:w>" + DISEASED)
def nothing_newer(case, said, since=None):
    has_the_antibody(case)
    on_file_since(case, since)
    last = looked_at(case)
    for part in said.replace("; so low", " so low").split("; "):
        OLD.hold(Case(case.patient, case.rule, case.answer, part))
        found = re.findall(PATTERNS["d"], part)
        days = [day_of(day) for day in found]
        assert last is None or max(days) >= last
        assert case.today - max(days) > (28 if part.startswith("shortness") else 90)


OLD = Says("a sign that nobody looked after")


@OLD("shortness of breath on <day:d>")
def was_breathless(case, day):
    newest = case.happened("dyspnoea")[-1]
    assert (newest.present, newest.end, newest.day) == (True, None, day)


@OLD("oxygen saturation <said:w>")
def was_low(case, said):
    newest = case.values("oxygen_saturation")[-1]
    own = [one.value for one in case.values("oxygen_saturation") if 0 < newest.day - one.day <= 365][-3:]
    assert newest.value < 94 or mean(own) - newest.value >= 4 - 1e-9


@OLD("ferritin <said:w>")
def was_raised(case, said):
    newest = case.values("ferritin")[-1]
    assert newest.value > newest.limit if newest.limit is not None else newest.value >= 500


@OLD("<name:w> <was:n> <said:w>")
def was_worse(case, name, was, said):
    key = {"FVC": "fvc_percent", "DLCO": "dlco_percent"}[name]
    assert [one.state for one in case.patient.answers_of("lung-function") if one.subject == key] == ["met"]


@SAYS("Anti-MDA5: whether ferritin is still raised cannot be told: nothing newer than <said:w>.")
def ferritin_old(case, said):
    OLD.hold(Case(case.patient, case.rule, case.answer, said))
    newest = case.values("ferritin")[-1].day
    assert case.today - newest > 90
    assert (looked_at(case) or newest) <= newest


@SAYS("FVC, DLCO, saturation at rest and walking; chest CT where there is none")
def look(case):
    assert case.state == "cannot_tell"


@SAYS("this week: saturation, FVC, DLCO and chest CT; other causes of a high ferritin")
def this_week(case):
    assert (case.subject, case.answer.severity) == ("ferritin", "action")


@SAYS("see today: saturation at rest and walking, chest CT, FVC and DLCO, ferritin, infection; respiratory physician; early "
      "combination treatment is on the patient's page")  # fmt: skip
def today(case):
    assert (case.subject, case.answer.severity) == ("lung", "urgent")
    cards = answer_for(chart_of(case.patient, case.patient.answers))["suggestions"]
    assert "treat-mda5-lung-disease" in {one["key"] for one in cards}


@SAYS("Anti-MDA5: <said:w>", "Anti-MDA5, lung: <said:w>")
def line(case, said):
    assert case.text.startswith("Anti-MDA5, lung") == (case.subject == "lung")
    are_signs(case, said)


SAYS.parts = (SIGN, OLD)
