"""The search for cancer, asked through import and evaluate: what is due by risk, one entry for all of it, no flood."""

from tests.stories.conftest import Clinic, day, event, laboratory


def adult(mrn: str, diagnosis: str, antibody: str, diagnosed: int = -100, **more: object) -> dict[str, object]:
    """A woman of 60."""
    return {
        "mrn": mrn, "diagnosis": diagnosis, "autoantibodies": antibody, "birth_date": "1965-01-02", "sex": "female",
        "diagnosed_on": day(diagnosed), **more,
    }  # fmt: skip


def test_the_risk_decides_what_is_asked_for_and_one_entry_answers_it(clinic: Clinic) -> None:
    clinic.load(
        patients=[
            adult("high", "DM", "TIF1g"),
            adult("standard", "ASYS", "Jo-1", birth_date="1990-01-02"),
            adult("child", "JDM", "TIF1g", birth_date="2014-01-02"),
            adult("late", "DM", "TIF1g", diagnosed=-1400),
        ],
        observations=[laboratory("standard", "crp", 3, -90, 5, unit="mg/L")],
    )
    found = {who: one for (who, _), one in clinic.answers(0, "cancer-screening").items()}
    assert {who: (one["state"], one["severity"], one["numbers"]["risk"]) for who, one in found.items()} == {
        "high": ("met", "action", "high"),
        "standard": ("met", "watch", "standard"),
    }
    assert "CT of neck, chest, abdomen and pelvis" in found["high"]["explanation"]
    assert "CT of neck" not in found["standard"]["explanation"]
    assert "ESR or CRP" not in found["standard"]["explanation"]
    assert found["high"]["due"] == day(-100)
    clinic.load(events=[event(mrn, "cancer_screening", -5) for mrn in ("high", "standard")])
    assert {one["state"] for one in clinic.answers(0, "cancer-screening").values()} == {"not_met"}


def test_a_patient_has_one_alert_for_the_whole_search_and_it_ends_with_the_entry(clinic: Clinic) -> None:
    clinic.load(patients=[adult("1", "DM", "NXP2")])
    clinic.evaluate()
    assert [one["rule"] for one in clinic.alerts() if one["rule"] == "cancer-screening"] == ["cancer-screening"]
    clinic.load(events=[event("1", "cancer_screening", 0)])
    clinic.evaluate()
    assert "cancer-screening" not in {one["rule"] for one in clinic.alerts()}
