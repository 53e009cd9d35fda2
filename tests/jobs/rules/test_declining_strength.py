"""Declining strength: small tables of patients, and the arithmetic against a plain re-statement of the contract."""

import datetime as dt
import itertools
import math
import random
import re
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rules.declining_strength import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

PARAMETERS = Parameters()


def assess(scores, *, measure="cmas", as_of=AS_OF, **facts):
    """The rule's row about one instrument of one patient, scores as (day offset, value)."""
    rows = [{"measure": measure, "value": value, "day": day} for day, value in scores]
    extra = facts.pop("observations", [])
    found = on_frames(RULE, frames(as_of, observations=[*rows, *extra], **facts), as_of, PARAMETERS)
    return found[found["subject"] == measure].iloc[0]


def offset(value):
    """A date of an assessment as days from the day asked about."""
    return (value.date() - AS_OF).days


def test_27_falling_to_24_in_two_weeks_is_possible_since_the_day_of_the_24():
    row = assess([(-14, 27), (0, 24)])
    assert (row["state"], row["grade"], row["severity"], offset(row["since"])) == ("met", "possible", "action", 0)
    assert "27 -> 24 of 52" in RULE.explain(row, PARAMETERS)
    assert RULE.suggested_action(row, PARAMETERS) == "repeat within 14 days, same assessor"


@pytest.mark.parametrize(
    ("measure", "before", "at_the_step", "short_of_it"),
    [("cmas", 27, 24, 25), ("mmt8", 70, 64, 65), ("mmt8_bilateral", 130, 119, 120), ("mmt_total", 220, 201, 202)],
)
def test_each_instrument_has_its_own_step(measure, before, at_the_step, short_of_it):
    assert assess([(-28, before), (0, at_the_step)], measure=measure)["state"] == "met"
    assert assess([(-28, before), (0, short_of_it)], measure=measure)["state"] == "not_met"


def test_instruments_are_never_compared_with_each_other():
    facts = frames(
        observations=[
            {"measure": "mmt8", "value": 79, "day": -14},
            {"measure": "cmas", "value": 50, "day": -14},
            {"measure": "cmas", "value": 49, "day": 0},
            {"measure": "mmt8", "value": 78, "day": 0},
        ]
    )
    assert list(on_frames(RULE, facts, AS_OF, PARAMETERS)["state"]) == ["not_met", "not_met"]


def test_a_latest_score_90_days_old_still_tells_and_one_of_91_days_does_not():
    assert assess([(-120, 40), (-90, 30)])["state"] == "met"
    old = assess([(-120, 40), (-91, 30)])
    assert old["state"] == "cannot_tell"
    assert "no CMAS score since" in old["cannot_tell_because"]


def test_a_score_182_days_before_counts_in_a_reference_and_one_of_183_does_not():
    assert assess([(-182, 40), (0, 30)])["state"] == "met"
    assert assess([(-183, 40), (0, 30)])["state"] == "cannot_tell"


def test_a_fall_is_regained_at_half_a_step_below_its_reference():
    assert assess([(-60, 40), (-30, 36), (0, 38)])["state"] == "met"  # 38 < 40 - 1.5
    assert assess([(-60, 40), (-30, 36), (0, 39)])["state"] == "not_met"  # 39 >= 38.5


def test_a_score_regained_to_the_last_bit_is_regained_whoever_else_is_in_the_panel():
    mine = [
        {"mrn": "1", "measure": "cmas", "value": value, "day": day} for day, value in ((-60, 40), (-30, 36), (0, 38.5))
    ]
    others = [
        {"mrn": "2", "measure": "cmas", "value": 51, "day": -10},
        {"mrn": "3", "measure": "cmas", "value": 20.2, "day": -10},
    ]
    panel = frames(patients=[{"mrn": mrn} for mrn in "123"], observations=[*mine, *others])
    assert on_frames(RULE, panel, AS_OF, PARAMETERS).iloc[0]["state"] == "not_met"
    assert on_frames(RULE, frames(observations=mine), AS_OF, PARAMETERS).iloc[0]["state"] == "not_met"


