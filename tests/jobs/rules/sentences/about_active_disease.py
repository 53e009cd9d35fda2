"""What `active-disease` says."""

from models.vocabulary import drug, events, measures
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.courses import course
from tests.jobs.rules.sentences.doses import dose, steady
from tests.jobs.rules.sentences.responses import compared

SAYS = Says("active-disease")
SIGN = Says("a sign of weakness or activity")
BELOW = {"cmas": 48, "mmt8": 76, "mmt8_bilateral": 142, "mmt_total": 246}
DIFFICULTIES = (
    "difficulty_rising",
    "difficulty_stairs",
    "difficulty_lifting_arms",
    "difficulty_walking",
    "difficulty_neck",
)
ENZYMES = ("ck", "aldolase", "ast", "alt", "ldh")


def each(case: Case, said: str) -> None:
    """Every part of a list of signs is so."""
    for part in said.split("; "):
        SIGN.hold(Case(case.patient, case.rule, case.answer, part))


@SIGN("<name:w> <value:n> of <most:n> on <day:d>")
def low_score(case, name, value, most, day):
    key = next(key for key in BELOW if measures()[key].short_label == name)
    newest = case.values(key)[-1]
    assert (newest.day, measures()[key].max_value) == (day, most)
    assert same(value, newest.value)
    assert value < BELOW[key]
    assert case.today - day <= 90


@SIGN("physician global <value:n> of 10 on <day:d>")
def high_global(case, value, day):
    newest = case.values("physician_global")[-1]
    assert newest.day == day
    assert same(value, newest.value)
    assert value >= 3


@SIGN("<name:w> [<sign:s>]<times:n> times its limit on <day:d>")
def raised(case, name, sign, times, day):
    key = next(key for key in ENZYMES if measures()[key].short_label == name)
    newest = case.values(key)[-1]
    assert (newest.day, newest.comparator) == (day, sign or "")
    assert same(times, newest.value / newest.limit)
    assert times > (10 if case.subject == "enzyme" else 1.5)
    assert case.today - day <= 90


@SIGN("<name:w> on <day:d>")
def symptom(case, name, day):
    key = next(key for key in (*DIFFICULTIES, "dysphagia", "rash") if events()[key].label.lower() == name)
    newest = case.happened(key)[-1]
    assert (newest.present, newest.day) == (True, day)
    assert newest.end is None or newest.end >= case.today


def running(case: Case) -> list[str]:
    """The immunosuppressants that are taken or still act."""
    names = {one.drug for one in case.patient.statements if (row := drug(one.drug)) and row.counts_as_active_treatment}
    local = {one.drug for one in case.patient.statements if one.route in ("topical", "inhaled", "intra-articular")}
    return [name for name in names - local if course(case.patient, name)[1] >= case.today]


@SAYS("Weak (<weak:w>) with signs of activity (<active:w>).")
def weak_and_active(case, weak, active):
    each(case, weak)
    each(case, active)


@SAYS("<sign:w>, without known weakness and without exercise before it.".replace("sign", "said"))
def enzyme_alone(case, said):
    each(case, said)
    day = case.values("ck")[-1].day
    assert not any(one.present and one.day <= day and day - min(max(one.day, one.end or one.day), day) <= 7
                   for one in case.happened("strenuous_exercise"))  # fmt: skip
    scores = [case.values(key)[-1] for key in BELOW if case.values(key) and case.today - case.values(key)[-1].day <= 90]
    newest = max((one.day for one in scores), default=0)
    assert case.patient.age is not None or not any(
        one.value < BELOW[one.measure] for one in scores if one.day == newest
    )


@SAYS("No glucocorticoid and no immunosuppressant is on file as running or still acting.")
def untreated(case):
    assert not running(case)
    assert dose(case.patient, case.today) == 0


FROM = "Treatment judged from <day:d>, when it was begun, raised or a pulse was last given"


def treated_from(case: Case, day: int) -> None:
    """Something was begun or changed on that day, or a pulse given."""
    changes = {day for one in case.patient.statements for day in (one.start, one.end, one.start - 1)
               if day is not None}  # fmt: skip
    assert (
        day in changes
        or dose(case.patient, day) > steady(case.patient, day)
        or dose(case.patient, day) != dose(case.patient, day - 1)
    )
    assert day <= case.today


@SAYS(FROM + ": it can be judged on <due:d>.")
def too_early(case, day, due):
    treated_from(case, day)
    assert due > case.today
    assert 28 <= due - day <= 180
    assert case.answer.due == due


