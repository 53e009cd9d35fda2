"""A clinic's own measures, drugs and monitoring rows: known everywhere from their day on, explained ever after."""

import contextvars
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from jobs.evaluation import evaluate
from jobs.examples import everything_said
from jobs.importers.load import import_paths
from jobs.own_rows import (
    Change,
    adding,
    begin_trial,
    ending,
    keep,
    outcome_of,
    own_rows,
    read_change,
    returning,
    set_aside,
    trial_of,
)
from jobs.replay import replay
from models.accounts import add_user
from models.database import reading, writing
from models.errors import ActionRefused
from models.own_vocabulary import OwnRow, clinic_vocabulary, standing, versions, vocabulary_of, words_of
from models.vocabulary import (
    drug,
    measures,
    monitoring,
    own_measures,
    shipped,
    to_canonical,
    vocabulary,
    with_own,
)
from models.vocabulary.own import lines_of
from models.waiting import waiting_groups

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
TODAY = NOW.date()
ZONE = "UTC"

NFL = {"key": "nfl", "label": "Neurofilament light", "short_label": "NfL", "unit": "pg/mL", "also_units": "ng/mL=1000"}
WONDER = {"key": "wonderdrug", "classes": "biologic", "sparing": "yes", "synonyms": "Wondra"}
MTX_CK = {"treatment": "mtx", "test": "ck", "every": "7"}
ASKED = {"treatment": "wonderdrug", "test": "nfl", "every": "28"}

Add = Callable[..., Change]


def day(offset: int) -> str:
    return (TODAY + dt.timedelta(days=offset)).isoformat()


@pytest.fixture
def staffed(engine: Engine) -> Engine:
    with writing(engine) as session:
        for name, role in (("phil", "physician"), ("ada", "admin"), ("nora", "nurse")):
            add_user(session, name, role, "long enough 1", now=NOW)
    return engine


@pytest.fixture
def add(staffed: Engine) -> Add:
    def run(
        kind: str, said: Mapping[str, str], *, at: dt.datetime = NOW, begins: dt.date | None = None, by: str = "phil"
    ) -> Change:
        with writing(staffed) as session:
            change = adding(session, kind, said, valid_from=begins or at.date(), today=at.date(), now=at)
            keep(session, change, reason="a reason", by=by, now=at)
        return change

    return run


def end(engine: Engine, kind: str, key: str, *, at: dt.datetime = NOW, begins: dt.date | None = None) -> None:
    with writing(engine) as session:
        change = ending(session, kind, key, valid_from=begins or at.date(), today=at.date(), now=at)
        keep(session, change, reason="no longer", by="ada", now=at)


def bring(engine: Engine, folder: Path, *, at: dt.datetime = NOW) -> dict[str, Any]:
    return import_paths(engine, [folder], timezone=ZONE, by="nora", now=at).to_dict()


def labs(engine: Engine, on: dt.date = TODAY, **options: Any) -> dict[str, dict[str, Any]]:
    """What is said of each test, by subject; a look that changes nothing."""
    report = evaluate(
        engine, on, timezone=ZONE, now=NOW, rules=["overdue-labs"], all_states=True, dry_run=True, **options
    )
    return {row["subject"]: row for row in report.assessments}


@pytest.fixture
def taking(staffed: Engine, clinic_folder: Callable[..., Path]) -> Engine:
    """A clinic with one patient on a drug that the program does not know."""
    folder = clinic_folder(
        patients=[{"mrn": "1", "birth_date": "1970-01-01", "diagnosis": "DM"}],
        medications=[
            {"mrn": "1", "drug": "wonderdrug", "dose": 10, "unit": "mg", "frequency": "daily", "start_date": day(-100)}
        ],
    )
    bring(staffed, folder)
    return staffed


# -------------------------------------------------------------------------------------------- from added row to the end


