"""Patients to whom the rules speak, always the same ones.

Every worked example of every rule, with days and values shaken, alone and in pairs, and random short histories.
"""

import datetime as dt
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from jobs.assessing import ask
from jobs.rule import Answer, all_rules
from jobs.thresholds import Thresholds
from models.patient_facts import (
    FeedSilence,
    Happening,
    NotDone,
    PatientFacts,
    Pause,
    PlannedDose,
    Reading,
    Statement,
    TaperAgreed,
    day_number,
)
from models.plausibility import plausible
from tests.frames_builder import AS_OF
from tests.jobs.rules.test_every_rule import panel_of

TODAY = day_number(AS_OF)
SHAKEN = 10
PAIRS = 4
Rows = Sequence[Mapping[str, Any]]


def patient(
    observations: Rows = (),
    medications: Rows = (),
    events: Rows = (),
    who: Mapping[str, Any] | None = None,
    today: int = TODAY,
    **more: Any,
) -> PatientFacts:
    """The facts of one patient, written as in the examples of the rules: days as offsets from today, or dates."""
    about = dict(who or {})

    def day(value: Any) -> int | None:
        if value is None or value == "":
            return None
        return today + int(value) if isinstance(value, int) else day_number(dt.date.fromisoformat(str(value)))

    born = about.get("birth_date")
    if "age_years" in about:
        born = AS_OF - dt.timedelta(days=round(365.25 * float(about["age_years"])))
    elif isinstance(born, str):
        born = dt.date.fromisoformat(born)
    series: dict[str, list[Reading]] = {}
    undone = []
    for place, row in enumerate(observations, start=1):
        on = day(row["day"])
        assert on is not None
        if on > today:
            continue
        if row.get("status") == "not-done":
            undone.append(NotDone(place, row["measure"], on, row.get("reason", "")))
            continue
        text = str(row["value"])
        sign = text[0] if text[0] in "<>" else ""
        reading = Reading(on, float(text.lstrip("<>")), row.get("upper_limit"), sign, place, row.get("assay"),
                          row.get("assessor"), row["measure"])  # fmt: skip
        series.setdefault(row["measure"], []).append(reading)
    kept, doubtful = {}, []
    for measure, readings in series.items():
        kept[measure], held_back = plausible(sorted(readings, key=lambda one: (one.day, one.id)), born)
        doubtful += held_back
    statements = [
        Statement(place, row["drug"], row.get("dose"), row.get("unit", "mg"), row.get("frequency", "daily"),
                  row.get("route", "oral"), start, day(row.get("end")), row.get("intent", "daily"),
                  row.get("status", "active"))
        for place, row in enumerate(medications, start=1)
        if (start := day(row["start"])) is not None and start <= today
    ]  # fmt: skip
    happenings = [
        Happening(place, row["event"], on, day(row.get("end")), row.get("present", "yes") == "yes",
                  row.get("detail", ""))
        for place, row in enumerate(events, start=1)
        if (on := day(row["day"])) is not None and on <= today
    ]  # fmt: skip
    return PatientFacts(
        today=today,
        id=1,
        mrn="1",
        birth_date=born,
        sex=about.get("sex", "unknown"),
        diagnosis=about.get("diagnosis", "DM"),
        diagnosed_on=None
        if (since := day(about.get("diagnosed_day"))) is None
        else AS_OF + dt.timedelta(since - today),
        autoantibodies=about.get("autoantibodies", ""),
        series=kept,
        read_doubtful=partial(list, doubtful),
        statements=sorted(statements, key=lambda one: (one.start, one.id)),
        happenings=sorted(happenings, key=lambda one: (one.day, one.id)),
        not_done=undone,
        **more,
    )


