"""The small curves of the panel: a patient's last strength scores, CK and steroid dose, as a dozen small numbers.

Worked out from facts, not from rules, and kept in memory by patient and revision: opening the panel reads only the
patients something has changed for since it was last opened.
"""

import datetime as dt
import math
import threading
from typing import Any

import numpy as np
from sqlalchemy.engine import Engine

from dashboard.components.formats import number, times_limit
from jobs.exposure import exposure
from jobs.frame_adapter import patients_of
from models.database import reading
from models.frame_reading import read_frames
from models.frames import Frames
from models.vocabulary import measures

POINTS = 12
STRENGTH = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
EXAMINED = (*STRENGTH, "physician_global")
DOSE_WINDOW_DAYS = 182
FEWER_THAN_ALL = 0.5
"""Above this share of the panel, reading everybody at once is quicker than naming them."""


class TrendCache:
    """Trends by patient, recomputed for those whose facts changed, and for all when the day changes."""

    def __init__(self, engine: Engine, timezone: str) -> None:
        self._engine = engine
        self._timezone = timezone
        self._lock = threading.Lock()
        self._day: dt.date | None = None
        self._known: dict[int, tuple[int, dict[str, Any]]] = {}

    def of(self, revisions: dict[int, int], today: dt.date) -> dict[int, dict[str, Any]]:
        """Trends (see `trends`) of the patients, given the revision each stands at."""
        with self._lock:
            if self._day != today:
                self._known.clear()
                self._day = today
            stale = [who for who, revision in revisions.items() if self._known.get(who, (None, None))[0] != revision]
            if stale:
                some = stale if len(stale) < FEWER_THAN_ALL * len(revisions) else None
                with reading(self._engine) as session:
                    frames = read_frames(
                        session.connection(), today, timezone=self._timezone, patient_ids=some, horizon_days=400
                    )
                found = trends(frames)
                for who in stale:
                    self._known[who] = (revisions[who], found.get(who, {}))
            return {who: self._known[who][1] for who in revisions}


def trends(frames: Frames) -> dict[int, dict[str, Any]]:
    """By patient id, what is known of:

    `strength`: text `24/52`, label `CMAS`, curve; `ck`: text `640 U/L`, `times` `3.2×`, curve (logarithmic);
    `steroid`: `mg` today, curve over half a year; `last_lab` and `seen`: dates of the last blood test and examination.
    A curve is at most 12 whole numbers from 0 to 100, the last one newest.
    """
    out: dict[int, dict[str, Any]] = {int(who): {} for who in frames.patients.index}
    _strength(frames, out)
    _ck(frames, out)
    _steroid(frames, out)
    known = measures()
    _newest(frames, [key for key, found in known.items() if found.kind == "laboratory"], "last_lab", out)
    _newest(frames, [key for key in EXAMINED if key in known], "seen", out)
    return out


def _groups(patient: np.ndarray) -> list[tuple[int, int, int]]:
    """(patient, first, end) of each stretch of equal patient ids."""
    if not len(patient):
        return []
    first = np.flatnonzero(np.append(True, patient[1:] != patient[:-1]))
    end = np.append(first[1:], len(patient))
    return list(zip(patient[first].tolist(), first.tolist(), end.tolist(), strict=True))


def _strength(frames: Frames, out: dict[int, dict[str, Any]]) -> None:
    known = measures()
    for instrument in STRENGTH:
        rows = frames.observations(instrument)
        most = known[instrument].max_value
        if rows.empty or not most:
            continue
        patient, value = rows["patient_id"].to_numpy(), rows["value"].to_numpy(dtype=float)
        days = rows["day"].to_numpy()
        for who, first, end in _groups(patient):
            before = out[who].get("strength")
            if before is not None and before["day"] >= days[end - 1]:
                continue
            last = value[max(first, end - POINTS) : end]
            # A quarter of the scale fills the cell at least, so that noise does not look like a fall.
            low = min(float(last.min()), float(last.max()) - most / 4)
            out[who]["strength"] = {
                "text": f"{number(float(last[-1]))}/{number(most)}",
                "label": known[instrument].short_label,
                "curve": _curve(last, low, max(float(last.max()), low + most / 4)),
                "day": days[end - 1],
            }


def _ck(frames: Frames, out: dict[int, dict[str, Any]]) -> None:
    rows = frames.observations("ck")
    if rows.empty:
        return
    value, limit = rows["value"].to_numpy(dtype=float), rows["upper_limit"].to_numpy(dtype=float)
    sign = rows["comparator"].to_numpy()
    for who, first, end in _groups(rows["patient_id"].to_numpy()):
        last = np.log10(np.maximum(value[max(first, end - POINTS) : end], 1.0))
        middle = (float(last.min()) + float(last.max())) / 2
        # A factor of ten fills the cell at least.
        half = max((float(last.max()) - float(last.min())) / 2, 0.5)
        upper = limit[end - 1]
        out[who]["ck"] = {
            "text": f"{sign[end - 1] or ''}{number(float(value[end - 1]), 0)} U/L",
            "times": times_limit(float(value[end - 1]), None if math.isnan(upper) else float(upper)),
            "raised": bool(value[end - 1] > upper),
            "curve": _curve(last, middle - half, middle + half),
        }


def _steroid(frames: Frames, out: dict[int, dict[str, Any]]) -> None:
    for who, patient in patients_of(frames).items():
        found = exposure(patient)
        days = [found.today - DOSE_WINDOW_DAYS * back // (POINTS - 1) for back in range(POINTS - 1, -1, -1)]
        # Pulses stand for a day or three and would flatten everything else: the curve shows the daily dose.
        doses = np.array([found.dose_on(day, steady=True) for day in days])
        if doses.any():
            out[who]["steroid"] = {"mg": float(doses[-1]), "curve": _curve(doses, 0.0, max(40.0, float(doses.max())))}
        elif found.unknown:
            out[who]["steroid"] = {"mg": None, "curve": []}


def _newest(frames: Frames, keys: list[str], name: str, out: dict[int, dict[str, Any]]) -> None:
    for key in keys:
        rows = frames.observations(key)
        if rows.empty:
            continue
        days = rows["day"].to_numpy()
        for who, _first, end in _groups(rows["patient_id"].to_numpy()):
            day = days[end - 1]
            if name not in out[who] or day > out[who][name]:
                out[who][name] = day
    for found in out.values():
        if name in found:
            found[name] = found[name].astype("datetime64[D]").item()


def _curve(values: np.ndarray, low: float, high: float) -> list[int]:
    span = (high - low) or 1.0
    scaled = np.round((np.asarray(values, dtype=float) - low) / span * 100)
    return [int(value) for value in np.clip(scaled, 0, 100)]