@SAYS(FROM + ": it helps (<said:w>).", FROM + ": no response that holds (<said:w>).")
def answered(case, day, said):
    treated_from(case, day)
    compared(case, said)
    assert case.today - day >= 28


@SAYS(FROM + ": there is nothing to compare with, so whether it helps is not known.")
def not_judged(case, day):
    treated_from(case, day)


@SAYS("No CK above <times:n> times its limit that neither weakness nor exercise goes with.")
def no_high_ck(case, times):
    assert times == 10


@SAYS("Weak (<weak:w>), without a sign of activity.")
def quiet(case, weak):
    each(case, weak)
    ck = case.values("ck")
    assert (
        not ck
        or case.today - ck[-1].day > 90
        or not ck[-1].limit
        or ck[-1].value <= 1.5 * ck[-1].limit + 1e-9
        or (ck[-1].comparator == "<")
    )


@SAYS("Signs of activity (<active:w>), not weak.")
def strong(case, active):
    each(case, active)
    fresh = [case.values(key)[-1] for key in BELOW if case.values(key)]
    said = [one for key in DIFFICULTIES for one in case.happened(key)[-1:]]
    assert any(case.today - one.day <= 90 for one in [*fresh, *said]) or any(
        one.end and case.today - one.end <= 90 for one in said
    )


@SAYS("Not weak, or not active.")
def neither(case):
    assert case.state == "not_met"


NO_STRENGTH = "no strength score and no word on everyday function"
NO_SIGN = "no muscle enzyme with its limit and no physician global"


@SAYS("Whether the disease is active cannot be told: <why:w> in the last <days:i> days[ (<known:w>)].")
def not_known(case, why, days, known):
    assert days == 90
    if known:
        each(case, known)
    for part in why.split(" and no m") if why.startswith(NO_STRENGTH) else [why]:
        if part.startswith("no strength"):
            adult = not case.patient.is_child()
            assert not adult or not any(case.today - one[-1].day <= 90 for key in BELOW if (one := case.values(key)))
        else:
            assert not any(case.today - one[-1].day <= 90 and one[-1].limit
                           for key in ("ck", "aldolase") if (one := case.values(key)))  # fmt: skip


@SAYS("Whether the disease is active cannot be told: no newer CK than the high one of <day:d>.")
def old_ck(case, day):
    assert case.values("ck")[-1].day == day
    assert case.today - day > 90


@SAYS("test strength, ask about stairs, rising and lifting the arms, measure CK")
def ask(case):
    assert case.state == "cannot_tell"


@SAYS("[test strength, ]repeat CK after a week of rest, ask about statins; look for another source")
def other_source(case):
    assert case.subject == "enzyme"
    scores = [one for key in ("cmas", "mmt8", "mmt8_bilateral", "mmt_total") for one in case.values(key)]
    if not any(case.today - one.day <= 90 for one in scores):
        functions = [one for one in case.patient.happenings if one.event.startswith("difficulty_")]
        known = any(case.today - one.last_day <= 90 for one in functions)
        assert case.text.startswith("test strength") or known


@SAYS("troponin I, ECG, swallowing and breathing today; the treatment is decided with oncology")
def checkpoint_inhibitor_first(case):
    inhibitors = [one for one in case.patient.statements if (row := drug(one.drug)) and
                  row.has_class("checkpoint-inhibitor")]  # fmt: skip
    assert inhibitors or case.patient.diagnosis == "ICI_MYOSITIS"


@SAYS("strength fell under what helped: see the alert on strength, and whether it is coming back")
def fell_under_what_helped(case):
    assert case.numbers("treatment") == "responding"
    assert any(one.state == "met" for one in case.patient.answers["declining-strength"])


@SAYS(
    "discuss first-line treatment <soon:w>, with its safety screens",
    "check adherence and dose, then see the options for escalation",
    "test strength and CK by <due:d>; see it earlier where it gets worse, or where a pulse did not help",
    "go on with what helps",
    "set a baseline now: strength, CK and globals",
)
def by_treatment(case, soon=None, due=None):
    assert soon is None or (soon == "today") == (case.answer.severity == "urgent")
    assert due is None or due == case.answer.due
    first = {"untreated": "discuss", "not_responding": "check", "too_early": "test", "responding": "go on with",
             "not_judged": "set"}[case.numbers("treatment")]  # fmt: skip
    assert case.text.startswith(first)
