"""What a row has to look like, and what its sender is told when it does not."""

import datetime as dt
from typing import Any

import pytest

from jobs.importers.canonical import COLUMNS, EARLIEST, Kind, ObservationRow, Reading, Refused, reader
from models import vocabulary
from models.observation import Observation

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


def read_with_notes(
    kind: Kind, *, timezone: str = "Europe/Berlin", decimal_comma: bool = False, **cells: str
) -> tuple[Any, list[str]]:
    defaults: dict[Kind, dict[str, str]] = {
        "patients": {"mrn": "1"},
        "observations": {"mrn": "1", "measure": "ck", "value": "500", "unit": "U/L", "observed_at": "2026-05-01"},
        "medications": {
            "mrn": "1",
            "drug": "prednisone",
            "dose": "60",
            "unit": "mg",
            "frequency": "daily",
            "start_date": "2026-05-01",
        },
        "events": {"mrn": "1", "event": "rash", "date": "2026-05-01"},
    }
    given = defaults[kind] | cells
    reading = Reading(timezone, NOW, decimal_comma=decimal_comma)
    fact = reader(kind)([given.get(column, "") for column in COLUMNS[kind]], reading)
    return fact, list(reading.notes)


def read(kind: Kind, **cells: Any) -> Any:
    return read_with_notes(kind, **cells)[0]


def observation(**cells: Any) -> Any:
    """The row that would be stored of it."""
    fact = read("observations", **cells)
    return Observation(**fact.values(None), received_at=fact.received_at, source_id=fact.source_id)


