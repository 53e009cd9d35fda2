"""From what the rules said of one patient, and the patient's facts, to the row that the lists show of them.

Pure: no database, no clock. The row holds days, never how long ago they are, and follows from facts and answers alone,
so that it is the same whether the patient was computed today or a week ago.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from math import log10
from typing import Any

import orjson

from jobs.exposure import Exposure, exposure
from jobs.phrasing import amount, first_sentence
from jobs.rule import Answer, Rule, all_rules, one_line_each
from models.patient_facts import PatientFacts, Reading, date_of
from models.patient_summary import EXCUSED, LATE, NOT_TAKEN, bits_of
from models.states import Cause, State
from models.vocabulary import measures, remembered

POINTS = 12
"""Values in a curve."""
STEPS = 24
"""Changes of the steroid dose that are kept: more than twelve points over half a year can show."""
STRENGTH = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
EXAMINED = (*STRENGTH, "physician_global")
ACTIVE = "active"
FAILED = "the rule failed: tell your administrator"
LEAST_SPAN = 0.25
"""A quarter of the scale fills a curve of strength at least, so that noise does not look like a fall."""
_OWN_DATE = re.compile(r"(?<!feed silent) (?:than|since|on) \d{1,2} \w{3} \d{4}")

Sentence = Callable[[str, Answer], str]


def summary_of(
    patient: PatientFacts,
    answers: Mapping[str, Sequence[Answer]],
    statuses: Mapping[str, str],
    sentence: Sentence,
    failed: Collection[str] = (),
) -> dict[str, Any]:
    """The row of `models.patient_summary.PatientSummary` (columns `OF_FACTS`), with the rows `gaps` and `labs`.

    Args:
        answers: what each rule answered, whatever the state.
        statuses: of each rule; only active ones are shown.
        sentence: the explanation of an answer, asked for only where the rule has no phrase for it.
        failed: rules that could not answer of the patient at all.
    """
    rules = _rules()
    active = {key: found for key, found in answers.items() if found and statuses.get(key) == ACTIVE and key in rules}
    gaps = [gap for key, found in active.items() for gap in _gaps(rules[key], found)]
    gaps += [{"rule": key, "words": FAILED, "cause": ""} for key in failed if statuses.get(key) == ACTIVE]
    required = [answer for key, found in active.items() if rules[key].listed_in == "labs" for answer in found]
    labs = [_lab(answer) for answer in required]
    late = LATE if any(answer.state is State.MET for answer in required) else 0
    met = [(key, one) for key, found in active.items() for one in found if one.state is State.MET]
    steroids = exposure(patient)
    return {
        "reasons": _json([_reason(rules[key], one, sentence) for key, one in met]),
        "untold": bool(gaps),
        "strength": _json(_strength(patient)),
        "ck": _json(_ck(patient.series("ck"))),
        "steroid_mg": _steroid_mg(steroids),
        "steroid_steps": _json(_steps(steroids) or None),
        "high_from": _high_from(patient.today, (one for _, one in met)),
        "last_visit": _newest_day(patient, EXAMINED),
        "last_lab": _newest_day(patient, _laboratory()),
        "next_lab_due": min((lab["due"] for lab in labs if lab["due"] and lab["state"] not in EXCUSED), default=None),
        "to_take_from": min((lab["due"] for lab in labs if lab["due"] and lab["state"] not in NOT_TAKEN), default=None),
        "lab_states": bits_of(lab["state"] for lab in labs) | late,
        "gaps": gaps,
        "labs": labs,
    }


@lru_cache(maxsize=1)
def _rules() -> Mapping[str, Rule]:
    return {rule.key: rule for rule in all_rules()}


@remembered(maxsize=1)
def _laboratory() -> tuple[str, ...]:
    return tuple(key for key, found in measures().items() if found.kind == "laboratory")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode() if value or isinstance(value, list) else ""


# ------------------------------------------------------------------------------------------ what is true of the patient


def _reason(rule: Rule, answer: Answer, sentence: Sentence) -> dict[str, Any]:
    """An answer `met` as the lists show it: `line` groups those that share one, `text` says it by itself."""
    cells = answer.cells()
    text = (rule.phrase([cells]) if rule.phrase is not None else "") or first_sentence(sentence(rule.key, answer))
    shared = rule.one_line is not one_line_each
    return {
        "rule": rule.key,
        "subject": answer.subject,
        "severity": answer.severity,
        "grade": answer.grade,
        "since": cells["since"],
        "due": cells["due"],
        "text": text,
        "line": rule.one_line(cells),
        "numbers": {name: answer.numbers.get(name) for name in rule.shown} if shared else {},
    }


def _gaps(rule: Rule, answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """What the rule could not tell and somebody should know of, each once."""
    if rule.quiet_when_untold:
        return []
    untold = [one for one in answers if one.state is State.CANNOT_TELL]
    if not untold:
        return []
    told = rule.several_series and len(untold) < len(answers)
    found: dict[str, dict[str, Any]] = {}
    for one in untold:
        if told and one.cause == Cause.STALE:
            continue
        words = without_own_date(one.cannot_tell_because or "no reason given")
        found.setdefault(words, {"rule": rule.key, "words": words, "cause": one.cause or ""})
    return list(found.values())


def without_own_date(because: str) -> str:
    """The cause without the one patient's date in it, so that patients with the same trouble stand together."""
    return _OWN_DATE.sub("", because)


