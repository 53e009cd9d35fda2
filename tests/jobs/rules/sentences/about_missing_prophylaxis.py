"""What `missing-prophylaxis` says."""

from collections.abc import Callable

from models.vocabulary import Drug, drug
from tests.jobs.rules.sentences.about_prolonged_high_dose_steroids import unknown
from tests.jobs.rules.sentences.claims import Case, Says, same
from tests.jobs.rules.sentences.courses import course
from tests.jobs.rules.sentences.doses import dose, milligrams, run, steady

SAYS = Says("missing-prophylaxis")
SCAN, SUPPLEMENTS, BONE_DRUG, PNEUMOCYSTIS = "bone-density", "calcium-vitamin-d", "bone-protection", "pneumocystis"
WANTED = {SCAN: "bone density scan", SUPPLEMENTS: "calcium with vitamin D", BONE_DRUG: "bone-protecting drug",
          PNEUMOCYSTIS: "protection against Pneumocystis"}  # fmt: skip
SLIGHTLY = 1e-5


def at(case: Case, mg: float, gap: int, days: int = 1, *, above: bool = False) -> list[int]:
    """The days of the present spell at a dose; empty where it has not lasted so many days."""
    line = mg + SLIGHTLY if above else mg - SLIGHTLY
    found = run(case.patient, lambda taken: taken >= line, gap)
    return found if len(found) >= days else []


def taken(case: Case, wanted: Callable[[Drug], bool]) -> list[str]:
    """The drugs that are taken, or act, today."""
    return [name for name in sorted({one.drug for one in case.patient.statements})
            if (row := drug(name)) and wanted(row) and not is_local(case, name) and course(case.patient, name)[1] >= case.today
            ]  # fmt: skip


def is_local(case: Case, name: str) -> bool:
    row = drug(name)
    return bool(row and row.is_glucocorticoid) and all(
        one.route in ("topical", "inhaled", "intra-articular") for one in case.patient.statements if one.drug == name
    )


def of_class(name: str) -> Callable[[Drug], bool]:
    return lambda row: row.has_class(name)


def kilograms(case: Case) -> float | None:
    weights = case.values("weight")
    return weights[-1].value if weights else None


# ------------------------------------------------------------------------------------------------------------- bone


def bone_days(case: Case) -> list[int]:
    return at(case, 2.5, 14)


def is_long(case: Case, since: int) -> None:
    days = bone_days(case)
    assert days[0] == since
    assert len(days) > 90


LIST = " on the present list of drugs."


@SAYS("2.5 mg/day of steroid or more since <since:d>, and no bone density scan on file[ since <last:d>]; due <due:d>.")
def scan(case, since, due, last=None):
    is_long(case, since)
    assert not case.patient.is_child()
    scans = [one.day for one in case.happened("dxa") if one.present]
    assert last == max(scans, default=None)
    assert due == max(since + 183, 0 if last is None else last + 731)
    assert last is None or case.today - last > 730


@SAYS("2.5 mg/day of steroid or more since <since:d>, and no calcium with vitamin D" + LIST)
def supplements(case, since):
    is_long(case, since)
    assert not taken(case, of_class("calcium-vitamin-d"))


RISK = Says("why a bone breaks")
LEVELS = ("low", "moderate", "high", "very high")


def level(case: Case) -> str:
    """The level the sentence names."""
    return str(case.numbers("risk"))


@RISK("a fracture without adequate force on <day:d>")
def broken(case, day):
    assert min(one.day for one in case.happened("fragility_fracture") if one.present) == day
    assert level(case) == "very high"


@RISK("osteoporosis on file since <day:d>")
def osteoporosis(case, day):
    assert min(one.day for one in case.happened("osteoporosis") if one.present) == day
    assert level(case) == "high"


def graded(value: float, limits: tuple[float, float, float]) -> str:
    """The level of a value that is worse the higher it is; limits of very high, high and moderate."""
    return next(
        (name for name, limit in zip(("very high", "high", "moderate"), limits, strict=True) if value >= limit), "low"
    )


@RISK("a T-score of <value:n> on <day:d>")
def t_score(case, value, day):
    newest = case.values("bone_t_score")[-1].day
    lowest = min(one.value for one in case.values("bone_t_score") if one.day == newest)
    assert newest == day
    assert same(value, lowest)
    assert graded(-value, (3.5, 2.5, 1)) == graded(-lowest, (3.5, 2.5, 1)) == level(case)