REFUSED: list[tuple[Kind, dict[str, str], str, str]] = [
    ("patients", {"mrn": ""}, "mrn", "missing"),
    ("patients", {"mrn": "9" * 500}, "mrn", "at most"),
    ("patients", {"birth_date": "01/02/1990"}, "birth_date", "YYYY-MM-DD"),
    ("patients", {"birth_date": "1990-02-30"}, "birth_date", "calendar"),
    ("patients", {"birth_date": "1066-10-14"}, "birth_date", "before"),
    ("patients", {"birth_date": "2027-01-01"}, "birth_date", "future"),
    ("patients", {"birth_date": "2000-01-01", "diagnosed_on": "1999-01-01"}, "diagnosed_on", "before the birth date"),
    ("patients", {"sex": "f"}, "sex", "female"),
    ("patients", {"diagnosis": "JDMM"}, "diagnosis", "did you mean JDM?"),
    ("patients", {"status": "dead"}, "status", "deceased"),
    ("patients", {"family_name": "x" * 300}, "family_name", "at most"),
    ("observations", {"mrn": ""}, "mrn", "missing"),
    ("observations", {"measure": "troponin"}, "measure", "did you mean troponin_"),
    ("observations", {"measure": ""}, "measure", "missing"),
    ("observations", {"value": ""}, "value", "missing"),
    ("observations", {"value": "<"}, "value", "missing"),
    ("observations", {"value": "high"}, "value", "not a number"),
    ("observations", {"value": "nan"}, "value", "not a number"),
    ("observations", {"value": "1e999"}, "value", "too large"),
    ("observations", {"value": "1_000"}, "value", "not a number"),
    ("observations", {"value": "-5"}, "value", "below 0"),
    ("observations", {"value": "12,5"}, "value", "12.5"),
    ("observations", {"unit": "mg"}, "unit", "'mg' is not a unit of ck; use U/L"),
    ("observations", {"unit": ""}, "unit", "missing"),
    ("observations", {"measure": "troponin_t", "value": "14", "unit": ""}, "unit", "missing"),
    ("observations", {"measure": "cmas", "value": "53", "unit": ""}, "value", "above 52, the maximum of cmas"),
    ("observations", {"measure": "cmas", "value": "-1", "unit": ""}, "value", "below 0"),
    ("observations", {"measure": "cmas", "value": "<5", "unit": ""}, "value", "not a bound"),
    ("observations", {"measure": "cmas", "value": "40", "unit": "", "max_value": "48"}, "max_value", "maximum 52"),
    ("observations", {"measure": "mmt8", "value": "81", "unit": ""}, "value", "above 80"),
    ("observations", {"measure": "physician_global", "value": "11", "unit": ""}, "value", "above 10"),
    ("observations", {"measure": "weight", "value": "0", "unit": "kg"}, "value", "cannot be"),
    ("observations", {"measure": "hbsag", "value": "0.5", "unit": ""}, "value", "1 (positive) or 0"),
    ("observations", {"observed_at": ""}, "observed_at", "missing"),
    ("observations", {"observed_at": "yesterday"}, "observed_at", "not a point in time"),
    ("observations", {"observed_at": "20260501"}, "observed_at", "not a point in time"),
    ("observations", {"observed_at": "2026-13-01"}, "observed_at", "calendar"),
    ("observations", {"observed_at": "2026-05-01T25:00"}, "observed_at", "not a point in time"),
    ("observations", {"observed_at": "2027-11-24"}, "observed_at", "future"),
    ("observations", {"observed_at": "9999-12-31T23:59"}, "observed_at", "future"),
    ("observations", {"observed_at": "0001-01-01T00:00"}, "observed_at", "before"),
    ("observations", {"received_at": "soon"}, "received_at", "not a point in time"),
    ("observations", {"upper_limit": "normal"}, "upper_limit", "not a number"),
    ("observations", {"upper_limit": "0"}, "upper_limit", "above 0"),
    ("observations", {"upper_limit": "-1"}, "upper_limit", "cannot be"),
    ("observations", {"upper_limit": "10", "lower_limit": "20"}, "lower_limit", "above the upper"),
    ("observations", {"status": "preliminary"}, "status", "known are"),
    ("observations", {"status": "entered-in-error", "value": "?"}, "value", "not a number"),
    ("observations", {"status": "entered-in-error", "value": "", "source_id": ""}, "source_id", "which result"),
    ("observations", {"comment": "x" * 30_000}, "comment", "at most"),
    ("medications", {"drug": ""}, "drug", "missing"),
    ("medications", {"dose": ""}, "dose", "missing"),
    ("medications", {"dose": "0"}, "dose", "end_date"),
    ("medications", {"dose": "-5"}, "dose", "no dose"),
    ("medications", {"unit": "tablets"}, "unit", "mg/kg"),
    ("medications", {"frequency": "dayly"}, "frequency", "did you mean daily?"),
    ("medications", {"frequency": ""}, "frequency", "missing"),
    ("medications", {"route": "orally"}, "route", "did you mean oral?"),
    ("medications", {"intent": "puls"}, "intent", "did you mean pulse?"),
    ("medications", {"status": "paused"}, "status", "stopped"),
    ("medications", {"start_date": ""}, "start_date", "missing"),
    ("medications", {"end_date": "2026-04-30"}, "end_date", "before the first"),
    ("events", {"event": "rashes"}, "event", "did you mean rash?"),
    ("events", {"date": ""}, "date", "missing"),
    ("events", {"date": "2026-05-01T10:00"}, "date", "YYYY-MM-DD"),
    ("events", {"end_date": "2026-04-01"}, "end_date", "before the beginning"),
    ("events", {"present": "maybe"}, "present", "neither yes nor no"),
]


