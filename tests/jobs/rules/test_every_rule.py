"""What every rule owes to whoever reads it, and to the run that computes only what may have changed."""

import datetime as dt
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET, STATUSES, Rule, all_rules, rule
from tests.contradictions import RAW_UNIT
from tests.frame_answers import COLUMNS, on_frames
from tests.frames_builder import AS_OF, Frames, frames, of_example
from tests.jobs.rules.test_examples import evaluated

CONTRACT_KEYS = frozenset(
    {
        "declining-strength",
        "overdue-labs",
        "prolonged-high-dose-steroids",
        "raised-troponin",
        "rising-muscle-enzymes",
        "steroid-monotherapy",
        "steroid-myopathy-pattern",
        "no-response-after-pulse",
        "steroid-sparing-not-working",
        "taper-too-fast",
        "red-flag-symptoms",
        "plasmapheresis-after-ivig",
        "missing-safety-screen",
        "missing-prophylaxis",
        "drug-safety",
        "pain-without-weakness",
        "overdue-assessment",
    }
)
MARKS = {"seen", "seed", "memory", "default", "contract"}
each_rule = pytest.mark.parametrize("one", all_rules(), ids=[one.key for one in all_rules()])


def test_every_key_others_rely_on_is_there() -> None:
    assert {one.key for one in all_rules()} >= CONTRACT_KEYS


@each_rule
def test_a_rule_says_what_a_clinician_needs_to_judge_it(one: Rule) -> None:
    for text in (
        one.title,
        one.question,
        one.why_it_matters,
        one.facts_that_end(one.defaults()),
        one.version,
        one.subject,
        one.topic,
    ):
        assert text.strip()
    assert one.known_false_alarms
    assert all(text.strip() for text in one.known_false_alarms)
    assert one.sources
    assert {source.mark for source in one.sources} <= MARKS
    assert all(source.title and source.where for source in one.sources)
    assert one.status in STATUSES
    assert one.catalogue
    assert one.reads


@each_rule
def test_a_source_called_educational_is_never_marked_as_seen(one: Rule) -> None:
    assert all(source.mark == "seed" for source in one.sources if "educational" in source.where)


@each_rule
def test_every_threshold_says_its_unit_its_range_and_where_it_comes_from(one: Rule) -> None:
    for field in one.parameter_fields():
        about = field.metadata
        default = getattr(one.defaults(), field.name)
        assert about["meaning"].strip(), field.name
        assert about["mark"] in MARKS, field.name
        if about["mark"] in {"seen", "seed", "memory"}:
            assert about["source"].strip(), f"{field.name} names no source"
        if about["choices"]:
            assert default in about["choices"], field.name
        elif not isinstance(default, bool):
            assert about["unit"].strip(), field.name
            assert about["low"] is not None, field.name
            assert about["low"] <= default <= about["high"], field.name


@each_rule
def test_an_active_rule_says_which_of_its_numbers_is_from_memory(one: Rule) -> None:
    from_memory = [field.name for field in one.parameter_fields() if field.metadata["mark"] == "memory"]
    if from_memory:
        told = "off" in one.limitations or "from memory" in one.limitations
        assert one.status != "active" or told, from_memory
    if one.status == "shadow":
        assert "shadow" in one.limitations


@each_rule
def test_a_rule_shows_a_case_that_is_met_and_one_that_is_not(one: Rule) -> None:
    assert {MET, NOT_MET} <= {example.expect["state"] for example in one.examples}


@each_rule
def test_a_rule_reads_only_rules_that_come_before_it(one: Rule) -> None:
    order = [other.key for other in all_rules()]
    assert all(order.index(key) < order.index(one.key) for key in one.after)


@each_rule
def test_a_rule_without_facts_says_nothing(one: Rule) -> None:
    answer = evaluated(one, frames())
    assert len(answer) == 0
    assert set(COLUMNS) <= set(answer.columns)


@each_rule
def test_a_rule_without_patients_says_nothing(one: Rule) -> None:
    assert len(evaluated(one, frames().only([]))) == 0