@RISK("FRAX <value:n> % (<what:w>) on <day:d>")
def frax(case, value, what, day):
    key, limits = {"major fracture": ("frax_major", (30, 20, 10)), "hip": ("frax_hip", (4.5, 3, 1))}[what]
    newest = case.values(key)[-1]
    assert newest.day == day
    assert same(value, newest.value)
    assert graded(value, limits) == graded(newest.value, limits) == level(case)
    assert (what, value) != ("hip", 1)


@RISK("30 mg/day or more for more than 30 days, from <since:d>")
def very_high(case, since):
    days = next(found for until in range(case.today, case.today - 366, -1)
                if len(found := run(case.patient, lambda mg: mg >= 30 - SLIGHTLY, 3, until)) > 30)  # fmt: skip
    assert days[0] == since
    assert case.today - days[-1] < 365
    assert level(case) == "very high"


@RISK("5 g or more of prednisone-equivalent in the last year")
def sum_of_the_year(case):
    assert sum(dose(case.patient, day) for day in range(case.today - 364, case.today + 1)) >= 5000 - SLIGHTLY
    assert level(case) == "very high"


@RISK("7.5 mg/day or more since <since:d> and a Z-score of <value:n> on <day:d>")
def young(case, since, value, day):
    assert case.patient.age is not None
    assert case.patient.age < 40
    assert at(case, 7.5, 14, 183)[0] == since
    newest = case.values("bone_z_score")[-1]
    assert newest.day == day
    assert same(value, newest.value)
    assert value < -3
    assert level(case) == "moderate"


@SAYS("<why:w>, and no bone-protecting drug" + LIST + " The risk of a fracture is <level:w> (ACR 2022).")
def bone_drug(case, why, level):
    assert not case.patient.is_child()
    assert bone_days(case)
    assert level == case.numbers("risk")
    RISK.hold(Case(case.patient, case.rule, case.answer, why[0].lower() + why[1:] if why[1] in " rs" else why))
    assert not taken(case, of_class("bone-protection"))
    if any(one.present for one in case.happened("fragility_fracture")):
        assert level == "very high"
    assert case.answer.severity == ("watch" if level == "moderate" else "action")


@SAYS("<what:w> on file since <day:d>, and <dose:w> since <since:d>, and no bone-protecting drug" + LIST)
def child(case, what, day, dose, since):
    assert case.patient.is_child()
    event = {"A fracture without adequate force": "fragility_fracture", "Osteoporosis": "osteoporosis"}[what]
    assert min(one.day for one in case.happened(event) if one.present) == day
    weight = kilograms(case)
    assert dose == ("a steroid" if weight is None else "0.1 mg/kg/day of steroid or more")
    days = at(case, 0.001 if weight is None else 0.1 * weight, 14)
    assert days[0] == since
    assert len(days) > 90
    assert not taken(case, of_class("bone-protection"))


# ----------------------------------------------------------------------------------------------------- Pneumocystis


def share(case: Case) -> float:
    """By how much the doses of adults are less for this child."""
    weight = kilograms(case)
    return min(weight / 50, 1) if case.patient.is_child() and weight else 1


def agents(case: Case) -> list[str]:
    """Other immunosuppressants, immunoglobulin left out."""
    return taken(case, lambda row: row.counts_as_active_treatment and not row.is_glucocorticoid
                 and not row.has_class("immunoglobulin"))  # fmt: skip


def risks(case: Case, since: int) -> set[str]:
    """What raises the risk beside the dose: the words before any day."""
    who = case.patient
    found = (
        {"a pulse"}
        if any(dose(who, day) - steady(who, day) > SLIGHTLY for day in range(since, case.today + 1))
        else set()
    )
    found |= {"anti-MDA5"} & ({"anti-MDA5"} if "MDA5" in who.autoantibodies.split(";") else set())
    for event, words in (("interstitial_lung_disease", "interstitial lung disease"), ("skin_ulcers", "skin ulcers")):
        records = case.happened(event)
        if records and records[-1].present and (records[-1].end is None or records[-1].end >= case.today):
            found |= {words} if event != "skin_ulcers" or who.is_juvenile else set()
    counts = case.values("lymphocytes")
    return found | (
        {"lymphocytes"} if counts and counts[-1].value < 0.8 and case.today - counts[-1].day <= 90 else set()
    )


ORDER = ("cyclophosphamide", "rituximab", "together", "alone", "checkpoint", "checkpoint-more", "at-risk")