@pytest.mark.parametrize(("kind", "cells", "column", "says"), REFUSED)
def test_a_refused_row_names_the_column_what_was_sent_and_what_to_do(
    kind: Kind, cells: dict[str, str], column: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        read(kind, **cells)
    assert refused.value.column == column
    assert says in refused.value.why
    sent = cells[column]
    assert refused.value.value == sent or len(sent) > 80


@pytest.mark.parametrize(
    ("measure", "value", "unit", "canonical"),
    [
        ("ck", "500", "IU/L", 500.0),
        ("ck", "10", "ukat/L", 600.0),
        ("ck", "10", "µkat/l", 600.0),
        ("troponin_t", "0.029", "ng/mL", 29.0),
        ("troponin_i", "0.029", "ug/L", 29.0),
        ("troponin_i", "14", "pg/mL", 14.0),
        ("cmas", "27", "", 27.0),
        ("nif", "-40", "cmH2O", 40.0),
        ("hbsag", "Negative", "", 0.0),
        ("anti_hcv", "positive", "", 1.0),
    ],
)
def test_values_are_stored_in_the_canonical_unit(measure: str, value: str, unit: str, canonical: float) -> None:
    fact = observation(measure=measure, value=value, unit=unit)
    assert fact.value == canonical
    assert fact.sent == (value, unit)


@pytest.mark.parametrize(
    ("measure", "value", "unit", "upper", "lower", "canonical"),
    [
        ("anti_hbc", "8.2", "", "1.0", "", 1.0),
        ("anti_hbc", "0.4", "S/CO", "1.0", "", 0.0),
        ("hbsag", "250", "IU/L", "0.05", "", 1.0),
        ("hbsag", "<0.05", "IU/mL", "0.05", "", 0.0),
        ("hbsag", ">1000", "IU/mL", "0.05", "", 1.0),
        ("hbsag", "1", "", "0", "", 1.0),
        ("anti_hcv", "0.95", "S/CO", "1.0", "0.9", 1.0),
        ("vzv_igg", "150", "m[IU]/mL", "165", "135", 0.0),
        ("vzv_igg", "400", "m[IU]/mL", "", "165", 1.0),
    ],
)
def test_a_screen_sent_as_a_number_is_read_by_its_limit_and_kept_as_sent(
    measure: str, value: str, unit: str, upper: str, lower: str, canonical: float
) -> None:
    fact = observation(measure=measure, value=value, unit=unit, upper_limit=upper, lower_limit=lower)
    assert (fact.value, fact.comparator) == (canonical, "")
    assert fact.sent == (value, unit)


def test_limits_are_converted_like_the_value() -> None:
    fact = observation(measure="troponin_t", value="<0.005", unit="ng/mL", upper_limit="0.014", lower_limit="0")
    assert (fact.comparator, fact.value, fact.upper_limit, fact.lower_limit) == ("<", 5.0, 14.0, 0.0)


def test_a_strength_score_takes_the_maximum_of_its_instrument() -> None:
    for key in ("cmas", "mmt8", "mmt8_bilateral", "mmt_total"):
        fact = observation(measure=key, value="40", unit="")
        assert fact.max_value == vocabulary.measure(key).max_value
        assert observation(measure=key, value="40", unit="", max_value=f"{fact.max_value}").max_value == fact.max_value


def test_names_are_recognised_whatever_their_case() -> None:
    assert observation(measure="CK", status="Final").measure == "ck"
    assert read("patients", diagnosis="jdm", sex="Female").given == {"diagnosis": "JDM", "sex": "female"}


@pytest.mark.parametrize(("text", "value"), [("12,5", 12.5), ("0,125", 0.125), ("1234,5", 1234.5), ("7.25", 7.25)])
def test_a_decimal_comma_is_read_where_cells_are_not_separated_by_commas(text: str, value: float) -> None:
    assert observation(value=text, decimal_comma=True).value == value


def test_a_comma_that_may_separate_thousands_is_refused() -> None:
    with pytest.raises(Refused, match=r"may mean 1234 or 1\.234"):
        observation(value="1,234", decimal_comma=True)


@pytest.mark.parametrize(
    ("text", "instant", "day"),
    [
        ("2026-05-01", dt.datetime(2026, 4, 30, 22, tzinfo=dt.UTC), dt.date(2026, 5, 1)),
        ("2026-05-01T08:30", dt.datetime(2026, 5, 1, 6, 30, tzinfo=dt.UTC), dt.date(2026, 5, 1)),
        ("2026-05-01 08:30:15.250", dt.datetime(2026, 5, 1, 6, 30, 15, 250_000, tzinfo=dt.UTC), dt.date(2026, 5, 1)),
        ("2026-05-01T23:30Z", dt.datetime(2026, 5, 1, 23, 30, tzinfo=dt.UTC), dt.date(2026, 5, 2)),
        ("2026-05-01T23:30-05:00", dt.datetime(2026, 5, 2, 4, 30, tzinfo=dt.UTC), dt.date(2026, 5, 2)),
        # The night of the clock change: 02:30 twice (the first counts), 02:30 never (moved ahead).
        ("2026-10-25T02:30", dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC), dt.date(2026, 10, 25)),
        ("2026-03-29T02:30", dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC), dt.date(2026, 3, 29)),
    ],
)
def test_times_without_an_offset_are_in_the_clinics_zone(text: str, instant: dt.datetime, day: dt.date) -> None:
    fact = observation(observed_at=text)
    assert (fact.effective_at, fact.effective_on) == (instant, day)


