"""Every number says where it comes from, who checked that, and when it is to be looked at again."""

import datetime as dt
import re

import pytest

from jobs.provenance import all_numbers, due_for_review, resting_on, sources_of
from models.vocabulary import source_checks, sources

CHECKED = dt.date(2026, 11, 28)


def test_no_number_is_without_mark_source_checker_and_next_review() -> None:
    without = [
        f"{one.owner} {one.name}"
        for one in all_numbers()
        if not one.mark or not one.sources or one.next_review is None or not one.checked_by
    ]
    assert without == []


def test_every_table_and_every_kind_of_threshold_has_its_numbers() -> None:
    owners = {one.owner for one in all_numbers()}
    assert owners >= {
        "declining-strength", "phenotype", "escalation:consider-pulse", "table monitoring", "table screening",
        "table action limits", "table units", "table measures", "table drugs", "table taper templates",
        "table CMAS items",
    }  # fmt: skip


def test_every_source_says_how_it_was_read() -> None:
    assert sorted(sources()) == sorted(source_checks())


def test_nobody_is_said_to_have_checked_what_only_a_clinician_could() -> None:
    claimed = [one.source for one in source_checks().values() if re.search("clinician|physician|Dr", one.checked_by)]
    assert claimed == []


def test_what_was_read_second_hand_or_not_at_all_says_so_and_is_due() -> None:
    for one in source_checks().values():
        if one.read == "second-hand":
            assert "second-hand" in one.checked_by, one.source
        if one.read == "not read":
            assert one.checked_by == "nobody", one.source
        if one.read in ("second-hand", "not read"):
            assert one.next_review <= CHECKED, one.source


def test_a_secondary_page_is_never_said_to_have_been_read_in_full() -> None:
    secondary = [one.id for one in sources().values() if one.kind == "secondary"]
    assert {source_checks()[one].read for one in secondary} == {"second-hand"}


def test_a_number_known_from_memory_is_due_whatever_source_it_names() -> None:
    for one in all_numbers():
        if one.mark == "memory":
            assert "from-memory" in one.sources
            assert one.next_review is not None
            assert one.next_review <= CHECKED


def test_a_number_said_to_be_seen_rests_on_something_that_was_read() -> None:
    for one in all_numbers():
        if one.mark == "seen":
            assert all(check.read not in ("not read", "own choice") for check in one.checks), one


@pytest.mark.parametrize(
    ("mark", "said", "found"),
    [
        ("seen", "dose classes, Buttgereit 2002 / EULAR 2013 (S7)", ("S7",)),
        ("seed", "educational page (seed 004)", ("seed-004",)),
        ("default", "within the range of EULAR 2022 (S23): above 15 to 30 mg", ("S23", "own-setting")),
        ("contract", "", ("contract",)),
        ("memory", "half-life of IgG about 3 weeks", ("from-memory",)),
        ("seen", "a paper without an id", ()),
    ],
)
def test_the_sources_a_number_names_are_found_in_its_words(mark: str, said: str, found: tuple[str, ...]) -> None:
    assert sources_of(mark, said) == found


def test_what_is_due_depends_on_the_day_it_is_asked_for() -> None:
    before = due_for_review(dt.date(2026, 11, 27))
    now = due_for_review(CHECKED)
    later = due_for_review(dt.date(2030, 1, 1))
    assert before == ()
    assert {one.source for one in now} < {one.source for one in later}
    assert {one.source for one in later} == {one for one in sources() if resting_on(one)}
    assert all(one.numbers for one in later)


def test_the_longest_due_comes_first() -> None:
    days = [one.check.next_review for one in due_for_review(dt.date(2030, 1, 1)) if one.check is not None]
    assert days == sorted(days)