def _shaken(rows: Rows, chance: random.Random) -> list[dict[str, Any]]:
    """Days a little earlier or later, values a little higher or lower, now and then a row more or less."""
    out = []
    for row in rows:
        new = dict(row)
        moved = chance.choice((0, 0, 0, 1, -1, chance.randint(-9, 0), chance.randint(-40, 0)))
        for name in ("day", "start", "end"):
            if isinstance(new.get(name), int):
                new[name] = min(new[name] + moved, 0) if name != "end" else new[name] + moved
        if isinstance(new.get("value"), int | float):
            most = {"cmas": 52, "mmt8": 80, "mmt8_bilateral": 150, "mmt_total": 260, "pain": 10,
                    "physician_global": 10, "patient_global": 10, "extramuscular_global": 10}  # fmt: skip
            factor = chance.choice((1, 1, 1.01, 0.99, 1.1, 0.9, 1.4, 0.7, 2.3))
            value = round(new["value"] * factor, chance.choice((0, 1, 2)))
            new["value"] = min(value, most.get(row["measure"], value))
            if chance.random() < 0.05 and row["measure"] in ("ck", "alt", "troponin_t", "troponin_i", "nif", "igg"):
                new["value"] = f"{chance.choice('<>')}{new['value']}"
            if new["measure"] in most and chance.random() < 0.5:
                new["assessor"] = chance.choice("AB")
        if "dose" in new and isinstance(new["dose"], int | float) and chance.random() < 0.3:
            new["dose"] = round(new["dose"] * chance.choice((0.5, 0.9, 1.1, 2)), 2)
        _never_before(new, "end", "start" if "start" in new else "day")
        out.append(new)
        if chance.random() < 0.15:
            again = dict(new)
            if "day" in again and isinstance(again["day"], int):
                again["day"] = min(again["day"] + chance.randint(1, 20), 0)
            if "start" in again and isinstance(again["start"], int):
                again["start"] = min(again["start"] + chance.randint(1, 40), 0)
            _never_before(again, "end", "start" if "start" in again else "day")
            out.append(again)
    return [row for row in out if chance.random() > 0.03]


def _never_before(row: dict[str, Any], later: str, earlier: str) -> None:
    if isinstance(row.get(later), int) and isinstance(row.get(earlier), int):
        row[later] = max(row[later], row[earlier])


_Parts = tuple[Rows, Rows, Rows, Mapping[str, Any]]


def _series(measure: str, *values: float, every: int = 28, **more: Any) -> list[dict[str, Any]]:
    """Values of one measure, the last of them today."""
    last = len(values) - 1
    return [{"measure": measure, "value": value, "day": -every * (last - n), **more} for n, value in enumerate(values)]


