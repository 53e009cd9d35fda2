"""What `cancer-screening` says."""

from jobs.asked_for import asked_for
from models.age import age_on
from models.patient_facts import day_number
from models.vocabulary import autoantibodies
from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("cancer-screening")

OF_HIGH = {"TIF1G", "NXP2"}
OF_MODERATE = {"SAE", "HMGCR", "MI2", "MDA5"}
EVERYBODY = {
    "blood count": ("haemoglobin", "white_cells", "platelets"),
    "liver tests": ("alt", "ast", "gamma_gt", "bilirubin"),
    "ESR or CRP": ("crp", "esr"),
    "protein electrophoresis": ("protein_electrophoresis",),
    "urinalysis": ("urinalysis",),
    "chest X-ray": ("chest_x_ray", "chest_ct", "ct_neck_to_pelvis", "pet_ct"),
}
AT_RISK = {
    "CT of neck, chest, abdomen and pelvis": ("ct_neck_to_pelvis", "pet_ct"),
    "faecal occult blood": ("faecal_occult_blood", "colonoscopy"),
}
BY_SEX = {
    "female": {"cervical screening": ("cervical_screening",), "mammography": ("mammography",), "CA-125": ("ca125_test",),
               "pelvic ultrasound": ("pelvic_ultrasound",)},
    "male": {"PSA": ("psa_test",)},
}  # fmt: skip
CLASSES = ("standard", "moderate", "high")


def begun(case: Case) -> int:
    """The day of the diagnosis."""
    assert case.patient.diagnosed_on
    return day_number(case.patient.diagnosed_on)


def factors(case: Case) -> tuple[list[str], list[str]]:
    """What makes the risk high, and what makes it moderate."""
    who = case.patient
    codes = who.autoantibodies.split(";")
    high = ["dermatomyositis"] * (who.diagnosis == "DM")
    high += [autoantibodies()[code].label for code in codes if code in OF_HIGH]
    age = age_on(who.birth_date, who.diagnosed_on)
    high += [f"age {age} at the diagnosis"] * (age is not None and age > 40)
    for event, words in (("dysphagia", "trouble swallowing"), ("skin_ulcers", "skin ulcers")):
        high += [words] * any(one.present and one.day >= begun(case) - 365 for one in case.happened(event))
    high += ["active disease that does not respond"] * any(
        one.state == "met" and one.numbers["treatment"] == "not_responding" for one in who.answers_of("active-disease")
    )
    moderate = [who.diagnosis] * (who.diagnosis in ("ADM", "PM", "IMNM"))
    moderate += [autoantibodies()[code].label for code in codes if code in OF_MODERATE]
    return high, moderate + ["male"] * (who.sex == "male")


def absent(case: Case) -> list[str]:
    """What is not on file of what the risk is made of."""
    who = case.patient
    groups = {autoantibodies()[code].group for code in who.autoantibodies.split(";") if code in autoantibodies()}
    found = ["subtype"] * (who.diagnosis not in ("DM", "ADM", "PM", "IMNM", "ASYS", "OVERLAP"))
    found += ["a myositis-specific antibody"] * (not groups - {"MAA", "IBM"})
    return found + ["birth date"] * (who.birth_date is None) + ["sex"] * (who.sex not in ("female", "male"))


def risk_of(high: int, moderate: int) -> str:
    """Two high-risk factors make it high; one, or two of the others, moderate."""
    return CLASSES[2 if high > 1 else 1 if high or moderate > 1 else 0]


def could_be(case: Case) -> str:
    """The risk if everything missing were as bad as it can be."""
    high, moderate = factors(case)
    missing = absent(case)
    return risk_of(len(high) + len([one for one in missing if one != "sex"]), len(moderate) + ("sex" in missing))


def panel(case: Case, risk: str) -> dict[str, tuple[str, ...]]:
    """What is asked for at this risk, and by no other alert."""
    everything = EVERYBODY | ((AT_RISK | BY_SEX.get(case.patient.sex, {})) if risk != "standard" else {})
    elsewhere = asked_for(case.patient, ("overdue-labs", "missing-safety-screen", "lung-screening"))
    return {label: names for label, names in everything.items() if not elsewhere & set(names)}


def last(case: Case, names: tuple[str, ...]) -> int:
    """The newest day one of them was done, or the whole search; long ago where never."""
    days = [-(10**6)]
    for name in (*names, "cancer_screening"):
        days += [one.day for one in case.values(name)]
        days += [one.reading.day for one in case.patient.doubtful() if one.reading.measure == name]
        days += [min(one.end if one.end is not None else one.day, case.today) for one in case.happened(name)
                 if one.present]  # fmt: skip
    return max(days)


