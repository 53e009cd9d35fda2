"""What `lung-screening` says."""

from jobs.asked_for import asked_for
from models.patient_facts import day_number
from models.vocabulary import autoantibodies
from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("lung-screening")
DISEASE = "interstitial_lung_disease"
TESTS = {"FVC": "fvc_percent", "DLCO": "dlco_percent"}


def endangers(case: Case, why: str) -> None:
    """Anti-MDA5 before the antibodies of the syndrome, these before the syndrome itself."""
    codes = case.patient.autoantibodies.split(";")
    of_syndrome = [code for code in codes if code in autoantibodies() and autoantibodies()[code].group == "ASYS"]
    if "MDA5" in codes:
        assert why == "Anti-MDA5"
    elif of_syndrome:
        assert why == autoantibodies()[of_syndrome[0]].label
    else:
        assert (why, case.patient.diagnosis) == ("Antisynthetase syndrome", "ASYS")


def goes_on(case: Case) -> bool:
    """Whether the newest word on lung disease is that it is there."""
    records = case.happened(DISEASE)
    return bool(records) and records[-1].present and (records[-1].end is None or records[-1].end >= case.today)


def begun(case: Case) -> int | None:
    """The day of the diagnosis, else of the first drug."""
    if case.patient.diagnosed_on:
        return day_number(case.patient.diagnosed_on)
    return min((one.start for one in case.patient.statements), default=None)


def newest(case: Case, event: str) -> int | None:
    return max((min(one.end if one.end is not None else one.day, case.today) for one in case.happened(event)
                if one.present), default=None)  # fmt: skip


def due_days(case: Case) -> dict[str, tuple[int | None, int]]:
    """Of each examination that is asked for: the day it was last done, and the day it is (or was) due."""
    start = begun(case)
    assert start is not None
    found: dict[str, tuple[int | None, int]] = {}
    if newest(case, "chest_ct") is None and case.today - start <= 1095:
        found["chest CT"] = (None, start)
    closely = "MDA5" in case.patient.autoantibodies.split(";") and case.today - start <= 365
    for label, key in TESTS.items():
        done = [one.day for one in case.values(key)]
        done += [one.reading.day for one in case.patient.doubtful() if one.reading.measure == key]
        tried = [one.day for one in case.patient.not_done if one.measure == key]
        last = max((*done, *tried), default=None)
        found[label] = (max(done, default=None), start if last is None else last + (91 if closely else 365))
    return found


def late(case: Case) -> dict[str, tuple[int | None, int]]:
    """What is asked for: two months after it was due, and by no other alert."""
    elsewhere = asked_for(case.patient, ("overdue-labs",))
    return {
        label: (last, due)
        for label, (last, due) in due_days(case).items()
        if case.today > due + 60 and TESTS.get(label, "chest_ct") not in elsewhere
    }


ONE = Says("an examination")


@ONE("<what:w> (none on file[ but the CT of neck, chest, abdomen and pelvis on <other:d>]; due <due:d>)")
def never(case, what, due, other=None):
    assert late(case)[what] == (None, due)
    assert what == "chest CT" or other is None
    assert what != "chest CT" or other == newest(case, "ct_neck_to_pelvis")


@ONE("<what:w> (last <last:d>; due <due:d>)")
def again(case, what, last, due):
    assert late(case)[what] == (last, due)


def are_late(case: Case, said: str) -> None:
    """The examinations named are those that are late, each as it is told."""
    parts = [part if part.endswith(")") else part + ")" for part in said.split("), ")]
    assert [part.split(" (")[0] for part in parts] == list(late(case))
    for part in parts:
        ONE.hold(Case(case.patient, case.rule, case.answer, part))


@SAYS("<why:w> goes with lung disease, and <none:w> on file[<on:w>]. Due: <said:w>.")
def is_due(case, why, none, said, on=None):
    endangers(case, why)
    assert not goes_on(case)
    ever = any(one.present for one in case.happened(DISEASE))
    assert (none, on) == (("none", " goes on") if ever else ("none is", None))
    are_late(case, said)


@SAYS("<why:w>, look for lung disease: <said:w>")
def line(case, why, said):
    endangers(case, why)
    are_late(case, said)


@SAYS(
    "<why:w>: nothing is overdue of what looks for lung disease[ but what other alerts ask for (<others:w>)].",
    rare=True,
)
def in_time(case, why, others):
    endangers(case, why)
    assert not late(case)
    assert set((others or "").split(", ")) - {""} <= {"FVC", "DLCO"}


@SAYS("<why:w>: lung disease is on file, lung function is asked for among the tests that are due.")
def known(case, why):
    endangers(case, why)
    assert goes_on(case)
    assert {"fvc", "dlco"} <= {one.subject for one in case.patient.answers_of("overdue-labs")}


@SAYS("<why:w>: whether the lung was looked at in time cannot be told: neither the day of the diagnosis nor any "
      "treatment is on file.")  # fmt: skip
def undated(case, why):
    endangers(case, why)
    assert begun(case) is None


@SAYS("order it, or record where and when it was done")
def order(case):
    assert late(case)


@SAYS("record the day of the diagnosis")
def record(case):
    assert case.patient.diagnosed_on is None


SAYS.parts = (ONE,)
