"""The headline rules at their boundaries, asked through import and evaluate. One table of patients per question."""

import pytest

from tests.stories.conftest import Clinic, cmas, day, drug, event, laboratory, observation


def _states(clinic: Clinic, rule: str, subject: str = "", offset: int = 0) -> dict[str, str]:
    return {
        mrn: one["state"] for (mrn, about), one in clinic.answers(offset, rule).items() if about.startswith(subject)
    }


# --------------------------------------------------------------------------------------------------- declining-strength


def test_27_then_24_two_weeks_later_and_nothing_else_on_file_is_possible_since_the_day_of_the_24(
    clinic: Clinic,
) -> None:
    clinic.load(patients=[{"mrn": "1"}], observations=[cmas("1", 27, -14), cmas("1", 24)])
    (one,) = clinic.evaluate()
    assert (one["rule"], one["subject"], one["state"], one["grade"], one["severity"], one["since"]) == (
        "declining-strength", "cmas", "met", "possible", "action", day(0),
    )  # fmt: skip
    assert "repeat within 14 days" in one["suggested_action"].lower()
    assert "same assessor" in one["suggested_action"].lower()


def test_a_fall_is_a_step_below_the_mean_of_the_scores_before(clinic: Clinic) -> None:
    steps = {"cmas": (40, 3, 52), "mmt8": (70, 6, 80), "mmt8_bilateral": (140, 11, 150), "mmt_total": (240, 19, 260)}
    rows, expected = [], {}
    for measure, (before, step, _) in steps.items():
        for name, fall, state in (("step", step, "met"), ("less", step - 1, "not_met")):
            mrn = f"{measure}-{name}"
            rows += [observation(mrn, measure, before, -14), observation(mrn, measure, before - fall)]
            expected[mrn] = state
    # 30, 34, 30 then 28.4: the mean before is 31.33, so 28.4 is less than a step below, 28.3 is more.
    for mrn, last, state in (("mean-not", 28.4, "not_met"), ("mean-met", 28.3, "met")):
        rows += [cmas(mrn, 30, -42), cmas(mrn, 34, -28), cmas(mrn, 30, -14), cmas(mrn, last)]
        expected[mrn] = state
    clinic.people(*expected)
    clinic.load(observations=rows)
    assert _states(clinic, "declining-strength") == expected


def test_the_latest_score_tells_for_90_days_and_a_reference_holds_for_182(clinic: Clinic) -> None:
    rows = {
        "latest-90": [cmas("latest-90", 30, -104), cmas("latest-90", 20, -90)],
        "latest-91": [cmas("latest-91", 30, -105), cmas("latest-91", 20, -91)],
        "reference-182": [cmas("reference-182", 30, -182), cmas("reference-182", 20)],
        "reference-183": [cmas("reference-183", 30, -183), cmas("reference-183", 20)],
        "only-one": [cmas("only-one", 30)],
        "fall-182-ago": [cmas("fall-182-ago", 40, -196), cmas("fall-182-ago", 30, -182), cmas("fall-182-ago", 30)],
    }
    clinic.people(*rows)
    clinic.load(observations=[row for some in rows.values() for row in some])
    assert _states(clinic, "declining-strength") == {
        "latest-90": "met", "latest-91": "cannot_tell", "reference-182": "met", "reference-183": "cannot_tell",
        "only-one": "cannot_tell", "fall-182-ago": "met",
    }  # fmt: skip


def test_a_fall_ends_when_a_later_score_comes_back_to_within_half_a_step_of_its_reference(clinic: Clinic) -> None:
    rows, expected = [], {}
    for last, state in ((28.4, "met"), (28.5, "not_met"), (30, "not_met")):
        mrn = str(last)
        rows += [cmas(mrn, 30, -56), cmas(mrn, 30, -42), cmas(mrn, 26, -28), cmas(mrn, last)]
        expected[mrn] = state
    clinic.people(*expected)
    clinic.load(observations=rows)
    assert _states(clinic, "declining-strength") == expected