def test_an_added_row_leads_to_an_overdue_test_and_to_a_series_and_its_end_ends_it(
    taking: Engine, add: Add, clinic_folder: Callable[..., Path]
) -> None:
    assert labs(taking) == {}
    add("measure", NFL)
    add("drug", WONDER)
    add("monitoring", ASKED)
    # Nothing was missed before the row was there; a week of grace later it is.
    due = labs(taking)["nfl"]
    assert (due["state"], due["due"]) == ("not_met", TODAY.isoformat())
    assert {"ck", "crp", "troponin"} <= set(labs(taking)), "the class of the drug makes it active treatment"
    late = labs(taking, TODAY + dt.timedelta(days=8))["nfl"]
    assert late["state"] == "met"
    assert "required every 28 days by wonderdrug" in late["explanation"]

    results = [
        {"mrn": "1", "measure": "nfl", "value": value, "unit": unit, "observed_at": day(offset), "upper_limit": limit}
        for value, unit, offset, limit in ((12, "pg/mL", -60, 10), (0.02, "ng/mL", -2, 0.01))
    ]
    assert bring(taking, clinic_folder(observations=results))["total"]["created"] == 2
    done = labs(taking)["nfl"]
    assert (done["state"], done["due"]) == ("not_met", day(26))
    assert (done["evidence"][0]["value"], done["evidence"][0]["unit"]) == (20, "pg/mL")

    end(taking, "monitoring", "wonderdrug:nfl::0")
    assert "nfl" not in labs(taking)
    assert "ck" in labs(taking)


def test_a_stored_evaluation_looks_at_everybody_again_when_a_row_changes_and_at_nobody_when_none_did(
    taking: Engine, add: Add
) -> None:
    def run(on: dt.date = TODAY) -> int:
        return evaluate(taking, on, timezone=ZONE, now=NOW, collect=False).computed

    assert run() == 1
    assert run() == 0
    add("measure", NFL)
    assert run() == 1
    assert run() == 0
    add("drug", WONDER, begins=TODAY + dt.timedelta(days=3))
    assert run() == 0, "a row that begins later changes nothing today"
    assert run(TODAY + dt.timedelta(days=3)) == 1


def test_what_was_known_then_explains_what_was_said_then(taking: Engine, add: Add) -> None:
    add("drug", WONDER)
    add("monitoring", {**ASKED, "test": "lymphocytes"})
    later = NOW + dt.timedelta(days=10)
    add("monitoring", {**ASKED, "test": "lymphocytes", "every": "56"}, at=later)
    end(taking, "monitoring", "wonderdrug:lymphocytes::0", at=later + dt.timedelta(days=10))

    def asked(on: int, known: dt.datetime | None = None) -> str | None:
        row = labs(taking, TODAY + dt.timedelta(days=on), known_at=known).get("lymphocytes")
        return None if row is None else row["explanation"].split("every ")[1].split(" by")[0]

    assert asked(-1) is None
    assert [asked(on) for on in (0, 9, 10, 19, 20)] == ["28 days", "28 days", "56 days", "56 days", None]
    # Asked about the twenty-fifth day with the knowledge of the fifth: nobody knew yet that it would change or end.
    assert asked(25, NOW + dt.timedelta(days=5)) == "28 days"
    assert asked(25, NOW - dt.timedelta(days=1)) is None


def test_a_replay_asks_from_the_day_a_row_began(taking: Engine, add: Add) -> None:
    add("drug", WONDER)
    add("monitoring", {**ASKED, "test": "lymphocytes"})
    found = replay(taking, TODAY - dt.timedelta(days=5), TODAY + dt.timedelta(days=20), timezone=ZONE)
    opened = {one["subject"]: one["opened_on"] for one in found["alerts"] if one["rule"] == "overdue-labs"}
    assert opened["lymphocytes"] == day(8)