def test_an_unregained_fall_leaves_after_182_days():
    scores = [(-212, 40), (-182, 30), (-60, 34), (0, 34)]
    assert offset(assess(scores)["since"]) == -182
    older = [(day - 1, value) for day, value in scores[:2]] + scores[2:]
    assert assess(older)["state"] == "not_met"


def test_two_low_scores_beyond_measurement_error_are_confirmed():
    row = assess([(-90, 40), (-60, 40), (-30, 34), (0, 34)])
    assert (row["grade"], offset(row["since"])) == ("confirmed", -30)


def test_a_shift_needs_a_reference_of_two_scores():
    assert assess([(-60, 40), (-30, 34), (0, 34)])["grade"] == "possible"


def test_a_shift_smaller_than_the_error_allows_stays_possible():
    # 1.9 x 2.9 x sqrt(1/2 + 1/2) = 5.51 points
    assert assess([(-90, 40), (-60, 40), (-30, 35), (0, 35)])["grade"] == "possible"


def ck(*values, limit=200, gap=28, last=0):
    """CK values, the newest `last` days from the day asked about, the others every `gap` days before it."""
    return [
        {"measure": "ck", "value": value, "upper_limit": limit, "day": last - gap * place}
        for place, value in enumerate(reversed(values))
    ]


def globals_of(measure, *values, gap=28, last=0):
    return [
        {"measure": measure, "value": value, "day": last - gap * place} for place, value in enumerate(reversed(values))
    ]


@pytest.mark.parametrize(
    ("others", "grade"),
    [
        (ck(280, 300, 1600), "corroborated"),
        (ck(280, 300, 1600, limit=None), "corroborated"),
        (ck(280, 300, 1600, last=-10), "corroborated"),
        (ck(280, 300, 1600, last=-28), "corroborated"),
        (ck(280, 300, 1600, last=-29), "possible"),  # too far from the score to say anything of it
        (ck(900, 900, 900), "possible"),
        (ck(9000, 9000, 9000), "possible"),
        (ck(1600), "possible"),  # nothing of the patient's own to rise from
        (ck(1600, 300, 280), "possible"),
        (ck(280, 300, 450), "possible"),
        (globals_of("physician_global", 2, 2, 2, 4), "possible"),
        (globals_of("physician_global", 2, 2, 2, 5.5), "corroborated"),
        (
            [
                *globals_of("physician_global", 2, 2, 2, 4),
                *globals_of("patient_global", 3, 3, 3, 5),
                *ck(290, 300, 500),
            ],
            "corroborated",
        ),
        (
            [{"measure": "mmt8", "value": 70, "day": -40}, {"measure": "mmt8", "value": 60, "day": -2}],
            "corroborated",
        ),
        ([{"measure": "mmt8", "value": 70, "day": -40}, {"measure": "mmt8", "value": 63, "day": -2}], "possible"),
    ],
)
def test_only_a_change_of_other_measures_that_is_large_enough_in_sum_corroborates(others, grade):
    row = assess([(-14, 27), (0, 24)], observations=others)
    assert (row["state"], row["grade"], row["severity"]) == ("met", grade, "action")


@pytest.mark.parametrize(
    ("events", "grade", "severity"),
    [
        ([{"event": "dysphagia", "day": -5}], "corroborated", "urgent"),
        ([{"event": "dyspnoea", "day": -28}], "corroborated", "urgent"),
        ([{"event": "dysphagia", "day": -29}], "possible", "action"),
        ([{"event": "dysphagia", "day": -5, "present": "no"}], "possible", "action"),
        ([{"event": "rash", "day": -5}], "possible", "action"),
        # Said again at every visit: a red flag, and nothing new.
        ([{"event": "dysphagia", "day": -33}, {"event": "dysphagia", "day": -5}], "possible", "urgent"),
        (
            [
                {"event": "dysphagia", "day": -90},
                {"event": "dysphagia", "day": -60, "present": "no"},
                {"event": "dysphagia", "day": -5},
            ],
            "corroborated",
            "urgent",
        ),
    ],
)
def test_a_new_red_flag_corroborates_by_itself(events, grade, severity):
    row = assess([(-14, 27), (0, 24)], events=events)
    assert (row["grade"], row["severity"]) == (grade, severity)
    assert ("Urgent: " in RULE.explain(row, PARAMETERS)) == (severity == "urgent")


