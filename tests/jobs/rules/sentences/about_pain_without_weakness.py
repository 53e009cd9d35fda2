"""What `pain-without-weakness` says."""

from models.vocabulary import drug, measures
from tests.jobs.rules.sentences.claims import Case, Says, same

SAYS = Says("pain-without-weakness")
FULL = {"cmas": 52, "mmt8": 80, "mmt8_bilateral": 150, "mmt_total": 260}


def hurts(case: Case, value: float | None, day: int) -> None:
    """The newest word on pain."""
    if value is None:
        report = case.happened("myalgia")[-1]
        assert (report.present, report.day) == (True, day)
    else:
        newest = case.values("pain")[-1]
        assert newest.day == day
        assert same(value, newest.value)
        assert newest.value >= 4


PAIN = ("Pain <value:n> of 10 on <day:d>", "Pain reported on <day:d>")


def fresh(case: Case, key: str):
    """The newest value of a measure within 90 days."""
    values = case.values(key)
    return values[-1] if values and case.today - values[-1].day <= 90 else None


@SAYS(
    *(
        head + ", strength normal, CK <times:n> times its limit on <when:d>: no sign of inflamed muscle."
        for head in PAIN
    )
)
def pain_alone(case, day, times, when, value=None):
    hurts(case, value, day)
    scores = [(one.value, most) for key, most in FULL.items() if (one := fresh(case, key))]
    assert scores
    assert all(value >= 0.96 * most - 1e-6 for value, most in scores)
    ck = fresh(case, "ck")
    assert ck.day == when
    assert same(times, ck.value / ck.limit, 2)
    assert times <= 1.5


@SAYS("CRP or ESR is raised: think of polymyalgia or another cause.")
def inflamed(case):
    assert any(one[-1].limit and one[-1].value > one[-1].limit for key in ("crp", "esr") if (one := case.values(key)))


@SAYS("Takes <name:w>, which can hurt by itself.")
def statin(case, name):
    assert any(one.drug == name for one in case.patient.statements)
    assert drug(name).has_class("statin")


@SAYS(*(head + ", but <what:w>: not pain alone." for head in PAIN))
def not_alone(case, day, what, value=None):
    hurts(case, value, day)
    if what.startswith("strength has fallen"):
        assert any(one.state == "met" for one in case.patient.answers["declining-strength"])
    elif what.startswith("strength is not full ("):
        name, score, _, most = what.removeprefix("strength is not full (").rstrip(")").rsplit(" ", 3)
        key = next(key for key in FULL if measures()[key].short_label == name)
        assert same(float(score), fresh(case, key).value)
        assert float(score) < 0.96 * float(most)
    else:
        name = what.removesuffix(" is raised")
        key = next(key for key in ("ck", "aldolase", "ldh", "ast", "alt") if measures()[key].short_label == name)
        one = fresh(case, key)
        assert one.value / one.limit > (1.5 if key == "ck" else 2.9999)


@SAYS(*(head + "; whether muscle is inflamed cannot be told: <why:w>." for head in PAIN))
def not_known(case, day, why, value=None):
    hurts(case, value, day)
    if why.startswith("no strength score"):
        assert not any(fresh(case, key) for key in FULL)
    elif why.startswith("no CK"):
        assert fresh(case, "ck") is None or not fresh(case, "ck").limit
    else:
        assert why.endswith("and not asked about since")
        assert case.today - day > 28


@SAYS("ask about pain, test strength and measure CK before anything is changed")
def ask(case):
    assert case.state == "cannot_tell"


@SAYS("do not escalate immunosuppression for pain alone; look for fibromyalgia, joint, statin and other causes")
def look(case):
    assert case.answer.severity == "watch"
