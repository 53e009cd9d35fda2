"""What a rule says would end its alert does end it: the facts it names are written down, and the rule is asked again.

Every part of a rule's `clears_when` stands here beside facts that make it so; a part that stands nowhere fails. What is
said to end in time (`in_time`) ends with nothing new on file, and of a rule that says nothing of it nothing does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from jobs.assessing import ask
from jobs.rule import CANNOT_TELL, MET, NOT_MET, Example, Rule, all_rules
from jobs.thresholds import Thresholds
from models.patient_facts import PatientFacts
from tests.jobs.rules.sentences.histories import patient

THRESHOLDS = Thresholds({rule.key: rule.defaults() for rule in all_rules()}, {}, {})
Row = Mapping[str, Any]
ILD = "interstitial_lung_disease"


class Facts(NamedTuple):
    """What is on file of a patient, written as in the examples; days are offsets from the day asked about."""

    observations: Sequence[Row]
    medications: Sequence[Row]
    events: Sequence[Row]
    who: Row


def days_later(example: Example, days: int) -> Facts:
    """The example as it stands some days on, nothing new on file."""

    def moved(rows: Sequence[Row]) -> list[Row]:
        return [
            {name: value - days if name in ("day", "start", "end") and isinstance(value, int) else value
             for name, value in row.items()}
            for row in rows
        ]  # fmt: skip

    who = dict(example.patient)
    if "diagnosed_day" in who:
        who["diagnosed_day"] -= days
    if "age_years" in who:
        who["age_years"] += days / 365.25
    return Facts(moved(example.observations), moved(example.medications), moved(example.events), who)


def state(rule: Rule, subject: str, facts: Facts) -> str:
    """What the rule says of the subject; what it no longer speaks of is not met."""
    found: PatientFacts = patient(*facts)
    asked = ask(found, THRESHOLDS, {rule.key})
    assert not asked.failed
    return next((str(one.state) for one in asked.answers[rule.key] if one.subject == subject), str(NOT_MET))


Change = Callable[[Facts], Facts]


def new(
    measure: str = "", value: float = 0, *, events: Sequence[Row] = (), drugs: Sequence[Row] = (), **more: Any
) -> Change:
    """A value of today, events and statements beside what there is."""

    def change(facts: Facts) -> Facts:
        rows = [{"measure": measure, "value": value, "day": 0, **more}] if measure else []
        return facts._replace(
            observations=[*facts.observations, *rows],
            events=[*facts.events, *events],
            medications=[*facts.medications, *drugs],
        )

    return change


def together(*changes: Change) -> Change:
    """One change after another."""

    def change(facts: Facts) -> Facts:
        for one in changes:
            facts = one(facts)
        return facts

    return change


def ended(*drugs: str, day: int = -1, **more: Any) -> Change:
    """The drugs (all, where none is named) were last taken on a day."""

    def change(facts: Facts) -> Facts:
        rows = [
            {**row, "end": day, **more} if (not drugs or row["drug"] in drugs) and row.get("end") is None else row
            for row in facts.medications
        ]
        return facts._replace(medications=rows)

    return change


def to_dose(drug: str, dose: float, day: int = 0, **more: Any) -> Change:
    """From a day on another dose."""
    return together(ended(drug, day=day - 1), new(drugs=[{"drug": drug, "dose": dose, "start": day, **more}]))


def without(*names: str) -> Change:
    """What was a mistake is taken off the file: measures, drugs and events of these names."""

    def change(facts: Facts) -> Facts:
        return facts._replace(
            observations=[row for row in facts.observations if row["measure"] not in names],
            medications=[row for row in facts.medications if row["drug"] not in names],
            events=[row for row in facts.events if row["event"] not in names],
        )

    return change


def event(name: str, day: int = 0, **more: Any) -> Row:
    """An event of a day."""
    return {"event": name, "day": day, **more}


def no(*names: str, day: int = 0) -> list[Row]:
    """Said not to be there."""
    return [event(name, day, present="no") for name in names]


class Ending(NamedTuple):
    """A part of a sentence, facts that make it so, and which of the rule's examples it is about.

    Attributes:
        of: subjects or beginnings of titles; every example that is met where none is named.
        days: so many days after the example.
    """

    words: str
    change: Change
    of: tuple[str, ...] = ()
    days: int = 1


HALF_A_STEP = (
    "a later score of the same instrument comes back to within half a step of the reference (CMAS 1.5, MMT8 3, "
    "MMT8 both sides 5.5, MMT total 9.5 points)"
)
QUIET = (
    "enzymes (at most 1.5 times their limit; without weakness CK at most 10 times) and the global (below 3 of 10) "
    "are quiet"
)
HIGH = "(above 30 mg/day, or from 0.5 mg/kg/day on)"
NOT_HIGH = f"the dose has not been high {HIGH} for more than 3 days in a row"
STEROID_NOT_HIGH = f"the steroid dose has not been high {HIGH} for more than 3 days"
BELOW_15 = "the dose has been below 15 mg/day (of a child: 0.25 mg/kg/day) for more than 3 days"
ENDINGS: Mapping[str, Sequence[Ending]] = {
    "active-disease": (
        Ending("strength and function are back", new("mmt8", 80), ("weak", "half", "four weeks")),
        Ending("strength and function are back", new("mmt8", 80, events=no("difficulty_stairs")),
               ("difficulty",)),
        Ending(QUIET,
               together(new("ck", 150, upper_limit=200), new("physician_global", 0), new("mmt8", 50))),
        Ending(QUIET, new("ck", 150, upper_limit=200), ("enzyme",)),
    ),
    "cancer-screening": (
        Ending("what is due is on file", new(events=[event("cancer_screening")])),
        Ending("a cancer is recorded", new(events=[event("cancer")])),
    ),
    "declining-strength": (
        Ending(HALF_A_STEP,
               new("cmas", 40)),
        Ending(HALF_A_STEP,
               new("cmas", 25.5), ("27 of 52",)),
    ),
    "doubtful-value": (
        Ending("the value is corrected", together(without("weight"), new("weight", 65))),
        Ending("marked as entered in error", without("weight")),
    ),
    "drug-safety": (
        Ending("the drug list or the record is corrected",
               together(without("methotrexate"), new(drugs=[{"drug": "methotrexate", "dose": 15, "frequency": "weekly",
                                                             "start": -4}])), ("methotrexate:frequency",)),
        Ending("the drug list or the record is corrected", without("co-trimoxazole"), ("methotrexate+co-trimoxazole",)),
        Ending("a later result lies inside the limit", new("white_cells", 5), ("azathioprine:white_cells",)),
        Ending("a later result lies inside the limit", new("neutrophils", 3), ("prednisone:neutrophils",
                                                                             "methotrexate:neutrophils")),
        Ending("a later result lies inside the limit", new("alt", 30, upper_limit=40), ("methotrexate:alt",)),
        Ending("a later result lies inside the limit", new("platelets", 300), ("methotrexate:platelets",)),
        Ending("the drug ends", ended(), ("methotrexate:frequency", "azathioprine:white_cells", "methotrexate:alt",
                                          "methotrexate:platelets")),
        Ending("the drug ends", ended("co-trimoxazole"), ("methotrexate+co-trimoxazole",)),
        Ending("of a dangerous value: 4 weeks after it, where nothing else is taken", ended(day=-29),
               ("prednisone:neutrophils", "methotrexate:neutrophils"), days=40),
    ),
    "inclusion-body-follow-up": (
        Ending("the answer, also a no, or a value is recorded",
               new("haq", 1, events=no("dysphagia", "fall")), ("follow-up",)),
        Ending("the answer, also a no, or a value is recorded", new(events=no("fall")), ("fall",)),
    ),
    "ivig-trial": (
        Ending("strength from before the first course is on file", new("mmt8", 60, day=-9), ("the first",)),
        Ending("the response is measured against values from before it", new("mmt8", 75), ("sixteen", "nobody")),
        Ending("the dose becomes less", to_dose("ivig", 1, unit="g/kg", frequency="every-4-weeks", route="iv"),
               ("eight",)),
        Ending("immunoglobulin ends and acts no longer", ended(day=-57), ("sixteen", "nobody", "eight"), days=100),
        Ending("immunoglobulin ends and acts no longer", new(), ("clot",), days=42),
    ),
    "lung-function": (
        Ending("a later test lies above the line again", new("fvc_percent", 82), ("fvc_percent",)),
        Ending("a later test lies above the line again", new("dlco_percent", 68), ("dlco_percent",)),
    ),
    "lung-screening": (
        Ending("the examination is on file",
               together(new("fvc_percent", 90, events=[event("chest_ct")]), new("dlco_percent", 90))),
        Ending("lung disease is recorded", new(events=[event(ILD)])),
    ),
    "mda5-lung-disease": (
        Ending("shortness of breath has ended",
               together(new(events=no("dyspnoea")), new("fvc_percent", 90)), ("anti-MDA5 with new",)),
        Ending("later tests of the lung and ferritin are not of that kind any more",
               together(new("ferritin", 200, upper_limit=300), new("fvc_percent", 85), new("oxygen_saturation", 97)),
               ("lung disease", "saturation", "raised")),
    ),
    "missing-prophylaxis": (
        Ending("the protection is on file", new(events=[event("dxa")]), ("bone-density",)),
        Ending("the protection is on file", new(drugs=[{"drug": "cholecalciferol", "dose": 0.02, "start": 0},
                                                       {"drug": "alendronate", "dose": 10, "start": 0},
                                                       {"drug": "atovaquone", "dose": 1500, "start": 0}]),
               ("bone-protection", "pneumocystis", "calcium-vitamin-d")),
        Ending("the dose no longer calls for it", ended("prednisone", day=-15), days=20),
    ),
    "missing-safety-screen": (
        Ending("a result (or the record that it was done) arrives", new("tpmt", 40), ("azathioprine:tpmt",)),
        Ending("a result (or the record that it was done) arrives", new(events=[event("vaccines_updated")]),
               ("methotrexate:vaccines",)),
        Ending("a result (or the record that it was done) arrives", new(events=[event("contraception")]),
               ("mycophenolate mofetil:pregnancy",)),
        Ending("the drug ends", ended()),
    ),
    "no-response-after-pulse": (
        Ending("strength is higher by a step", new("mmt8", 66)),
        Ending("CK at most 0.67 times what it was, than before the pulse", new("ck", 700, upper_limit=200)),
        Ending("a new pulse is given", new(drugs=[{"drug": "methylprednisolone", "dose": 1000, "route": "iv",
                                                   "start": 0, "end": 0, "intent": "pulse"}])),
    ),
    "overdue-assessment": (
        Ending("a strength score of any instrument arrives", new("cmas", 50)),
        Ending("the treatment ends", ended()),
    ),
    "overdue-labs": (
        Ending("a valid result of the test arrives", new("ck", 100, upper_limit=200), ("ck",)),
        Ending("a valid result of the test arrives", new("platelets", 250), ("blood_count",)),
        Ending("a valid result of the test arrives", new("fvc_percent", 80), ("fvc",)),
        Ending("a valid result of the test arrives", new("height", 133), ("growth",)),
        Ending("a valid result of the test arrives", new("crp", 3, upper_limit=5), ("crp",)),
        Ending("what requires it ends", ended(), ("ck", "blood_count", "growth", "crp")),
        Ending("what requires it ends", new(events=[event(ILD, present="no")]), ("fvc",)),
    ),
    "pain-without-weakness": (
        Ending("a later pain score is below 4 of 10", new("pain", 2)),
        Ending("strength or an enzyme is no longer normal", new("mmt8", 65)),
        Ending("strength or an enzyme is no longer normal", new("ck", 900, upper_limit=200)),
    ),
    "plasmapheresis-after-ivig": (
        Ending("the exchange is recorded as not done", new(events=[event("plasmapheresis", -1, present="no")])),
    ),
    "prolonged-high-dose-steroids": (
        Ending(NOT_HIGH, to_dose("prednisone", 5, -3), days=10),
        Ending(NOT_HIGH, ended(day=-4), days=10),
    ),
    "raised-troponin": (
        Ending("a later value of the same kind and assay is at or below its limit",
               new("troponin_t", 14, upper_limit=14), ("troponin_t",)),
        Ending("a later value of the same kind and assay is at or below its limit",
               new("troponin_i", 20, upper_limit=26), ("troponin_i",)),
    ),
    "red-flag-symptoms": (
        Ending("the sign is recorded as absent or ended", new(events=no("dysphagia")), ("dysphagia",)),
        Ending("the sign is recorded as absent or ended", new(events=no("abdominal_pain")), ("abdominal_pain",)),
        Ending("the sign is recorded as absent or ended", new(events=[event("dysphagia", -3, end=-1)]), ("dysphagia",)),
        Ending("a later test is on the safe side of its limit",
               together(new("oxygen_saturation", 97), new("nif", 70), new("fvc_percent", 85),
                        new("ck", 150, upper_limit=200)),
               ("oxygen_saturation", "nif", "fvc_percent", "checkpoint-inhibitor")),
    ),
    "rising-muscle-enzymes": (
        Ending("a later value is within its limit", new("ck", 190, upper_limit=200)),
        Ending("less than 1.5 times the baseline", new("ck", 600, upper_limit=200), ("410",)),
    ),
    "screening-result": (
        Ending("a later result is fine", together(new("anti_hbc", 0), new("tpmt", 40), new("glucose", 90))),
        Ending("the drug ends", ended(), ("TPMT absent", "glucose")),
    ),
    "skin-activity": (
        Ending("a later score comes back to less than 5 points above the patient's own before",
               new("cdasi_activity", 11)),
    ),
    "steroid-monotherapy": (
        Ending("a steroid-sparing agent is on file",
               new(drugs=[{"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": 0}])),
        Ending(BELOW_15, to_dose("prednisone", 10, -3), days=4),
    ),
    "steroid-myopathy-pattern": (
        Ending("strength is regained", new("cmas", 40), ("CMAS", "one lower", "40 mg")),
        Ending("strength is regained", new("mmt8", 70), ("ten days",)),
        Ending("an enzyme rises (very high doses excepted)", new("ck", 900, upper_limit=200),
               ("CMAS", "one lower", "40 mg")),
        Ending(STEROID_NOT_HIGH, to_dose("prednisone", 20, -3),
               ("CMAS", "one lower"), days=4),
        Ending("after 6 weeks at high dose, no steroid is taken any more", ended("prednisone", day=-4),
               ("40 mg",), days=5),
    ),
    "steroid-sparing-not-working": (
        Ending("strength is regained or higher than at the start", new("mmt8", 72)),
        Ending("CK at most 0.67 times what it was", new("ck", 300, upper_limit=200), ("methotrexate",)),
        Ending("the steroid at most 50 % of the dose at the start", to_dose("prednisone", 10), ("methotrexate",)),
        Ending("the drug ended", ended()),
    ),
    "taper-too-fast": (
        Ending("the dose is back within one step", to_dose("prednisone", 55), ("reduction-in-flare",)),
        Ending("the dose is back within one step", new(drugs=[{"drug": "prednisone", "dose": 45, "start": 0}]),
               ("abrupt-stop",)),
        Ending("strength no longer declines", new("cmas", 30), ("reduction-in-flare",)),
    ),
    "transition-to-adult-care": (
        Ending("the plan, later the handover, is recorded", new(events=[event("transition_handover")])),
    ),
    "vaccination": (
        Ending("the drug ends", ended()),
        Ending("the disease is active", together(new("mmt8", 40), new("ck", 4000, upper_limit=200)),
               ("methotrexate-pause",)),
        Ending("the vaccine is recorded as not given", new(events=no("vaccination")),
               ("methotrexate-pause",)),
        Ending("the vaccine is recorded as not given", new(events=no("live_vaccination")),
               ("live-vaccine",)),
    ),
    "worsening": (
        Ending("what was worse is measured again and has come back",
               together(new("physician_global", 2), new("patient_global", 2), new("haq", 1)), ("physician", "three")),
        Ending("what was worse is measured again and has come back", new("fvc_percent", 84), ("vital",)),
        Ending("what was worse is measured again and has come back", new("chaq", 0.5), ("a child",)),
        Ending("the rash, ulcers or loss of weight are recorded as over",
               new(events=no("rash", "skin_ulcers")), ("a new rash", "skin ulcers")),
        Ending("the patient who reported a flare was seen", new("physician_global", 1), ("a flare",)),
    ),
}  # fmt: skip


def about(rule: Rule, ending: Ending) -> list[Example]:
    """The met examples that the ending is about."""
    met = [one for one in rule.examples if one.expect["state"] == MET]
    return [
        one for one in met if not ending.of or one.expect.get("subject") in ending.of or one.title.startswith(ending.of)
    ]


EVERY = [(rule, ending) for rule in all_rules() for ending in ENDINGS.get(rule.key, ())]


@pytest.mark.parametrize("rule", all_rules(), ids=[one.key for one in all_rules()])
def test_every_part_of_the_sentence_stands_in_the_table(rule: Rule) -> None:
    rest = told = rule.facts_that_end(rule.defaults())
    for words in sorted({one.words for one in ENDINGS[rule.key]}, key=len, reverse=True):
        assert words in told, words
        rest = rest.replace(words, "")
    assert re.fullmatch(r"(?:[\s,;()]|\bor\b|\band\b)*", rest), rest


@pytest.mark.parametrize(
    ("rule", "ending"), EVERY, ids=[f"{rule.key}: {ending.words}, {n}" for n, (rule, ending) in enumerate(EVERY)]
)
def test_what_is_said_to_end_an_alert_ends_it(rule: Rule, ending: Ending) -> None:
    examples = about(rule, ending)
    assert examples
    for example in examples:
        subject = str(example.expect["subject"])
        before, after = days_later(example, 0), ending.change(days_later(example, ending.days))
        assert state(rule, subject, before) == MET, example.title
        assert state(rule, subject, after) == NOT_MET, example.title


# ------------------------------------------------------------------------------------------------------------ in time

DAYS = (9, 15, 33, 40, 65, 95, 130, 190, 370, 740, 1170)
"""Days after an example: a little more than the weeks and months that the rules count in."""
IN_TIME: Mapping[str, Sequence[Example]] = {
    "mda5-lung-disease": (
        Example(
            "new lung disease, looked at a month ago",
            observations=({"measure": "fvc_percent", "value": 90, "day": 0},),
            events=(event(ILD, -160),),
            patient={"autoantibodies": "MDA5"},
            expect={"subject": "lung", "state": MET},
        ),
    ),
    "overdue-labs": (
        Example(
            "short of breath for three weeks, and breathing was not tested",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            events=(event("dyspnoea", -25),),
            expect={"subject": "breathing", "state": MET},
        ),
    ),
    "missing-safety-screen": (
        Example(
            "azathioprine for ten days, no blood count from before or since",
            medications=({"drug": "azathioprine", "dose": 150, "start": -10},),
            expect={"subject": "azathioprine:blood_count", "state": MET},
        ),
    ),
    "missing-prophylaxis": (
        Example(
            "40 mg for forty days, then 2.5 mg",
            medications=({"drug": "prednisone", "dose": 40, "start": -60, "end": -20},
                         {"drug": "prednisone", "dose": 2.5, "start": -19}),
            patient={"age_years": 30},
            expect={"subject": "bone-protection", "state": MET},
        ),
    ),
}  # fmt: skip
"""What no worked example of these rules shows."""


ENDS_ON: Mapping[str, Mapping[str, int]] = {
    "cancer-screening": {"dermatomyositis at 62": 1158, "anti-Jo-1 at 35": 1078},
    "doubtful-value": {"6.5 kg at 40 years": 363},
    "drug-safety": {"the drug was stopped five days ago": 24},
    "inclusion-body-follow-up": {"a fall last week": 84},
    "red-flag-symptoms": {
        "difficulty swallowing reported": 181,
        "juvenile dermatomyositis, pain in the abdomen": 182,
        "vital capacity from 90 to 60": 363,
        "pembrolizumab and CK": 161,
    },
    "worsening": {"a flare reported by telephone": 180, "a new rash three months": 181},
    "ivig-trial": {"the first course a week ago": 22, "a clot ten days after": 42},
    "mda5-lung-disease": {"new lung disease": 23},
    "missing-prophylaxis": {"40 mg for forty days": 345},
    "missing-safety-screen": {"azathioprine for ten days": 12},
    "no-response-after-pulse": {"35 days after the pulse": 148},
    "overdue-labs": {"short of breath for three weeks": 66},
    "pain-without-weakness": {"pain 8 of 10": 182},
    "plasmapheresis-after-ivig": {"exchange three days": 29},
    "steroid-myopathy-pattern": {"40 mg for five months": 60, "ten days of methylprednisolone": 8},
    "taper-too-fast": {"60 to 30 mg a week ago": 21, "60 then 50 mg": 18},
    "screening-result": {"hepatitis B core antibody": 125, "weak with a high CK, untreated": 88},
    "vaccination": {"vaccinated last week": 8, "against influenza a week ago": 8, "a live vaccine": 40},
}
"""The examples, by the beginning of their titles, that time alone ends, and how many days later it does."""


def with_more(rule: Rule) -> list[Example]:
    """The met examples of the rule, and those made here."""
    return [one for one in (*rule.examples, *IN_TIME.get(rule.key, ())) if one.expect["state"] == MET]


@pytest.mark.parametrize("rule", all_rules(), ids=[one.key for one in all_rules()])
def test_time_alone_ends_an_alert_only_where_and_when_the_rule_says_so(rule: Rule) -> None:
    ends_on = ENDS_ON.get(rule.key, {})
    assert bool(ends_on) == bool(rule.time_that_ends(rule.defaults()))
    for example in with_more(rule):
        subject = str(example.expect["subject"])
        end = next((day for title, day in ends_on.items() if example.title.startswith(title)), None)
        before = [day for day in DAYS if end is None or day < end]
        if end is not None:
            assert state(rule, subject, days_later(example, end)) == NOT_MET, example.title
            before.append(end - 1)
        assert {state(rule, subject, days_later(example, day)) for day in before} <= {MET, CANNOT_TELL}, example.title


def test_what_ends_an_alert_in_time_is_part_of_what_is_shown() -> None:
    for rule in all_rules():
        shown = rule.ends_when(rule.defaults())
        assert shown.startswith(rule.facts_that_end(rule.defaults()))
        assert shown.endswith(rule.time_that_ends(rule.defaults()))