def test_ck_within_a_week_of_strenuous_exercise_adds_nothing():
    exercise = [{"event": "strenuous_exercise", "day": -7}]
    row = assess([(-14, 27), (0, 24)], observations=ck(280, 300, 1600), events=exercise)
    assert (row["grade"], row["evidence_ck"]) == ("possible", 0)
    earlier = [{"event": "strenuous_exercise", "day": -8}]
    assert assess([(-14, 27), (0, 24)], observations=ck(280, 300, 1600), events=earlier)["grade"] == "corroborated"


def test_strength_alone_is_at_most_confirmed():
    row = assess([(-90, 50), (-60, 50), (-30, 20), (0, 20)])
    assert row["evidence_strength"] == row["evidence_total"] > row["evidence_needed"]
    assert row["grade"] == "confirmed"


def test_quiet_enzymes_take_nothing_away():
    scores = [(-90, 40), (-60, 40), (-30, 33), (0, 33)]
    without, quiet = assess(scores), assess(scores, observations=ck(120, 120, 60, 60))
    assert quiet["evidence_total"] == without["evidence_total"]
    assert quiet["grade"] == without["grade"] == "confirmed"


def test_five_earlier_values_of_ck_replace_the_assumed_variation_by_the_patients_own():
    restless = ck(200, 400, 200, 400, 200, 400)
    steady = ck(300, 306, 300, 306, 300, 400)
    assert assess([(-14, 27), (0, 24)], observations=restless)["evidence_ck"] < 1.5
    own = assess([(-14, 27), (0, 24)], observations=steady)["evidence_ck"]
    assert own > assess([(-14, 27), (0, 24)], observations=steady[:4])["evidence_ck"] > 0  # fewer: 25 % assumed


def test_a_fall_of_less_than_a_step_counts_where_the_other_measures_carry_it():
    alone = [(-60, 70), (-28, 70), (0, 65)]
    assert assess(alone, measure="mmt8")["state"] == "not_met"
    steady = assess(alone, measure="mmt8", observations=ck(900, 900, 900))
    assert steady["state"] == "not_met"
    row = assess(alone, measure="mmt8", observations=ck(280, 300, 1600))
    assert (row["state"], row["grade"], offset(row["since"])) == ("met", "corroborated", 0)
    assert "Less than a step by itself" in RULE.explain(row, PARAMETERS)
    swallowing = assess(alone, measure="mmt8", events=[{"event": "dysphagia", "day": 0}])
    assert swallowing["state"] == "not_met"  # a symptom is another rule's; it makes no fall


def test_the_parts_and_their_sum_stand_in_the_explanation():
    row = assess([(-14, 27), (0, 24)], observations=ck(280, 300, 1600))
    assert (row["evidence_strength"], row["evidence_ck"], row["evidence_total"]) == (0.3, 16.0, 16.3)
    said = "Corroborated: strength 0.3 + CK 16 (290 -> 1600 U/L) = 16.3, needs 6.5."
    assert said in RULE.explain(row, PARAMETERS)


def test_two_steps_below_the_reference_is_urgent():
    assert assess([(-14, 30), (0, 24)])["severity"] == "urgent"
    assert assess([(-14, 29), (0, 24)])["severity"] == "action"


def test_a_fall_of_a_point_a_visit_is_found_though_no_step_shows_it():
    row = assess([(-112, 40), (-84, 39), (-56, 38), (-28, 37), (0, 36)])
    assert (row["state"], row["grade"], bool(row["gradual"])) == ("met", "possible", True)