@each_rule
def test_every_answer_of_an_example_is_whole_and_explained(one: Rule) -> None:
    for example in one.examples:
        for row in evaluated(one, of_example(example)).to_dict("records"):
            assert row["state"] in {MET, NOT_MET, CANNOT_TELL}
            assert (row["severity"] in {"urgent", "action", "watch"}) == (row["state"] == MET), example.title
            assert (row["state"] == CANNOT_TELL) == isinstance(row["cannot_tell_because"], str), example.title
            assert pd.isna(row["recheck_on"]) or row["recheck_on"].date() > AS_OF, example.title
            said = one.explain(row, one.defaults())
            assert said.strip().endswith("."), said
            assert "nan" not in said.lower().split(), said
            assert "None" not in said, said
            assert not RAW_UNIT.search(said + one.suggested_action(row, one.defaults())), said
            assert isinstance(one.suggested_action(row, one.defaults()), str)
            if row["state"] == MET:
                assert not pd.isna(row["since"]), example.title
                assert row["since"].date() <= AS_OF, example.title
                assert row["evidence"], example.title
                assert one.suggested_action(row, one.defaults()).strip()


# --------------------------------------------------------------------------------- a run that computes only what is due


LATER = (1, 2, 3, 8, 15, 22, 29, 43, 64, 91, 92, 120, 183, 200, 370)
RANDOM = 100


