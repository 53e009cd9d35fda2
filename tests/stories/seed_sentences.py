"""What the five pages this program began with ask a clinic to do, one row a sentence, and where the program says it.

The pages are educational and not guidelines; they are told apart here by their numbers and retold in words of our own.
A row has a small patient, for whom the sentence matters, and the card, state or rule in which it has to be found.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.suggestion_cases import ADULT, FALLING, JUVENILE, METHOTREXATE, PREDNISONE, TREATED, ck, cmas, mmt8, steroid

Row = Mapping[str, Any]


def event(name: str, day: int = 0, **more: Any) -> Row:
    """An event of a day."""
    return {"event": name, "day": day, **more}


def value(measure: str, number: Any, day: int = 0, **more: Any) -> Row:
    """A value of a day."""
    return {"measure": measure, "value": number, "day": day, **more}


def weekly(drug: str, dose: float, start: int, **more: Any) -> Row:
    """A weekly drug."""
    return {"drug": drug, "dose": dose, "frequency": "weekly", "start": start, **more}


WEIGHT, OF_A_CHILD = value("weight", 70, -20), value("weight", 30, -10)
PULSE = {"drug": "methylprednisolone", "dose": 1000, "route": "iv", "intent": "pulse"}
IVIG = {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "intent": "infusion"}
INHIBITOR = {"drug": "pembrolizumab", "dose": 200, "frequency": "once", "route": "iv", "start": -30}
AFTER_INHIBITOR = {**ADULT, "diagnosis": "ICI_MYOSITIS"}
ILD = event("interstitial_lung_disease", -400)
WEAK_AND_INFLAMED = (mmt8(50, 0), ck(20), WEIGHT)

PATIENTS: Mapping[str, Mapping[str, Any]] = {
    "the pulse did not help": {
        "patient": ADULT,
        "observations": (mmt8(60, -38), mmt8(58, -2), ck(7, -38), ck(8, -2), WEIGHT),
        "medications": ({**PULSE, "start": -37, "end": -35}, steroid(60, -34), METHOTREXATE),
    },
    "a pulse a month ago, nobody looked": {
        "patient": ADULT,
        "observations": (mmt8(60, -40), ck(7, -40)),
        "medications": ({**PULSE, "start": -32, "end": -30}, steroid(50, -29), METHOTREXATE),
    },
    "after a checkpoint inhibitor": {
        "patient": AFTER_INHIBITOR,
        "observations": (mmt8(70, -20), mmt8(50, -1), ck(20, -1), value("troponin_i", 90, -1, upper_limit=26), WEIGHT),
        "medications": (INHIBITOR, steroid(60, -20)),
        "events": (event("dyspnoea", -2),),
    },
    "a nerve pattern": {
        "patient": ADULT,
        "observations": (mmt8(70, -20), mmt8(50, -1), ck(1, -1), WEIGHT),
        "medications": (METHOTREXATE,),
        "events": (event("areflexia", -1),),
    },
    "a nerve pattern after a checkpoint inhibitor": {
        "patient": AFTER_INHIBITOR,
        "observations": (mmt8(70, -20), mmt8(50, -1), ck(1, -1), WEIGHT),
        "medications": (INHIBITOR,),
        "events": (event("areflexia", -1),),
    },
    "pain, and nothing else": {
        "patient": ADULT,
        "observations": (value("pain", 8), mmt8(80, -28), mmt8(80, 0), ck(0.8, -2)),
        "medications": (METHOTREXATE, PREDNISONE),
    },
    "pain with a high CRP and a statin": {
        "patient": {**ADULT, "age_years": 70},
        "observations": (value("pain", 8), mmt8(80, 0), ck(0.8, -2), value("crp", 60, -2, upper_limit=5),
                         value("esr", 70, -2, upper_limit=20)),
        "medications": (METHOTREXATE, {"drug": "atorvastatin", "dose": 20, "start": -300}),
    },
    "IVIG did not help": {
        "patient": ADULT,
        "observations": (mmt8(60, -125), mmt8(60, -60), mmt8(52, -3), ck(8, -125), ck(9, -3), WEIGHT),
        "medications": ({**IVIG, "start": -120}, steroid(30, -200), METHOTREXATE),
    },
    "IVIG begun last week": {
        "patient": ADULT,
        "observations": (ck(8, -9), WEIGHT),
        "medications": ({**IVIG, "start": -7}, steroid(30, -200), METHOTREXATE),
    },
    "plasma exchange three days after IVIG": {
        "patient": ADULT,
        "medications": ({**IVIG, "frequency": "once", "start": -3},),
        "events": (event("plasmapheresis"),),
    },
    "a marathon": {
        "patient": ADULT,
        "observations": (mmt8(80, -28), mmt8(80, 0), ck(0.8, -60), ck(60)),
        "events": (event("strenuous_exercise", -2),),
    },
    "no tests for eight weeks": {
        "patient": ADULT,
        "observations": (ck(2, -56), value("troponin_i", 5, -56, upper_limit=26), value("crp", 2, -56, upper_limit=5)),
        "medications": ({"drug": "prednisone", "dose": 5, "start": -200},),
    },
    "short of breath for weeks": {
        "patient": ADULT,
        "observations": (mmt8(70, -2), ck(2, -2)),
        "medications": (METHOTREXATE,),
        "events": (event("dyspnoea", -25),),
    },
    "weak with a quiet CK": {
        "patient": ADULT,
        "observations": (mmt8(76, -40), mmt8(60, -10), mmt8(60, -1), ck(0.8, -40), ck(0.8, -1)),
        "medications": (METHOTREXATE,),
    },
    "severely weak, cannot swallow": {
        "patient": ADULT,
        "observations": (mmt8(70, -30), mmt8(40, -1), ck(20, -1), WEIGHT),
        "medications": (steroid(60, -20), METHOTREXATE),
        "events": (event("dysphagia", -2), event("weight_loss", -5), event("rash", -5)),
    },
    "a child, severely weak": {
        "patient": JUVENILE,
        "observations": (cmas(30, -20), cmas(15, -1), ck(20, -1), OF_A_CHILD, value("height", 130, -10)),
        "events": (event("dysphagia", -2),),
    },
    "27 and then 24 of 52": {
        "patient": JUVENILE,
        "observations": (*FALLING, ck(2, -14), ck(2), OF_A_CHILD),
        "medications": TREATED,
    },
    "untreated": {"patient": ADULT, "observations": WEAK_AND_INFLAMED},
    "untreated, with diabetes": {
        "patient": ADULT,
        "observations": WEAK_AND_INFLAMED,
        "events": (event("diabetes", -300),),
    },
    "steroid alone": {"patient": ADULT, "observations": (mmt8(70, -2), ck(3, -2), WEIGHT),
                      "medications": (steroid(40, -20),)},
    "steroid alone on its first day": {"patient": ADULT, "medications": (steroid(60, 0),)},
    "steroid alone, with lung disease": {
        "patient": ADULT,
        "observations": (mmt8(70, -2), ck(3, -2), WEIGHT),
        "medications": (steroid(40, -20),),
        "events": (ILD,),
    },
    "steroid alone, a child": {
        "patient": JUVENILE,
        "observations": (cmas(40, -2), ck(3, -2), OF_A_CHILD, value("height", 130, -10)),
        "medications": (steroid(40, -20),),
    },
    "60 mg for a month": {
        "patient": ADULT,
        "observations": (mmt8(76, -2), ck(1, -2), WEIGHT),
        "medications": (steroid(60, -30), METHOTREXATE),
    },
    "methotrexate for half a year, nobody looked": {
        "patient": ADULT,
        "observations": (mmt8(60, -200), ck(3, -200)),
        "medications": (weekly("methotrexate", 20, -185), steroid(10, -200)),
    },
    "weaker on 15 mg of methotrexate": {
        "patient": ADULT,
        "observations": (mmt8(70, -60), mmt8(70, -30), mmt8(58, -14), mmt8(58, 0), ck(2, -30), ck(5), WEIGHT),
        "medications": (METHOTREXATE, PREDNISONE),
    },
    "not tested for months": {"patient": ADULT, "observations": (mmt8(70, -60),),
                              "medications": (steroid(60, -70), METHOTREXATE)},
    "weak under a long high dose": {
        "patient": ADULT,
        "observations": (mmt8(76, -60), mmt8(76, -40), mmt8(60, -14), mmt8(60, 0), ck(0.5, -30), ck(0.5),
                         value("crp", 2, 0, upper_limit=5)),
        "medications": (steroid(60, -45), METHOTREXATE),
    },
    "weak after ten days of very high doses": {
        "patient": ADULT,
        "observations": (mmt8(70, -14), mmt8(50, 0), ck(4)),
        "medications": ({"drug": "methylprednisolone", "dose": 240, "route": "iv", "start": -9, "end": 0},),
    },
    "inclusion body myositis": {
        "patient": {**ADULT, "diagnosis": "IBM"},
        "observations": (mmt8(70, -14), mmt8(60, 0), ck(3, -14), ck(3)),
        "medications": (METHOTREXATE, PREDNISONE),
    },
    "anti-HMGCR, steroid alone": {
        "patient": {**ADULT, "diagnosis": "IMNM", "autoantibodies": "HMGCR"},
        "observations": (mmt8(50, 0), ck(30), WEIGHT),
        "medications": (steroid(60, -10),),
    },
    "lung disease getting worse": {
        "patient": ADULT,
        "observations": (value("fvc_percent", 85, -100), value("fvc_percent", 70, -1), mmt8(78, -2), ck(1, -2), WEIGHT),
        "medications": (PREDNISONE, {"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily",
                                     "start": -300}),
        "events": (ILD,),
    },
    "osteoporosis under a steroid": {
        "patient": ADULT,
        "observations": (mmt8(78, -2), ck(1, -2)),
        "medications": (steroid(20, -120), METHOTREXATE),
        "events": (event("osteoporosis", -200),),
    },
    "a young woman begins methotrexate": {
        "patient": {**ADULT, "age_years": 30},
        "medications": (weekly("methotrexate", 15, -10),),
    },
    "a child under a steroid for a year": {
        "patient": JUVENILE,
        "observations": (value("height", 130, -210),),
        "medications": (steroid(5, -400),),
    },
    "skin worse": {
        "patient": ADULT,
        "observations": (value("cdasi_activity", 12, -180), value("cdasi_activity", 14, -90),
                         value("cdasi_activity", 24, -2)),
        "medications": (METHOTREXATE,),
    },
}  # fmt: skip


class Card(NamedTuple):
    """A suggestion, and words that stand on it."""

    key: str
    words: tuple[str, ...] = ()


class Answered(NamedTuple):
    """A rule that is met, for which subject, and words of its explanation or of what it says to do."""

    rule: str
    subject: str
    words: tuple[str, ...] = ()


class Branch(NamedTuple):
    """The state of the patient, and suggestions that are not made in it."""

    state: str
    without: tuple[str, ...] = ()


class Switched(NamedTuple):
    """A test that a site switches on: the rule's setting, and the subject that is then asked for."""

    rule: str
    setting: Mapping[str, Any]
    subject: str


