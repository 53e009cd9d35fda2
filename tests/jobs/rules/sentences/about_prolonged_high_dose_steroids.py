"""What `prolonged-high-dose-steroids` says."""

from models.vocabulary import drug
from tests.jobs.rules.sentences.claims import Case, Says, day_of, same
from tests.jobs.rules.sentences.doses import dose, is_high, run, steady

SAYS = Says("prolonged-high-dose-steroids")


def course(case: Case) -> list[int]:
    """The high-dose days of the course that goes on."""
    return run(case.patient, is_high(case.patient), 3)


def limit_is(case: Case, limit: str) -> None:
    """The limit told is the lower of the two that hold for the patient."""
    weights = case.values("weight")
    by_weight = 0.5 * weights[-1].value if weights else None
    if limit.startswith("above"):
        assert limit == "above 30 mg/day"
        assert by_weight is None or by_weight > 30
    else:
        words, _, rest = limit.partition(" (")
        mg, _, kg = rest.rstrip(")").partition(" mg at ")
        assert words == "at 0.5 mg/kg/day or more"
        assert same(float(mg), by_weight, 2)
        assert same(float(kg.removesuffix(" kg")), weights[-1].value, 2)
        assert by_weight <= 30


def gaps_are(case: Case, off: str | None) -> None:
    """The days between the first and the last high day that were not high, where they are told."""
    days = course(case)
    missing = days[-1] - days[0] + 1 - len(days)
    told = 0 if off is None else int(off.split()[0])
    assert told == missing or (off is None and days[-1] < case.today)


SINCE = "<limit:w> (prednisone-equivalent) since <day:d>, longer than <days:i> days since <since:d>; now <mg:n> mg"


def too_long(case, limit, day, days, since, mg):
    found = course(case)
    assert (found[0], days) == (day, 28)
    assert len(found) > 28
    assert found[28] == since == case.answer.since
    limit_is(case, limit[0].lower() + limit[1:])
    assert same(mg, dose(case.patient, case.today), 2)


@SAYS(
    "<limit:w> (prednisone-equivalent) since <day:d>, longer than <days:i> days since <since:d>; no dose on file from <off:d> on."
)
def paused(case, limit, day, days, since, off):
    too_long(case, limit, day, days, since, 0)
    assert dose(case.patient, off - 1) > 0
    assert all(dose(case.patient, on) == 0 for on in range(off, case.today + 1))


@SAYS(SINCE + "; its highest lasting dose in the first two weeks was <began:n> mg: no taper has begun.")
def no_taper(case, limit, day, days, since, mg, began):
    too_long(case, limit, day, days, since, mg)
    first = [steady(case.patient, on) for on in range(day, min(day + 14, case.today) + 1)]
    lasting = [mg for mg in set(first) if mg > 0 and any(first[n : n + 3] == [mg] * 3 for n in range(len(first)))]
    assert any(same(began, one, 2) for one in ((lasting and [max(lasting)]) or [*first, dose(case.patient, day)]))
    now = steady(case.patient, case.today) or dose(case.patient, case.today)
    assert now >= 0.9 * began - 0.01


AGAINST = ", where <what:w> has <planned:n> mg: "


@SAYS(
    SINCE + AGAINST + "not behind.",
    SINCE + AGAINST + "behind[ since <left:d>], no more than allowed for.",
    SINCE + AGAINST + "behind[ since <left:d>].",
)
def tapers(case, limit, day, days, since, mg, what, planned, left=None):
    too_long(case, limit, day, days, since, mg)
    assert what == "the agreed plan" or what.removeprefix("template ") in ("A", "B", "BSR", "JDM-PRINTO")
    assert (what == "the agreed plan") <= (case.patient.plan is not None)
    now = steady(case.patient, case.today) or dose(case.patient, case.today)
    late = ": behind" in case.text
    assert (now > planned + 0.01) == late or abs(now - planned) <= 0.01
    assert left is None or day <= left < case.today
    allowed = not late or "no more than allowed" in case.text
    assert allowed == (case.answer.severity == "watch")
    assert left is None or not allowed or case.today - left < 14


@SAYS("Still above <mg:n> mg more than <days:i> days after induction on <day:d>.")
def still_above(case, mg, days, day):
    assert (mg, days) == (30, 83)
    assert case.today - day > days
    assert max(steady(case.patient, case.today), dose(case.patient, case.today)) > 30
    assert dose(case.patient, day) > 0


@SAYS("<per:n> mg/kg after induction on <day:d>: slower than in the PRINTO trial.")
def slow_child(case, per, day):
    assert same(per, dose(case.patient, case.today) / case.values("weight")[-1].value, 3)
    assert per > (0.5 if case.today - day >= 130 else 1.0)
    assert case.today - day >= 70


