"""What the nurse list is filtered by: each choice narrows list, counts and print alike, and says so."""

from typing import Any

import pytest

from dashboard.acting import act
from dashboard.pages import alerts_print
from tests.dashboard.conftest import NOW, Clinic
from tests.dashboard.shown import here, hrefs, words


def asked(clinic: Clinic, query: str, name: str = "nora") -> dict[str, Any]:
    answer = clinic.client(name).get(f"/alerts/rows?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_words_rule_urgency_and_whose_narrow_the_list_and_its_counts(filled: Clinic) -> None:
    strength, troponin = (filled.alert_ids(rule)[0] for rule in ("declining-strength", "raised-troponin"))
    act(here(filled, "paul"), "assign", [strength], {"to": "paul"})
    act(here(filled), "assign", [troponin], {"to": "nora"})
    labs = filled.alert_ids("overdue-labs")

    def found(query: str, name: str = "nora") -> list[int]:
        told = asked(filled, query, name)
        ids = [int(row["id"]) for row in told["rows"]]
        assert told["counts"]["todo"] == len(ids)
        assert told["people"]["todo"] == len({row["m"] for row in told["rows"]})
        return sorted(ids)

    everything = sorted([strength, troponin, *labs])
    assert found("q=ka ad") == sorted([strength, *labs])
    assert found("q=0044") == [troponin]
    assert found("q=crp") == [labs[1]]
    assert found(f"q=%23{troponin}") == [troponin]
    assert found("q=100%25") == []
    assert found("q=_") == sorted([troponin])  # an underscore is one: only `troponin_t` has it
    assert found("rule=overdue-labs") == labs
    assert found("sev=action") == labs
    assert found("who=mine") == [troponin]
    assert found("who=mine", "paul") == [strength]
    assert found("who=role") == [troponin]
    assert found("who=role", "paul") == [strength]
    assert found("who=none") == labs
    assert found("who=none&q=crp&rule=overdue-labs&sev=action") == [labs[1]]
    assert found("rule=no-such-rule") == []
    for nonsense in ("sev=worst", "who=everybody", "q=%20", "show=nowhere"):
        assert found(nonsense) == everything


def test_a_filtered_list_says_of_how_many_and_one_of_everything_does_not(filled: Clinic) -> None:
    assert asked(filled, "q=crp")["of"] == 4
    assert asked(filled, "q=crp&show=action")["of"] == 2
    assert asked(filled, "")["of"] is None


@pytest.mark.parametrize(
    ("query", "rows"), [("who=mine", 1), ("who=role", 1), ("q=crp", 1), ("rule=raised-troponin", 0)]
)
def test_what_was_done_today_is_filtered_too(filled: Clinic, query: str, rows: int) -> None:
    first, second = filled.alert_ids("overdue-labs")
    act(here(filled, "paul"), "acknowledge", [first], {})
    act(here(filled), "acknowledge", [second], {})
    told = asked(filled, f"show=done&{query}")
    assert (len(told["rows"]), told["counts"]["done"]) == (rows, rows)


def test_the_print_shows_the_same_and_says_what_was_chosen(filled: Clinic) -> None:
    from flask import g

    with filled.app.server.test_request_context():
        g.principal, g.now = here(filled).user, NOW
        tree = alerts_print.layout(q="karst", rule="overdue-labs", sev="action")
    assert "Alerts: To do, Overdue laboratory tests, this week, “karst”" in words(tree)
    assert "2 alerts of 1 patient" in words(tree)
    assert "/alerts?q=karst&rule=overdue-labs&sev=action" in hrefs(tree)


def test_the_choices_of_a_rule_are_counted_in_the_view_that_is_open(filled: Clinic) -> None:
    def choices(show: str) -> list[str]:
        return [one["label"] for one in filled.client("vera").get(f"/alerts/choices?show={show}").json["rule"]]

    assert choices("todo")[0] == "Overdue laboratory tests (2)"
    assert "Overdue laboratory tests (0)" in choices("watch")


def test_a_viewer_who_can_be_given_nothing_is_offered_everybodys_and_nobodys(filled: Clinic) -> None:
    from dashboard.alert_choice import whose_choices

    assert [one["value"] for one in whose_choices(here(filled, "vera"))] == ["all", "none"]
    assert [one["label"] for one in whose_choices(here(filled, "paul"))] == ["Mine", "Physicians'", "All", "Unassigned"]