class Sentence(NamedTuple):
    """One thing a page asks for.

    Attributes:
        seed: number of the page.
        asks: what it asks for, in our words.
        patient: name of the patient in `PATIENTS`.
        found: where the program says it.
    """

    seed: int
    asks: str
    patient: str
    found: Card | Answered | Branch | Switched


ESCALATIONS = (
    "add-ivig",
    "consider-rituximab",
    "consider-pulse",
    "consider-plasmapheresis",
    "consider-cyclophosphamide",
)
NO_PULSE_EFFECT, ICI, NERVE = "the pulse did not help", "after a checkpoint inhibitor", "a nerve pattern"
NERVE_ICI, PAIN = "a nerve pattern after a checkpoint inhibitor", "pain, and nothing else"
SEVERE, SEED_CASE, ALONE = "severely weak, cannot swallow", "27 and then 24 of 52", "steroid alone"
MYOPATHY, FIRST = "weak under a long high dose", "untreated"

SENTENCES: Sequence[Sentence] = (
    # 0: pain or weakness after a pulse that did not help
    Sentence(0, "after a pulse without effect add immunoglobulin", NO_PULSE_EFFECT,
             Card("add-ivig", ("1 to 2 g/kg", "2 to 5 days"))),
    Sentence(0, "or exchange plasma", NO_PULSE_EFFECT, Card("consider-plasmapheresis")),
    Sentence(0, "go on with the steroid meanwhile", NO_PULSE_EFFECT, Card("add-ivig", ("go on with the steroid",))),
    Sentence(0, "have neurology see the patient soon", NO_PULSE_EFFECT, Card("refer-neurology", ("Neurology",))),
    Sentence(0, "think of myositis from a checkpoint inhibitor", ICI, Branch("ici_myositis")),
    Sentence(0, "think of a nerve disease", NERVE, Branch("gbs_pattern")),
    Sentence(0, "think of a cause that is not inflammation", PAIN, Branch("pain_non_inflammatory", ESCALATIONS)),
    Sentence(0, "weakness with raised CK is myositis and is treated", SEVERE, Branch("true_myositis")),
    Sentence(0, "exchange acts fastest", ICI, Card("consider-plasmapheresis", ("acts fastest",))),
    Sentence(0, "methylprednisolone 1 to 2 mg/kg a day goes on", ICI, Card("consider-pulse", ("1 to 2 mg/kg/day",))),
    Sentence(0, "troponin, ECG and echocardiogram at once", NO_PULSE_EFFECT,
             Card("refer-neurology", ("troponin I, ECG, echocardiogram",))),
    Sentence(0, "with the heart involved the inhibitor stops for good", ICI,
             Card("ici-stop-review", ("Permanent stop",))),
    Sentence(0, "admit to a monitored setting", ICI, Card("ici-stop-review", ("monitored setting",))),
    Sentence(0, "no exchange right after immunoglobulin", "plasma exchange three days after IVIG",
             Answered("plasmapheresis-after-ivig", "plasmapheresis")),
    Sentence(0, "no exchange right after immunoglobulin", "plasma exchange three days after IVIG",
             Card("exchange-before-ivig", ("exchange",))),
    Sentence(0, "a nerve disease: immunoglobulin 0.4 g/kg a day for five days", NERVE,
             Card("add-ivig", ("0.4 g/kg/day", "for 5 days"))),
    Sentence(0, "a nerve disease: or exchange", NERVE, Card("consider-plasmapheresis")),
    Sentence(0, "steroid alone does not help a nerve disease of its own", NERVE,
             Card("add-ivig", ("Steroid alone does not help the idiopathic form",))),
    Sentence(0, "no pulse in a nerve disease of its own", NERVE, Branch("gbs_pattern", ("consider-pulse",))),
    Sentence(0, "after an inhibitor 2 to 4 mg/kg of methylprednisolone", NERVE_ICI,
             Card("consider-pulse", ("2 to 4 mg/kg/day",))),
    Sentence(0, "or a pulse beside the other treatment", NERVE_ICI,
             Card("consider-pulse", ("1000 mg/day for 5 days", "alongside IVIG or plasma exchange"))),
    Sentence(0, "inspiratory force and vital capacity again and again", NERVE,
             Card("add-ivig", ("NIF and vital capacity several times a day",))),
    Sentence(0, "examine the nerves again and again", NERVE, Card("refer-neurology", ("Repeated examination",))),
    Sentence(0, "pain without weakness: no more immunosuppression", PAIN,
             Card("explain-pain", ("does not call for more immunosuppression",))),
    Sentence(0, "pain without weakness: look at the enzymes", PAIN,
             Card("explain-pain", ("Aldolase", "AST", "ALT", "LDH"))),
    Sentence(0, "fibromyalgia: duloxetine 30, then 60 mg", PAIN,
             Card("explain-pain", ("duloxetine", "then 60 mg/day"))),
    Sentence(0, "duloxetine takes weeks", PAIN, Card("explain-pain", ("effect after 2 to 4 weeks",))),
    Sentence(0, "polymyalgia: 10 to 20 mg and no pulse", "pain with a high CRP and a statin",
             Card("explain-pain", ("10 to 20 mg/day, no pulse",))),
    Sentence(0, "look for a statin", "pain with a high CRP and a statin", Card("review-statin", ("Pause the statin",))),
    Sentence(0, "rituximab where immunoglobulin or exchange failed", "IVIG did not help", Card("consider-rituximab")),
    Sentence(0, "rituximab acts for long: care", "IVIG did not help",
             Card("consider-rituximab", ("effect lasts for months",))),
    Sentence(0, "a lasting agent beside it", ICI,
             Card("add-steroid-sparing-agent", ("Methotrexate", "Azathioprine", "Mycophenolate"))),
    Sentence(0, "that they help after an inhibitor is not shown", ICI,
             Card("add-steroid-sparing-agent", ("not established",))),
    Sentence(0, "a CK of exercise needs no treatment", "a marathon", Branch("exercise_ck", ESCALATIONS)),
    Sentence(0, "a CK of exercise is repeated after rest", "a marathon", Card("repeat-ck-after-rest", ("rest",))),
    Sentence(0, "always look at the heart", "no tests for eight weeks", Answered("overdue-labs", "troponin")),
    Sentence(0, "CK every four to six weeks", "no tests for eight weeks", Answered("overdue-labs", "ck")),
    Sentence(0, "inflammation every four to six weeks", "no tests for eight weeks", Answered("overdue-labs", "crp")),
    Sentence(0, "lung function at symptoms", "short of breath for weeks", Answered("overdue-labs", "breathing")),
    Sentence(0, "lung function at symptoms", "short of breath for weeks",
             Card("respiratory-assessment", ("FVC and NIF now",))),
    Sentence(0, "EMG and MRI where it stays unclear", "weak with a quiet CK", Card("collect-first", ("MRI", "EMG"))),
    Sentence(0, "a biopsy where it stays unclear", "weak with a quiet CK", Card("collect-first", ("biopsy",))),
    # 1: the pulse
    Sentence(1, "a pulse for severe weakness", SEVERE, Card("consider-pulse", ("Severe weakness",))),
    Sentence(1, "a pulse where swallowing and aspiration are a danger", SEVERE, Card("swallow-assessment")),
    Sentence(1, "250 to 1000 mg on one to five days", SEVERE,
             Card("consider-pulse", ("250 to 1000 mg/day on 1 to 5 days",))),
    Sentence(1, "always beside another immunosuppressant", SEVERE,
             Card("consider-pulse", ("Together with a steroid-sparing agent or IVIG, not alone",))),
    Sentence(1, "severe juvenile disease: a pulse before tablets", "a child, severely weak",
             Card("consider-pulse", ("10 to 30 mg/kg/day", "acts faster than a higher daily dose"))),
    Sentence(1, "strength is judged after four to six weeks", "a pulse a month ago, nobody looked",
             Card("check-response-after-pulse", ("4 to 6 weeks later", "a strength score"))),
    Sentence(1, "strength is judged after four to six weeks", NO_PULSE_EFFECT,
             Answered("no-response-after-pulse", "pulse")),
    Sentence(1, "afterwards steroid by mouth with an agent", SEVERE,
             Card("consider-pulse", ("Afterwards steroid by mouth with a steroid-sparing agent",))),
    Sentence(1, "0.5 to 1 mg/kg of prednisone, 60 to 80 mg", FIRST,
             Card("start-first-line-treatment", ("0.5 to 1 mg/kg/day, at most 80 mg/day",))),
    Sentence(1, "an agent at the same time", FIRST, Card("start-first-line-treatment", ("start together",))),
    Sentence(1, "taper after two to four weeks", "60 mg for a month", Card("start-taper", ("no taper begun",))),
    Sentence(1, "10 mg less every two weeks to 30, then 5, then 2.5", "60 mg for a month",
             Card("start-taper", ("minus 10 mg every 2 weeks to 30, minus 5 to 20, then minus 2.5",))),
    Sentence(1, "immunoglobulin among what goes with it", SEVERE, Card("add-ivig", ("go on with the steroid",))),
    Sentence(1, "rituximab among what goes with it", SEVERE, Card("add-ivig", ("Rituximab",))),
    Sentence(1, "ciclosporin among what goes with it", SEVERE, Card("add-ivig", ("Ciclosporin",))),
    Sentence(1, "cyclophosphamide among what goes with it", "lung disease getting worse",
             Card("consider-cyclophosphamide")),
    Sentence(1, "methotrexate from the start in juvenile disease", "a child, severely weak",
             Card("start-first-line-treatment", ("Methotrexate",))),
    Sentence(1, "enzymes at intervals", "no tests for eight weeks", Answered("overdue-labs", "ck", ("overdue",))),
    Sentence(1, "MRI with and without fat suppression for the response", "a pulse a month ago, nobody looked",
             Card("check-response-after-pulse", ("MRI (T1, T2 with fat suppression)",))),
    Sentence(1, "strength by a standard test, at intervals", "not tested for months",
             Answered("overdue-assessment", "strength")),
    Sentence(1, "sugar and blood pressure around a pulse", SEVERE,
             Card("consider-pulse", ("glucose, blood pressure and potassium",))),
    Sentence(1, "watch for harm of long steroid: sugar", "no tests for eight weeks",
             Switched("overdue-labs", {"steroid_tests": "yes"}, "glucose")),
    Sentence(1, "watch for harm of long steroid: blood pressure", "no tests for eight weeks",
             Switched("overdue-labs", {"steroid_tests": "yes"}, "blood_pressure")),
    Sentence(1, "watch for harm of long steroid: weight", "no tests for eight weeks",
             Switched("overdue-labs", {"steroid_tests": "yes"}, "weight")),
    Sentence(1, "watch for harm of long steroid: lipids", "no tests for eight weeks",
             Switched("overdue-labs", {"steroid_tests": "yes"}, "lipids")),
    Sentence(1, "watch for harm of long steroid: the eye", "60 mg for a month", Card("start-taper", ("eyes",))),
    Sentence(1, "watch for harm of long steroid: growth", "a child under a steroid for a year",
             Answered("overdue-labs", "growth")),
    Sentence(1, "watch for harm of long steroid: muscle", MYOPATHY,
             Answered("steroid-myopathy-pattern", "steroid myopathy")),
    Sentence(1, "watch for harm of long steroid: bone", "osteoporosis under a steroid",
             Answered("missing-prophylaxis", "bone-protection")),
    Sentence(1, "begin early", FIRST,
             Card("start-first-line-treatment", ("Early treatment goes with better function",))),
    Sentence(1, "necrotising myopathy asks for more", "anti-HMGCR, steroid alone",
             Card("add-steroid-sparing-agent", ("Necrotising myopathy", "IVIG early"))),
    Sentence(1, "high-dose steroid first after a checkpoint inhibitor", ICI,
             Card("consider-pulse", ("Methylprednisolone",))),
    # 2: strength falls under methotrexate and steroid
    Sentence(2, "27 then 24 of 52 is a fall", SEED_CASE, Answered("declining-strength", "cmas", ("27", "24"))),
    Sentence(2, "add immunoglobulin and keep the rest", SEED_CASE,
             Card("add-ivig", ("Add IVIG and go on with the steroid and the steroid-sparing agent",))),
    Sentence(2, "1 to 2 g/kg, every month", SEED_CASE, Card("add-ivig", ("1 to 2 g/kg", "every 28 days"))),
    Sentence(2, "is the treatment adequate, first", SEED_CASE,
             Card("add-ivig", ("taken and absorbed", "doses are right"))),
    Sentence(2, "an agent that does not do is seen", "weaker on 15 mg of methotrexate",
             Answered("steroid-sparing-not-working", "methotrexate")),
    Sentence(2, "or a TNF blocker, in juvenile disease", SEED_CASE, Card("add-ivig", ("Infliximab or adalimumab",))),
    Sentence(2, "or high-dose methotrexate, ciclosporin and immunoglobulin", SEED_CASE,
             Card("add-ivig", ("High-dose methotrexate with ciclosporin and IVIG together",))),
    Sentence(2, "measure strength, skin, function and enzymes all along", "IVIG begun last week",
             Answered("ivig-trial", "response", ("strength, both globals, function, skin and enzymes",))),
    Sentence(2, "the skin is followed", "skin worse", Answered("skin-activity", "cdasi_activity")),
    Sentence(2, "inflammation is followed", "no tests for eight weeks", Answered("overdue-labs", "crp")),
    Sentence(2, "rituximab where immunoglobulin fails", SEED_CASE, Card("add-ivig", ("Rituximab where IVIG failed",))),
    Sentence(2, "mycophenolate where immunoglobulin fails", SEED_CASE,
             Card("add-ivig", ("Mycophenolate where IVIG failed",))),
    Sentence(2, "ciclosporin where immunoglobulin fails", SEED_CASE,
             Card("add-ivig", ("Ciclosporin where IVIG failed",))),
    Sentence(2, "no fast taper in a flare", SEED_CASE, Card("avoid-rapid-taper", ("do not cut it fast",))),
    Sentence(2, "rheumatology, physiotherapy, dermatology together", SEED_CASE,
             Card("add-ivig", ("Rheumatology with physiotherapy, and dermatology",))),
    Sentence(2, "breathing and swallowing are what is to be spared", SEVERE,
             Answered("red-flag-symptoms", "dysphagia")),
    # 3: myopathy from the steroid itself
    Sentence(3, "train endurance, and muscles stronger than gravity", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("aerobic", "resistance only for muscles stronger than gravity"))),
    Sentence(3, "move and stretch the joints", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("Range of motion, stretching",))),
    Sentence(3, "balance, transfers and walking", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("balance training, transfers and walking",))),
    Sentence(3, "no hard training", MYOPATHY, Card("reduce-steroid-for-myopathy", ("no high-intensity training",))),
    Sentence(3, "aids for daily life", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("aids through occupational therapy",))),
    Sentence(3, "change the dose with whoever prescribes it", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("together with its prescriber",))),
    Sentence(3, "breathing muscles: a lung physician", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("breathing muscles can be affected; a lung physician",))),
    Sentence(3, "other causes: a neurologist", MYOPATHY, Card("reduce-steroid-for-myopathy", ("neurologist",))),
    Sentence(3, "the programme: a physician of rehabilitation", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("physician of rehabilitation",))),
    Sentence(3, "the acute form: less steroid or none, when possible", "weak after ten days of very high doses",
             Card("reduce-steroid-for-myopathy", ("reduce or stop when possible",))),
    Sentence(3, "the long form: below 30 mg a day", MYOPATHY,
             Card("reduce-steroid-for-myopathy", ("below 30 mg/day",))),
    Sentence(3, "no more steroid for this weakness", MYOPATHY, Branch("steroid_myopathy_possible", ESCALATIONS)),
    # 4: the whole treatment
    Sentence(4, "steroid and an agent together, from day one", FIRST,
             Card("start-first-line-treatment", ("steroid and a steroid-sparing agent start together",))),
    Sentence(4, "never steroid alone", "steroid alone on its first day", Answered("steroid-monotherapy", "steroids")),
    Sentence(4, "do not put the agent off", ALONE,
             Card("add-steroid-sparing-agent", ("starts together with the steroid",))),
    Sentence(4, "one dose in the morning, two to four weeks, then less", FIRST,
             Card("start-first-line-treatment", ("single morning dose, taper after 2 to 4 weeks",))),
    Sentence(4, "nearer 1 mg/kg where a relapse is likely", FIRST,
             Card("start-first-line-treatment", ("Nearer the upper end where a relapse is likely",))),
    Sentence(4, "nearer 0.5 mg/kg with diabetes, osteoporosis, glaucoma", "untreated, with diabetes",
             Card("start-first-line-treatment", ("nearer the lower end",))),
    Sentence(4, "severe weakness or trouble swallowing: a pulse beside it", SEVERE,
             Card("consider-pulse", ("250 to 1000 mg",))),
    Sentence(4, "methotrexate 15 mg a week with folic acid, to 25 mg", ALONE,
             Card("add-steroid-sparing-agent",
                  ("15 mg once a week with folic acid 1 mg/day, to 25 mg a week in 3 to 6 months",))),
    Sentence(4, "the target of methotrexate is reached", "weaker on 15 mg of methotrexate",
             Card("optimise-methotrexate", ("towards 25 mg once a week",))),
    Sentence(4, "methotrexate rather without lung disease", "steroid alone, with lung disease",
             Card("add-steroid-sparing-agent", ("Lung disease on file: azathioprine or mycophenolate preferred",))),
    Sentence(4, "azathioprine to 2 mg/kg after TPMT", ALONE,
             Card("add-steroid-sparing-agent", ("to 2 mg/kg/day of ideal body weight", "TPMT first"))),
    Sentence(4, "azathioprine for lung disease or a planned pregnancy", ALONE,
             Card("add-steroid-sparing-agent", ("azathioprine for a planned pregnancy",))),
    Sentence(4, "mycophenolate from 500 mg twice a day", ALONE,
             Card("add-steroid-sparing-agent", ("500 mg twice a day to start",))),
    Sentence(4, "mycophenolate for lung disease", ALONE,
             Card("add-steroid-sparing-agent", ("mycophenolate for lung disease",))),
    Sentence(4, "agents take three to six months", ALONE,
             Card("add-steroid-sparing-agent", ("3 to 6 months to work",))),
    Sentence(4, "60, 40, 30, 25, 20 mg, then 2.5 less every two weeks", "60 mg for a month",
             Card("start-taper", ("60, 40, 30, 25, 20 mg, 2 weeks each, then minus 2.5 every 2 weeks",))),
    Sentence(4, "no high dose beyond two to four weeks", "60 mg for a month",
             Answered("prolonged-high-dose-steroids", "steroids")),
    Sentence(4, "immunoglobulin 1 to 2 g/kg, by ideal weight too", SEVERE,
             Card("add-ivig", ("1 to 2 g/kg", "ideal body weight"))),
    Sentence(4, "immunoglobulin for trouble swallowing", SEVERE, Card("add-ivig", ("dysphagia",))),
    Sentence(4, "immunoglobulin for loss of weight", SEVERE, Card("add-ivig", ("weight_loss",))),
    Sentence(4, "immunoglobulin for a severe rash", SEVERE, Card("add-ivig", ("'rash'",))),
    Sentence(4, "rituximab 1000 mg twice, two weeks apart", "IVIG did not help",
             Card("consider-rituximab", ("1000 mg twice, 14 days apart",))),
    Sentence(4, "cyclophosphamide every four weeks for 3 to 6, up to 12 months", "lung disease getting worse",
             Card("consider-cyclophosphamide", ("every 4 weeks for 3 to 6 months, up to 12",))),
    Sentence(4, "calcineurin inhibitors last: pressure and kidneys", "IVIG did not help",
             Card("consider-rituximab", ("Ciclosporin or tacrolimus; blood pressure and kidneys",))),
    Sentence(4, "anti-HMGCR: never steroid alone", "anti-HMGCR, steroid alone",
             Card("add-steroid-sparing-agent", ("never steroid alone",))),
    Sentence(4, "inclusion body myositis is resistant", "inclusion body myositis",
             Card("ibm-no-escalation", ("immunosuppression rarely changes it",))),
    Sentence(4, "inclusion body myositis: a trial is possible when it is new", "inclusion body myositis",
             Card("ibm-no-escalation", ("time-limited trial of prednisone with methotrexate",))),
    Sentence(4, "children: 2 mg/kg, at most 60 mg", "a child, severely weak",
             Card("start-first-line-treatment", ("1 to 2 mg/kg/day, at most 60 mg/day",))),
    Sentence(4, "children: methotrexate 15 mg/m² under the skin", "steroid alone, a child",
             Card("add-steroid-sparing-agent", ("15 to 20 mg/m² once a week subcutaneously",))),
    Sentence(4, "strength and CK at intervals", "not tested for months", Answered("overdue-labs", "ck")),
    Sentence(4, "function is part of the look", "methotrexate for half a year, nobody looked",
             Card("check-response-to-sparing-agent", ("Strength, CK, function",))),
    Sentence(4, "MRI for inflammation", "methotrexate for half a year, nobody looked",
             Card("check-response-to-sparing-agent", ("MRI (T1, T2 with fat suppression)",))),
    Sentence(4, "a bone density scan", "osteoporosis under a steroid", Answered("missing-prophylaxis", "bone-density")),
    Sentence(4, "calcium and vitamin D", "osteoporosis under a steroid",
             Answered("missing-prophylaxis", "calcium-vitamin-d")),
    Sentence(4, "a bisphosphonate in osteoporosis", "osteoporosis under a steroid",
             Card("add-bone-protection", ("A bisphosphonate",))),
    Sentence(4, "Pneumocystis under several immunosuppressants", "osteoporosis under a steroid",
             Answered("missing-prophylaxis", "pneumocystis")),
    Sentence(4, "vaccines before immunosuppression", "a young woman begins methotrexate",
             Answered("missing-safety-screen", "methotrexate:vaccines")),
    Sentence(4, "hepatitis B before methotrexate", "a young woman begins methotrexate",
             Answered("missing-safety-screen", "methotrexate:hepatitis_b_surface_antigen")),
    Sentence(4, "hepatitis C before methotrexate", "a young woman begins methotrexate",
             Answered("missing-safety-screen", "methotrexate:hepatitis_c_antibody")),
    Sentence(4, "liver tests before methotrexate", "a young woman begins methotrexate",
             Answered("missing-safety-screen", "methotrexate:transaminases")),
    Sentence(4, "contraception under methotrexate", "a young woman begins methotrexate",
             Answered("missing-safety-screen", "methotrexate:pregnancy", ("contraception",))),
)  # fmt: skip