def test_grades_and_severities(clinic: Clinic) -> None:
    fall = [("", 27, -14), ("", 24, 0)]
    extra = {
        "alone": [],
        "steady": [laboratory("steady", "ck", value, at, 200) for value, at in ((1600, -28), (1600, -14), (1600, 0))],
        "rises": [laboratory("rises", "ck", value, at, 200) for value, at in ((280, -28), (300, -14), (1600, 0))],
        "global": [observation("global", "physician_global", 3, -14), observation("global", "physician_global", 5)],
        "all-a-little": [
            *(laboratory("all-a-little", "ck", value, at, 200) for value, at in ((280, -28), (300, -14), (520, 0))),
            *(
                observation("all-a-little", key, value, at)
                for key in ("physician_global", "patient_global")
                for value, at in ((3, -28), (3, -14), (5, 0))
            ),
        ],
        "second": [observation("second", "mmt8", 70, -14), observation("second", "mmt8", 58)],
    }  # fmt: skip
    clinic.people(*extra, "dysphagia", "two-steps", "confirmed")
    clinic.load(
        observations=[cmas(mrn, value, at) for mrn in [*extra, "dysphagia"] for _, value, at in fall]
        + [row for rows in extra.values() for row in rows]
        + [cmas("two-steps", 30, -14), cmas("two-steps", 24)]
        # Reference 30 of four, then 25 and 25: mean 5 below, standard error of the difference 2.9 x sqrt(3/4) = 2.51.
        + [cmas("confirmed", 30, at) for at in (-70, -56, -42, -28)]
        + [cmas("confirmed", 25, -14), cmas("confirmed", 25.2)],
        events=[event("dysphagia", "dysphagia")],
    )
    found = clinic.answers(0, "declining-strength")
    told = {mrn: (one["grade"], one["severity"]) for (mrn, about), one in found.items() if about == "cmas"}
    assert told == {
        "alone": ("possible", "action"),
        "steady": ("possible", "action"),
        "rises": ("corroborated", "action"),
        "global": ("possible", "action"),
        "all-a-little": ("corroborated", "action"),
        "second": ("corroborated", "action"),
        "dysphagia": ("corroborated", "urgent"),
        "two-steps": ("possible", "urgent"),
        "confirmed": ("confirmed", "action"),
    }
    assert found["confirmed", "cmas"]["since"] == day(-14)


