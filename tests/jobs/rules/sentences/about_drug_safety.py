"""What `drug-safety` says."""

import itertools
from statistics import median

from models.vocabulary import action_limits, drug, measures, written_unit
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.courses import begun as first_day
from tests.jobs.rules.sentences.courses import course, labelled

SAYS = Says("drug-safety")


def ended(case: Case, name: str, on: int, day: int) -> None:
    """The drug ended on a day, not long ago; `after` is said of a result from after it."""
    key = labelled(case.patient, name)
    first, last = course(case.patient, key)
    assert (last, first <= day) == (on, True)
    assert on < case.today <= on + 28 + 90
    assert (day > on) == (f", after {name}" in case.text)


def taken(case: Case, name: str, day: int | None = None) -> str:
    """The drug runs or still acts today; with a day, its course began on it."""
    key = labelled(case.patient, name)
    first, last = course(case.patient, key)
    assert first <= case.today <= last
    assert day is None or first == day
    return key


def under(case: Case, name: str, begun: int | None, day: int) -> None:
    """The drug is taken today; where it began after the result, since when is told."""
    key = taken(case, name, begun)
    assert (course(case.patient, key)[0] > day) == (begun is not None)


def measured(case: Case, name: str) -> str:
    """The measure of the subject by its label."""
    key = case.subject.partition(":")[2]
    assert measures()[key].short_label == name
    return key


@SAYS("Methotrexate is on the list as <how:w>: more than one dose in seven days.")
def too_often(case, how):
    mine = [one for one in case.patient.statements if one.drug == "methotrexate" and one.frequency != "once"
            and (one.end is None or one.end >= case.today)]  # fmt: skip
    mine = [one for one in mine if one.status != "stopped" or one.end is not None]
    assert len(how.split(" and ")) == len(mine)
    for said, one in zip(how.split(" and "), mine, strict=True):
        dose, unit, _ = said.split(" ", 2)
        assert same(float(dose), one.dose)
        assert unit == written_unit(one.unit)
    per_week = {"weekly": 1, "every-2-weeks": 0.5, "every-4-weeks": 0.25, "daily": 7, "twice-daily": 14,
                "three-times-daily": 21, "every-other-day": 3.5}  # fmt: skip
    assert sum(per_week[one.frequency] for one in mine) > 1


@SAYS("Methotrexate must not be taken more than once a week: how often it is taken is not known.", rare=True)
def rhythm_unknown(case):
    assert case.state == "cannot_tell"


@SAYS("Methotrexate and <name:w> are taken together since <day:d>: both block folate, and marrow can fail.")
def together(case, name, day):
    assert name in ("co-trimoxazole", "trimethoprim")
    firsts = [first_day(case.patient, taken(case, one)) for one in ("methotrexate", name)]
    assert max(firsts) == day


@SAYS(
    "<name:w> is on the list as <dose:n> <how:w> since <day:d>, <amount:n> <unit:w>: more than <most:n> is hardly ever "
    "meant."
)
def hardly_meant(case, name, dose, how, day, amount, unit, most):
    found = [one for one in case.patient.statements if one.fact in case.answer.evidence]
    (one,) = found
    assert (drug(one.drug).label, one.start) == (name, day)
    assert same(dose, one.dose, 2)
    assert how.startswith(written_unit(one.unit))
    assert unit.startswith("mg/week") == (one.drug == "methotrexate")
    assert amount > most


UNBORN = "<name:w> harms an unborn child, pregnancy is possible (<day:d>)"


def possible(case: Case, name: str, day: int) -> None:
    taken(case, name)
    newest = case.happened("pregnancy_possible")[-1]
    assert (newest.present, newest.day) == (True, day)


def protected(case: Case) -> bool:
    """Contraception on record that still holds."""
    newest = case.happened("contraception")[-1:]
    return any(one.present and (one.end if one.end is not None else one.day + 365) >= case.today for one in newest)


@SAYS(UNBORN + "; contraception is recorded.")
def safe(case, name, day):
    possible(case, name, day)
    assert protected(case)


