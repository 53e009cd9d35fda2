"""What `inclusion-body-follow-up` says."""

from tests.jobs.rules.sentences.claims import Case, Says, day_of

SAYS = Says("inclusion-body-follow-up")
STRENGTH = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
WORDS_ON = {
    "swallowing": ("dysphagia", "swallow_assessment"),
    "falls": ("fall",),
    "function": ("difficulty_rising", "difficulty_stairs", "difficulty_lifting_arms", "difficulty_walking",
                 "difficulty_neck", "haq", *STRENGTH),
    "breathing": ("fvc_percent",),
}  # fmt: skip


def newest(case: Case, subject: str) -> int | None:
    """The day of the newest word on what is followed."""
    days = [one.day for name in WORDS_ON[subject] for one in (*case.happened(name), *case.values(name))]
    return max(days, default=None)


def is_ours(case: Case) -> None:
    assert case.patient.diagnosis == "IBM"


@SAYS("Inclusion body myositis: a fall on <day:d>.")
def fell(case, day):
    is_ours(case)
    last = case.happened("fall")[-1]
    assert (last.day, last.present) == (day, True)
    assert case.state == ("met" if case.today - day <= 90 else "not_met")


@SAYS("Inclusion body myositis: no fall on <day:d>.")
def did_not_fall(case, day):
    last = case.happened("fall")[-1]
    assert (last.day, last.present, case.state) == (day, False, "not_met")


@SAYS("Follow-up of inclusion body myositis: nothing is on file to count from.", rare=True)
def nothing(case):
    is_ours(case)
    assert not case.patient.statements
    assert not case.patient.happenings


@SAYS("Follow-up of inclusion body myositis: the next is due on <due:d>.")
def not_yet(case, due):
    is_ours(case)
    assert due == case.answer.due >= case.today


@SAYS("Follow-up of inclusion body myositis is due since <due:d>: <what:w>.")
def is_due(case, due, what):
    is_ours(case)
    assert due == case.answer.due < case.today
    for part in what.split(", "):
        subject, said = part.rstrip(")").split(" (")
        day = newest(case, subject)
        assert (day is None) == (said == "nothing on file")
        if day is not None:
            assert said == f"last on {said.removeprefix('last on ')}"
            assert day_of(said.removeprefix("last on ")) == day
            assert case.today - day > (365 if subject == "breathing" else 182)


@SAYS("physiotherapy, aids and the home; knee and ankle weakness; bone density")
def help_after_fall(case):
    assert (case.subject, case.state) == ("fall", "met")


@SAYS("record since when the diagnosis is known", rare=True)
def since_when(case):
    assert case.state == "cannot_tell"


@SAYS("<what:w>; record the answer, also where it is no")
def ask(case, what):
    assert case.state == "met"
    assert len(what.split("; ")) == len(case.numbers("subjects").split(";"))
