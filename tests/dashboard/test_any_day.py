"""Every page opens, and stands at the clinic's today, on the days on which calendars and clocks go wrong."""

import datetime as dt
from pathlib import Path

import pytest

from dashboard.app import create_app
from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from models.accounts import add_user
from models.alert_lifecycle import present_day
from models.clock import clinic_date
from models.database import engine_for, reading, writing
from models.settings import Settings
from seed_data.demo import write_demo_clinic
from tests.dashboard.conftest import PASSWORD, PEOPLE, Clinic, Clock, call

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
BEFORE_AND_AFTER = (-dt.timedelta(minutes=1), dt.timedelta(0), dt.timedelta(hours=23))
PATHS = ("/", "/alerts", "/labs", "/rules", "/rules/overdue-labs", "/imports", "/jobs", "/patients/S-0001")


@pytest.mark.parametrize(
    ("timezone", "moment"),
    [
        pytest.param(BERLIN, dt.datetime(2028, 2, 29, 11, tzinfo=dt.UTC), id="29 February"),
        pytest.param(NEW_YORK, dt.datetime(2027, 1, 1, 5, tzinfo=dt.UTC), id="31 December to 1 January"),
        pytest.param(BERLIN, dt.datetime(2027, 3, 28, 1, tzinfo=dt.UTC), id="Berlin forward"),
        pytest.param(BERLIN, dt.datetime(2027, 10, 31, 1, tzinfo=dt.UTC), id="Berlin back"),
        pytest.param(NEW_YORK, dt.datetime(2027, 3, 14, 7, tzinfo=dt.UTC), id="New York forward"),
        pytest.param(NEW_YORK, dt.datetime(2027, 11, 7, 6, tzinfo=dt.UTC), id="New York back"),
    ],
)
def test_every_page_opens_and_stands_at_the_clinics_today(
    sqlite_url: str, tmp_path: Path, timezone: str, moment: dt.datetime
) -> None:
    engine, clock = engine_for(sqlite_url), Clock(moment + BEFORE_AND_AFTER[0])
    settings = Settings(database_url=sqlite_url, timezone=timezone, secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
    day = clinic_date(clock.now, timezone)
    write_demo_clinic(tmp_path / "clinic", 0, day)
    import_paths(engine, [tmp_path / "clinic"], timezone=timezone, by="test", now=clock.now)
    evaluate(engine, day, timezone=timezone, now=clock.now, collect=False)
    with writing(engine) as session:
        for name, role in PEOPLE.items():
            add_user(session, name, role, PASSWORD, now=clock.now)
    clinic = Clinic(create_app(settings, engine, clock=clock), engine, clock)
    for shift in BEFORE_AND_AFTER:
        clock.now = moment + shift
        with reading(engine) as session:
            assert present_day(session, clock.now, timezone) == clinic_date(clock.now, timezone)
        client = clinic.client("ada")
        for path in PATHS:
            answer = call(
                client,
                "..shell-page.children...shell-title.data..",
                "shell-url.pathname",
                outputs=[{"id": "shell-page", "property": "children"}, {"id": "shell-title", "property": "data"}],
                inputs=[{"id": "shell-url", "property": "pathname", "value": path}],
                state=[{"id": "shell-url", "property": "search", "value": ""}],
            )
            assert answer.status_code == 200, path
            assert answer.json["response"]["shell-title"]["data"] != "Not found · Myopanel", path
            assert "sideUpdate" not in answer.json, f"{path}: something went wrong"
    engine.dispose()