def test_a_new_interval_is_no_new_beginning_and_a_row_added_again_is(taking: Engine, add: Add) -> None:
    add("drug", WONDER)
    add("monitoring", {**ASKED, "test": "lymphocytes"})
    later = NOW + dt.timedelta(days=10)
    add("monitoring", {**ASKED, "test": "lymphocytes", "every": "14"}, at=later)
    assert labs(taking, later.date())["lymphocytes"]["due"] == TODAY.isoformat()
    end(taking, "monitoring", "wonderdrug:lymphocytes::0", at=later)
    again = later + dt.timedelta(days=1)
    add("monitoring", {**ASKED, "test": "lymphocytes"}, at=again)
    assert labs(taking, again.date())["lymphocytes"]["due"] == again.date().isoformat()


def test_an_ended_measure_takes_no_new_results_and_its_old_ones_stay_readable(
    taking: Engine, add: Add, clinic_folder: Callable[..., Path]
) -> None:
    add("measure", NFL)
    row = {"mrn": "1", "measure": "nfl", "value": 12, "unit": "pg/mL", "observed_at": day(-3)}
    bring(taking, clinic_folder(observations=[row]))
    end(taking, "measure", "nfl")
    told = bring(taking, clinic_folder(observations=[{**row, "observed_at": day(-1)}]))
    assert "not recorded here any more" in told["rejects"][0]["why"]
    with words_of(taking, TODAY):
        assert measures()["nfl"].unit == "pg/mL"
    evaluate(taking, TODAY, timezone=ZONE, now=NOW, collect=False)


def test_an_earlier_version_comes_back_as_a_further_one(taking: Engine, add: Add) -> None:
    add("drug", WONDER)
    add("drug", {**WONDER, "classes": "jak-inhibitor"})
    with writing(taking) as session:
        first = versions(session.connection())[0]
        change = returning(session, first.id, valid_from=TODAY, today=TODAY, now=NOW)
        keep(session, change, reason="it was right", by="ada", now=NOW)
    with reading(taking) as session:
        (listed,) = own_rows(session, TODAY)
    assert [row.cells["classes"] for row in listed.history] == ["biologic", "jak-inhibitor", "biologic"]
    with words_of(taking, TODAY):
        assert drug("Wondra").classes == ("biologic",)  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------------------------------- messages


def test_messages_name_an_own_measure_by_its_codes_and_are_not_believed_against_its_name(
    taking: Engine, add: Add, tmp_path: Path
) -> None:
    add("measure", {**NFL, "loinc": "94852-1", "codes": "NFLS"})
    header = (
        "MSH|^~\\&|LIS|NORTH|MYO|CLINIC|20261120130000||ORU^R01^ORU_R01|MSG1|P|2.5.1\rPID|1||1^^^NORTH^MR||Karst^Ada"
    )
    order = "OBR|{n}|PL{n}|F{n}^LIS|CHEM^Chemistry^L|||20261119083000|||||||||||||||20261120125500|||F"
    sent = (
        "94852-1^Neurofilament light chain^LN",
        "NFLS^NfL^L",
        "94852-1^Myoglobin^LN",
    )
    text = header + "".join(
        f"\r{order.format(n=n)}\rOBX|{n}|NM|{code}||{10 + n}|pg/mL||||||F" for n, code in enumerate(sent, start=1)
    )
    path = tmp_path / "results.hl7"
    path.write_text(text + "\r")
    told = bring(taking, path)
    assert (told["total"]["created"], told["total"]["waiting"]) == (2, 1)
    with reading(taking) as session:
        assert [one["what"] for one in waiting_groups(session)] == ["94852-1 Myoglobin"]
    result = {
        "resourceType": "Observation", "id": "o9", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "94852-1"}]},
        "valueQuantity": {"value": 31, "unit": "pg/mL", "system": "http://unitsofmeasure.org", "code": "pg/mL"},
        "effectiveDateTime": "2026-11-20T08:30:00Z",
    }  # fmt: skip
    person = {
        "resourceType": "Patient", "id": "p1", "birthDate": "1970-01-01",
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "system": "urn:hospital", "value": "1"}],
    }  # fmt: skip
    bundle = tmp_path / "bundle.json"
    entries = [{"resource": one} for one in (person, result)]
    bundle.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    told = bring(taking, bundle)
    assert (told["total"]["created"], told["total"]["rejected"]) == (1, 0)