def rounds(case: Case, risk: str) -> dict[str, tuple[int, int, bool]]:
    """Of each examination asked for: when it was due, from when on what was done counts, whether it was."""
    year = min((case.today - begun(case)) // 365, 3) if risk == "high" else 0
    found = {}
    for label, names in panel(case, risk).items():
        again = year if label in EVERYBODY else 0
        due = begun(case) + 365 * again
        since = due - (182 if again else 365)
        found[label] = (due, since, last(case, names) >= since)
    return found


def is_risk(case: Case, risk: str, said: str | None) -> None:
    high, moderate = factors(case)
    assert (said or "") == ", ".join((*high, *moderate))
    assert risk == risk_of(len(high), len(moderate))
    assert not case.patient.is_juvenile
    assert case.patient.diagnosis not in ("IBM", "ICI_MYOSITIS")


def are_open(case: Case, risk: str, said: str, *, late: bool) -> None:
    """Each group names exactly what is not done of the round that was due that day."""
    groups = {}
    for part in said.split("; due since "):
        found = OPEN.templates[0].pattern.fullmatch("due since " + part.removeprefix("due since "))
        assert found, part
        one = OPEN.templates[0].values(found)
        groups[one["due"], one["since"]] = one["what"]
    wanted: dict[tuple[int, int], list[str]] = {}
    for label, (due, since, done) in rounds(case, risk).items():
        if not done and (not late or case.today > due + 60):
            wanted.setdefault((due, since), []).append(label)
    assert groups == {key: ", ".join(labels) for key, labels in wanted.items()}


OPEN = Says("a group")
OPEN("due since <due:d> and not on file since <since:d>: <what:w>")(lambda case, due, since, what: None)

RISK = "Cancer risk <risk:w>"
BY = " (<by:w>)"
MISSING = " Not on file: <missing:w>[; the risk could be <higher:w>]."
MORE = " To be considered: <more:w>."


@SAYS(*(RISK + by + "." + " Due since <said:w>." + missing + more
        for by in ("", BY) for missing in ("", MISSING) for more in ("", MORE)), rare=True)  # fmt: skip
def overdue(case, risk, said, by=None, missing=None, higher=None, more=None):
    assert case.state == "met"
    is_risk(case, risk, by)
    are_open(case, risk, f"due since {said}", late=True)
    is_missing(case, risk, missing, higher)
    if more is None:
        assert risk != "high"
        return
    assert risk == "high"
    first, _, only = more.partition("; ")
    assert first == "PET-CT and upper and lower endoscopy where the first search found nothing"
    high, _ = factors(case)
    alone = (case.patient.diagnosis == "DM" and "TIF1G" in case.patient.autoantibodies.split(";")
             and any(one.startswith("age ") for one in high)
             and any(one in high for one in ("trouble swallowing", "skin ulcers", "active disease that does not respond"))
             )  # fmt: skip
    assert only == ("PET-CT as the only search (anti-TIF1 gamma, older, another high-risk feature)" if alone else "")


@SAYS(*(RISK + by + ": nothing is overdue" + others + rest + "." + missing
        for by in ("", BY) for others in ("", " but what other alerts ask for (<others:w>)")
        for rest in ("", "; <said:w>") for missing in ("", MISSING)), rare=True)  # fmt: skip
def nothing_overdue(case, risk, by=None, others=None, said=None, missing=None, higher=None):
    everything = EVERYBODY | AT_RISK | BY_SEX["female"] | BY_SEX["male"]
    assert not set((others or "").split(", ")) & set(panel(case, risk))
    assert others is None or set(others.split(", ")) <= set(everything)
    is_risk(case, risk, by)
    is_missing(case, risk, missing, higher)
    assert higher is None
    assert not any(not done and case.today > due + 60 for due, _, done in rounds(case, risk).values())
    if said is None:
        assert all(done for _, _, done in rounds(case, risk).values())
    else:
        are_open(case, risk, said, late=False)


def is_missing(case, risk, missing, higher):
    assert (missing or "") == ", ".join(absent(case))
    assert (higher or risk) == could_be(case)


@SAYS("No search for a cancer is asked for: a cancer is on file.")
def known(case):
    assert case.happened("cancer")[-1].present


@SAYS("Whether the search for a cancer is complete cannot be told: the day of the diagnosis is not on file.")
def undated(case):
    assert case.patient.diagnosed_on is None


@SAYS("Whether the search for a cancer is complete cannot be told: not on file: <missing:w>.")
def untold(case, missing):
    assert missing == ", ".join(absent(case))
    high, moderate = factors(case)
    known = risk_of(len(high), len(moderate))
    assert could_be(case) != known
    assert not any(not done and case.today > due + 60 for due, _, done in rounds(case, known).values())


@SAYS("complete the record: <missing:w>")
def complete(case, missing):
    if case.patient.diagnosed_on is None:
        assert missing == "the day of the diagnosis"
    else:
        assert missing == ", ".join(absent(case))


@SAYS("order it, or record when it was done (one entry 'cancer screening completed' stands for all)")
def order(case):
    assert case.state == "met"


@SAYS("Cancer screening, <risk:w> risk: <said:w>")
def line(case, risk, said):
    high, moderate = factors(case)
    assert risk == risk_of(len(high), len(moderate))
    assert said == ", ".join(label for label, (due, _, done) in rounds(case, risk).items()
                             if not done and case.today > due + 60)  # fmt: skip
