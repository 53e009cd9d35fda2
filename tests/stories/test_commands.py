"""The other commands: what stands on which stream, exit codes, calculators, replay, cohort, jobs, accounts, backups."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.stories.conftest import Clinic, cmas, day, drug, laboratory


@pytest.fixture
def busy(clinic: Clinic) -> Clinic:
    """A clinic with one patient who is getting weaker on 40 mg."""
    clinic.load(
        patients=[{"mrn": "1", "diagnosis": "DM"}],
        observations=[cmas("1", 27, -14), cmas("1", 24), laboratory("1", "ck", 900, 0, 200)],
        medications=[drug("1", "prednisone", 40, -40)],
    )
    return clinic


def test_standard_output_holds_the_answer_and_nothing_else(busy: Clinic) -> None:
    busy.evaluate(0)
    for command in (
        ("evaluate", "--as-of", day(0)),
        ("evaluate", "--as-of", day(0), "--all-states", "--dry-run"),
        ("alerts",),
        ("alerts", "--state", "all"),
        ("suggest", "1", "--as-of", day(0)),
        ("exposure", "1", "--as-of", day(0)),
        ("replay", "--from", day(-3), "--to", day(0)),
        ("jobs", "list"),
    ):
        as_json = busy(*command, "--format", "json")
        # Strictly JSON: Python would accept NaN, other programs do not.
        json.loads(as_json.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        rows = list(csv.reader(io.StringIO(busy(*command, "--format", "csv").stdout)))
        assert len(rows) >= 2, command
        assert {len(row) for row in rows} == {len(rows[0])}, command
        table = busy(*command).stdout
        assert table.strip()
        assert table == busy(*command, "--format", "table").stdout


def test_import_prints_in_every_format(clinic: Clinic) -> None:
    folder = clinic.folder(patients=[{"mrn": "1"}], observations=[cmas("1", 60)])
    rows = list(csv.DictReader(io.StringIO(clinic("import", folder, "--format", "csv", code=1).stdout)))
    assert [(row["name"], row["read"], row["rejected"]) for row in rows] == [
        ("patients.csv", "1", "0"), ("observations.csv", "1", "1"), ("total", "2", "1"),
    ]  # fmt: skip
    table = clinic("import", folder, code=1)
    assert "total" in table.stdout
    assert "observations.csv" in table.stderr


def test_an_empty_clinic_answers_with_empty_lists(clinic: Clinic) -> None:
    assert clinic.evaluate(0) == []
    assert clinic.evaluate(0, "--all-states") == []
    assert clinic.alerts("all") == []


@pytest.mark.anyday
def test_without_a_day_the_clinics_today_is_meant(busy: Clinic) -> None:
    assert isinstance(busy.evaluate(None), list)
    assert busy("suggest", "1", "--format", "json").json()["as_of"] >= day(0)


# ------------------------------------------------------------------------------------------------------------- exposure


def test_exposure_gives_each_day_the_spans_and_the_sum(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(
        medications=[
            drug("1", "prednisone", 60, -10, -6), drug("1", "methylprednisolone", 8, -5, -1),
            drug("1", "prednisone", 10, -5, -1), drug("1", "prednisone", 40, 0), drug("1", "prednisone", 90, 5),
        ]
    )  # fmt: skip
    answer = clinic("exposure", "1", "--as-of", day(2), "--format", "json").json()
    assert {row["date"]: row["dose"] for row in answer["days"]} == {
        **{day(at): 60 for at in range(-10, -5)},
        **{day(at): 20 for at in range(-5, 0)},
        **{day(at): 40 for at in range(3)},
    }  # fmt: skip
    assert answer["cumulative"]["total_mg"] == 5 * 60 + 5 * 20 + 3 * 40
    high = [span for span in answer["spans"] if "30" in span["limit"]]
    assert [(span["start"], span["end"], span["days"]) for span in high] == [
        (day(-10), day(-6), 5),
        (day(0), day(2), 3),
    ]


def test_what_was_taken_to_be_replaced_or_is_not_counted_stands_beside_the_doses(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(
        medications=[
            drug("1", "prednisone", 40, -27), drug("1", "prednisone", 20, -8),
            drug("1", "triamcinolone", 40, -3, -3, route="intra-articular"),
        ]
    )  # fmt: skip
    said = clinic("exposure", "1", "--as-of", day(0)).stderr
    assert "Above 30 mg/day" in said
    assert "Cumulative: 940 mg, 940 mg of it in the last 365 days" in said
    assert "Please check: prednisone 40 mg" in said
    assert "(a change of dose)" in said
    assert "Not counted: triamcinolone intra-articular" in said


# ---------------------------------------------------------------------------------------------------------- calculators


def _score(clinic: Clinic, tmp_path: Path, kind: str, document: Any) -> Any:
    file = tmp_path / f"{kind}.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return clinic("score", kind, file).json()


VISIT = {
    "physician_global": 6, "patient_global": 7, "strength": {"instrument": "mmt8_bilateral", "score": 120}, "haq": 1.5,
    "extramuscular_global": 4, "enzymes": {"ck": {"value": 1000, "upper_limit": 200}},
}  # fmt: skip


def test_no_change_is_no_improvement(clinic: Clinic, tmp_path: Path) -> None:
    answer = _score(clinic, tmp_path, "tis", {"class": "adult", "baseline": VISIT, "follow_up": VISIT})
    assert set(answer) >= {"tis", "category", "enzyme", "parts", "missing", "bounds"}
    assert set(answer["parts"]) == {
        "physician_global", "patient_global", "strength", "haq", "enzyme", "extramuscular_global",
    }  # fmt: skip
    assert (answer["tis"], answer["category"], answer["missing"], answer["bounds"]) == (0, "none", [], [0, 0])
    assert answer["enzyme"] == "ck"


def test_full_recovery_is_a_hundred_points_and_major(clinic: Clinic, tmp_path: Path) -> None:
    baseline = {
        "physician_global": 10, "patient_global": 10,
        "strength": {"instrument": "mmt8_bilateral", "score": 0}, "haq": 3,
        "extramuscular_global": 10, "enzymes": {"ck": {"value": 20000, "upper_limit": 200}},
    }  # fmt: skip
    well = {
        "physician_global": 0, "patient_global": 0,
        "strength": {"instrument": "mmt8_bilateral", "score": 150}, "haq": 0,
        "extramuscular_global": 0, "enzymes": {"ck": {"value": 100, "upper_limit": 200}},
    }  # fmt: skip
    answer = _score(clinic, tmp_path, "tis", {"class": "adult", "baseline": baseline, "follow_up": well})
    assert (answer["tis"], answer["category"]) == (100, "major")
    assert sum(answer["parts"].values()) == 100


def test_what_is_missing_is_named_and_bounded(clinic: Clinic, tmp_path: Path) -> None:
    follow_up = {**VISIT, "physician_global": 2}
    del follow_up["haq"]
    answer = _score(clinic, tmp_path, "tis", {"class": "adult", "baseline": VISIT, "follow_up": follow_up})
    assert answer["tis"] is None
    assert any("haq" in one for one in answer["missing"])
    low, high = answer["bounds"]
    assert low < high
    assert answer["parts"]["haq"] is None


def test_cmas_is_the_sum_of_its_fourteen_items(clinic: Clinic, tmp_path: Path) -> None:
    best = {
        "1": 5,
        "2": 2,
        "3": 4,
        "4": 5,
        "5": 3,
        "6": 3,
        "7": 4,
        "8": 3,
        "9": 4,
        "10": 3,
        "11": 4,
        "12": 4,
        "13": 4,
        "14": 4,
    }
    answer = _score(clinic, tmp_path, "cmas", {"items": {number: {"score": score} for number, score in best.items()}})
    assert set(answer) >= {"total", "max", "missing", "problems"}
    assert answer["max"] == 52
    del best["14"]
    answer = _score(clinic, tmp_path, "cmas", {"items": {number: {"score": score} for number, score in best.items()}})
    assert answer["total"] is None
    assert [str(one) for one in answer["missing"]] == ["14"]


def test_what_is_no_json_is_wrong_usage(clinic: Clinic, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    for text in ("not json", "[1, 2]", "{}", '{"class": "goat", "baseline": {}, "follow_up": {}}', "null"):
        file.write_text(text, encoding="utf-8")
        done = clinic.run("score", "tis", file, env=clinic.env)
        assert (done.code, done.stdout) == (2, ""), (text, done)
    for text in ("not json", "[1, 2]", "null"):
        file.write_text(text, encoding="utf-8")
        assert clinic.run("score", "cmas", file, env=clinic.env).code == 2, text


# ---------------------------------------------------------------------------------------------------- replay and cohort


def test_replay_says_what_would_have_been_said_as_known_each_day_and_writes_nothing(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(observations=[cmas("1", 27, -30), cmas("1", 24, -20, received_at=f"{day(-15)}T09:00:00Z")])
    report = clinic(
        "replay", "--from", day(-29), "--to", day(0), "--rule", "declining-strength", "--format", "json"
    ).json()
    (row,) = report["rules"]
    assert {"rule", "opened", "per_week", "per_100_patient_months"} <= set(row)
    assert (row["rule"], row["opened"]) == ("declining-strength", 1)
    assert [(one["opened_on"], one["since"]) for one in report["alerts"]] == [(day(-15), day(-20))]
    higher = clinic(
        "replay", "--from", day(-29), "--to", day(0), "--set", "declining-strength.step_cmas=4", "--format", "json"
    ).json()
    assert all(one["rule"] != "declining-strength" or one["opened"] == 0 for one in higher["rules"])
    assert clinic.alerts("all") == []


def test_a_cohort_is_the_same_for_the_same_seed_and_can_be_imported(clinic: Clinic, tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        clinic("cohort", "--patients", 12, "--seed", seed, "--out", tmp_path / name)
    read = {name: {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in "abc"}
    assert read["a"] == read["b"] != read["c"]
    assert set(read["a"]) == {"patients.csv", "observations.csv", "medications.csv", "events.csv", "truth.csv"}
    total = clinic("import", tmp_path / "a", "--format", "json").json()["total"]
    assert total["rejected"] == 0
    again = clinic("import", tmp_path / "a", "--format", "json").json()["total"]
    assert (again["created"], again["updated"]) == (0, 0)
    assert len(read["a"]["patients.csv"].splitlines()) == 13
    assert clinic("evaluate").code == 0


# --------------------------------------------------------------------------------------------- jobs, accounts, database


@pytest.mark.anyday
def test_jobs_are_listed_and_run_by_hand(busy: Clinic) -> None:
    listed = busy("jobs", "list", "--format", "json").json()
    assert "evaluate" in {one["key"] for one in listed}
    busy("jobs", "run", "evaluate", "--as-of", day(0))
    assert {one["rule"] for one in busy.alerts()} >= {"declining-strength"}
    (ran,) = [one for one in busy("jobs", "list", "--format", "json").json() if one["key"] == "evaluate"]
    assert (ran["status"], ran["as_of"]) == ("succeeded", day(0))


@pytest.mark.anyday
def test_passwords_are_asked_for_where_none_is_given(clinic: Clinic) -> None:
    clinic("user", "add", "nora", "--role", "nurse", stdin="correct horse battery staple\n")
    assert clinic.run("user", "add", "vera", "--role", "viewer", env=clinic.env).code == 2
    assert (
        clinic.run("user", "add", "nora", "--role", "nurse", "--password", "correct horse battery", env=clinic.env).code
        == 2
    )
    clinic("user", "password", "nora", stdin="another horse battery staple\n")
    done = clinic("user", "add", "robot", "--role", "service")
    assert "token" in done.stdout
    clinic("user", "disable", "nora")


def test_a_backup_put_back_brings_the_day_of_the_backup_back(busy: Clinic, tmp_path: Path) -> None:
    busy.evaluate(0)
    before = busy.alerts("all")
    busy("db", "backup", tmp_path / "copy.db")
    busy("alert", "ack", before[0]["id"], "--by", "nora")
    busy.people("2")
    assert busy.alerts("all") != before
    busy("db", "restore", tmp_path / "copy.db")
    assert busy.alerts("all") == before
    assert busy.run("suggest", "2", env=busy.env).code == 2
    (tmp_path / "broken.db").write_bytes(b"nothing of the kind" * 100)
    assert busy.run("db", "restore", tmp_path / "broken.db", env=busy.env).code == 2
    assert busy.alerts("all") == before


def test_the_schema_is_made_where_there_is_none(cli: Callable[..., Any]) -> None:
    first = cli("db", "upgrade")
    assert first.code == 0
    assert cli("db", "upgrade").stdout == first.stdout


@pytest.mark.parametrize(
    "env",
    [
        {"MYOPANEL_TIMEZONE": "Mars/Olympus"},
        {"MYOPANEL_DATABASE_URL": "nonsense"},
        {"MYOPANEL_PORT": "many"},
        {"MYOPANEL_ENVIRONMENT": "production", "MYOPANEL_SECRET_KEY": "short"},
        {"MYOPANEL_DATABASE_URL": "sqlite:////no/such/folder/x.db"},
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(cli: Callable[..., Any], env: dict[str, str]) -> None:
    done = cli("alerts", "--format", "json", env=env)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_stands_on_its_own_feet_in_a_process_of_its_own(
    run_cli: Callable[..., Any], clinic_folder: Callable[..., Path]
) -> None:
    folder = clinic_folder(
        patients=[{"mrn": "1"}],
        observations=[cmas("1", 27, -14), cmas("1", 24)],
        medications=[drug("1", "prednisone", 40, -40)],
    )
    password = ("--password", "correct horse battery staple")
    for arguments in (
        ("user", "add", "nora", "--role", "nurse", *password),
        ("user", "password", "nora", *password),
        ("import", folder),
        ("jobs", "list"),
        ("evaluate", "--as-of", day(0)),
        ("alerts",),
        ("alert", "assign", 1, "--by", "nora", "--to", "nora"),
        ("alert", "ack", 1, "--by", "nora"),
        ("alert", "comment", 1, "--by", "nora", "--note", "x"),
        ("alert", "snooze", 1, "--by", "nora", "--until", day(2)),
        ("alert", "resolve", 1, "--by", "nora", "--outcome", "acted"),
        ("suggest", "1", "--as-of", day(0)),
        ("exposure", "1", "--as-of", day(0)),
        ("jobs", "run", "evaluate", "--as-of", day(1)),
        ("user", "disable", "nora"),
        ("db", "backup", "copy.db"),
        ("db", "restore", "copy.db"),
        ("db", "upgrade"),
    ):
        done = run_cli(*arguments)
        assert done.code == 0, f"{arguments}: {done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr


def test_wrong_usage_ends_with_2_in_a_process_of_its_own(run_cli: Callable[..., Any]) -> None:
    for arguments in (("evaluate", "--no-such-option"), ("dance",), ("import",), ("alerts", "--format", "xml"), ()):
        done = run_cli(*arguments)
        assert done.code == 2, f"{arguments}: exit {done.code}\n{done.stderr[-500:]}"
        assert "Traceback" not in done.stderr


def test_a_file_that_is_no_database_and_one_of_a_later_version_are_refused(
    cli: Callable[..., Any], tmp_path: Path, sqlite_url: str
) -> None:
    import sqlite3

    (tmp_path / "letter.db").write_text("Dear colleague, thank you for referring this patient to us.", encoding="utf-8")
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for url in (f"sqlite:///{tmp_path / 'letter.db'}", sqlite_url):
        for command in (("alerts",), ("db", "upgrade"), ("evaluate",)):
            done = cli(*command, env={"MYOPANEL_DATABASE_URL": url})
            assert (done.code, done.stdout) == (2, ""), (url, command)
            assert done.stderr


# ------------------------------------------------------------------------------------------- thresholds and status


def test_several_thresholds_are_set_at_once_or_none(busy: Clinic) -> None:
    why = ("--by", "dr", "--reason", "our own scatter", "--from", day(0))
    step, latest = "declining-strength.step_cmas", "declining-strength.latest_days"
    assert busy("rule", "set", f"{step}=4", f"{latest}=5000", *why, code=2).stdout == ""
    assert busy.met(0, "--rule", "declining-strength") == {("1", "declining-strength", "cmas")}
    said = busy("rule", "set", f"{step}=4", f"{latest}=60", *why).stdout
    assert said.splitlines() == [f"{step} = 4", f"{latest} = 60"]
    assert busy.met(0, "--rule", "declining-strength") == set()


def test_a_patients_own_threshold_holds_from_to_and_at_most_a_year_unless_said_otherwise(busy: Clinic) -> None:
    own = ("rule", "set", "declining-strength.step_cmas=4", "--by", "dr", "--reason", "frail", "--patient", "1")
    assert "until" in busy(*own, "--from", day(-1), "--until", day(-1)).stdout
    assert busy.met(0, "--rule", "declining-strength") == {("1", "declining-strength", "cmas")}
    assert (
        busy(*own, "--from", day(0)).stdout.strip().startswith("declining-strength.step_cmas = 4 for patient 1 until ")
    )
    assert busy.met(0, "--rule", "declining-strength") == set()


@pytest.mark.parametrize(("status", "kept"), [("off", []), ("shadow", ["shadow"]), ("on", ["active"])])
def test_a_rule_is_switched_on_off_or_to_shadow(busy: Clinic, status: str, kept: list[str]) -> None:
    busy("rule", "status", "declining-strength", status, "--by", "dr", "--reason", "too many", "--from", day(0))
    asked = busy("evaluate", "--as-of", day(0), "--dry-run", "--all-states", "--format", "json").stdout
    assert [one["status"] for one in json.loads(asked) if one["rule"] == "declining-strength"] == kept


# ------------------------------------------------------------------------------------- a database that does not work


def test_the_doctor_says_what_to_do_and_ends_with_1_where_something_failed(
    busy: Clinic, cli: Callable[..., Any]
) -> None:
    checks = busy("doctor", "--format", "json").json()
    assert {"settings", "database", "clock", "mail", "disk", "versions"} <= {one["check"] for one in checks}
    assert all(set(one) == {"check", "state", "found", "do"} for one in checks)
    for env in ({"MYOPANEL_TIMEZONE": "Mars/Olympus"}, {"MYOPANEL_DATABASE_URL": "sqlite:////no/such/folder/x.db"}):
        done = cli("doctor", "--format", "json", env=env)
        assert done.code == 1
        assert [one for one in done.json() if one["state"] == "fail" and one["do"]]


def test_a_database_nobody_may_write_to_is_said_in_a_sentence_without_what_was_to_be_written(
    busy: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    file = busy.env["MYOPANEL_DATABASE_URL"].removeprefix("sqlite:///")
    holding = sqlite3.connect(file, isolation_level=None)
    monkeypatch.setattr("models.database.BUSY_SECONDS", 1)
    holding.execute("begin immediate")
    done = busy.run(
        "user", "add", "secretname", "--role", "nurse", "--password", "a long enough password", env=busy.env
    )
    holding.execute("rollback")
    holding.close()
    assert (done.code, done.stdout) == (2, "")
    assert "The database is busy" in done.stderr
    assert "secretname" not in done.stderr
    assert "Traceback" not in done.stderr