# ------------------------------------------------------------------------------------------------------------- refusals


REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("measure", {**NFL, "key": "ck"}, "comes with the program"),
    ("measure", {**NFL, "key": "7up"}, "begins with a letter"),
    ("measure", {**NFL, "unit": ""}, "needs a unit"),
    ("measure", {**NFL, "label": "Creatine kinase"}, "called 'Creatine kinase' already"),
    ("measure", {**NFL, "loinc": "2157-6"}, "it means Creatine kinase"),
    ("measure", {**NFL, "loinc": "2157-5"}, "last digit does not fit"),
    ("measure", {**NFL, "also_units": "ng/L"}, "with its factor"),
    ("measure", {**NFL, "also_units": "ng/L=0"}, "above 0"),
    ("measure", {**NFL, "also_units": "pg/ml=2"}, "named twice"),
    ("measure", {"key": "qol", "label": "Quality of life", "result": "score"}, "Maximum is a number"),
    ("measure", {**NFL, "colour": "red"}, "no field 'colour'"),
    ("measure", {**NFL, "kind": "strength"}, "one of laboratory"),
    ("drug", {**WONDER, "key": "mtx"}, "is Methotrexate already"),
    ("drug", {**WONDER, "synonyms": "prednisone"}, "is Prednisone already"),
    ("drug", {**WONDER, "classes": "magic"}, "no class 'magic'"),
    ("drug", {**WONDER, "classes": "glucocorticoid"}, "how many mg equal 5 mg"),
    ("drug", {**WONDER, "equivalent_mg": "5"}, "Only a glucocorticoid"),
    ("drug", {**WONDER, "active": "no"}, "counts as active treatment"),
    ("drug", {**WONDER, "rxnorm": "6851"}, "means Methotrexate"),
    ("drug", {"key": "wonderdrug"}, "Classes is missing"),
    ("monitoring", ASKED, "no drug, class of drugs or condition"),
    ("monitoring", {**ASKED, "treatment": "methotrexate"}, "No test or measure is called 'nfl'"),
    ("monitoring", {**MTX_CK, "every": "0"}, "between 1 and"),
    ("monitoring", {**MTX_CK, "every": "soon"}, "whole number"),
    ("monitoring", {**MTX_CK, "only_if": "tall"}, "is no condition"),
    ("monitoring", {**MTX_CK, "from_day": "9", "to_day": "3"}, "before the first"),
    ("rule", {}, "not something a clinic can add"),
)  # fmt: skip


def test_what_does_not_fit_is_refused_in_a_sentence(add: Add) -> None:
    for kind, said, why in REFUSED:
        with pytest.raises(ActionRefused, match=why):
            add(kind, said)


def test_only_physicians_and_administrators_change_the_vocabulary_and_with_a_reason(staffed: Engine, add: Add) -> None:
    for name in ("nora", "nobody", ""):
        with pytest.raises(ActionRefused):
            add("measure", NFL, by=name)
    with writing(staffed) as session:
        change = adding(session, "measure", NFL, valid_from=TODAY, today=TODAY, now=NOW)
        with pytest.raises(ActionRefused, match="needs a reason"):
            keep(session, change, reason=" ", by="ada", now=NOW)
    with pytest.raises(ActionRefused, match="today at the earliest"):
        add("measure", NFL, begins=TODAY - dt.timedelta(days=1))