def test_a_point_a_visit_over_seven_visits_is_found_though_no_single_step_shows_it(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(observations=[cmas("1", 40 - n, -84 + 14 * n) for n in range(7)])
    (one,) = clinic.answers(0, "declining-strength").values()
    assert (one["state"], one["grade"]) == ("met", "possible")


def test_scores_of_different_instruments_are_never_compared(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(observations=[observation("1", "mmt8", 60, -14), cmas("1", 20)])
    assert _states(clinic, "declining-strength", "cmas") == {"1": "cannot_tell"}


# --------------------------------------------------------------------------------------------------------- overdue-labs


def test_tests_are_overdue_from_the_day_after_due_plus_grace(clinic: Clinic) -> None:
    ages = {0: "not_met", 41: "not_met", 42: "not_met", 49: "not_met", 50: "met", 51: "met"}
    clinic.people(*map(str, ages), "never-49", "never-50")
    clinic.load(
        observations=[laboratory(str(age), "ck", 100, -age, 200) for age in ages],
        medications=[drug(str(age), "prednisone", 5, -300) for age in ages]
        + [drug("never-49", "prednisone", 5, -49), drug("never-50", "prednisone", 5, -50)],
    )
    found = {mrn: one for (mrn, about), one in clinic.answers(0, "overdue-labs").items() if about == "ck"}
    assert {mrn: one["state"] for mrn, one in found.items()} == {
        **{str(age): state for age, state in ages.items()}, "never-49": "not_met", "never-50": "met",
    }  # fmt: skip
    assert found["50"]["due"] == day(-8)
    assert found["50"]["since"] == day(0)
    assert found["never-50"]["due"] == day(-8)


def test_active_treatment_requires_ck_crp_and_either_troponin_and_nothing_else_requires_them(clinic: Clinic) -> None:
    clinic.people("treated", "untreated", "stopped")
    clinic.load(
        observations=[laboratory("treated", "troponin_i", 3, -10, 15, unit="ng/L")],
        medications=[drug("treated", "prednisone", 5, -300), drug("stopped", "prednisone", 5, -300, -1)],
    )
    found = clinic.answers(0, "overdue-labs")
    assert {about for mrn, about in found if mrn == "treated"} >= {"ck", "crp", "troponin"}
    assert found["treated", "troponin"]["state"] == "not_met"
    assert {mrn for mrn, _ in found} == {"treated"}


def test_a_silent_feed_makes_it_impossible_to_tell(clinic: Clinic) -> None:
    others = [f"p{n}" for n in range(20)]
    clinic.people("1", *others)
    clinic.load(
        observations=[laboratory("1", "ck", 100, -55, 200)]
        + [laboratory(mrn, "ck", 100, -7, 200) for mrn in others]
        + [laboratory("1", "crp", 1, -55, 5, unit="mg/L")],
        medications=[drug("1", "prednisone", 5, -300)],
    )
    found = clinic.answers(0, "overdue-labs")
    assert found["1", "ck"]["state"] == "cannot_tell"
    assert "feed silent since" in found["1", "ck"]["cannot_tell_because"]
    assert found["1", "crp"]["state"] == "met"
    assert clinic.answers(-1, "overdue-labs")["1", "ck"]["state"] == "met"


@pytest.mark.parametrize("status", ["discharged", "deceased", "moved"])
def test_patients_who_left_appear_nowhere(clinic: Clinic, status: str) -> None:
    clinic.people("1", status=status)
    clinic.load(
        observations=[cmas("1", 27, -14), cmas("1", 20)],
        medications=[drug("1", "prednisone", 60, -300)],
    )
    assert clinic.evaluate(0, "--all-states") == []
    assert clinic.alerts("all") == []


# ----------------------------------------------------------------------------------------- prolonged-high-dose-steroids


def test_day_29_of_more_than_30_mg_is_the_first(clinic: Clinic) -> None:
    rule = "prolonged-high-dose-steroids"
    rows = {
        "day-28": [drug("day-28", "prednisone", 31, -27)],
        "day-29": [drug("day-29", "prednisone", 31, -28)],
        "30-mg": [drug("30-mg", "prednisone", 30, -200)],
        "20-and-11": [drug("20-and-11", "prednisone", 20, -28), drug("20-and-11", "prednisolone", 11, -28)],
        "gap-of-3": [drug("gap-of-3", "prednisone", 40, -31, -12), drug("gap-of-3", "prednisone", 40, -8)],
        "gap-of-4": [drug("gap-of-4", "prednisone", 40, -32, -13), drug("gap-of-4", "prednisone", 40, -8)],
        "gap-not-counted": [
            drug("gap-not-counted", "prednisone", 40, -30, -12), drug("gap-not-counted", "prednisone", 40, -8),
        ],
        "alternate-60": [drug("alternate-60", "prednisone", 60, -40, frequency="every-other-day")],
        "alternate-62": [drug("alternate-62", "prednisone", 62, -40, frequency="every-other-day")],
        "methylprednisolone-24": [drug("methylprednisolone-24", "methylprednisolone", 24, -40)],
        "methylprednisolone-26": [drug("methylprednisolone-26", "methylprednisolone", 26, -40)],
        "dexamethasone": [drug("dexamethasone", "dexamethasone", 6, -40)],
        "inhaled": [drug("inhaled", "prednisone", 60, -40, route="inhaled")],
        "budesonide": [drug("budesonide", "budesonide", 60, -40, route="oral")],
        "fludrocortisone": [drug("fludrocortisone", "fludrocortisone", 60, -40)],
        "twice": [drug("twice", "prednisone", 20, -40, frequency="twice-daily")],
        "gram": [drug("gram", "prednisone", "0.04", -40, unit="g")],
        "ended": [drug("ended", "prednisone", 40, -60, -10)],
        "pulse-counts": [
            drug("pulse-counts", "methylprednisolone", 1000, -28, -26, route="iv", intent="pulse"),
            drug("pulse-counts", "prednisone", 40, -25),
        ],
    }  # fmt: skip
    clinic.people(*rows, "half-mg-per-kg", "below-half", "mg-per-kg")
    clinic.load(
        medications=[row for some in rows.values() for row in some]
        + [
            drug("half-mg-per-kg", "prednisone", 20, -28),
            drug("below-half", "prednisone", 19.5, -28),
            drug("mg-per-kg", "prednisone", 1, -28, unit="mg/kg"),
        ],
        observations=[
            observation(mrn, "weight", 40, -60, unit="kg") for mrn in ("half-mg-per-kg", "below-half", "mg-per-kg")
        ],
    )
    found = clinic.answers(0, rule)
    assert {mrn for (mrn, _), one in found.items() if one["state"] == "met"} == {
        "day-29", "20-and-11", "gap-of-3", "alternate-62", "methylprednisolone-26", "dexamethasone", "twice", "gram",
        "pulse-counts", "half-mg-per-kg", "mg-per-kg",
    }  # fmt: skip
    by_patient = {mrn: one for (mrn, _), one in found.items()}
    assert by_patient["day-29"]["since"] == day(0)
    assert by_patient["day-28"]["recheck_on"] == day(1)


def test_severity_says_whether_the_taper_has_begun(clinic: Clinic) -> None:
    plans = {
        "unreduced": [drug("unreduced", "prednisone", 60, -29)],
        "ninety-percent": [
            drug("ninety-percent", "prednisone", 60, -40, -8),
            drug("ninety-percent", "prednisone", 54, -7),
        ],
        # Template A: minus 10 every two weeks; taper begun on day 28, 50 mg on day 35.
        "on-template": [drug("on-template", "prednisone", 60, -35, -8), drug("on-template", "prednisone", 50, -7)],
    }
    clinic.people(*plans)
    clinic.load(medications=[row for rows in plans.values() for row in rows])
    found = clinic.answers(0, "prolonged-high-dose-steroids")
    assert {mrn: (one["state"], one["severity"]) for (mrn, _), one in found.items()} == {
        "unreduced": ("met", "action"), "ninety-percent": ("met", "action"), "on-template": ("met", "watch"),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ rising-muscle-enzymes


def test_an_enzyme_rises_by_half_over_the_median_of_the_three_before_it(clinic: Clinic) -> None:
    def series(
        mrn: str, *values: tuple[float, int], limit: object = 200, measure: str = "ck"
    ) -> list[dict[str, object]]:
        return [laboratory(mrn, measure, value, at, limit) for value, at in values]

    rows = {
        "1.5-times": series("1.5-times", (200, -28), (300, 0)),
        "less": series("less", (200, -28), (299, 0)),
        "at-limit": series("at-limit", (100, -28), (200, 0)),
        "median": series("median", (100, -84), (1000, -56), (220, -28), (330, 0)),
        "median-of-three-only": series("three-only", (1000, -112), (100, -84), (1000, -56), (220, -28), (330, 0)),
        "three-times": series("three-times", (350, -28), (600, 0)),
        "twice": series("twice", (150, -28), (300, 0)),
        "chronic": series("chronic", (900, -60), (950, -28), (1000, 0)),
        "old-90": series("old-90", (200, -120), (300, -90)),
        "old-91": series("old-91", (200, -120), (300, -91)),
        "reference-365": series("reference-365", (200, -365), (300, 0)),
        "reference-366": series("reference-366", (200, -366), (300, 0)),
        "no-limit": series("no-limit", (200, -28), (900, 0), limit=None),
        "first": series("first", (900, 0)),
        "aldolase": series("aldolase", (5, -28), (16, 0), limit=8, measure="aldolase"),
    }
    rows["three-only"] = rows.pop("median-of-three-only")
    clinic.people(*rows, "exercise", "rested", "weaker")
    clinic.load(
        observations=[row for some in rows.values() for row in some]
        + series("exercise", (150, -28), (900, 0))
        + series("rested", (150, -28), (900, 0))
        + series("weaker", (200, -28), (310, 0))
        + [cmas("weaker", 27, -14), cmas("weaker", 24)],
        events=[event("exercise", "strenuous_exercise", -7), event("rested", "strenuous_exercise", -8)],
    )
    found = clinic.answers(0, "rising-muscle-enzymes")
    assert {mrn: (one["state"], one["severity"]) for (mrn, _), one in found.items()} == {
        "1.5-times": ("met", "watch"),
        "less": ("not_met", None),
        "at-limit": ("not_met", None),
        "median": ("met", "watch"),
        "three-only": ("met", "watch"),
        "three-times": ("met", "action"),
        "twice": ("met", "action"),
        "chronic": ("not_met", None),
        "old-90": ("met", "watch"),
        "old-91": ("cannot_tell", None),
        "reference-365": ("met", "watch"),
        "reference-366": ("cannot_tell", None),
        "no-limit": ("cannot_tell", None),
        "first": ("cannot_tell", None),
        "aldolase": ("met", "action"),
        "exercise": ("met", "watch"),
        "rested": ("met", "action"),
        "weaker": ("met", "action"),
    }
    assert "7 days of rest" in found["exercise", "ck"]["suggested_action"]


# ------------------------------------------------------------------------------------------------------ raised-troponin


def test_troponins_by_kind_assay_and_limit(clinic: Clinic) -> None:
    def t(mrn: str, value: object, at: int = 0, limit: object = 14, assay: str = "X") -> dict[str, object]:
        return laboratory(mrn, "troponin_t", value, at, limit, unit="ng/L", assay=assay)

    def i(mrn: str, value: object, at: int = 0, limit: object = 16, assay: str = "Y") -> dict[str, object]:
        return laboratory(mrn, "troponin_i", value, at, limit, unit="ng/L", assay=assay)

    rows = {
        "t-alone": [t("t-alone", 15)],
        "t-at-limit": [t("t-at-limit", 14)],
        "t-i-normal": [t("t-i-normal", 15), i("t-i-normal", 16, -14)],
        "t-i-too-old": [t("t-i-too-old", 15), i("t-i-too-old", 16, -15)],
        "i-raised": [i("i-raised", 17)],
        "no-limit": [t("no-limit", 90, limit=None)],
        "old-90": [t("old-90", 15, -90)],
        "old-91": [t("old-91", 15, -91)],
        "settled": [t("settled", 15, -10), t("settled", 14)],
        "other-assay": [t("other-assay", 15, -10), t("other-assay", 10, assay="Z")],
        "ug": [laboratory("ug", "troponin_t", "0.015", 0, "0.014", unit="ug/L")],
        "below": [t("below", "<3")],
    }
    clinic.people(*rows)
    clinic.load(observations=[row for some in rows.values() for row in some])
    found = clinic.answers(0, "raised-troponin")
    told: dict[str, set[tuple[str, str, str | None]]] = {}
    for (mrn, about), one in found.items():
        told.setdefault(mrn, set()).add(
            (about.split()[0].split("/")[0].split(":")[0][:10], one["state"], one["severity"])
        )
    assert told == {
        "t-alone": {("troponin_t", "met", "action")},
        "t-at-limit": {("troponin_t", "not_met", None)},
        "t-i-normal": {("troponin_t", "met", "watch"), ("troponin_i", "not_met", None)},
        "t-i-too-old": {("troponin_t", "met", "action"), ("troponin_i", "not_met", None)},
        "i-raised": {("troponin_i", "met", "urgent")},
        "no-limit": {("troponin_t", "cannot_tell", None)},
        "old-90": {("troponin_t", "met", "action")},
        "old-91": {("troponin_t", "cannot_tell", None)},
        "settled": {("troponin_t", "not_met", None)},
        "other-assay": {("troponin_t", "met", "action"), ("troponin_t", "not_met", None)},
        "ug": {("troponin_t", "met", "action")},
        "below": {("troponin_t", "not_met", None)},
    }
    (alone,) = (one for (mrn, _), one in found.items() if mrn == "t-alone")
    assert "measure troponin i" in alone["suggested_action"].lower()
    (normal,) = (one for (mrn, _), one in found.items() if mrn == "t-i-normal" and one["state"] == "met")
    assert "skeletal muscle is a likely source" in (normal["suggested_action"] + normal["explanation"]).lower()