def panel_of(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Random short histories; all facts lie on or before the first day, some statements and events end after it."""
    random = np.random.default_rng(seed)

    def day(oldest: int = -420) -> str:
        offset = int(random.integers(oldest, 1)) if random.random() < 0.3 else -int(random.exponential(45))
        return str(AS_OF + dt.timedelta(days=max(offset, oldest)))

    def end(start: str) -> str | None:
        if random.random() < 0.45:
            return None
        return str(dt.date.fromisoformat(start) + dt.timedelta(days=int(random.exponential(50))))

    def any_of(*choices: Any) -> Any:
        return choices[int(random.integers(len(choices)))]

    facts: dict[str, list[dict[str, Any]]] = {"patients": [], "observations": [], "medications": [], "events": []}
    screens = np.random.default_rng([seed, 1])
    for place in range(RANDOM):
        mrn = str(place + 1)
        facts["patients"].append({"mrn": mrn, "diagnosis": any_of("DM", "IMNM", "JDM", "IBM", "ICI_MYOSITIS", "PM")})
        level, full = any_of(("mmt8", 80), ("cmas", 52), ("mmt8_bilateral", 150))
        observed = facts["observations"]
        for _ in range(int(random.integers(0, 6))):
            value = int(full * (1 - 0.3 * random.random()))
            observed.append({"mrn": mrn, "measure": level, "value": any_of(value, full), "day": day()})
        for key, limit, scale in (
            ("ck", 200, 300),
            ("alt", 40, 80),
            ("crp", 5, 5),
            ("troponin_t", 14, 14),
            ("white_cells", None, 4),
            ("creatinine", None, 1),
            ("pain", None, 6),
            ("fvc_percent", None, 70),
            ("nif", None, 35),
            ("extramuscular_global", None, 3),
            ("weight", None, 60),
        ):
            for _ in range(int(random.integers(0, 4)) if random.random() < 0.5 else 0):
                value = round(float(scale * random.lognormal(0, 0.5)), 1)
                row = {"mrn": mrn, "measure": key, "value": min(value, 10) if key == "pain" else value, "day": day()}
                observed.append(row | ({"upper_limit": limit} if limit and random.random() < 0.9 else {}))
        for key, values in (("hbsag", (0, 1)), ("anti_hbc", (0, 1)), ("igg", (350, 900)), ("glucose", (100, 250))):
            if screens.random() < 0.3:
                value = values[int(screens.random() < 0.3)]
                taken = str(AS_OF - dt.timedelta(days=int(screens.exponential(150))))
                observed.append({"mrn": mrn, "measure": key, "value": value, "day": taken})
        _skin_and_lung(facts, mrn, np.random.default_rng([seed, 2, place]))
        if seed == 4:
            _growing_up(facts, mrn, place)
        if random.random() < 0.15:
            _a_telling_course(facts, mrn, random)
        for drug, dose, unit, frequency in (
            ("prednisone", any_of(60, 40, 10), "mg", any_of("daily", "every-other-day")),
            ("prednisone", 1, "mg/kg", "daily"),
            ("methylprednisolone", 1000, "mg", any_of("daily", "every-4-weeks")),
            ("methotrexate", 15, "mg", any_of("weekly", "weekly", "daily")),
            ("azathioprine", 150, "mg", "daily"),
            ("ivig", 2, "g/kg", any_of("once", "every-4-weeks")),
            ("rituximab", 1000, "mg", "once"),
            ("co-trimoxazole", 480, "mg", "daily"),
            ("pembrolizumab", 200, "mg", "once"),
            ("simvastatin", 20, "mg", "daily"),
            ("hydroxychloroquine", 200, "mg", "daily"),
        ):
            if random.random() < 0.22:
                start = day()
                stop = end(start)
                if drug == "methylprednisolone":
                    stop = str(dt.date.fromisoformat(start) + dt.timedelta(days=2))
                facts["medications"].append(
                    {
                        "mrn": mrn,
                        "drug": drug,
                        "dose": dose,
                        "unit": unit,
                        "frequency": frequency,
                        "start": start,
                        "end": stop,
                    }
                )
        for event in (
            "dysphagia", "dyspnoea", "areflexia", "myalgia", "rash", "strenuous_exercise", "plasmapheresis",
            "pregnancy_possible", "contraception", "interstitial_lung_disease", "dxa", "vaccines_updated",
            "chest_x_ray",
        ):  # fmt: skip
            for _ in range(int(random.integers(1, 3)) if random.random() < 0.15 else 0):
                start = day()
                present = any_of("yes", "yes", "no")
                facts["events"].append(
                    {"mrn": mrn, "event": event, "day": start, "end": end(start), "present": present}
                )
    return facts


def _skin_and_lung(facts: dict[str, list[dict[str, Any]]], mrn: str, random: np.random.Generator) -> None:
    """Scores, tests and antibodies that half of the patients never have."""
    if random.random() < 0.4:
        diagnosed = str(AS_OF - dt.timedelta(days=int(random.integers(0, 1500))))
        antibody = ("MDA5", "JO1", "TIF1G", "NXP2;RO52", "MI2", "SOMETHING")[int(random.integers(6))]
        # No birthday of the year ahead leads over an age that a rule knows: birthdays are the run's own days.
        born = str(AS_OF - dt.timedelta(days=(10, 30, 52, 71)[int(random.integers(4))] * 365 + 60))
        sex = ("female", "male", "unknown")[int(random.integers(3))]
        facts["patients"][-1] |= {
            "autoantibodies": antibody, "diagnosed_on": diagnosed, "birth_date": born, "sex": sex,
        }  # fmt: skip
    for key, level, scatter in (
        ("cdasi_activity", 15, 6),
        ("dlco_percent", 65, 9),
        ("oxygen_saturation", 95, 2),
        ("ferritin", 400, 300),
    ):
        for _ in range(int(random.integers(1, 5)) if random.random() < 0.4 else 0):
            value = round(float(np.clip(random.normal(level, scatter), 1, 1000)))
            taken = str(AS_OF - dt.timedelta(days=int(random.exponential(120))))
            facts["observations"].append({"mrn": mrn, "measure": key, "value": value, "day": taken})


def _growing_up(facts: dict[str, list[dict[str, Any]]], mrn: str, place: int) -> None:
    """Some have had juvenile disease and are eighteen; some were vaccinated lately.

    In one seed that no test follows through a year: what is said of an age changes on every birthday.
    """
    if place % 10 == 0:
        born = AS_OF.replace(year=AS_OF.year - 18) - dt.timedelta(days=100)
        facts["patients"][-1] |= {"diagnosis": "JDM", "birth_date": str(born)}
    if place % 4 == 0:
        given = str(AS_OF - dt.timedelta(days=place % 12))
        facts["events"].append({"mrn": mrn, "event": "vaccination", "day": given, "end": None, "present": "yes"})
        weekly = {"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly"}
        facts["medications"].append({"mrn": mrn, **weekly, "start": str(AS_OF - dt.timedelta(days=300)), "end": None})


def _a_telling_course(facts: dict[str, list[dict[str, Any]]], mrn: str, random: np.random.Generator) -> None:
    """Weakness under weeks of steroid, a pulse or a cut of the dose: what pure chance hardly ever puts together."""

    def ago(days: int) -> str:
        return str(AS_OF - dt.timedelta(days=days + int(random.integers(-3, 4))))  # never after the first day

    def observed(measure: str, value: float, days: int, **more: Any) -> None:
        facts["observations"].append({"mrn": mrn, "measure": measure, "value": value, "day": ago(days), **more})

    def taken(drug: str, dose: float, start: str, end: str | None = None, **more: Any) -> None:
        facts["medications"].append({"mrn": mrn, "drug": drug, "dose": dose, "start": start, "end": end, **more})

    if random.random() < 0.2:
        observed("pain", 8, 5)
        observed("mmt8", 80, 5)
        observed("ck", 150, 5, upper_limit=200)
        return
    for value, days in ((70, 120), (70, 90), (60, 30), (59, 4)):
        observed("mmt8", value, days)
    observed("ck", 180, 60, upper_limit=200)
    observed("ck", 150 if random.random() < 0.7 else 900, 5, upper_limit=200)
    pulse = ago(40)
    course = int(random.integers(4))
    if course == 0:
        taken("prednisone", 60, ago(60))
    elif course == 1:
        taken("methylprednisolone", 1000, pulse, pulse, route="iv", intent="pulse")
    elif course == 2:
        stop = ago(6)
        taken("prednisone", 60, ago(80), stop)
        taken("prednisone", 10, str(dt.date.fromisoformat(stop) + dt.timedelta(days=1)))
    else:
        taken("ivig", 2, ago(12), unit="g/kg", frequency="once", route="iv")
        facts["events"].append(
            {"mrn": mrn, "event": "plasmapheresis", "day": str(AS_OF), "end": None, "present": "yes"}
        )
        taken("azathioprine", 150, ago(210))


def on(day: dt.date, facts: dict[str, list[dict[str, Any]]]) -> Frames:
    return frames(day, **facts)  # type: ignore[arg-type]


def answers(one: Rule, day: dt.date, panel: Frames) -> dict[int, dict[str, dict[str, Any]]]:
    """The rule's rows by patient and subject, every cell comparable; worked out once for each panel."""
    if one.key in panel.derived.setdefault("answers", {}):
        known: dict[int, dict[str, dict[str, Any]]] = panel.derived["answers"][one.key]
        return known
    for key in one.after:
        if key not in panel.assessments:
            panel.assessments[key] = on_frames(rule(key), panel, day, rule(key).defaults())
    out: dict[int, dict[str, dict[str, Any]]] = {}
    for row in on_frames(one, panel, day, one.defaults()).to_dict("records"):
        cells = {name: "absent" if value is None or value != value else value for name, value in row.items()}
        mine = out.setdefault(row["patient_id"], {})
        assert row["subject"] not in mine, f"two answers for {row['subject']}"
        mine[row["subject"]] = cells
    panel.derived["answers"][one.key] = out
    return out


def ending(facts: dict[str, list[dict[str, Any]]], after: dt.date, until: dt.date) -> set[int]:
    """Patients with a statement or an event whose last day lies in the days just passed: a run computes those anew."""
    found = set()
    for row in (*facts["medications"], *facts["events"]):
        if row["end"] and after <= dt.date.fromisoformat(row["end"]) < until:
            found.add(int(row["mrn"]))
    return found


@pytest.fixture(scope="module", params=[1, 2])
def passing_days(request: pytest.FixtureRequest) -> list[tuple[dt.date, dt.date, dict[str, Any], Frames]]:
    facts = panel_of(request.param)
    days = [AS_OF] + [AS_OF + dt.timedelta(days=offset) for offset in LATER]
    return [(before, day, facts, on(day, facts)) for before, day in zip([AS_OF, *days], days, strict=False)]


@each_rule
def test_an_answer_changes_with_new_facts_or_on_the_day_it_named_and_never_else(
    one: Rule, passing_days: list[tuple[dt.date, dt.date, dict[str, Any], Frames]]
) -> None:
    # A rule is computed anew together with the rules it reads, so their days count as well.
    kept: dict[str, dict[int, dict[str, dict[str, Any]]]] = {key: {} for key in (*one.after, one.key)}
    for before, day, facts, panel in passing_days:
        now = {key: answers(rule(key), day, panel) for key in kept}
        due = ending(facts, before, day)
        for patient in range(1, RANDOM + 1):
            named = [
                cells["recheck_on"]
                for stored in kept.values()
                for cells in stored.get(patient, {}).values()
                if cells["recheck_on"] != "absent"
            ]
            if day == AS_OF or patient in due or any(pd.Timestamp(value).date() <= day for value in named):
                for key, stored in kept.items():
                    stored[patient] = now[key].get(patient, {})
                continue
            was, is_now = kept[one.key].get(patient, {}), now[one.key].get(patient, {})
            assert sorted(was) == sorted(is_now), f"patient {patient}, {day}"
            for subject, cells in was.items():
                changed = {
                    name: (value, is_now[subject][name])
                    for name, value in cells.items()
                    if value != is_now[subject][name]
                }
                assert not changed, f"patient {patient}, {day}, {subject}"


def test_the_random_histories_reach_every_rule() -> None:
    silent = {one.key for one in all_rules()}
    for seed in (1, 2, 3, 4):
        panel = on(AS_OF, panel_of(seed))
        for one in all_rules():
            rows = (row for mine in answers(one, AS_OF, panel).values() for row in mine.values())
            if any(row["state"] == MET for row in rows):
                silent.discard(one.key)
    assert not silent


def without_counts(said: str) -> str:
    """The sentence with its counts of days taken out."""
    return re.sub(r"\d+(?= days?\b)|(?<=\bday )\d+", "some", said)


@each_rule
def test_no_sentence_counts_days_that_change_every_night(
    one: Rule, passing_days: list[tuple[dt.date, dt.date, dict[str, Any], Frames]]
) -> None:
    told: dict[tuple[int, str], str] = {}
    for _, day, _, panel in passing_days:
        for patient, mine in answers(one, day, panel).items():
            for subject, cells in mine.items():
                row = {
                    name: None if isinstance(value, str) and value == "absent" else value
                    for name, value in cells.items()
                }
                said = f"{one.explain(row, one.defaults())} {one.suggested_action(row, one.defaults())}"
                before = told.get((patient, subject), said)
                assert said == before or without_counts(said) != without_counts(before), said
                told[patient, subject] = said


@each_rule
def test_every_answer_of_the_random_histories_is_explained_and_can_be_stored(
    one: Rule, passing_days: list[tuple[dt.date, dt.date, dict[str, Any], Frames]]
) -> None:
    _, day, _, panel = passing_days[0]
    answers(one, day, panel)
    table = on_frames(one, panel, day, one.defaults())
    for row in table.to_dict("records"):
        said = one.explain(row, one.defaults())
        assert said.strip()
        assert "nan" not in said.lower().replace(".", " ").replace(",", " ").split(), said
        assert "an unknown day" not in said, said
        assert (row["severity"] in {"urgent", "action", "watch"}) == (row["state"] == MET)
        assert (row["state"] == CANNOT_TELL) == isinstance(row["cannot_tell_because"], str)
        assert all(fact[0] in "ome" and fact[1:].isdigit() for fact in row["evidence"]), row["evidence"]
        own = {
            name: value for name, value in row.items() if name not in COLUMNS and not isinstance(value, pd.Timestamp)
        }
        json.dumps({name: None if value is pd.NaT else value for name, value in own.items()})


@each_rule
def test_the_order_of_the_patients_and_who_else_is_there_does_not_matter(one: Rule) -> None:
    panel = on(AS_OF, panel_of(4))
    everybody = answers(one, AS_OF, panel)
    some = panel.only(range(3, RANDOM, 7))
    some.assessments.clear()
    assert answers(one, AS_OF, some) == {
        who: rows for who, rows in everybody.items() if who in set(range(3, RANDOM, 7))
    }
