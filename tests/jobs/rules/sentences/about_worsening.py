"""What `worsening` says."""

from models.vocabulary import events, measures
from tests.jobs.rules.sentences.claims import Case, Says, day_of, mean, same

SAYS = Says("worsening")
FOUND = Says("what is worse")
SEEN = ("physician_global", "patient_global", "extramuscular_global", "haq", "chaq", "cmas", "mmt8", "mmt8_bilateral",
        "mmt_total")  # fmt: skip


ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")


def visits(case: Case) -> list[int]:
    """The days on which the patient was seen."""
    return sorted({one.day for key in SEEN for one in case.values(key)})


@FOUND("flare reported on <day:d>")
def flare(case, day):
    newest = case.happened("flare_reported")[-1]
    assert (newest.present, newest.day) == (True, day)
    assert case.today - day <= 14


@FOUND("new <name:w> on <day:d>[, again on <again:d>]", "<name:w> on <day:d>[, again on <again:d>]")
def sign(case, day, again, name):
    new = ("rash", "calcinosis")
    key = next(one for one in ("skin_ulcers", "weight_loss", *new) if events()[one].label.lower() == name)
    newest = case.happened(key)[-1]
    assert newest.present
    assert key == "calcinosis" or newest.day == (day if again is None else again)
    assert any(one.present and one.day == day for one in case.happened(key))
    if key in new:
        known = [one.start for one in case.patient.statements] + [one.day for one in case.patient.happenings]
        since = case.patient.diagnosed_on
        assert min([*known, *visits(case), since.toordinal() - 719163 if since else day]) < day


def before(case: Case, key: str, day: int, days: int = 365) -> list[float]:
    """The values of earlier days that a value is held against, enzymes as multiples of their limits."""
    values = [one for one in case.values(key) if day - days <= one.day < day]
    return [one.value / one.limit if key in ENZYMES else one.value for one in values if one.limit or key not in ENZYMES]


def on(case: Case, key: str, day: int) -> list[float]:
    """The values of a day."""
    values = [one for one in case.values(key) if one.day == day and (one.limit or key not in ENZYMES)]
    return [one.value / one.limit if key in ENZYMES else one.value for one in values]


def last_of_days(case: Case, key: str, day: int) -> list[float]:
    """The last value of each of the newest three days before a visit on which the measure was taken at a visit."""
    seen = [one for one in visits(case) if day - 365 <= one < day and on(case, key, one)][-3:]
    return [on(case, key, one)[-1] for one in seen]


@FOUND(
    "definition of worsening (IMACS) met on <day:d> against the mean of the visits before (<what:w>)[, and again on <again:d>: "
    "confirmed as in the ProDERM trial]"
)
def by_definition(case, day, what, again):
    assert day in visits(case)
    assert case.today - day <= 182
    assert again is None or again == next(one for one in visits(case) if one > day)
    for part in what.split(", "):
        name, _, rest = part.partition(" -> ")
        label, _, was = name.rpartition(" ")
        now, _, unit = rest.partition(" ")
        key = next(one for one in (*SEEN, *ENZYMES) if label.lower() in names(one))
        assert any(same(float(now), one, 2) for one in on(case, key, day))
        assert same(float(was), mean(last_of_days(case, key, day)), 2)
        better = key in ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
        assert (float(now) < float(was)) == better
        assert unit.startswith("times its limit" if key in ENZYMES else "of ")


def names(key: str) -> tuple[str, ...]:
    """What a measure may be called."""
    return key.replace("_", " "), key.replace("_global", " activity"), measures()[key].short_label.lower()


SINGLES = {
    "physician global": ("physician_global", 2, 365),
    "patient global": ("patient_global", 2, 365),
    "FVC": ("fvc_percent", -10, 182),
    "HAQ": ("haq", 0.3, 365),
    "CHAQ": ("chaq", 0.3, 365),
    "weight": ("weight", 0, 365),
}


