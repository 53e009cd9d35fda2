"""Evaluations as shipped: the first, the same again, the next night, one new result, a year of days."""

import datetime as dt
from pathlib import Path

from jobs.evaluation import evaluate
from jobs.replay import replay
from models.database import engine_for
from tests.benchmarks import ours, peers
from tests.benchmarks.clinic import AS_OF, NOW, Clinic, checkpoint
from tests.benchmarks.measuring import (
    Cost,
    Disagreement,
    Goal,
    Report,
    alone,
    in_turns,
    middle,
    percentile,
    seconds,
    stop_watch,
)

DAY = dt.timedelta(days=1)
SMALLEST_FOR_GROWTH = 200
"""Below this a run costs what starting it costs, and its growth says nothing."""


def full_evaluation(report: Report, clinic: Clinic, small: Clinic, repeats: int) -> None:
    """The first evaluation of a clinic and one more in full, each in a process of its own; growth; memory."""
    first, again = clinic.folder / "first.db", clinic.folder / "again.db"
    ours.evaluated(clinic)
    turns: dict[str, list[Cost]] = {"first": [], "again": [], "tenth": []}
    for _ in range(max(repeats // 2, 1)):
        turns["first"].append(alone("evaluate", clinic.copy(first.name)))
        turns["again"].append(alone("evaluate", clinic.copy(again.name, of=clinic.folder / ours.EVALUATED)))
        if small.patients >= SMALLEST_FOR_GROWTH:
            turns["tenth"].append(alone("evaluate", small.copy(first.name)))
    _same_alerts("the first full evaluation", ours.alerts_of(first), "the same again", ours.alerts_of(again))
    checkpoint(first)
    rows = peers.ready_rows(first, beyond=clinic.database)
    target = clinic.copy("rewritten.db")
    writing = in_turns({"rows": lambda: peers.written(target, rows)}, 1, warm_up=False)["rows"]
    cost = {name: middle(taken) for name, taken in turns.items() if taken}
    report.time(
        f"first full evaluation, {clinic.patients:,} patients", cost["first"], writing,
        peer_is=f"its {sum(len(one.rows) for one in rows):,} rows by executemany",
        goal=_at_ten_thousand(3.0, clinic.patients),
    )  # fmt: skip
    report.time(
        "the same again with --full", cost["again"], cost["first"], peer_is="the first",
        goal=_at_ten_thousand(1.5, clinic.patients),
    )  # fmt: skip
    enough = clinic.patients >= 100_000
    report.amount(
        "peak memory of the first", cost["first"].peak, unit="MiB",
        goal=Goal(1536, "MiB", judged=enough, note="at 100,000 patients"),
    )  # fmt: skip
    if enough:
        report.time(
            f"first full evaluation, {clinic.patients:,} patients, waited for", cost["first"], by="wall",
            goal=Goal(60, "s", note="on two cores"),
        )  # fmt: skip
    if "tenth" in cost:
        report.time(
            f"growth from {small.patients:,} patients to ten times as many", cost["first"], cost["tenth"],
            peer_is="the tenth", goal=Goal(11),
        )  # fmt: skip
    else:
        report.remark(f"growth: not measured below {SMALLEST_FOR_GROWTH} patients in the tenth")


def _at_ten_thousand(limit: float, patients: int) -> Goal:
    """A goal in seconds for 10,000 patients; in proportion above, not judged below, where starting is most of it."""
    return Goal(limit * max(patients / 10_000, 1), "s", judged=patients >= 10_000, note=f"({limit:g} s at 10,000)")


Alerts = list[dict[str, str]]


def _same_alerts(one: str, first: Alerts, other: str, second: Alerts) -> None:
    if first != second:
        differing = {tuple(row.values()) for row in first} ^ {tuple(row.values()) for row in second}
        raise Disagreement(
            f"alerts after {one} ({len(first)}) and {other} ({len(second)}) differ in {len(differing)} rows"
        )


def nightly_run(report: Report, clinic: Clinic, repeats: int) -> None:
    """The night after a full evaluation in which 2 % of the patients have a new result."""
    start = clinic.copy("night.db", of=ours.evaluated(clinic))
    tomorrow, later = AS_OF + DAY, NOW + DAY
    engine = engine_for(f"sqlite:///{start}")
    chosen = [mrn for _, mrn in ours.active_patients(start)[::50]]
    ours.stored(engine, [ours.creatine_kinase(mrn, tomorrow) for mrn in chosen], later)
    engine.dispose()
    checkpoint(start)
    costs: dict[bool, list[Cost]] = {False: [], True: []}
    computed: dict[bool, int] = {}
    alerts: dict[bool, Alerts] = {}
    for turn in range(max(repeats // 2, 1) + 1):
        for full in (False, True):
            database = clinic.copy(f"night-{'full' if full else 'new'}.db", of=start)
            cost, computed[full] = _one_night(database, tomorrow, later, full)
            if turn:
                costs[full].append(cost)
            alerts[full] = ours.alerts_of(database)
    dates = [[row.pop("last_true_on") for row in rows] for rows in alerts.values()]
    _same_alerts("the incremental run", alerts[False], "the full run", alerts[True])
    report.time(
        "nightly run, 2 % of the patients new", middle(costs[False]), middle(costs[True]),
        peer_is="the same night in full", goal=Goal(0.1),
    )  # fmt: skip
    stale = sum(one != other for one, other in zip(*dates, strict=True))
    report.remark(
        f"{len(chosen)} patients had something new; {computed[False]:,} of {computed[True]:,} were computed: for the "
        f"others time alone may have changed an answer; the {len(alerts[True]):,} alerts are equal in every field"
        + (f" but the day they were last found true ({stale})" if stale else "")
    )


def _one_night(database: Path, day: dt.date, now: dt.datetime, full: bool) -> tuple[Cost, int]:
    engine = engine_for(f"sqlite:///{database}")
    with engine.connect():
        pass
    taken: list[Cost] = []
    with stop_watch(taken):
        done = evaluate(engine, day, timezone="UTC", full=full, collect=False, now=now)
    engine.dispose()
    return taken[0], done.computed


def one_new_result(report: Report, clinic: Clinic, results: int) -> None:
    """One result stored as the page stores it, all rules of its patient, alerts written."""
    database = clinic.copy("result.db", of=ours.evaluated(clinic))
    engine = engine_for(f"sqlite:///{database}")
    people = ours.active_patients(database)
    evaluate(engine, AS_OF, timezone="UTC", collect=False, now=NOW)
    costs: list[Cost] = []
    peer: list[Cost] = []
    for number in range(results + 1):
        moment = NOW + dt.timedelta(minutes=number + 1)
        who, mrn = people[number * 7 % len(people)]
        row = ours.creatine_kinase(mrn, AS_OF, 600 + number)
        taken: list[Cost] = []
        with stop_watch(taken):
            ours.stored(engine, [row], moment)
            computed = ours.followed(engine, moment)
        if computed != 1:
            raise Disagreement(f"one new result led to {computed} patients being computed")
        with stop_watch(taken):
            peers.orm_per_patient(engine, [who], AS_OF)
        if number:  # the first pays for what is kept afterwards
            costs.append(taken[0])
            peer.append(taken[1])
    engine.dispose()
    checkpoint(database)
    whole = clinic.copy("result-full.db", of=database)
    ours.full_evaluation(whole, AS_OF)
    _same_alerts("results one by one", ours.alerts_of(database), "a full run", ours.alerts_of(whole))
    for share, limit in ((0.5, 0.010), (0.95, 0.020)):
        report.time(
            f"one new result stored, all rules, alerts written, p{100 * share:.0f}", _at(costs, share),
            _at(peer, share), peer_is="its patient's rows as SQLModel objects, 3 rules, nothing stored",
            goal=Goal(limit, "s"), by="wall",
        )  # fmt: skip
    report.remark(f"{len(costs)} results; afterwards the alerts are those of a full run")


def _at(costs: list[Cost], share: float) -> Cost:
    return Cost(percentile([cost.wall for cost in costs], share), percentile([cost.processor for cost in costs], share))


def replayed_year(report: Report, small: Clinic, days: int, repeats: int) -> None:
    """Daily replay of the last days, scaled to a year, against one full look at the same panel."""
    engine = small.engine()
    first = AS_OF - (days - 1) * DAY
    medians = in_turns(
        {
            "replay": lambda: replay(engine, first, AS_OF, timezone="UTC"),
            "once": lambda: evaluate(engine, AS_OF, timezone="UTC", known_at=NOW + DAY, dry_run=True, now=NOW + DAY),
        },
        max(repeats // 2, 1),
    )
    engine.dispose()
    scaled = "" if days == 365 else f" (from {days} days)"
    report.time(
        f"a year of daily replay, {small.patients:,} patients{scaled}", medians["replay"].times(365 / days),
        medians["once"], peer_is="one full look",
        goal=Goal(40, judged=small.patients >= 1000, note="" if small.patients >= 1000 else "with 1,000 patients"),
    )  # fmt: skip
    report.remark(f"one full look took {seconds(medians['once'].processor)} of processor time")