def test_scores_that_wander_are_no_gradual_fall():
    assert assess([(-112, 40), (-84, 38), (-56, 40), (-28, 38), (0, 38)])["state"] == "not_met"


def test_another_assessor_is_said():
    facts = frames(
        observations=[
            {"measure": "cmas", "value": 27, "day": -14, "assessor": "PT1"},
            {"measure": "cmas", "value": 24, "day": 0, "assessor": "PT2"},
        ]
    )
    row = on_frames(RULE, facts, AS_OF, PARAMETERS).iloc[0]
    assert "another assessor" in RULE.explain(row, PARAMETERS)


def plain(scores, today):
    """The contract's paragraph, one sentence after the other, for one CMAS series; returns (state, grade, since)."""
    step, sem = 3.0, 2.9
    if today - scores[-1][0] > 90:
        return "cannot_tell", None, None

    def reference(place):
        before = [value for day, value in scores[max(0, place - 4) : place] if scores[place][0] - day <= 182]
        return (sum(before) / len(before), len(before)) if before else (None, 0)

    if reference(len(scores) - 1)[0] is None:
        return "cannot_tell", None, None
    falls, shifts = [], []
    for place, (day, value) in enumerate(scores):
        mean, number = reference(place)
        if mean is None or day < today - 182:
            continue
        later = [other for _, other in scores[place + 1 :]]
        if value <= mean - step and all(other < mean - step / 2 for other in later):
            falls.append(day)
        since = [value, *later]
        average = sum(since) / len(since)
        if (
            number >= 2
            and len(since) >= 2
            and all(other < mean - step / 2 for other in since)
            and average <= mean - step
            and mean - average >= 1.9 * sem * math.sqrt(1 / number + 1 / len(since))
        ):
            shifts.append(day)
    if falls or shifts:
        return "met", "confirmed" if shifts else "possible", min(falls + shifts)
    return "not_met", None, None


@settings(max_examples=300, deadline=None)
@given(
    gaps=st.lists(st.integers(7, 100), min_size=1, max_size=9),
    values=st.lists(st.integers(20, 52), min_size=10, max_size=10),
    age=st.integers(0, 100),
)
def test_the_rule_agrees_with_the_contract_read_aloud(gaps, values, age):
    days = [-age]
    for gap in gaps:
        days.append(days[-1] - gap)
    scores = sorted(zip(days, values, strict=False))
    state, grade, since = plain(scores, 0)
    row = assess(scores)
    if row["gradual"]:
        assert state == "not_met"  # the steady fall is looked for only where nothing else is found
        return
    assert (row["state"], row["grade"]) == (state, grade)
    if since is not None:
        assert offset(row["since"]) == since


DAY = r"(\d+ [A-Z][a-z]{2} \d{4})"
NUMBER = r"(\d+(?:\.\d+)?)"


def shown(value):
    """A number as sentences show it."""
    return float(f"{value:.2f}")


def offset_of(text):
    return (dt.datetime.strptime(text, "%d %b %Y").date() - AS_OF).days  # noqa: DTZ007


def reference_before(scores, place):
    """The values a score is compared with, by the contract."""
    return [value for day, value, _ in scores[max(0, place - 4) : place] if scores[place][0] - day <= 182]


