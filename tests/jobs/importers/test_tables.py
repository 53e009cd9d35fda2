"""Tables as they come from anywhere: read, guessed, asked about, confirmed, kept, and never silently wrong."""

import csv
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.importers.canonical import Refused
from jobs.importers.load import ImportReport, import_paths
from jobs.importers.tables import preview, proposed_mapping
from jobs.importers.tables.decoding import decoded, separator_of
from jobs.importers.tables.headings import column_of, heading_of
from jobs.importers.tables.mapping import TableMappings, read_mapping
from jobs.importers.tables.marks import mark_shown_by, moment, number, order_shown_by
from models.database import engine_for
from models.errors import UsageError
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
EPIC = (
    "MRN,PatientName,ComponentName,ResultValue,ReferenceUnit,RefLow,RefHigh,ResultFlag,CollectionDTTM\n"
    'M1,"Doe, Jane",CREATINE KINASE,412,U/L,30,200,H,1/5/2026 8:30:00 AM\n'
)
REDCAP = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,visit_date,ck_value,ck_unit,mmt8_total\n"
    "M1,baseline_arm_1,,,2026-01-01,412,1,70\n"
    "M1,month_3_arm_1,labs,1,2026-04-01,210,1,\n"
)
Bring = Callable[..., ImportReport]


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = engine_for(sqlite_url)
    with Session(engine) as session:
        for mrn in ("M1", "M2", "007"):
            session.add(Patient(mrn=mrn, created_at=NOW, updated_at=NOW))
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def bring(engine: Engine) -> Bring:
    def run(path: Path, **options: Any) -> ImportReport:
        return import_paths(engine, [path], timezone="UTC", by="nora", now=NOW, **options)

    return run


def results(engine: Engine) -> list[tuple[str, float | None, str, float | None]]:
    with Session(engine) as session:
        query = select(Observation).where(col(Observation.known_to).is_(None)).order_by(col(Observation.effective_at))
        return [
            (one.measure, one.value, one.effective_at.strftime("%Y-%m-%dT%H:%M"), one.upper_limit)
            for one in session.exec(query.order_by(col(Observation.measure)))
        ]


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def confirmed(path: Path, target: Path, **answers: Any) -> Path:
    """The guess for a file as somebody would answer it."""
    found = proposed_mapping(path, None, "lab")
    for table in found.tables:
        for name, value in answers.items():
            setattr(table, name, value)
    return written(target, found.to_json())


# ---------------------------------------------------------------------------------------------------------- a source