def _lab(answer: Answer) -> dict[str, Any]:
    numbers = answer.numbers
    if answer.state == State.CANNOT_TELL:
        state = "cannot_tell"
    else:
        state = str(numbers.get("due_state") or ("overdue" if answer.state == State.MET else "not_due"))
    return {
        "test": answer.subject,
        "state": state,
        "due": None if answer.due is None else date_of(answer.due),
        "last_on": numbers.get("last_day") if numbers.get("measured") else None,
        "interval_days": numbers.get("interval_days"),
        "treatment": str(numbers.get("treatment") or ""),
        "note": str(numbers.get("note") or ""),
        "because": answer.cannot_tell_because or "",
    }


# ----------------------------------------------------------------------------------------------------------- the curves


def _strength(patient: PatientFacts) -> list[Any] | None:
    """Text `24/52`, label `CMAS` and curve of the instrument with the newest score."""
    newest = patient.newest_of(STRENGTH)
    if newest is None:
        return None
    row = measures()[newest.measure]
    if not row.max_value:
        return None
    values = [reading.value for reading in patient.series(newest.measure)[-POINTS:]]
    low = min(min(values), max(values) - row.max_value * LEAST_SPAN)
    high = max(max(values), low + row.max_value * LEAST_SPAN)
    return [f"{amount(values[-1])}/{amount(row.max_value)}", row.short_label, _curve(values, low, high)]


def _ck(readings: Sequence[Reading]) -> list[Any] | None:
    """U/L in words, multiple of the limit, curve on a logarithmic scale, whether raised (0 or 1)."""
    if not readings:
        return None
    last = readings[-1]
    values = [log10(max(reading.value, 1.0)) for reading in readings[-POINTS:]]
    middle = (min(values) + max(values)) / 2
    # A factor of ten fills the curve at least.
    half = max((max(values) - min(values)) / 2, 0.5)
    times = last.times_limit
    said = "" if times is None else f"{amount(times, 1 if times < 10 else 0)}×"
    curve = _curve(values, middle - half, middle + half)
    return [f"{last.comparator}{amount(last.value, 0)}", said, curve, int(times is not None and times > 1)]


def _curve(values: Sequence[float], low: float, high: float) -> list[int]:
    span = (high - low) or 1.0
    return [max(0, min(100, round((value - low) / span * 100))) for value in values]


def _steroid_mg(found: Exposure) -> float | None:
    """Today's daily dose without pulses; None where none is on file, or some is taken and nobody knows how much."""
    if not found.on_file:
        return None
    dose = found.dose_on(found.today, steady=True)
    return None if not dose and _taken_unknown(found) is not None else round(dose, 3)


def _taken_unknown(found: Exposure) -> int | None:
    """Since when a steroid of unknown dose may be taken today; None where none is."""
    return min((one.first for one in found.unknown if one.last >= found.today), default=None)


def _steps(found: Exposure) -> list[list[Any]]:
    """`[day, mg/day]` from that day on, the newest changes; mg is null where the dose is not known."""
    steps: list[list[Any]] = []
    end = None
    for segment in found.known:
        if end is not None and segment.start > end + 1:
            steps.append([end + 1, 0.0])
        mg = round(segment.steady_mg, 3)
        if not steps or steps[-1][1] != mg:
            steps.append([segment.start, mg])
        end = segment.end
    if end is not None and end < found.today:
        steps.append([end + 1, 0.0])
    unknown = _taken_unknown(found)
    if unknown is not None and not (steps and steps[-1][1]):
        steps.append([unknown, None])
    return steps[-STEPS:]


def _high_from(today: int, met: Iterable[Answer]) -> Any:
    """The day from which the days at high dose count, had they no gap; None where they are not too many."""
    days = next((days for one in met if (days := one.numbers.get("high_days"))), None)
    return None if not days else date_of(today - int(days) + 1)


def _newest_day(patient: PatientFacts, names: Iterable[str]) -> Any:
    newest = patient.newest_of(names)
    return None if newest is None else date_of(newest.day)