@FOUND(
    "<name:w> <was:n> on <when:d> -> <now:n> <unit:w> on <day:d>",
    "<name:w> <was:n> on <when:d> -> <now:n> <unit:w> on <day:d>, <last:n> <again:w> on <newest:d>",
    "<name:w> <was:n>, the mean of the <count:i> before -> <now:n> <unit:w> on <day:d>",
    "<name:w> <was:n>, the mean of the <count:i> before -> <now:n> <unit:w> on <day:d>, <last:n> <again:w> on <newest:d>",
)
def alone(case, name, was, now, unit, day, when=None, count=1, last=None, again=None, newest=None):
    key, step, days = SINGLES[name]
    assert any(same(now, one, 2) for one in on(case, key, day))
    if name == "FVC":
        assert same(was, max(before(case, key, day, 400)), 2) or any(
            same(was, one, 2) for one in before(case, key, day)
        )
    elif count > 1:
        assert same(was, mean(before(case, key, day, days)[-count:]), 2)
    assert when is None or any(same(was, one, 2) for one in on(case, key, when))
    assert now - was >= step - 0.01 if step >= 0 and name != "weight" else now < was
    values = case.values(key)
    assert values[-1].day == (day if newest is None else newest)
    assert last is None or same(last, values[-1].value, 2)


@SAYS("Worse: <found:w>.")
def worse(case, found):
    parts = found.split("; ")
    for part in parts:
        FOUND.hold(Case(case.patient, case.rule, case.answer, part))
    assert bool(case.numbers("call_back")) or not any("flare reported" in part for part in parts)


@SAYS("No visit is on file since that was reported.")
def nobody(case):
    reported = [one[-1].day for key in ("flare_reported", "rash", "skin_ulcers", "weight_loss")
                if (one := case.happened(key)) and one[-1].present and case.today - one[-1].day <= 14]  # fmt: skip
    in_person = {one.day for key in SEEN if "patient" not in key and "haq" not in key for one in case.values(key)}
    assert any(not any(visit >= day for visit in in_person) for day in reported)


@SAYS("Whether the disease is worse cannot be told: no visit since <day:d>.")
def no_visit(case, day):
    assert visits(case)[-1] == day
    assert case.today - day > 182


@SAYS("Seen on <day:d>: no earlier visit to compare with.")
def first_visit(case, day):
    assert visits(case)[-1] == day
    assert not any(day - 365 <= one < day for one in visits(case))


@SAYS("Whether the disease is worse cannot be told: <why:w>.")
def never_again(case, why):
    for part in why.split("; "):
        if part.endswith(", and nothing newer"):
            case_of_it = Case(case.patient, case.rule, case.answer, part.removesuffix(", and nothing newer"))
            FOUND.hold(case_of_it)
            key = SINGLES[next(name for name in SINGLES if part.startswith(name))][0]
            assert case.today - case.values(key)[-1].day > 182
            continue
        said, _, rest = part.partition(" on ")
        kind = said.removesuffix(" recorded").removesuffix(" reported")
        key = next(one for one in ("flare_reported", "rash", "skin_ulcers", "weight_loss")
                   if kind in (events()[one].label.lower(), "flare"))  # fmt: skip
        newest = case.happened(key)[-1]
        assert newest.day == day_of(rest.split(",")[0].split(" and ")[0])
        assert newest.end is None or key == "flare_reported"


@SAYS("No published definition of worsening is met, nothing new is on file, and no flare waits for a call back.")
def nothing(case):
    flares = case.happened("flare_reported")
    waits = flares and flares[-1].present and case.today - flares[-1].day <= 14
    assert not waits or any(visit >= flares[-1].day for visit in visits(case))


@SAYS("ask the patient, and see them: globals, strength, function and skin")
def see(case):
    assert case.state == "cannot_tell"


@SAYS("measure again what was worse, and see the patient")
def measure_again(case):
    assert "nothing newer" in case.answer.cannot_tell_because


@SAYS("call back this week, and see the patient if it is a flare")
def call(case):
    nobody(case)


@SAYS("ask what changed, and examine strength, swallowing and skin at the next visit")
def next_visit(case):
    assert case.answer.severity == "watch"


@SAYS("see the patient: strength, enzymes, lungs and skin; then look at the state and the options")
def see_all(case):
    assert case.state == "met"


@SAYS("repeat FVC and DLCO within weeks; ask about breath and cough; infection and breathing muscles too")
def nothing_but_the_lung(case):
    told = case.numbers("said").split("; ")
    assert len(told) == 1
    assert told[0].startswith("FVC ")