def test_a_table_that_nobody_mapped_is_refused_with_the_way_to_map_it(bring: Bring, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no mapping fits them"):
        bring(written(tmp_path / "epic.csv", EPIC))


def test_a_ready_mapping_reads_an_export_and_is_kept_for_the_next_one(
    engine: Engine, bring: Bring, tmp_path: Path
) -> None:
    path = written(tmp_path / "epic.csv", EPIC)
    assert bring(path, mapping="epic", dry_run=True).total.created == 1
    with pytest.raises(UsageError, match="no mapping fits"):
        bring(path)
    assert bring(path, mapping="epic").total.created == 1
    assert results(engine) == [("ck", 412, "2026-01-05T08:30", 200)]
    later = written(tmp_path / "next-month.csv", EPIC.replace("412", "300").replace("1/5/2026", "2/13/2026"))
    assert bring(later).total.created == 1
    assert bring(path).total.unchanged == 1
    with Session(engine) as session:
        assert {one.sender for one in session.exec(select(Observation))} == {"epic"}


def test_what_a_code_for_a_unit_means_is_asked_and_then_applied(engine: Engine, bring: Bring, tmp_path: Path) -> None:
    path = written(tmp_path / "redcap.csv", REDCAP)
    with pytest.raises(UsageError, match="which unit does '1' in ck_unit mean"):
        bring(path, mapping="redcap")
    found = proposed_mapping(path, "redcap")
    assert found.questions() == ["wide ck_value: which unit does '1' in ck_unit mean?"]
    found.tables[0].wide[0].units["1"] = "U/L"
    mapping = written(tmp_path / "redcap.json", found.to_json())
    report = bring(path, mapping=str(mapping))
    assert (report.total.read, report.total.created) == (3, 3)
    assert [(measure, value) for measure, value, *_ in results(engine)] == [("ck", 412), ("mmt8", 70), ("ck", 210)]
    assert bring(path).total.unchanged == 3


def test_a_mapping_may_be_written_as_toml(engine: Engine, bring: Bring, tmp_path: Path) -> None:
    mapping = written(
        tmp_path / "lab.toml",
        'source = "lab"\n[[tables]]\nkind = "observations"\ndates = "dmy"\n[tables.columns]\nmrn = "Pat"\n'
        'observed_at = "Datum"\nmeasure = "Test"\nvalue = "Wert"\nunit = "Einheit"\n'
        '[tables.words.measure]\n"Kinase" = "ck"\n',
    )
    path = written(tmp_path / "lab.csv", "Pat;Datum;Test;Wert;Einheit\nM1;05.03.2026;Kinase;412,5;U/l\n")
    bring(path, mapping=str(mapping))
    assert results(engine) == [("ck", 412.5, "2026-03-05T00:00", None)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": ""}, "source"),
        ({"tables": []}, "tables"),
        ({"tables": [{"kind": "observations", "columns": {"mnr": "Pat"}}]}, "columns.mnr is no column"),
        ({"tables": [{"kind": "observations", "columns": {}, "units": {"ckk": "U/L"}}]}, "'ckk' is no measure"),
        ({"tables": [{"kind": "observations", "columns": {}, "wide": [{"column": "x"}]}]}, "needs a measure or a drug"),
        ({"tables": [{"kind": "observations", "columns": {}, "dates": "?"}]}, "answer first"),
        ({"tables": [{"kind": "observations", "columns": {}, "colour": "red"}]}, "colour"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    told = {"source": "lab", "tables": [{"kind": "observations", "columns": {"mrn": "Pat"}}]} | change
    with pytest.raises(UsageError, match=message):
        read_mapping(written(tmp_path / "mapping.json", json.dumps(told)))


def test_mappings_of_two_sources_that_fit_are_not_chosen_between(bring: Bring, tmp_path: Path) -> None:
    path = written(tmp_path / "epic.csv", EPIC)
    bring(path, mapping="epic")
    found = proposed_mapping(path, "epic", "other")
    bring(path, mapping=str(written(tmp_path / "other.json", found.to_json())))
    with pytest.raises(UsageError, match="epic, other fit"):
        bring(path)


# ------------------------------------------------------------------------------------------------------------ guesses


def test_a_german_table_with_titles_and_units_in_its_headings(engine: Engine, bring: Bring, tmp_path: Path) -> None:
    path = written(
        tmp_path / "labor.csv",
        "Universitätsklinikum;;;\nAuswertung März 2026;;;\n\nPat.-Nr.;Entnahme;CK (U/l);Kreatinin [mg/dl]\n"
        "M1;13.02.2026 08:30;1.234,5;0,9\nM1;14.02.2026;212;<0,5\n".encode("cp1252"),
    )
    found = proposed_mapping(path)
    assert (found.encoding, found.tables[0].dates, found.tables[0].decimal) == ("cp1252", "dmy", ",")
    assert found.questions() == []
    bring(path, mapping=str(confirmed(path, tmp_path / "labor.json")))
    assert results(engine) == [
        ("ck", 1234.5, "2026-02-13T08:30", None),
        ("creatinine", 0.9, "2026-02-13T08:30", None),
        ("ck", 212, "2026-02-14T00:00", None),
        ("creatinine", 0.5, "2026-02-14T00:00", None),
    ]


@pytest.mark.parametrize(
    ("days", "order"),
    [(("1/5/2026", "13/5/2026"), "dmy"), (("1/5/2026", "1/13/2026"), "mdy"), (("1/5/2026", "2/5/2026"), "?"),
     (("13/5/2026", "1/13/2026"), "?"), (("2026-01-05",), "ymd"), (("5/5/2026", "5.1.2026"), "dmy")],
)  # fmt: skip
def test_the_order_of_dates_is_taken_from_the_file_or_asked(tmp_path: Path, days: tuple[str, ...], order: str) -> None:
    rows = "".join(f"M1,CK,412,U/L,{day}\n" for day in days)
    path = written(tmp_path / "lab.csv", f"patient id,test,result,units,date\n{rows}")
    assert proposed_mapping(path).tables[0].dates == order


def test_numbers_that_may_be_thousands_are_held_and_the_others_arrive(
    engine: Engine, bring: Bring, tmp_path: Path
) -> None:
    path = written(
        tmp_path / "lab.csv", "mrn;test;result;units;date\nM1;CK;1.234;U/L;2026-02-04\nM1;CK;412;U/L;2026-02-05\n"
    )
    report = bring(path, mapping=str(confirmed(path, tmp_path / "lab.json")))
    assert (report.total.created, report.total.waiting) == (1, 1)
    assert "may mean 1234 or 1.234" in report.waits[0].why
    bring(path, mapping=str(confirmed(path, tmp_path / "told.json", decimal=",")))
    assert [value for _, value, *_ in results(engine)] == [1234, 412]


def test_tests_nobody_knows_are_shown_as_left_out_and_a_new_one_waits(bring: Bring, tmp_path: Path) -> None:
    header = "mrn,test,result,units,date\n"
    path = written(tmp_path / "lab.csv", header + "M1,CPK,412,U/L,2026-02-04\nM1,Vitamin D,30,ng/mL,2026-02-04\n")
    found = proposed_mapping(path)
    assert found.tables[0].words["measure"] == {"CPK": "ck", "Vitamin D": None}
    assert any("Vitamin D" in note for note in found.notes)
    report = bring(path, mapping=str(confirmed(path, tmp_path / "lab.json")))
    assert (report.total.read, report.total.created) == (1, 1)
    assert report.warnings == ["lab.csv: 1 rows of tests that are not ours left out"]
    later = written(tmp_path / "later.csv", header + "M1,Wasser,1,x,2026-02-04\nM1,SGPT,40,U/L,2026-02-04\n")
    report = bring(later)
    assert (report.total.created, [one.column for one in report.waits]) == (1, ["test"])


def test_a_missing_unit_is_asked_for_once(tmp_path: Path) -> None:
    path = written(tmp_path / "wide.csv", "mrn,date,CK,CMAS,ALT (U/L)\nM1,2026-02-04,412,40,30\n")
    assert proposed_mapping(path).questions() == ["wide CK: in which unit are these values?"]
    path = written(tmp_path / "long.csv", "mrn,date,test,result\nM1,2026-02-04,CK,412\n")
    assert proposed_mapping(path).questions() == ["units.ck: in which unit are these values?"]


def test_limits_in_one_text_or_in_columns_beside_a_result(engine: Engine, bring: Bring, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "mrn,date,test,result,reference range\nM1,2026-02-04,CK,412 U/L,30 - 200\n")
    bring(path, mapping=str(confirmed(path, tmp_path / "a.json", units={})))
    path = written(tmp_path / "b.csv", "mrn,date,ALT (U/L),ALT ULN\nM1,2026-02-05,60,45\nM1,2026-02-06,70,0\n")
    report = bring(path, mapping=str(confirmed(path, tmp_path / "b.json")))
    assert results(engine) == [
        ("ck", 412, "2026-02-04T00:00", 200),
        ("alt", 60, "2026-02-05T00:00", 45),
        ("alt", 70, "2026-02-06T00:00", None),
    ]
    assert "kept without it" in report.warnings[0]


def test_a_diary_of_steroid_doses_is_one_day_a_row(engine: Engine, bring: Bring, tmp_path: Path) -> None:
    path = written(
        tmp_path / "diary.csv", "mrn,Date,Prednisone (mg)\nM1,2026-02-01,20\nM1,2026-02-02,17.5\nM1,2026-02-03,0\n"
    )
    report = bring(path, mapping="steroid-diary")
    assert report.total.created == 2
    with Session(engine) as session:
        found = session.exec(select(MedicationStatement)).all()
    assert [(one.drug, one.dose, one.unit, str(one.start_on), str(one.end_on)) for one in found] == [
        ("prednisone", 20, "mg", "2026-02-01", "2026-02-01"),
        ("prednisone", 17.5, "mg", "2026-02-02", "2026-02-02"),
    ]


def test_a_file_of_one_patient_asks_whose_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "diary.csv", "Date,Dose (mg)\n2026-02-01,20\n")
    found = proposed_mapping(path, "steroid-diary")
    assert found.tables[0].fixed["drug"] == "prednisone"
    assert found.questions() == ["fixed.mrn: what is it for all rows?"]


def test_sheets_of_a_workbook_each_mean_something_and_numbers_of_cells_are_certain(
    engine: Engine, bring: Bring, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    people = book.active
    assert people is not None
    people.title = "Patienten"
    for row in (["PatNr", "Nachname", "Geschlecht"], ["P9", "Karst", "w"]):
        people.append(row)
    for title, value in (("Januar", 1.234), ("Februar", 2.345)):
        sheet = book.create_sheet(title)
        sheet.append(["Labor"])
        sheet.append(["PatNr", "Datum", "CK (U/l)"])
        sheet.append(["P9", dt.date(2026, 1 if title == "Januar" else 2, 5), value])
    book.create_chartsheet("Bild")
    path = tmp_path / "klinik.xlsx"
    book.save(path)
    found = proposed_mapping(path)
    assert [(one.kind, one.sheet) for one in found.tables] == [("patients", "Patienten"), ("observations", "")]
    report = bring(path, mapping=str(written(tmp_path / "k.json", found.to_json())))
    assert (report.total.created, report.total.rejected) == (3, 0)
    assert [value for _, value, *_ in results(engine)] == [1.234, 2.345]


def test_our_own_columns_need_no_mapping_in_another_format(engine: Engine, bring: Bring, tmp_path: Path) -> None:
    path = written(tmp_path / "results.tsv", "mrn\tmeasure\tvalue\tunit\tobserved_at\nM1\tck\t412\tU/L\t2026-02-04\n")
    assert bring(path).total.created == 1
    assert results(engine) == [("ck", 412, "2026-02-04T00:00", None)]


def test_the_first_facts_are_shown_before_anything_is_imported(tmp_path: Path) -> None:
    path = written(tmp_path / "epic.csv", EPIC)
    (row,) = preview(path, proposed_mapping(path, "epic"))
    assert (row["what"], row["value"], row["unit"], row["date"]) == ("ck", "412", "U/L", "2026-01-05T08:30:00")
    (row,) = preview(path, proposed_mapping(path))
    assert "may be two days" in row["why"]


def test_what_holds_nothing_known_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing known stands in its header"):
        proposed_mapping(written(tmp_path / "shop.csv", "colour,price\nred,3\n"))
    with pytest.raises(UsageError, match="is not results exported from Epic"):
        proposed_mapping(written(tmp_path / "lab.csv", "mrn,date,CK (U/L)\nM1,2026-02-04,412\n"), "epic")


# ------------------------------------------------------------------------------------------------------------- rejects


def test_rejects_of_a_mapped_table_come_back_as_its_own_rows_and_can_be_mended(
    engine: Engine, bring: Bring, tmp_path: Path
) -> None:
    path = written(
        tmp_path / "wide.csv",
        "Patient ID,Visit Date,CK (U/L),ALT (U/L),Remark\nM1,2026-02-04,-4,-5,=1+1\nM1,2026-02-05,412,40,\n",
    )
    rejects = tmp_path / "rejects.csv"
    report = bring(path, mapping=str(confirmed(path, tmp_path / "wide.json")), rejects_file=rejects)
    assert (report.total.read, report.total.created, report.total.rejected) == (4, 2, 2)
    with rejects.open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["Patient ID"], row["CK (U/L)"], row["Remark"]) == ("M1", "-4", "'=1+1")
    assert "CK (U/L)" in row["column"]
    assert "ALT (U/L)" in row["why"]
    mended = rejects.read_text(encoding="utf-8").replace(",-4,", ",500,").replace(",-5,", ",50,")
    report = bring(written(rejects, mended))
    assert (report.total.created, report.total.rejected) == (2, 0)
    assert ("ck", 500, "2026-02-04T00:00", None) in results(engine)


_CELL = st.one_of(
    st.text(alphabet="M12.,-/<>=;'\" abCK%?\t", max_size=9),
    st.sampled_from(["M1", "CK", "412", "1.234", "1,5", "U/L", "2026-02-04", "4/5/2026", "", "31.02.2026", "<5"]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_CELL, min_size=1, max_size=7), max_size=6), wide=st.booleans())
def test_whatever_the_cells_hold_every_fact_is_counted_once_and_nothing_is_added_twice(
    engine: Engine, bring: Bring, tmp_path: Path, rows: list[list[str]], wide: bool
) -> None:
    header = ["mrn", "date", "CK (U/L)", "CMAS", "unit"] if wide else ["mrn", "date", "test", "result", "units"]
    path = tmp_path / "table.csv"
    certain = ["M1", "2026-02-04", *(["1", "2", ""] if wide else ["CK", "1", "U/L"])]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, certain, *rows])
    columns = {"mrn": "mrn", "observed_at": "date"}
    table: dict[str, Any] = {"kind": "observations", "columns": columns}
    if wide:
        table["wide"] = [{"column": "CK (U/L)", "measure": "ck", "unit": "U/L"}, {"column": "CMAS", "measure": "cmas"}]
    else:
        columns |= {"measure": "test", "value": "result", "unit": "units"}
    mapping = written(tmp_path / "m.json", json.dumps({"source": "lab", "tables": [table]}))
    before = len(results(engine))
    try:
        first = bring(path, mapping=str(mapping))
    except UsageError:
        # Cells may hide the header from the separator; then nothing at all was changed.
        assert len(results(engine)) == before
        return
    total = first.total
    assert total.read == total.created + total.updated + total.unchanged + total.waiting + total.rejected
    after = results(engine)
    again = bring(path).total
    assert (again.created, again.updated) == (0, 0)
    assert again.read == again.unchanged == total.read
    assert results(engine) == after


