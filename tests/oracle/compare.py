"""The rules for one patient against those of release 0.1.0, answer by answer: `python -m tests.oracle.compare`.

Prints every difference (rule, patient, subject, column, before, now) and ends with how many answers were compared.
"""

import argparse
import datetime as dt
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobs.frame_adapter import as_frame, patients_of
from jobs.rule import all_rules
from models.frames import Frames
from models.patient_facts import day_number
from tests.oracle.rule import all_rules as old_rules

COLUMNS = ("state", "grade", "severity", "since", "due", "recheck_on", "cannot_tell_because", "evidence")


def plain(value: Any) -> Any:
    """A cell so that two engines' cells are equal when they mean the same."""
    if isinstance(value, np.generic):
        value = value.item() if not isinstance(value, np.datetime64) else value
    if value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp | np.datetime64 | dt.date):
        stamp = np.datetime64(value, "D") if not isinstance(value, pd.Timestamp) else value.to_datetime64()
        # Release 0.1.0 wrote a day centuries before our era where it meant none.
        return None if np.isnat(stamp) or stamp < np.datetime64("0001-01-01") else str(np.datetime64(stamp, "D"))
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT:
        return None
    if isinstance(value, bool | int):
        return float(value)
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return str(value)


def with_those_read(keys: set[str], rules: dict[str, Any]) -> set[str]:
    """The rules, and those whose answers they read."""
    return set(keys).union(*(with_those_read(set(rules[key].after), rules) for key in keys if key in rules))


def differences(
    frames: Frames, keys: set[str] | None, *, quiet_evidence: bool = True, feed: bool = True
) -> Iterator[tuple[str, int, str, str, Any, Any]]:
    """Where the two engines differ on the same frames. `feed` gives a rule the old answers of the rules it reads."""
    before: dict[str, pd.DataFrame] = {}
    old = {one.key: one for one in old_rules()}
    new = {one.key: one for one in all_rules()}
    frames.assessments.clear()
    frames.derived.clear()
    wanted = with_those_read(keys, old) if keys else set(old)
    for key, rule in old.items():
        if key not in wanted:
            continue
        before[key] = rule.evaluate(frames, frames.as_of, rule.defaults())
        frames.assessments[key] = before[key]
    frames.derived.clear()
    people = patients_of(frames)
    today = day_number(frames.as_of)
    for key, one in new.items():
        if one.assess is None or key not in old or (keys and key not in keys):
            continue
        parameters = one.defaults()
        given = []
        for who, patient in people.items():
            mine = list(one.assess(patient, today, parameters))
            if not feed:
                patient.answers[key] = mine
            given += [(who, answer) for answer in mine]
        now = {(who, answer.subject): answer for who, answer in given}
        table = as_frame(given)
        after = {(row["patient_id"], row["subject"]): row for row in table.to_dict("records")}
        seen = set()
        for row in before[key].to_dict("records"):
            identity = (int(row["patient_id"]), str(row["subject"]))
            seen.add(identity)
            COUNT[key] += 1
            if identity not in after:
                yield key, *identity, "answer", row["state"], None
                continue
            mine_row = after[identity]
            for name in COLUMNS:
                if name == "evidence" and quiet_evidence and row["state"] == "not_met":
                    continue
                a, b = plain(row[name]), plain(mine_row[name])
                if a != b:
                    yield key, *identity, name, a, b
            said = old[key].explain(row, old[key].defaults())
            says = one.explain(now[identity].cells(), parameters)
            if said != says:
                yield key, *identity, "explanation", said, says
            does = old[key].suggested_action(row, old[key].defaults())
            do = one.suggested_action(now[identity].cells(), parameters)
            if does != do:
                yield key, *identity, "suggested_action", does, do
            for name in row:
                if name not in {*COLUMNS, "patient_id", "subject"}:
                    a, b = plain(row[name]), plain(now[identity].numbers.get(name))
                    if a != b:
                        yield key, *identity, f"numbers.{name}", a, b
        for identity in after:
            if identity not in seen:
                yield key, *identity, "answer", None, after[identity]["state"]


COUNT: Counter[str] = Counter()


