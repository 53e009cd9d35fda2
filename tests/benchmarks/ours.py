"""Our side of each measurement, through the functions that the commands and jobs call."""

import datetime as dt
from collections.abc import Collection
from pathlib import Path

import pandas as pd
from sqlalchemy.engine import Engine
from sqlmodel import select

from jobs.evaluation import Answers, EvaluationReport, assess, evaluate
from jobs.rule import MET
from jobs.thresholds import thresholds_on
from models.alert import Alert
from models.database import engine_for, reading
from models.frame_reading import HORIZON_DAYS, read_frames
from models.frames import Frames
from tests.benchmarks.clinic import NOW, REQUIRED
from tests.benchmarks.reference import Found

HEADLINE = ("declining-strength", "overdue-labs", "prolonged-high-dose-steroids")


def frames_of(engine: Engine, as_of: dt.date) -> Frames:
    """The panel's facts, as an evaluation reads them."""
    with reading(engine) as session:
        return read_frames(session.connection(), as_of, timezone="UTC", horizon_days=HORIZON_DAYS)


def all_rules_of_the_panel(engine: Engine, as_of: dt.date, rules: Collection[str] | None = None) -> Answers:
    """Facts read and every active rule (or those named) answered for the whole panel; nothing written."""
    with reading(engine) as session:
        thresholds = thresholds_on(session, as_of)
        frames = read_frames(session.connection(), as_of, timezone="UTC", horizon_days=HORIZON_DAYS)
        answers = assess(frames, thresholds, rules)
    if answers.failures:
        raise RuntimeError(f"rules failed: {answers.failures}")
    return answers


def met(answers: Answers) -> dict[str, Found]:
    """(patient id, subject) for which each headline rule is met; overdue labs: CK, troponin, CRP."""
    found = {}
    for key in HEADLINE:
        rows = answers.frames[key]
        rows = rows[rows["state"] == MET]
        if key == "overdue-labs":
            rows = rows[rows["subject"].isin(list(REQUIRED))]
        found[key] = {
            (int(who), str(subject)) for who, subject in zip(rows["patient_id"], rows["subject"], strict=True)
        }
    return found


def full_evaluation(database: Path, as_of: dt.date) -> EvaluationReport:
    """What `myopanel evaluate --full` does apart from printing: answers stored, alerts reconciled."""
    engine = engine_for(f"sqlite:///{database}")
    try:
        return evaluate(engine, as_of, timezone="UTC", full=True, collect=False, now=NOW)
    finally:
        engine.dispose()


def alerts_of(database: Path) -> pd.DataFrame:
    """Every alert with everything but its number, sorted."""
    engine = engine_for(f"sqlite:///{database}")
    try:
        with reading(engine) as session:
            rows = [alert.model_dump() for alert in session.exec(select(Alert))]
    finally:
        engine.dispose()
    kept = [{key: str(value) for key, value in row.items() if key != "id"} for row in rows]
    frame = pd.DataFrame(kept)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True) if len(frame) else frame