# -------------------------------------------------------------------------------------------- letters, marks, words


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman"])
def test_letters_are_read_in_every_encoding(encoding: str) -> None:
    text = "Patient;Name;Größe\nM1;Müller;µ\nM2;Bäcker;é\n"
    assert decoded(text.encode(encoding))[0].lstrip("\ufeff") == text


def test_a_source_that_begins_to_write_unicode_is_read_rightly() -> None:
    assert decoded("Müller".encode(), "cp1252") == ("Müller", "utf-8")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_told_by_what_stands_in_every_line(separator: str) -> None:
    number = "1.5" if separator == "," else "1,5"
    rows = [["mrn", "date", "value"], ["M1", "2026-02-04", number], ["M2", '"x, y; z"', "2"]]
    assert separator_of("\n".join(separator.join(row) for row in rows)) == separator


@pytest.mark.parametrize(
    ("text", "decimal", "meant"),
    [
        ("412", "", "412"), ("1,5", "", "1.5"), ("1.5", "", "1.5"), ("1.234,5", "", "1234.5"),
        ("1,234.5", "", "1234.5"),
        ("1.234.567", "", "1234567"), ("1 234,5", "", "1234.5"), ("1'234", "", "1234"), ("0.014", "", "0.014"),
        ("1.234", ".", "1.234"), ("1.234", ",", "1234"), ("1,234", ".", "1234"), ("< 0,5", "", "<0.5"),
        ("≥ 60", "", ">60"),
        ("negative", "", "negative"), ("-3", "", "-3"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, decimal: str, meant: str) -> None:
    assert number(text, decimal) == meant


@pytest.mark.parametrize(
    ("text", "decimal"), [("1.234", ""), ("1,234", ""), ("<1.234", ""), ("12.5", ","), ("1.23,4", ",")]
)
def test_numbers_that_may_mean_two_things_are_refused(text: str, decimal: str) -> None:
    with pytest.raises(Refused):
        number(text, decimal)


@pytest.mark.parametrize(
    ("text", "order", "meant"),
    [
        ("2026-02-04", "", "2026-02-04"), ("2026-02-04T08:30Z", "", "2026-02-04T08:30Z"),
        ("2026/2/4", "", "2026-02-04"),
        ("20260204", "", "2026-02-04"), ("202602040830", "", "2026-02-04T08:30:00"), ("4.2.2026", "", "2026-02-04"),
        ("4.2.26 8:30", "", "2026-02-04T08:30:00"), ("2/4/2026", "mdy", "2026-02-04"),
        ("4/2/2026", "dmy", "2026-02-04"),
        ("13/2/2026", "", "2026-02-13"), ("2/13/2026 12:05 AM", "", "2026-02-13T00:05:00"),
        ("5/5/2026", "", "2026-05-05"),
        ("4-Feb-2026", "", "2026-02-04"), ("4. März 2026", "", "2026-03-04"),
        ("Feb 4, 2026 1:30 PM", "", "2026-02-04T13:30:00"),
    ],
)  # fmt: skip
def test_dates_as_people_write_them(text: str, order: str, meant: str) -> None:
    assert moment(text, order, "observed_at", 2068) == meant


@pytest.mark.parametrize(
    ("text", "order", "column"),
    [("4/5/2026", "", "date"), ("31.2.2026", "", "date"), ("1/13/2026", "dmy", "date"), ("yesterday", "", "date"),
     ("4.5.61", "", "birth_date"), ("1/2/2026 13:00 PM", "mdy", "date"), ("46082", "", "date")],
)  # fmt: skip
def test_dates_that_are_none_or_may_be_two_are_refused(text: str, order: str, column: str) -> None:
    with pytest.raises(Refused):
        moment(text, order, column, 2068)


def test_what_a_number_or_date_shows_beyond_doubt() -> None:
    assert [mark_shown_by(text) for text in ("12,5", "12.5", "1.234", "1,234.5", "412")] == [",", ".", "", ".", ""]
    assert [order_shown_by(text) for text in ("13/2/2026", "2/13/2026", "2/3/2026", "2.3.2026", "x")] == [
        "dmy", "mdy", "?", "dmy", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("heading", "column"),
    [("Pat.-Nr.", "mrn"), ("Medical Record Number", "mrn"), ("CollectionDTTM", "observed_at"), ("Fecha", "observed_at"),
     ("Ergebnis", "value"), ("Normbereich", "range"), ("RefHigh", "upper_limit"), ("colour", "")],
)  # fmt: skip
def test_headings_in_the_words_of_several_countries(heading: str, column: str) -> None:
    assert column_of(heading) == column


@pytest.mark.parametrize(
    ("heading", "measure", "role", "unit"),
    [("CK (U/L)", "ck", "value", "U/L"), ("ck_value", "ck", "value", ""), ("ck_unit", "ck", "unit", ""),
     ("ALT, U/L", "alt", "value", "U/L"), ("mmt8_total", "mmt8", "value", ""), ("CK ULN", "ck", "upper", ""),
     ("Kreatinin [mg/dl]", "creatinine", "value", "mg/dl"), ("Weight kg", "weight", "value", "kg")],
)  # fmt: skip
def test_headings_that_name_a_measure(heading: str, measure: str, role: str, unit: str) -> None:
    found = heading_of(heading)
    assert found is not None
    assert (found.measure, found.role, found.unit) == (measure, role, unit)


def test_a_heading_of_another_test_names_nothing() -> None:
    assert heading_of("CK-MB (U/L)") is None
    assert heading_of("Urine creatinine (mg/dL)") is None


def test_a_mapping_survives_its_file() -> None:
    table = {"kind": "observations", "columns": {"mrn": "Pat"}}
    made = TableMappings.model_validate({"source": "lab", "tables": [table]})
    told = json.loads(made.to_json())
    del told["questions"]
    assert TableMappings.model_validate(told) == made