def cohort_frames(patients: int, seed: int, days: list[dt.date]) -> Iterator[Frames]:
    """Frames of a synthetic cohort on several days."""
    import subprocess

    from models.database import open_database, reading
    from models.frame_reading import HORIZON_DAYS, read_frames

    with tempfile.TemporaryDirectory() as folder:
        out, database = Path(folder) / "cohort", f"sqlite:///{folder}/c.db"
        for command in (
            ["cohort", "--patients", str(patients), "--seed", str(seed), "--out", str(out)],
            ["import", str(out), "--no-evaluate"],
            ["import", str(out)],
        ):
            done = subprocess.run(
                [sys.executable, "-c", "from dashboard.cli import main; raise SystemExit(main())", *command],
                env={**__import__("os").environ, "MYOPANEL_DATABASE_URL": database},
                capture_output=True,
                check=False,
            )
            if command[0] == "import" and done.returncode == 0:
                break
        engine = open_database(database)
        for day in days:
            with reading(engine) as session:
                yield read_frames(session.connection(), day, horizon_days=HORIZON_DAYS)
        engine.dispose()


def random_frames(number: int, seed: int) -> Iterator[Frames]:
    """Random histories, dense and odd: decimals, same-day values, missing limits and weights, children."""
    from tests.frames_builder import AS_OF, frames

    chance = random.Random(seed)
    measures = {
        "cmas": (52, 1), "mmt8": (80, 1), "mmt8_bilateral": (150, 1), "mmt_total": (260, 1), "ck": (2000, 0),
        "aldolase": (20, 0), "ldh": (700, 0), "ast": (150, 0), "alt": (150, 0), "troponin_t": (90, 0),
        "troponin_i": (90, 0), "crp": (60, 0), "esr": (60, 0), "physician_global": (10, 1), "patient_global": (10, 1),
        "pain": (10, 1), "haq": (3, 1), "extramuscular_global": (10, 1), "weight": (110, 0), "height": (190, 0),
        "fvc_percent": (110, 0), "creatinine": (150, 0), "haemoglobin": (170, 0), "white_cells": (12, 0),
        "neutrophils": (8, 0), "platelets": (500, 0), "hbsag": (1, 0), "tpmt": (100, 0), "hba1c": (70, 0),
    }  # fmt: skip
    limits = {"ck": 200, "aldolase": 7.6, "ldh": 250, "ast": 35, "alt": 40, "troponin_t": 14, "troponin_i": 26,
              "crp": 5, "creatinine": 90, "esr": 20}  # fmt: skip
    drugs = (
        "prednisone", "prednisolone", "methylprednisolone", "dexamethasone", "methotrexate", "azathioprine", "ivig",
        "rituximab", "mycophenolate", "cyclophosphamide", "hydroxychloroquine", "co-trimoxazole", "alendronate",
        "cholecalciferol", "pembrolizumab", "atorvastatin", "budesonide", "tacrolimus", "folic acid", "unknownmab",
    )  # fmt: skip
    events = (
        "dysphagia", "dyspnoea", "myalgia", "rash", "fever", "strenuous_exercise", "areflexia", "plasmapheresis",
        "ecg", "echocardiogram", "dxa", "chest_x_ray", "vaccines_updated", "contraception", "pregnancy_possible",
        "interstitial_lung_disease", "osteoporosis", "diabetes", "glaucoma", "flare_reported",
    )  # fmt: skip
    for _ in range(number):
        patients, observations, medications, happened, plans = [], [], [], [], []
        for who in range(chance.randint(1, 8)):
            mrn = str(who)
            patients.append(
                {
                    "mrn": mrn,
                    "diagnosis": chance.choice(("DM", "JDM", "PM", "IMNM", "IBM", "ASYS", "ICI_MYOSITIS")),
                    "sex": chance.choice(("female", "male", "unknown")),
                    "autoantibodies": chance.choice(("", "anti-Jo-1", "anti-MDA5;anti-Ro52")),
                    "diagnosed_day": chance.choice((None, -chance.randint(0, 900))),
                    **(
                        {"age_years": chance.choice((3, 5, 12, 17.99, 18, 25, 39.9, 40, 70))}
                        if chance.random() < 0.9
                        else {}
                    ),
                }
            )
            for measure in chance.sample(sorted(measures), chance.randint(1, 14)):
                top, whole = measures[measure]
                day = -chance.randint(0, 900)
                level = chance.uniform(0.2, 1) * top
                for _ in range(chance.randint(1, 14)):
                    if day > 0:
                        break
                    value = min(max(level + chance.gauss(0, 0.08 * top), 0), top)
                    observations.append(
                        {
                            "mrn": mrn, "measure": measure, "day": day,
                            "value": round(value, chance.choice((0, 1)) if whole else 2),
                            "upper_limit": limits.get(measure) if chance.random() < 0.93 else None,
                            "assay": chance.choice(("", "A", "B")) if "troponin" in measure else None,
                            "assessor": chance.choice((None, "kim", "lee")),
                            "status": "not-done" if chance.random() < 0.05 else "final", "reason": "unwell",
                        }
                    )  # fmt: skip
                    level = min(max(level + chance.gauss(0, 0.1 * top), 0), top)
                    day += chance.choice((0, 1, 7, 14, 28, 28, 42, 90, 200))
            for _ in range(chance.randint(0, 10)):
                name = chance.choice(drugs[:8] if chance.random() < 0.7 else drugs)
                start = -chance.randint(0, 500)
                length = chance.choice((None, 0, 2, 13, 27, 28, 29, 60, 180))
                steroid = name in drugs[:4]
                medications.append(
                    {
                        "mrn": mrn, "drug": name, "start": start,
                        "end": None if length is None else start + length,
                        "dose": chance.choice((2.5, 5, 7.5, 10, 15, 20, 30, 30.5, 40, 60, 100, 1000)) if steroid else 15,
                        "unit": chance.choice(("mg",) * 9 + ("mg/kg", "g", "mg/m2")) if steroid else "mg",
                        "frequency": chance.choice(("daily",) * 8 + ("every-other-day", "twice-daily", "weekly", "once",
                                                                      "every-4-weeks")),
                        "route": chance.choice(("oral",) * 7 + ("iv", "topical", "sc")),
                        "intent": chance.choice(("daily",) * 8 + ("pulse", "infusion")),
                        "status": chance.choice(("active",) * 9 + ("stopped",)),
                    }
                )  # fmt: skip
            for _ in range(chance.randint(0, 6)):
                start = -chance.choice((0, 1, 5, 10, 20, 28, 29, 60, 200, 500))
                happened.append(
                    {
                        "mrn": mrn, "event": chance.choice(events), "day": start,
                        "end": chance.choice((None, None, None, start + 3, start + 40)),
                        "present": chance.choice(("yes", "yes", "yes", "no")), "detail": chance.choice(("", "severe")),
                    }
                )  # fmt: skip
            if chance.random() < 0.2:
                begin = -chance.randint(0, 60)
                plans += [
                    {"mrn": mrn, "plan_id": who + 1, "agreed_on": begin, "start": begin + 14 * n, "dose_mg": dose}
                    for n, dose in enumerate((40, 30, 20, 15))
                ]
        pauses = [
            {"mrn": "0", "test": chance.choice(("ck", "all", "crp")), "start": -20, "until": chance.choice((-1, 0, 30))}
        ] if chance.random() < 0.2 else []  # fmt: skip
        feeds = [
            {"sender": "lab", "measure": "ck", "last_day": -chance.choice((0, 6, 7, 8)), "results": chance.choice((5, 20, 40))}
        ] if chance.random() < 0.2 else []  # fmt: skip
        yield frames(
            AS_OF, patients=patients, observations=observations, medications=medications, events=happened,
            plans=plans, pauses=pauses, feeds=feeds,
        )  # fmt: skip