ILD = {"event": "interstitial_lung_disease"}
MORE: Sequence[_Parts] = (
    # Troponin T and I of two assays, both raised.
    ((*_series("troponin_t", 30, 90, upper_limit=14, assay="Roche"), *_series("troponin_i", 20, 60, upper_limit=26),
      {"measure": "troponin_t", "value": 9, "upper_limit": 14, "day": -3, "assay": "other"}), (), (), {}),
    # Exchanges over several days, with immunoglobulin before, within and on the last of them.
    *(((), ({"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "once", "route": "iv", "start": day},),
       ({"event": "plasmapheresis", "day": -9, "end": -3},), {}) for day in (-50, -15, -6, -3)),
    ((), (), ({"event": "plasmapheresis", "day": -9, "end": -3},), {}),
    # Strength that could not be tested, after a score and without one; a dose nobody knows and no score.
    *(((*scores, {"measure": "mmt8", "value": 0, "day": -3, "status": "not-done", "reason": "asleep"},
        {"measure": "ck", "value": 0, "day": -3, "status": "not-done", "reason": "no vein"}),
       ({"drug": "prednisone", "dose": 60, "start": -60},), (), {})
      for scores in ((), ({"measure": "mmt8", "value": 70, "day": -50},))),
    ((), ({"drug": "prednisone", "dose": 0.4, "unit": "mg/kg", "start": -60},
          {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300}), (), {}),
    # A creatinine under another unit; cyclophosphamide alone and beside a steroid.
    (({"measure": "creatinine", "value": 72, "upper_limit": 106, "day": -3},), (), (), {}),
    ((), ({"drug": "cyclophosphamide", "dose": 1000, "frequency": "every-4-weeks", "route": "iv", "start": -20},
          {"drug": "prednisone", "dose": 10, "start": -20}), (), {}),
    # Protection of the unborn that has run out.
    ((), ({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
     ({"event": "pregnancy_possible", "day": -500}, {"event": "contraception", "day": -450}), {"sex": "female"}),
    # A very high CK that nobody repeated.
    (({"measure": "ck", "value": 3000, "upper_limit": 200, "day": -100}, {"measure": "mmt8", "value": 80, "day": -3}),
     (), (), {}),
    # A breath that is only known to be weaker than a value above the limit.
    (({"measure": "nif", "value": "<40", "day": -3},), (), (), {}),
    # Both measures of the lung a little lower.
    (tuple({"measure": key, "value": value, "day": day} for day in (-100, 0)
           for key, value in (("fvc_percent", 80 + day / -14), ("dlco_percent", 70 + day / -12))), (), (), {}),
    # CK after none at all.
    (_series("ck", 0, 900, upper_limit=200), (), (), {}),
    (_series("ck", 0, 0, 0, 900, upper_limit=200), (), (), {}),
    # Two scores a little lower than the only one before them, with CK and globals up.
    ((*_series("cmas", 40, 37.5, 37.5), *_series("ck", 300, 300, 1500, 1600, upper_limit=200),
      *_series("physician_global", 1, 4, 4), *_series("patient_global", 1, 5, 5)), (), (), {}),
    # The search for a cancer in its second year, all of it done in the first; a cancer that is known.
    *(((), (), ({"event": event, "day": -500},),
       {"diagnosis": "DM", "autoantibodies": "TIF1G", "age_years": 60, "sex": "female", "diagnosed_day": -510})
      for event in ("cancer_screening", "cancer", "mammography")),
    # Lung disease that is over or recorded twice, a CT made for another reason, values that rounding would move.
    *(((), (), ({**ILD, "day": -700, "end": -400}, {"event": "ct_neck_to_pelvis", "day": -80}),
       {"diagnosis": "ASYS", "autoantibodies": code, "diagnosed_day": -300}) for code in ("JO1", "MDA5")),
    *((({"measure": "ferritin", "value": 300.3, "upper_limit": 300, "day": -2},
        {"measure": "oxygen_saturation", "value": 97, "day": -40}, *more), (),
       tuple({**ILD, **one} for one in records), {"autoantibodies": "MDA5"})
      for more in ((), ({"measure": "oxygen_saturation", "value": 93.96, "day": -1},))
      for records in ((), ({"day": -700, "end": -400},), ({"day": -700}, {"day": -300}))),
    # Signs of the lung that nobody looked after.
    *((({"measure": measure, "value": value, "upper_limit": limit, "day": -100},
        {"measure": measure, "value": before, "upper_limit": limit, "day": -200}), (), events,
       {"autoantibodies": "MDA5"})
      for measure, value, before, limit in (("oxygen_saturation", 91, 97, None),
                                            ("ferritin", 900, 200, 300),
                                            ("fvc_percent", 70, 90, None))
      for events in ((), ({**ILD, "day": -700}, {"event": "dyspnoea", "day": -60}))),
    # A child who broke a bone, with and without a weight.
    *((weight, ({"drug": "prednisone", "dose": 10, "start": -200},),
       ({"event": event, "day": -100}, {"event": event, "day": -30}),
       {"age_years": 9, "diagnosis": "JDM"}) for event in ("fragility_fracture", "osteoporosis")
      for weight in ((), ({"measure": "weight", "value": 25, "day": -40},))),
    # Bone: what is on record twice, and values that rounding would move across a limit.
    ((), ({"drug": "prednisone", "dose": 5, "start": -200}, {"drug": "alendronate", "dose": 70, "frequency": "weekly",
      "start": -400, "end": -100}), ({"event": "osteoporosis", "day": -150}, {"event": "osteoporosis", "day": -20}),
     {"age_years": 60}),
    *((tuple({"measure": key, "value": value, "day": -20} for key, value in values),
       ({"drug": "prednisone", "dose": dose, "start": -200},), (), {"age_years": age})
      for age, dose, values in ((60, 5, (("bone_t_score", -2.46),)), (60, 5, (("bone_t_score", -3.6),)),
                                (60, 5, (("frax_major", 19.96),)), (60, 5, (("frax_major", 24),)),
                                (60, 5, (("frax_hip", 1.04),)), (30, 10, (("bone_z_score", -3.04),)), (30, 10, ()))),
    ((), ({"drug": "prednisone", "dose": 5, "start": -200},), ({"event": "fragility_fracture", "day": -300},
      {"event": "fragility_fracture", "day": -10}), {"age_years": 60}),
    # Pneumocystis: after a checkpoint inhibitor, further risks and what is over of them, protection that may stop.
    *(((), ({"drug": "prednisone", "dose": dose, "start": -start},), (), {"diagnosis": "ICI_MYOSITIS"})
      for dose, start in ((22, 30), (32, 23))),
    *((({"measure": "lymphocytes", "value": 0.796, "day": -20},), ({"drug": "prednisone", "dose": 18, "start": -30},
        {"drug": "azathioprine", "dose": 100, "start": -60}, *more),
       ({**ILD, "day": -400, "end": -50},
        {"event": "skin_ulcers", "day": -60, **over}), {"diagnosis": "JDM", "age_years": 15})
      for over in ({}, {"end": -20})
      for more in ((), ({"drug": "methylprednisolone", "dose": 500, "route": "iv", "start": -25, "end": -23,
                         "intent": "pulse"},))),
    ((), ({"drug": "prednisone", "dose": 5, "start": -60}, {"drug": "atovaquone", "dose": 1500, "start": -200}), (),
     {}),
)  # fmt: skip
"""What the examples of the rules do not reach."""


def _examples() -> list[_Parts]:
    told = [one for rule in all_rules() for one in rule.examples]
    return [*((one.observations, one.medications, one.events, one.patient) for one in told), *MORE]


def _plan(chance: random.Random) -> TaperAgreed | None:
    if chance.random() > 0.05:
        return None
    begun = TODAY - chance.randint(5, 60)
    return TaperAgreed(1, "A", begun, tuple(PlannedDose(begun + 14 * n, 50.0 - 10 * n) for n in range(4)))


def _feeds(chance: random.Random) -> Sequence[FeedSilence]:
    quiet = chance.random() < 0.1
    return (FeedSilence("lab", "ck", TODAY - chance.randint(6, 40), 50),) if quiet else ()


def _pauses(chance: random.Random) -> Sequence[Pause]:
    if chance.random() > 0.05:
        return ()
    return (Pause(chance.choice(("ck", "crp", "all")), "on holiday", TODAY - 10, TODAY + chance.randint(-5, 20)),)


def _pairs(examples: Sequence[_Parts]) -> Iterator[tuple[_Parts, _Parts, int]]:
    """Each example with a few others. A new example changes few of the pairs, so that what they reach stays reached."""
    sums = [(zlib.crc32(str(parts).encode()), parts) for parts in examples]
    for mine, one in sums:
        for seed in range(PAIRS):
            yield one, min(sums, key=lambda pair: zlib.crc32(f"{mine} {pair[0]} {seed}".encode()))[1], seed


def _patients() -> Iterator[PatientFacts]:
    examples = _examples()
    for seed in range(SHAKEN):
        for parts in examples:
            chance = random.Random(f"{seed} {parts}")
            rows = [part if seed == 0 else _shaken(part, chance) for part in parts[:3]]
            more = {"plan": _plan(chance), "feeds": _feeds(chance), "pauses": _pauses(chance)} if seed else {}
            yield patient(*rows, parts[3], **more)
    for one, other, seed in _pairs(examples):
        chance = random.Random(f"{seed} {one} {other}")
        rows = [_shaken([*one[n], *other[n]], chance) for n in range(3)]
        yield patient(*rows, {**one[3], **other[3]}, plan=_plan(chance))
    for seed in (1, 2, 3):
        panel = panel_of(seed)
        for about in panel["patients"]:
            mine = [[row for row in panel[name] if row["mrn"] == about["mrn"]]
                    for name in ("observations", "medications", "events")]  # fmt: skip
            yield patient(*mine, about)


@lru_cache(maxsize=1)
def everybody() -> Sequence[PatientFacts]:
    """All the patients; every rule has been asked of each."""
    thresholds = Thresholds({rule.key: rule.defaults() for rule in all_rules()}, {}, {})
    found = []
    for one in _patients():
        asked = ask(one, thresholds, {rule.key for rule in all_rules()})
        assert not asked.failed, asked.failed
        found.append(one)
    return found


@lru_cache(maxsize=1)
def told() -> Mapping[str, Sequence[tuple[PatientFacts, Answer]]]:
    """What every rule says of every patient, by rule key."""
    return {
        rule.key: [(one, answer) for one in everybody() for answer in one.answers[rule.key]] for rule in all_rules()
    }