def test_a_day_whose_midnight_does_not_exist_starts_with_its_first_instant() -> None:
    fact = observation(observed_at="2026-09-06", timezone="America/Santiago")
    assert fact.effective_on == dt.date(2026, 9, 6)
    assert fact.effective_at == dt.datetime(2026, 9, 6, 4, tzinfo=dt.UTC)


def test_an_unknown_drug_is_kept_with_a_note() -> None:
    fact, notes = read_with_notes("medications", drug="  Wonder   Drug ")
    assert fact.drug == "wonder drug"
    assert any("wonder drug" in note for note in notes)


@pytest.mark.parametrize(("name", "key"), [("MTX", "methotrexate"), ("Cotrimoxazole", "co-trimoxazole")])
def test_a_drugs_other_names_mean_the_same_ingredient(name: str, key: str) -> None:
    fact, notes = read_with_notes("medications", drug=name)
    assert fact.drug == key
    assert not notes


def test_antibodies_are_sorted_and_unknown_ones_kept_with_a_note() -> None:
    fact, notes = read_with_notes("patients", autoantibodies="XYZ9; anti-Jo-1;MDA5")
    assert fact.given["autoantibodies"] == "JO1;MDA5;XYZ9"
    assert any("XYZ9" in note for note in notes)


def test_blank_cells_are_not_given() -> None:
    fact = observation()
    assert (fact.upper_limit, fact.assay, fact.comment, fact.received_at) == (None, None, None, None)
    assert read("patients").given == {}
    assert read("medications").end_on is None


def test_a_result_can_be_taken_back_even_if_it_was_unreadable() -> None:
    fact = observation(status="entered-in-error", value="???", unit="furlong", source_id="L1")
    assert fact.value is None
    assert fact.value_sent == "???"


def test_not_done_keeps_its_reason_and_needs_no_value() -> None:
    fact = observation(value="", unit="", status="not-done", reason="too tired")
    assert (fact.value, fact.reason) == (None, "too tired")


def test_identity_never_holds_the_value_when_the_sender_has_an_id() -> None:
    first, second = read("observations", source_id="L1"), read("observations", source_id="L1", value="600", mrn="2")
    assert first.identity("lab") == second.identity("lab")
    assert first.content() != second.content()
    assert first.identity("lab") != first.identity("csv")


def test_the_same_result_in_another_unit_says_nothing_new() -> None:
    first, second = read("observations", value="600"), read("observations", value="10", unit="ukat/L")
    assert (first.identity("csv"), first.content()) == (second.identity("csv"), second.content())


def test_rows_as_sent_take_numbers_and_days() -> None:
    row = ObservationRow(mrn="1", measure="ck", value=12.5, unit="U/L", observed_at=dt.date(2026, 5, 1), comment=None)
    assert row.cells()[:5] == ["1", "ck", "12.5", "U/L", "2026-05-01"]
    assert row.comment == ""


def test_the_earliest_day_is_accepted() -> None:
    assert read("patients", birth_date=EARLIEST.isoformat()).given["birth_date"] == EARLIEST