def reasons(case: Case) -> list[str]:
    """Which of the reasons hold, in the order in which they are told."""
    scale, others = share(case), agents(case)
    low = at(case, 15 * scale, 3, 15, above=True)
    checkpoint = case.patient.diagnosis == "ICI_MYOSITIS" or taken(case, of_class("checkpoint-inhibitor"))
    holds = {
        "cyclophosphamide": taken(case, lambda row: row.key == "cyclophosphamide"),
        "rituximab": taken(case, lambda row: row.key == "rituximab") and at(case, 0.001, 3),
        "together": others and at(case, 20 * scale, 3, 28),
        "alone": at(case, 30 * scale, 3, 28),
        "checkpoint": checkpoint and at(case, 20 * scale, 3, 28),
        "checkpoint-more": checkpoint and at(case, 30 * scale, 3, 21, above=True),
        "at-risk": others and low and risks(case, low[0]),
    }
    return [name for name in ORDER if holds[name]]


NEED = Says("why protection is called for")
SCALED = "[ (scaled to the child's weight)]"
WITHIN = "EULAR 2022 counts more than 15 to 30 mg for more than 2 to 4 weeks; 20 mg for 28 days is a setting within it"
BASIS = {
    "cyclophosphamide": "ACR 2021 protects under this drug in ANCA vasculitis; for myositis that is carried over",
    "rituximab": "ACR 2021 protects under this drug in ANCA vasculitis; for myositis that is carried over",
    "together": WITHIN,
    "alone": "the upper end of what EULAR 2022 counts, whatever else is taken",
    "checkpoint": "ASCO 2021 counts 20 mg for 4 weeks, or more than 30 mg for 3",
    "checkpoint-more": "ASCO 2021 counts 20 mg for 4 weeks, or more than 30 mg for 3",
    "at-risk": "the lower end of what EULAR 2022 counts, together with a further risk",
}


def is_told(case: Case, reason: str) -> None:
    assert reasons(case)[:1] == [reason]
    assert case.numbers("basis") == BASIS[reason]
    assert ("scaled" in case.text) == (share(case) < 1 and reason not in ("cyclophosphamide", "rituximab"))


@NEED("cyclophosphamide")
def cyclophosphamide(case):
    is_told(case, "cyclophosphamide")


@NEED("rituximab together with a steroid")
def rituximab(case):
    is_told(case, "rituximab")


@NEED("<mg:n> mg/day of steroid or more" + SCALED + " since <since:d>[, together with <names:w>]")
def at_a_dose(case, mg, since, names=None):
    reason = "alone" if names is None else "together"
    is_told(case, reason)
    full = 30 if names is None else 20
    assert same(mg, full * share(case))
    assert at(case, full * share(case), 3, 28)[0] == since
    assert names is None or names.split(" and ") == agents(case)


@NEED("<mg:n> mg/day of steroid or more" + SCALED + " since <since:d>, after a checkpoint inhibitor")
def after_inhibitor(case, mg, since):
    is_told(case, "checkpoint")
    assert same(mg, 20 * share(case))
    assert at(case, 20 * share(case), 3, 28)[0] == since


@NEED("more than <mg:n> mg/day of steroid" + SCALED + " since <since:d>, after a checkpoint inhibitor")
def much_after_inhibitor(case, mg, since):
    is_told(case, "checkpoint-more")
    assert same(mg, 30 * share(case))
    assert at(case, 30 * share(case), 3, 21, above=True)[0] == since


@NEED("more than <mg:n> mg/day of steroid" + SCALED + " since <since:d>, together with <names:w>, and <risks:w>")
def with_a_risk(case, mg, since, names, risks):
    is_told(case, "at-risk")
    assert same(mg, 15 * share(case))
    assert at(case, 15 * share(case), 3, 15, above=True)[0] == since
    assert names.split(" and ") == agents(case)
    told = set()
    for part in risks.split(" and "):
        FURTHER.hold(Case(case.patient, case.rule, case.answer, part))
        told.add(
            part.split(" from ")[0] if part.startswith("a pulse") else "lymphocytes" if part[:4] == "lymp" else part
        )
    assert told == globals()["risks"](case, since)


FURTHER = Says("a further risk")


@FURTHER("a pulse from <day:d>")
def pulse(case, day):
    assert dose(case.patient, day) - steady(case.patient, day) > SLIGHTLY


@FURTHER("lymphocytes <value:n> on <day:d>")
def lymphocytes(case, value, day):
    newest = case.values("lymphocytes")[-1]
    assert newest.day == day
    assert same(value, newest.value, 2)
    assert value < 0.8


@FURTHER("anti-MDA5", "interstitial lung disease", "skin ulcers")
def further(case):
    """The words as a whole are held against the facts."""


@SAYS("<why:w>, and no protection against Pneumocystis" + LIST + " <basis:w>.[ These thresholds are of adults; for children "
      "there are none.]")  # fmt: skip
