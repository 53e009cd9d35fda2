"""What `plasmapheresis-after-ivig` says."""

from tests.jobs.rules.sentences.claims import Case, Says

SAYS = Says("plasmapheresis-after-ivig")
EVERY = {"daily": 1, "weekly": 7, "every-2-weeks": 14, "every-4-weeks": 28}


def given_on(case: Case, day: int) -> bool:
    """Whether immunoglobulin was given on a day."""
    for one in case.patient.statements:
        if one.drug != "ivig" or day < one.start or (one.end is not None and day > one.end):
            continue
        every = EVERY.get(one.frequency, 1)
        if one.frequency == "once" and one.end is None:
            if day == one.start:
                return True
        elif (day - one.start) % every == 0:
            return True
    return False


def exchange(case: Case, first: int, last: int) -> None:
    """An exchange on these days is on file; one that goes on is told up to today."""
    assert any(one.present and one.day == first and min(max(one.day, one.end or one.day), case.today) == last
               for one in case.happened("plasmapheresis"))  # fmt: skip


ON, FROM = "Plasma exchange on <first:d>", "Plasma exchange from <first:d> to <last:d>"


@SAYS(ON + ", no immunoglobulin before it.", FROM + ", no immunoglobulin before it.")
def none_before(case, first, last=None):
    exchange(case, first, last or first)
    assert not any(given_on(case, day) for day in range(first - 400, first))


@SAYS(ON + ", immunoglobulin on <dose:d>: both on one day, and which came first is not on record.",
      FROM + ", immunoglobulin on <dose:d>: both on one day, and which came first is not on record.")  # fmt: skip
def one_day(case, first, dose, last=None):
    exchange(case, first, last or first)
    assert given_on(case, dose)
    assert dose == (last or first)


@SAYS(ON + ", immunoglobulin on <dose:d>: more than <days:i> days apart.",
      FROM + ", immunoglobulin on <dose:d>: more than <days:i> days apart.")  # fmt: skip
def apart(case, first, dose, days, last=None):
    exchange(case, first, last or first)
    assert given_on(case, dose)
    assert (days, first - dose > 21) == (21, True)


@SAYS(ON + ", within <days:i> days after immunoglobulin on <dose:d>: it removes what was just given.",
      FROM + ", within <days:i> days after immunoglobulin on <dose:d>: it removes what was just given.")  # fmt: skip
def soon_after(case, first, dose, days, last=None):
    exchange(case, first, last or first)
    assert given_on(case, dose)
    assert (days, 0 < first - dose <= 21) == (21, True)


@SAYS(FROM + ", immunoglobulin on <dose:d> while it was going on: it removes what was just given.")
def within(case, first, last, dose):
    exchange(case, first, last)
    assert given_on(case, dose)
    assert first <= dose < last


@SAYS("ask which came first; exchange first, immunoglobulin after is the right order")
def ask(case):
    assert case.state == "cannot_tell"


@SAYS("talk to the ward today: put the exchange off if it can wait, or repeat immunoglobulin after the last exchange")
def talk(case):
    assert case.answer.severity == "urgent"