def check_the_fall(text, scores):
    """`A -> B of 52 on D (A: basis)`, `A -> B of 52, the mean of the n scores since D (A: basis)`, step by step."""
    days = [day for day, _, _ in scores]
    values = [value for _, value, _ in scores]
    basis = r"(?:the score before it|the mean of the (\d+) scores before it)"
    single = re.search(rf"CMAS {NUMBER} -> {NUMBER} of 52 on {DAY} \({NUMBER}: {basis}\)", text)
    several = re.search(
        rf"CMAS {NUMBER} -> {NUMBER} of 52, the mean of the (\d+) scores since {DAY} \({NUMBER}: {basis}\)", text
    )
    steps = re.search(rf"step by step from {NUMBER} on {DAY} to {NUMBER} of 52 on {DAY}", text)
    assert sum(map(bool, (single, several, steps))) == 1, text
    if steps:
        begin, end = days.index(offset_of(steps[2])), days.index(offset_of(steps[4]))
        run = values[begin : end + 1]
        assert len(run) >= 4
        assert all(after <= before for before, after in itertools.pairwise(run))
        assert run[0] - run[-1] >= 3
        assert (float(steps[1]), float(steps[3])) == (run[0], run[-1])
        place = end
    elif single:
        place = days.index(offset_of(single[3]))
        before = reference_before(scores, place)
        assert float(single[1]) == float(single[4]) == shown(sum(before) / len(before))
        assert int(single[5] or 1) == len(before)
        assert float(single[2]) == values[place]
        gap = sum(before) / len(before) - values[place]
        assert gap >= 3 or "Less than a step by itself" in text
        assert max(values[place:]) < sum(before) / len(before) - 1.5
    else:
        place = days.index(offset_of(several[4]))
        before = reference_before(scores, place)
        assert float(several[1]) == shown(sum(before) / len(before))
        assert int(several[6] or 1) == len(before)
        assert int(several[3]) == len(values[place:])
        assert float(several[2]) == shown(sum(values[place:]) / len(values[place:]))
    latest = re.search(rf"Latest: {NUMBER} on {DAY}", text)
    assert bool(latest) == (place < len(values) - 1)
    if latest:
        assert (float(latest[1]), offset_of(latest[2])) == (values[-1], days[-1])


def check_the_shift(text, scores, grade):
    days = [day for day, _, _ in scores]
    found = re.search(
        rf"The mean of the (\d+) scores since {DAY} is {NUMBER}, of the (\d+) before {NUMBER}: lower than measurement",
        text,
    )
    assert bool(found) or grade != "confirmed"
    if found:
        place = days.index(offset_of(found[2]))
        since, before = [value for _, value, _ in scores[place:]], reference_before(scores, place)
        assert (int(found[1]), int(found[4])) == (len(since), len(before))
        gap = sum(before) / len(before) - sum(since) / len(since)
        assert gap >= max(3, 1.9 * 2.9 * math.sqrt(1 / len(before) + 1 / len(since))) - 1e-9
        assert (float(found[3]), float(found[5])) == (
            shown(sum(since) / len(since)),
            shown(sum(before) / len(before)),
        )


