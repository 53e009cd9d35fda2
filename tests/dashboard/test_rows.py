"""Rows of the lists over HTTP: compact, in parts, and not sent again while they say the same."""

from typing import Any

import pytest

from models.alert_lifecycle import acknowledge
from models.database import writing
from tests.dashboard.conftest import NOW, TODAY, Clinic


def asked(clinic: Clinic, address: str, name: str = "nora", **headers: str) -> Any:
    return clinic.client(name).get(address, headers=headers)


@pytest.mark.parametrize("address", ["/panel/rows", "/alerts/rows", "/panel/choices"])
def test_nobody_gets_rows_without_signing_in(filled: Clinic, address: str) -> None:
    assert filled.client().get(address).status_code in {302, 303, 401}
    assert asked(filled, address, "vera").status_code == 200


@pytest.mark.parametrize("address", ["/panel/rows", "/alerts/rows"])
def test_a_part_that_has_not_changed_is_answered_without_a_body(filled: Clinic, address: str) -> None:
    first = asked(filled, address)
    tag = first.headers["ETag"]
    again = asked(filled, address, **{"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    with writing(filled.engine) as session:
        acknowledge(session, filled.alert_ids()[0], "paul", today=TODAY, now=NOW, reason="reviewed")
    changed = asked(filled, address, **{"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_a_part_of_the_panel_says_how_many_there_are_altogether(filled: Clinic) -> None:
    part = asked(filled, "/panel/rows?start=1&count=2").json
    assert [row["m"] for row in part["rows"]] == ["0044", "0050"]
    assert part["total"] == 4
    assert part["counts"] == "4 patients · 1 today · 0 this week · 1 cannot tell"


@pytest.mark.parametrize("nonsense", ["start=-1", "count=x", "start=99999999999999", "sort=mrn;drop", "sev=worst"])
def test_an_address_that_makes_no_sense_gets_the_list_and_no_error(filled: Clinic, nonsense: str) -> None:
    answer = asked(filled, f"/panel/rows?{nonsense}")
    assert answer.status_code == 200
    assert answer.json["total"] == 4


def test_filters_reach_the_database(filled: Clinic) -> None:
    def found(query: str) -> list[str]:
        return [row["m"] for row in asked(filled, f"/panel/rows?{query}").json["rows"]]

    assert found("q=ka ad") == ["0012"]
    assert found("who=me") == ["0044"]
    assert found("site=North&dx=DM") == ["0050"]
    assert found("rule=raised-troponin") == ["0044"]
    assert found("sort=patient&dir=desc") == ["0060", "0044", "0012", "0050"]


def test_the_nurse_list_counts_every_view_and_sends_the_chosen_one(filled: Clinic) -> None:
    told = asked(filled, "/alerts/rows?show=watch").json
    assert [row["m"] for row in told["rows"]] == ["0044"]
    assert told["counts"] == {"todo": 4, "urgent": 1, "action": 2, "watch": 1, "settled": 0, "done": 0}
    assert told["more"] is False
    assert asked(filled, "/alerts/rows?count=1").json["more"] is True


def test_the_choices_of_a_filter_are_counted(filled: Clinic) -> None:
    found = asked(filled, "/panel/choices").json
    assert {"value": "overdue-labs", "label": "Overdue laboratory tests (1)"} in found["rule"]
    assert len(found["diagnosis"]) == 4


def test_an_alert_that_nobody_can_answer_any_more_goes_on_standing_on_the_panel(filled: Clinic) -> None:
    import sqlalchemy as sa

    from models.assessment import Assessment
    from tests.dashboard.conftest import keep_summaries

    with writing(filled.engine) as session:
        session.execute(
            sa.update(Assessment)
            .where(Assessment.rule == "declining-strength")  # type: ignore[arg-type]
            .values(state="cannot_tell", cannot_tell_because="no newer value than 1 Aug 2026")
        )
        keep_summaries(session)
    first = asked(filled, "/panel/rows").json["rows"][0]
    assert (first["m"], first["r"]) == ("0012", 4)
    assert first["w"][0] == ["urgent", "Weaker: CMAS 27 → 20 of 52 since 19 Nov, corroborated", "no newer answer"]