def pneumocystis(case, why, basis):
    assert not taken(case, of_class("pjp-prophylaxis"))
    NEED.hold(Case(case.patient, case.rule, case.answer, why[0].lower() + why[1:]))
    assert basis[0].lower() + basis[1:] == case.numbers("basis")[0].lower() + case.numbers("basis")[1:]
    assert case.patient.is_child() == case.text.endswith("for children there are none.")


# ------------------------------------------------------------------------------------------------ neither, not known


@SAYS("Bone density scan is on file, or not called for.", "A bone density scan is on file, or not called for.",
      "Calcium with vitamin D is on file, or not called for.", "A bone-protecting drug is on file, or not called for.",
      "Protection against Pneumocystis is on file, or not called for.", rare=True)  # fmt: skip
def fine(case):
    long = len(bone_days(case)) > 90
    if case.subject == SCAN:
        scans = [one.day for one in case.happened("dxa") if one.present]
        assert not long or (scans and case.today - max(scans) <= 730)
    elif case.subject == SUPPLEMENTS:
        assert not long or taken(case, of_class("calcium-vitamin-d"))
    elif case.subject == BONE_DRUG:
        ill = [one for event in ("fragility_fracture", "osteoporosis") for one in case.happened(event) if one.present]
        called_for = bone_days(case) and ill and not case.patient.is_child()
        assert not called_for or taken(case, of_class("bone-protection"))
    else:
        assert not reasons(case) or taken(case, of_class("pjp-prophylaxis"))


@SAYS("Nothing on file calls for protection against Pneumocystis any more: whether it may stop can be reviewed.")
def may_stop(case):
    assert case.subject == PNEUMOCYSTIS
    assert taken(case, of_class("pjp-prophylaxis"))
    assert not reasons(case)
    assert not taken(case, lambda row: row.key == "rituximab")
    assert all(dose(case.patient, day) < 15 * share(case) for day in range(case.today - 28, case.today + 1))


@SAYS("Whether <what:w> is called for cannot be told: <because:w>.")
def untold(case, what, because):
    assert what.removeprefix("a ") == WANTED[case.subject]
    if not because.endswith("not on file"):
        return unknown(case, because)
    assert case.subject == BONE_DRUG
    words = because.removesuffix(" is not on file").removesuffix(" are not on file").split(" and ")
    assert because.endswith(" is not on file") == (len(words) == 1)
    told = {word.removesuffix(" of the last two years") for word in words}
    age = case.patient.age
    missing = {"the birth date"} if age is None else set()
    keys = (
        {"FRAX": "frax_major", "a T-score": "bone_t_score"}
        if age is None or age >= 40
        else {"a Z-score": "bone_z_score"}
    )
    for word, key in keys.items():
        days = [one.day for one in case.values(key)]
        missing |= {word} if not days or case.today - max(days) > 730 else set()
        if word in told:
            assert (f"{word} of the last two years" in words) == bool(days)
    assert told == missing


@SAYS("enter what is missing, or have it measured")
def enter(case):
    assert case.answer.cannot_tell_because.endswith("not on file")


@SAYS("complete the steroid record: dose, weight or end date")
def complete(case):
    assert any(milligrams(one, case.patient) is None for one in case.patient.statements)


@SAYS("book a bone density scan with an image of the vertebrae[, and FRAX], or record where it was done")
def book(case):
    assert case.subject == SCAN
    age = case.patient.age
    assert ("FRAX" in case.text) == (age is None or age >= 40)


@SAYS("ask about calcium and vitamin D (often bought without prescription) and record it")
def ask(case):
    assert case.subject == SUPPLEMENTS


@SAYS("ask a children's bone centre about bone protection", "ask the prescriber about bone protection")
def whom(case):
    assert ("children's" in case.text) == case.patient.is_child()


@SAYS("ask the prescriber about protection against Pneumocystis[; not co-trimoxazole together with methotrexate without a "
      "documented decision]")  # fmt: skip
def about_lung(case):
    assert case.subject == PNEUMOCYSTIS
    assert ("methotrexate" in case.text) == bool(taken(case, lambda row: row.key == "methotrexate"))


SHORT = {PNEUMOCYSTIS: "Pneumocystis protection", BONE_DRUG: "bone protection", SCAN: "bone density scan",
         SUPPLEMENTS: "calcium and vitamin D"}  # fmt: skip


@SAYS("Missing beside steroids: <what:w>")
def line(case, what):
    asked = case.together or (case.answer,)
    assert what.split(", ") == [SHORT[one.subject] for one in asked]


SAYS.parts = (RISK, NEED, FURTHER)