@SAYS(
    "<mg:n> mg/day prednisone-equivalent, <limit:w> since <day:d>[ (<off:w> in between without a high dose not counted)]; "
    "if this dose continues, the line of <line:i> days is crossed on <crossed:d>."
)
def will_cross(case, mg, limit, day, off, line, crossed):
    found = course(case)
    limit_is(case, limit)
    gaps_are(case, off)
    assert (found[0], line) == (day, 28)
    assert same(mg, dose(case.patient, case.today), 2)
    assert is_high(case.patient)(dose(case.patient, case.today))
    assert len(found) + crossed - case.today == 29


@SAYS("No systemic steroid is taken on this day.")
def none(case):
    assert dose(case.patient, case.today) == 0


@SAYS("<mg:n> mg/day prednisone-equivalent is not <limit:w>.")
def not_high(case, mg, limit):
    limit_is(case, limit)
    assert same(mg, dose(case.patient, case.today), 2)
    assert not is_high(case.patient)(dose(case.patient, case.today))


@SAYS("Whether the steroid dose has been <limit:w> for more than 28 days cannot be told: <why:w>.")
def not_known(case, limit, why):
    limit_is(case, limit)
    unknown(case, why)


def unknown(case: Case, why: str) -> None:
    """Each drug named has a statement whose dose or end is not known."""
    for one in why.split("; "):
        name, _, what = one.partition(": ")
        mine = [statement for statement in case.patient.statements if statement.drug == name]
        assert mine
        if "no weight" in what:
            assert not case.values("weight")
            assert any("/kg" in statement.unit for statement in mine)
        elif "no dose" in what:
            assert any(statement.dose is None for statement in mine)
        elif "without an end" in what:
            assert any(statement.status == "stopped" and statement.end is None for statement in mine)
        else:
            raise AssertionError(f"unknown reason {what}")


def replaced(case: Case, what: str) -> None:
    """Each open statement that was taken to be replaced, and the one that replaced it; or two that add up."""
    for one in what.split("; "):
        if " begins more than once on " in one:
            name, _, rest = one.partition(" begins more than once on ")
            day = day_of(rest.split(", ")[0])
            same = [each for each in case.patient.statements
                    if each.drug == name.lower() and each.start == day and each.end is None]  # fmt: skip
            assert len(same) > 1
            assert rest.count(" and ") == len(same)
            continue
        if " has no end and is added to " in one:
            for said in one.split(" has no end and is added to "):
                name, _, since = said.partition(" of ")
                assert any(each.drug == name.lower() and each.start == day_of(since) and each.end is None
                           for each in case.patient.statements)  # fmt: skip
            continue
        old, _, rest = one.partition(", which has no end, is taken to have been replaced by ")
        new, _, how = rest.rpartition(" (")
        before, since = day_of(old.rpartition(" of ")[2]), day_of(new.rpartition(" on ")[2])
        name = old.split()[0].lower()
        mine = [statement for statement in case.patient.statements if statement.drug.split()[0].lower() == name]
        first = [statement for statement in mine if statement.start == before and statement.end is None]
        second = [statement for statement in mine if statement.start == since]
        assert first
        assert second
        known = drug(first[0].drug)
        assert known is not None
        assert known.is_glucocorticoid
        per_day = {"daily": 1, "twice-daily": 2, "three-times-daily": 3, "every-other-day": 0.5}
        pairs = {(a.dose * per_day[a.frequency], a.unit) == (b.dose * per_day[b.frequency], b.unit)
                 for a in first for b in second}  # fmt: skip
        assert (how.rstrip(")") == "a refill") in pairs


@SAYS("<what:w>: ask if both are taken.")
def read_as(case, what):
    replaced(case, what)


@SAYS("complete the steroid record: dose, weight or end date")
def complete(case):
    assert case.state == "cannot_tell"


MORE = "[; review the second line of treatment][; ask an expert centre for juvenile myositis]"


@SAYS("decide on a taper with the prescriber this week; check strength first, never cut fast in a flare" + MORE)
def decide(case):
    assert case.numbers("tapering") == "not begun"
    assert case.answer.severity == "action"


@SAYS("ask the prescriber whether the taper is meant to be slower; agree on a plan" + MORE)
def ask(case):
    assert case.numbers("tapering") == "behind"


@SAYS("next visit: continue the taper" + MORE)
def go_on(case):
    assert case.answer.severity == "watch"


@SAYS(
    "<mg:n> mg/day, high dose since <day:d>, <how:w>",
    "High dose since <day:d>, now <mg:n> mg/day, <how:w>",
)
def line(case, mg, day, how):
    assert same(mg, dose(case.patient, case.today), 2)
    assert course(case)[0] == day
    high = is_high(case.patient)(dose(case.patient, case.today))
    assert high == (not case.text.startswith("High"))
    assert how == {"not begun": "no taper begun", "behind": "behind its taper"}.get(
        case.numbers("tapering"), "on its taper"
    )
