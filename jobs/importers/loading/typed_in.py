"""Facts that a person typed in, with the same checks and versions as imported ones."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from jobs.importers.canonical import KINDS, ROWS, Kind, Reading, Refused, reader
from jobs.importers.loading.one_at_a_time import one_import_at_a_time
from jobs.importers.loading.people import last_word_of
from jobs.importers.loading.report import Counts, FactsRefused
from jobs.importers.loading.said import Said
from jobs.importers.loading.store import Store
from models.own_vocabulary import words_at
from models.patient_reading import refresh


def record_facts(
    session: Session,
    rows: Sequence[Any],
    *,
    by: str,
    now: dt.datetime,
    timezone: str,
    sender: str = "manual",
) -> Counts:
    """Store facts that a person typed in, with the same checks and versions as imported ones.

    A fact without `received_at` counts as known since `now`, not since it was true: it was told today. All rows are
    stored or none. The session should be one of `models.database.writing`; the caller commits.

    Args:
        rows: PatientRow, ObservationRow, MedicationRow or EventRow of `jobs.importers.canonical`.

    Raises:
        FactsRefused: with (row, column, value, why) for each problem; nothing was stored.
    """
    one_import_at_a_time(session)
    kinds = {row_type: kind for kind, row_type in ROWS.items()}
    reading = Reading(timezone, now, decimal_comma=True)
    read: dict[Kind, list[tuple[int, Any]]] = {kind: [] for kind in KINDS}
    problems: list[tuple[int, str, str, str]] = []
    with words_at(session.connection(), now, timezone):
        for number, row in enumerate(rows):
            kind = kinds[type(row)]
            cells = [" ".join(cell.split("\x00")) for cell in row.cells()]
            try:
                read[kind].append((number, reader(kind)(cells, reading)))
            except Refused as refused:
                problems.append((number, refused.column, refused.value, refused.why))
    if problems:
        raise FactsRefused(problems)
    connection = session.connection()
    store = Store(connection.dialect, timezone=timezone, sender=sender, now=now, entered_by=by)
    counts = Counts(read=len(rows))
    with session.begin_nested():
        for kind in KINDS:
            numbered = read[kind]
            if not numbered:
                continue
            facts = [fact for _, fact in numbered]
            outcomes: Sequence[str | Refused]
            if kind == "patients":
                outcomes = store.patients(connection, facts, last_word_of(facts))
            else:
                said = Said.by(sender, kind, facts, [None] * len(facts))
                outcomes = store.facts(connection, said, known_since_now=True)
            for (number, _), outcome in zip(numbered, outcomes, strict=True):
                if isinstance(outcome, Refused):
                    problems.append((number, outcome.column, outcome.value, outcome.why))
                else:
                    setattr(counts, outcome, getattr(counts, outcome) + 1)
        if problems:
            raise FactsRefused(problems)
        # Packed here, where the facts have just been, so that the next evaluation need not read them row by row.
        refresh(connection, sorted(store.touched), timezone=timezone)
    return counts


def row_from_form(kind: Kind, cells: Mapping[str, Any]) -> Any:
    """A row as sent from the fields of a form.

    Raises:
        FactsRefused: a required field is not there, or a field the kind does not have.
    """
    try:
        return ROWS[kind](**cells)
    except ValidationError as error:
        problems = [(0, str(problem["loc"][0]), "", f"{problem['msg']}") for problem in error.errors()]
        raise FactsRefused(problems) from error
