"""The state of a patient and the suggestion cards: every value told with its day is on file on that day."""

import re

from jobs.chart import chart_of
from jobs.suggest import answer_for
from models.patient_facts import PatientFacts
from models.vocabulary import measures
from tests.contradictions import contradictions, texts
from tests.jobs.rules.sentences.claims import PATTERNS, day_of, same
from tests.jobs.rules.sentences.histories import TODAY, everybody

LABELS = {row.short_label: key for key, row in measures().items()}
TOLD = re.compile(
    rf"(?P<label>{'|'.join(sorted(map(re.escape, LABELS), key=len, reverse=True))}) (?P<value>{PATTERNS['n']})"
    rf"(?P<what>[^;,.()]*?(?: \(limit [^)]*\))?) on (?P<day>{PATTERNS['d']})"
)
EVERY = 4
"""Every so many of the patients: a card costs more than an answer."""


def is_on_file(one: PatientFacts, found: re.Match[str]) -> bool:
    """Whether the measure has this value (or this multiple of its limit) on this day."""
    value, day = float(found["value"].replace("\u202f", "")), day_of(found["day"])
    values = [reading for reading in one.series(LABELS[found["label"]]) if reading.day == day]
    if "times" in found["what"]:
        return any(reading.limit and same(value, reading.value / reading.limit) for reading in values)
    return any(same(value, reading.value) for reading in values)


def test_every_value_told_with_its_day_is_on_file_on_that_day() -> None:
    read = 0
    for one in everybody()[::EVERY]:
        for text in texts(answer_for(chart_of(one, one.answers))):
            for found in TOLD.finditer(text):
                read += 1
                assert day_of(found["day"]) <= TODAY, text
                assert is_on_file(one, found), text
    assert read > 100


def test_nothing_said_of_a_patient_stands_against_something_else_said_of_them() -> None:
    for one in everybody()[:: EVERY - 1]:
        said = answer_for(chart_of(one, one.answers))
        found = contradictions(one, one.answers, said)
        assert not found, (found, said["phenotype"], [str(one) for one in one.statements])