@SAYS(UNBORN + ", and no contraception is on record.")
def unsafe(case, name, day):
    possible(case, name, day)
    assert not protected(case)
    assert not any(one.present for one in case.happened("contraception")[-1:])


@SAYS(UNBORN + ", and no contraception is on record that still holds.")
def lapsed(case, name, day):
    possible(case, name, day)
    assert not protected(case)
    assert case.happened("contraception")[-1].present


@SAYS("Methotrexate since <since:d> in interstitial lung disease (recorded on <day:d>).")
def lung(case, since, day):
    taken(case, "methotrexate", since)
    newest = case.happened("interstitial_lung_disease")[-1]
    assert (newest.present, newest.day) == (True, day)


VALUE = "<name:w> [<sign:s>]<value:n> <unit:w> on <day:d>, "
LIMITS = (
    "below the action limit of <limit:n>",
    "above the action limit of <limit:n>",
    "above <limit:n> (a rise of <share:n> % on the values of the year before)",
    "above <limit:n> (<times:n> times its reported limit)",
)
WITH = "<under:w>"
ENDS = (".", ": no newer result than <last:d>.", ": this limit is for adults, and no limit is known for children.",
        ": the result is only a bound.")  # fmt: skip
ANOTHER_TIME = (
    "[; CK was <far_ck:n> times its limit on <far_day:d>, at another time: muscle is a possible source; "
    "gamma-GT and bilirubin tell it from the liver]"
)
NOTES = (
    "[; CK is <ck:n> times its limit, so muscle is a likely source][; gamma-GT and bilirubin tell it from the liver]"
    "[; Gamma-GT <ggt:n> U/L on <ggt_day:d> is not raised]"
    + ANOTHER_TIME
    + "[; CK is raised, but so is <liver:w>: muscle alone does not explain it][ (<caveat:w>)]"
)
TAKEN = ("under <drug:w>", "before <drug:w>, taken since <begun:d>", "under <drug:w>, which ended on <over:d>",
         "after <drug:w>, which ended on <over:d>",
         "before <drug:w>, taken since <begun:d> and until <over:d>")  # fmt: skip


@SAYS(
    *(VALUE + limit + ", " + how + NOTES + end for limit in LIMITS for how in TAKEN for end in ENDS),
    rare=True,
)
def beyond(
    case, name, sign, value, unit, day, limit, drug, ck, liver, caveat,
    far_ck, far_day, ggt, ggt_day, share=None, times=None, begun=None, over=None, last=None,
):  # fmt: skip
    key = measured(case, name)
    newest = case.values(key)[-1]
    assert (newest.day, newest.comparator, written_unit(measures()[key].unit)) == (day, sign or "", unit)
    assert same(value, newest.value, 2)
    if over is not None and begun is not None:
        assert course(case.patient, labelled(case.patient, drug)) == (begun, over)
        assert day < begun
    elif over is not None:
        ended(case, drug, over, day)
    else:
        under(case, drug, begun, day)
    if share is not None:
        before = [one.value for one in case.values(key)[:-1] if day - one.day <= 365]
        assert same(limit, median(before) * (1 + share / 100), 2)
    elif times is not None:
        assert same(limit, times * newest.limit, 2)
    else:
        assert any(row.measure == key and abs(float(row.limit) - limit) < 1e-9 for row in action_limits().values())
    bound = "only a bound" in case.text
    assert (
        bound or (value < limit if "below" in case.text.split(",")[1] else value > limit) or (sign and value == limit)
    )
    if ck is not None:
        near = [one for one in case.values("ck") if abs(one.day - day) <= 28 and one.limit]
        assert any(same(ck, one.value / one.limit) for one in near)
        assert ck > 1.5
        assert ("tell it from the liver" in case.text) == (ggt is None)
    if ggt is not None:
        assert any(one.day == ggt_day and abs(ggt_day - day) <= 28 and same(ggt, one.value, 2) and one.value <= one.limit
                   for one in case.values("gamma_gt"))  # fmt: skip
    muscle_at_another_time(case, key, day, far_ck, far_day)
    if liver is not None:
        assert "times" not in liver
        assert any(one[-1].limit and one[-1].value > one[-1].limit and liver.startswith(measures()[key].short_label)
                   for key in ("gamma_gt", "bilirubin", "ap") if key in measures() and (one := case.values(key)))  # fmt: skip
    if last is not None:
        assert last == day
        assert case.today - day > 90
    if "children" in case.text:
        assert case.patient.is_child()


