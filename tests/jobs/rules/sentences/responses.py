"""Before and after a treatment: the measures a sentence compares, read back."""

from models.vocabulary import measures
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.doses import dose, steady

COMPARED = Says("before and after a treatment")
STEPS = {"cmas": 3, "mmt8": 6, "mmt8_bilateral": 11, "mmt_total": 19}


def compared(case: Case, said: str) -> None:
    """Every part of the list is so."""
    for part in said.split("; "):
        COMPARED.hold(Case(case.patient, case.rule, case.answer, part))


def _is_so(case: Case, key: str, was: float, now: float, day: int, *, in_limits: bool) -> None:
    values = [one for one in case.values(key) if one.limit or not in_limits]
    shown = [one.value / one.limit if in_limits else one.value for one in values]
    assert values[-1].day == day
    assert same(now, shown[-1], 2)
    assert any(same(was, one, 2) for one in shown[:-1])


@COMPARED("CK <was:n> -> <now:n> times its limit (<day:d>)")
def ck(case, was, now, day):
    _is_so(case, "ck", was, now, day, in_limits=True)


@COMPARED("<name:w>, times its limit, <was:n> -> <now:n> (<day:d>)")
def enzyme(case, name, was, now, day):
    key = next(key for key in ("ck", "aldolase", "ast", "alt", "ldh") if measures()[key].short_label == name)
    _is_so(case, key, was, now, day, in_limits=True)


@COMPARED("<name:w> <was:n> -> <now:n> (<day:d>)")
def strength(case, name, was, now, day):
    key = next(key for key in STEPS if measures()[key].short_label == name)
    _is_so(case, key, was, now, day, in_limits=False)


@COMPARED("steroid <was:n> (highest within two weeks of its start) -> <now:n> mg/day prednisone-equivalent")
def steroid(case, was, now):
    begun = case.numbers("started").toordinal() - 719163
    near = [steady(case.patient, day) for day in range(begun - 14, min(begun + 14, case.today) + 1)]
    assert same(was, max(near), 2)
    assert same(now, dose(case.patient, case.today), 2)