def test_what_others_rest_on_is_not_ended_under_them(taking: Engine, add: Add) -> None:
    add("measure", NFL)
    add("drug", WONDER)
    add("monitoring", ASKED)
    for kind, key in (("measure", "nfl"), ("drug", "wonderdrug")):
        with pytest.raises(ActionRefused, match="rests on"):
            end(taking, kind, key)
    with pytest.raises(ActionRefused, match="says already"):
        add("monitoring", ASKED)
    with pytest.raises(ActionRefused, match="has no monitoring"):
        end(taking, "monitoring", "methotrexate:ck::0")
    # It may begin after what it rests on, and not before.
    add("drug", {"key": "laterdrug", "classes": "biologic"}, begins=TODAY + dt.timedelta(days=5))
    with pytest.raises(ActionRefused, match="no drug"):
        add("monitoring", {"treatment": "laterdrug", "test": "ck", "every": "7"})


def test_results_on_file_keep_their_unit(taking: Engine, add: Add, clinic_folder: Callable[..., Path]) -> None:
    add("measure", NFL)
    add("measure", {**NFL, "unit": "ng/L", "also_units": ""})
    row = {"mrn": "1", "measure": "nfl", "value": 12, "unit": "ng/L", "observed_at": day(-3)}
    bring(taking, clinic_folder(observations=[row]))
    with pytest.raises(ActionRefused, match="1 results of Neurofilament light are on file in ng/L"):
        add("measure", NFL)
    add("measure", {**NFL, "unit": "ng/L", "also_units": "", "label": "NfL chain"})


# --------------------------------------------------------------------------------------------------------------- trials


def test_a_trial_answers_every_example_and_counts_whom_a_row_would_ask(taking: Engine, add: Add) -> None:
    add("drug", WONDER)
    with reading(taking) as session:
        change = adding(session, "monitoring", {**ASKED, "test": "lymphocytes"}, valid_from=TODAY, today=TODAY, now=NOW)
    outcome = outcome_of(taking, change, today=TODAY, now=NOW, timezone=ZONE)
    assert outcome.examples == len(everything_said()) > 100
    assert (outcome.differ, outcome.untrue) == ([], [])
    assert (outcome.newly_asked, outcome.newly_overdue, outcome.patients) == (1, 0, 1)
    assert outcome.tests == {"Lymphocyte count": 1}
    assert "answer as before" in outcome.sentences()[0]


def test_a_trial_shows_the_examples_a_row_would_answer_otherwise(taking: Engine) -> None:
    said = {"treatment": "methotrexate", "test": "blood_count", "every": "7"}
    with reading(taking) as session:
        change = adding(session, "monitoring", said, valid_from=TODAY, today=TODAY, now=NOW)
    outcome = outcome_of(taking, change, today=TODAY, now=NOW, timezone=ZONE)
    assert {one["rule"] for one in outcome.differ} == {"overdue-labs"}
    assert all("blood_count" in one["now"] + one["then"] for one in outcome.differ)
    assert "answered otherwise" in outcome.sentences()[0]


def test_a_drug_says_how_many_statements_on_file_it_gives_a_meaning_to(taking: Engine) -> None:
    with reading(taking) as session:
        change = adding(session, "drug", WONDER, valid_from=TODAY, today=TODAY, now=NOW)
    assert outcome_of(taking, change, today=TODAY, now=NOW, timezone=ZONE).on_file == 1


def test_a_trial_in_the_background_is_read_by_any_process(taking: Engine) -> None:
    import threading

    with reading(taking) as session:
        change = adding(session, "measure", NFL, valid_from=TODAY, today=TODAY, now=NOW)
    number = begin_trial(taking, change, by="phil", today=TODAY, now=NOW, timezone=ZONE)
    for thread in threading.enumerate():
        if thread.name == f"vocabulary trial {number}":
            thread.join()
    tried, outcome = trial_of(taking, number, NOW)
    assert tried.document() == change.document() == read_change(change.document()).document()
    assert outcome is not None
    assert outcome.differ == []
    with pytest.raises(ActionRefused, match="not on record"):
        trial_of(taking, number + 1, NOW)


