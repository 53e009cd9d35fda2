"""What `doubtful-value` says."""

from models.patient_facts import Reading
from models.vocabulary import measures
from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("doubtful-value")


def held_back(case: Case) -> Reading:
    """The newest value of the measure that is held back."""
    return next(one.reading for one in reversed(case.patient.doubtful()) if one.reading.measure == case.subject)


def is_value(case: Case, words: str) -> None:
    """Label, value, unit, and where told the limit and the age, are those on file."""
    one, known = held_back(case), measures()[case.subject]
    shown = f"{one.value:g}" if one.value >= 1 else f"{one.value:.3g}"
    rest = words.removeprefix(f"{known.label} {shown} {known.unit}").strip()
    assert rest != words
    if rest.startswith("with an upper limit of"):
        assert rest == f"with an upper limit of {one.limit:g}"
    elif rest:
        assert rest == f"at {case.patient.age} years" or rest.startswith("at ")


@SAYS(
    "<value:w> cannot be: is it in <unit:w>?", "<value:w> cannot be: is the value, its decimal point or its unit wrong?"
)
def cannot_be(case, value, unit=None):
    is_value(case, value)


@SAYS("<value:w> cannot follow <before:n> <unit:w> of <day:d>: which of the two is right?")
def cannot_follow(case, value, before, unit, day):
    is_value(case, value)
    assert unit == measures()[case.subject].unit
    held = [one.reading for one in case.patient.doubtful() if one.reading.measure == case.subject]
    on_file = [*case.values(case.subject), *held]
    assert any(one.day == day and abs(one.value - before) < 1e-4 for one in on_file)


@SAYS("<value:w> cannot have been followed by <first:n> on <one:d> and <second:n> on <other:d>: was it a slip?")
def cannot_have_been_followed(case, value, first, one, second, other):
    is_value(case, value)
    kept = case.values(case.subject)
    told = [(one, first), (other, second)]
    assert all(any(it.day == day and abs(it.value - amount) < 1e-4 for it in kept) for day, amount in told)


@SAYS("It is kept, and no other rule uses it.")
def kept(case):
    assert held_back(case) not in case.values(case.subject)


@SAYS("correct the <name:w> or mark it as entered in error")
def correct(case, name):
    assert measures()[case.subject].short_label == name