def muscle_at_another_time(case: Case, key: str, day: int, times: float | None, when: int | None) -> None:
    """A raised CK of another week, where none was taken near to the transaminase."""
    if times is None or when is None:
        return
    assert key in ("alt", "ast")
    assert any(one.day == when and same(times, one.value / one.limit) for one in case.values("ck"))
    assert all(abs(one.day - day) >= abs(when - day) > 28 for one in case.values("ck"))


@SAYS(*("<name:w> <verb:w> from <first:d> to <day:d>: <shown:w>, towards the action limit of <limit:n>, " + end
        + ANOTHER_TIME + "." for end in ("under <drug:w>", "before <drug:w>, taken since <begun:d>")),
      rare=True)  # fmt: skip
def on_the_way(case, name, verb, first, day, shown, limit, drug, far_ck, far_day, begun=None):
    key = measured(case, name)
    muscle_at_another_time(case, key, day, far_ck, far_day)
    shown = shown.removesuffix(f" {written_unit(measures()[key].unit)}")
    run = [float(one) for one in shown.split(", ")]
    values = case.values(key)[-len(run) :]
    assert (values[0].day, values[-1].day) == (first, day)
    assert all(same(said, one.value, 2) for said, one in zip(run, values, strict=True))
    falls = all(after < before for before, after in itertools.pairwise(run))
    rises = all(after > before for before, after in itertools.pairwise(run))
    assert (verb, True) in (("fell", falls and run[-1] >= limit), ("rose", rises and run[-1] <= limit))
    under(case, drug, begun, day)


@SAYS(
    "ask how often it is taken",
    "hold it against the limits for this age",
    "measure again",
    rare=True,
)
def cannot_tell(case):
    assert case.state == "cannot_tell"
    assert case.text.startswith("hold") == ("children" in case.answer.cannot_tell_because)


ACTS = {
    "trend": "look at the series; repeat earlier than planned if it goes on",
    "dose": "ask what is really taken; correct the dose, unit or frequency, or confirm it with the reason",
    "today": "call the patient today: what is really taken; correct the dose, unit or frequency",
    "frequency": "call the patient today: what is really taken; blood count, creatinine; correct the prescription",
    "interaction": "call the prescriber today: another drug against Pneumocystis, or a documented decision with blood counts",
    "pregnancy": "talk to the patient today: contraception, pregnancy test; another drug where pregnancy is planned",
    "lung": "ask at the next visit whether azathioprine or mycophenolate suits better; lung function",
    "urgent": "today: call the patient, hold the drug until the prescriber has decided, repeat the test",
    "action": "repeat within a week, look at the dose; decide on a pause with the prescriber",
    "watch": "add GGT and bilirubin before blaming the drug; do not stop it for this alone",
    "quiet": "follow it with CK; muscle explains it better than the drug, which is not stopped for this alone",
}


@SAYS(*(text for kind, text in ACTS.items() if kind not in ("quiet", "today")))
@SAYS(ACTS["quiet"], ACTS["today"], rare=True)
def act(case):
    issue = case.numbers("issue")
    kind = str(case.answer.severity) if issue == "limit" else issue
    kind = "today" if issue == "dose" and case.answer.severity == "urgent" else kind
    assert case.text == ACTS["quiet" if kind == "watch" and case.numbers("quiet_liver") else kind]
    if case.text == ACTS["watch"]:
        assert case.subject.partition(":")[2] in ("alt", "ast")


@SAYS("<what:w> beyond the action limit under <names:w>")
def line(case, what, names):
    pairs = [one.subject.partition(":") for one in case.together]
    assert what.split(", ") == list(dict.fromkeys(measures()[key].short_label for _, _, key in pairs))
    assert names.split(", ") == list(dict.fromkeys(name for name, _, _ in pairs))
    assert all(drug(name) for name, _, _ in pairs)