# ------------------------------------------------------------------------------------------------------- who knows what


def test_two_databases_have_each_their_own_words_side_by_side(taking: Engine, add: Add) -> None:
    add("measure", NFL)
    with words_of(taking, TODAY):
        assert own_measures() == ("nfl",)
        assert to_canonical("nfl", 1, "ng/mL") == 1000
        assert contextvars.Context().run(own_measures) == ()
    assert own_measures() == ()
    assert vocabulary() is shipped()


def test_another_process_sees_a_change_at_once(taking: Engine, add: Add) -> None:
    from models.database import engine_for

    other = engine_for(taking.url.render_as_string(hide_password=False))
    try:
        assert clinic_vocabulary(other, TODAY) is None
        add("measure", NFL)
        assert "nfl" in clinic_vocabulary(other, TODAY).measures  # type: ignore[union-attr]
    finally:
        other.dispose()


def test_a_row_that_a_newer_program_brings_itself_is_set_aside_and_stops_nothing(taking: Engine, add: Add) -> None:
    add("measure", NFL)
    with writing(taking) as session:
        cells = {"key": "ck", "label": "Our CK", "short_label": "CK", "kind": "laboratory", "result": "number",
                 "unit": "U/L", "higher_is": "worse"}  # fmt: skip
        session.add(
            OwnRow(
                kind="measure", key="ck", cells=json.dumps(cells), ended=False, valid_from=TODAY, reason="old",
                author="phil", created_at=NOW,
            )
        )  # fmt: skip
    with words_of(taking, TODAY):
        assert measures()["ck"].label == "Creatine kinase"
        assert own_measures() == ("nfl",)
    with reading(taking) as session:
        assert set_aside(session, TODAY) == ["measure ck"]
    evaluate(taking, TODAY, timezone=ZONE, now=NOW, collect=False)


def test_a_clinic_without_rows_of_its_own_is_asked_as_before(taking: Engine) -> None:
    assert clinic_vocabulary(taking, TODAY) is None
    with words_of(taking, TODAY):
        assert vocabulary() is shipped()


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from((None, "7", "14", "28", "56"))), min_size=1, max_size=8
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_holds_on_a_day_is_what_was_said_last_for_it(steps: list[tuple[int, str | None]]) -> None:
    """Versions in any order of days: the last one by day, then by number, holds, and nothing else."""
    from models.own_vocabulary import Version

    made = [
        Version(
            number, "monitoring", "methotrexate:ck::0",
            {} if every is None else {"treatment": "methotrexate", "test": "ck", "every": every},
            every is None, TODAY + dt.timedelta(days=offset), "", "", NOW,
        )
        for number, (offset, every) in enumerate(steps, start=1)
    ]  # fmt: skip
    known = sorted(made, key=lambda one: (one.valid_from, one.id))
    for offset in (0, 1, 20, 40):
        on = TODAY + dt.timedelta(days=offset)
        said = [one for one in known if one.valid_from <= on]
        wanted = said[-1].cells.get("every") if said else None
        own = [row for row in vocabulary_of(known, on).monitoring if row.profile == "clinic"]
        assert [str(row.interval_days) for row in own] == ([] if wanted is None else [wanted])
        assert (("monitoring", "methotrexate:ck::0") in standing(known, on)) == bool(said)


def test_an_own_row_stands_in_the_tables_like_any_other() -> None:
    lines = lines_of("monitoring", {"treatment": "methotrexate", "test": "ferritin", "every": "91", "note": "ours"})
    from models.vocabulary import holding

    with holding(with_own(lines)):
        (row,) = monitoring("clinic")
        assert (row.interval_days, row.mark, row.note, row.active) == (91, "default", "ours", True)
        assert vocabulary().tests["ferritin"].measures == ("ferritin",)


@pytest.fixture(autouse=True)
def _nothing_is_left_held() -> Iterator[None]:
    yield
    assert vocabulary() is shipped()