def check_the_sum(text, grade):
    """Every part is shown, and they add up to what is compared with the weight needed."""
    said = re.search(r"(?:Corroborated|Evidence): (.+?) = (\d+(?:\.\d)?)[,;]", text)
    assert bool(said) or grade != "corroborated"
    if said:
        parts = re.findall(r"(?:^| \+ )[A-Za-z0-9 ]+? (\d+(?:\.\d)?)(?: \(|$|(?= \+ ))", said[1])
        assert sum(round(10 * float(part)) for part in parts) == round(10 * float(said[2]))
        assert (float(said[2]) >= 6.5 and len(parts) > 1) == (grade == "corroborated") or not said[1].startswith(
            "strength"
        )


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_every_claim_of_the_explanation_is_true_of_the_facts(seed):
    chance = random.Random(seed)
    day, scores, level = -chance.randint(0, 80), [], chance.uniform(25, 45)
    names = chance.choice((("kim",), ("kim", "lee"), ("kim", "lee", None)))
    for _ in range(chance.randint(2, 9)):
        scores.append((day, round(min(max(level + chance.gauss(0, 3), 0), 52) * 2) / 2, chance.choice(names)))
        level += chance.choice((0, 0, 1, 3, 6))
        day -= chance.choice((7, 14, 28, 28, 42, 90))
    scores.reverse()
    observations = [
        {"measure": "cmas", "value": value, "day": day, **({"assessor": who} if who else {})}
        for day, value, who in scores
    ]
    ck_values, when = [], -chance.randint(0, 40)
    if chance.random() < 0.6:
        ck_values = [round(chance.choice((300, 300, 900)) * math.exp(chance.gauss(0, 0.25))) for _ in range(4)]
        observations += ck(*ck_values, last=when)
    for measure in ("physician_global", "patient_global"):
        if chance.random() < 0.5:
            values = [round(min(max(chance.gauss(3, 1), 0), 10), 1) for _ in range(4)]
            observations += globals_of(measure, *values, last=-chance.randint(0, 30))
    events = [{"event": "dysphagia", "day": -chance.randint(0, 120)}] if chance.random() < 0.2 else []
    found = on_frames(RULE, frames(observations=observations, events=events), AS_OF, PARAMETERS)
    row = found[found["subject"] == "cmas"].iloc[0]
    text = RULE.explain(row, PARAMETERS)
    if row["state"] != "met":
        assert "Corroborated" not in text
        return
    check_the_fall(text, scores)
    check_the_shift(text, scores, row["grade"])
    check_the_sum(text, row["grade"])
    if "another assessor" in text:
        start = [day for day, _, _ in scores].index(offset(row["since"]))
        later = {who for _, _, who in scores[start:]}
        assert None not in later
        assert scores[start - 1][2] not in later
    if "two steps or more below" in text:
        assert any(
            scores[-1][1] <= sum(before) / len(before) - 6
            for place in range(1, len(scores))
            if (before := reference_before(scores, place))
        )
    assert (row["severity"] == "urgent") == ("Urgent: " in text)
    rise = re.search(rf"CK [\d.]+ \({NUMBER} -> {NUMBER} U/L(?:, geometric mean of (\d))?\)", text)
    assert bool(rise) == (row["evidence_ck"] > 0 and ("Corroborated" in text or "Evidence" in text))
    if rise:
        # Whole numbers, unless that would hide the rise.
        rounding = 0.006 if "." in rise[1] + rise[2] else 0.501
        judged = next(
            (since, ck_values[max(0, 4 - skip - since - 3) : 4 - skip - since])
            for skip in range(4)
            for since in [int(rise[3] or 1)]
            if math.isclose(
                float(rise[2]),
                statistics.geometric_mean(ck_values[4 - skip - since : 4 - skip] or [1]),
                abs_tol=rounding,
            )
        )
        assert math.isclose(float(rise[1]), statistics.median(judged[1]), abs_tol=rounding)
        assert float(rise[1]) < float(rise[2])


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(20, 52), min_size=2, max_size=8),
    gap=st.integers(14, 60),
    later=st.integers(1, 300),
)
def test_until_its_recheck_date_time_alone_changes_nothing(values, gap, later):
    scores = [(-gap * place, value) for place, value in enumerate(reversed(values))]
    facts = [{"measure": "cmas", "value": value, "day": day} for day, value in scores]
    today = assess(scores)
    then = AS_OF + dt.timedelta(days=later)
    shifted = [{**fact, "day": fact["day"] - later} for fact in facts]
    row = on_frames(RULE, frames(then, observations=shifted), then, PARAMETERS).iloc[0]
    recheck = today["recheck_on"]
    if recheck == recheck and then < recheck.date():
        assert row["state"] == today["state"]
        assert row["since"] == today["since"] or (row["since"] != row["since"] and today["since"] != today["since"])
        assert RULE.explain(row, PARAMETERS) == RULE.explain(today, PARAMETERS)


@pytest.mark.parametrize(
    ("instrument", "unchanged", "worse"), [("cmas", 1, 1.5), ("mmt8", 2, 3), ("mmt_total", 9, 9.5)]
)
def test_worse_since_seen_is_half_a_step_of_the_instrument(instrument: str, unchanged: float, worse: float) -> None:
    assert RULE.worse is not None
    seen = {"latest": 40}
    assert RULE.worse(seen, {"latest": 40 - unchanged, "subject": instrument}, PARAMETERS) is None
    assert RULE.worse(seen, {"latest": 40 - worse, "subject": instrument}, PARAMETERS) is not None
