"""What `vaccination` says."""

from models.vocabulary import drug
from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("vaccination")


def was_given(case: Case, day: int, *names: str) -> None:
    """The newest record of these kinds says it was given that day."""
    assert any((found := case.happened(name)) and found[-1].present and found[-1].day == day for name in names)


@SAYS("Live vaccine on <day:d> under <what:w>.")
def live(case, day, what):
    was_given(case, day, "live_vaccination")
    assert case.today - day <= 42
    taken = {(row.label.lower() if (row := drug(one.drug)) else one.drug) for one in case.patient.statements
             if one.start <= day}  # fmt: skip
    assert set(what.replace(" and ", ", ").split(", ")) <= taken


@SAYS("Live vaccine on <day:d>, under no immunosuppressant.")
def harmless(case, day):
    was_given(case, day, "live_vaccination")
    assert case.state == "not_met"


BETTER = "without methotrexate for up to <days:i> days after it the body answers better."


def named(case: Case, day: int) -> list[str]:
    """What the records of that day say which vaccine it was."""
    return [one.detail for kind in ("vaccination", "vaccines_updated") for one in case.happened(kind)
            if one.day == day and one.present]  # fmt: skip


@SAYS(f"Vaccination (<which:w>) on <day:d> under methotrexate: {BETTER}", rare=True)
def pause_after(case, which, day, days):
    assert which in named(case, day)
    assert any(word in which.lower() for word in ("influenza", "flu", "grip", "covid", "sars", "corona"))
    assert case.today - day <= days == 14


@SAYS(
    "Vaccination (<which:w>) on <day:d> under methotrexate: a pause was studied for influenza and COVID-19 only.",
    rare=True,
)
def another_vaccine(case, which, day):
    assert which in named(case, day)
    assert not any(word in which.lower() for word in ("influenza", "covid", "sars", "corona"))


@SAYS(
    f"Vaccination on <day:d> under methotrexate: which one is not on file; if against influenza or COVID-19, {BETTER}"
)
def pause(case, day, days):
    was_given(case, day, "vaccination", "vaccines_updated")
    assert "" in named(case, day)
    assert case.today - day <= days == 14
    assert any(one.drug == "methotrexate" for one in case.patient.statements)
    assert not case.patient.is_child()


@SAYS(
    "Vaccination[ (<which:w>)] on <day:d> under methotrexate: the disease is active, no pause is thought of.", rare=True
)
def no_pause(case, which, day):
    was_given(case, day, "vaccination", "vaccines_updated")
    of_activity = ("active-disease", "declining-strength", "red-flag-symptoms", "worsening")
    assert any(one.state == "met" for key in of_activity for one in case.patient.answers_of(key))


@SAYS("call the patient: fever, rash, contact; ask the prescriber and infectious diseases")
def call(case):
    assert (case.subject, case.state) == ("live-vaccine", "met")


ASK = "ask the prescriber whether methotrexate pauses for up to 2 weeks"


@SAYS(ASK, f"write down which vaccine it was; against influenza or COVID-19 {ASK}", rare=True)
def ask(case):
    assert (case.subject, case.state) == ("methotrexate-pause", "met")