def main() -> int:
    """Compare on random histories, and on a cohort where asked."""
    read = argparse.ArgumentParser()
    read.add_argument("--rule", action="append")
    read.add_argument("--random", type=int, default=200, help="random panels of one to eight patients")
    read.add_argument("--seed", type=int, default=1)
    read.add_argument("--cohort", type=int, default=0, help="patients of a cohort, looked at on four days")
    read.add_argument("--show", type=int, default=10, help="differences printed for each rule and column")
    given = read.parse_args()
    keys = set(given.rule) if given.rule else None
    shown: Counter[tuple[str, str]] = Counter()

    def sources() -> Iterator[Frames]:
        yield from random_frames(given.random, given.seed)
        if given.cohort:
            today = dt.date.today()  # noqa: DTZ011
            yield from cohort_frames(
                given.cohort, given.seed, [today - dt.timedelta(days=d) for d in (0, 45, 200, 400)]
            )

    for number, frames in enumerate(sources()):
        for key, who, subject, column, before, now in differences(frames, keys):
            shown[key, column] += 1
            if shown[key, column] <= given.show:
                print(json.dumps([number, key, who, subject, column, before, now], default=str))
    print({key: COUNT[key] for key in sorted(COUNT)})
    print("differences:", {f"{key} {column}": count for (key, column), count in sorted(shown.items())} or "none")
    return int(bool(shown))


if __name__ == "__main__":
    raise SystemExit(main())
