"""The rules over a panel and over one patient, nothing written, against other ways to ask the headline questions."""

import pandas as pd

from tests.benchmarks import ours, peers
from tests.benchmarks.clinic import AS_OF, Clinic
from tests.benchmarks.measuring import Goal, Report, alone, in_turns
from tests.benchmarks.reference import agree, headline


def population_pass(report: Report, clinic: Clinic, repeats: int) -> None:
    """All rules over the panel; the headline rules alone; memory."""
    expected = headline(clinic.plain, AS_OF)
    engine = clinic.engine()
    agree("our rules", ours.met(engine, AS_OF), expected)
    agree("pandas", peers.pandas_from_parquet(clinic.folder, AS_OF), expected)
    report.remark(
        "met, the same for ours, pandas and plain Python: "
        + ", ".join(f"{rule} {len(found)}" for rule, found in expected.items())
    )
    sql = peers.sql_connection(clinic.plain)
    medians = in_turns(
        {
            "all": lambda: ours.look(engine, AS_OF),
            "pandas": lambda: peers.pandas_from_parquet(clinic.folder, AS_OF),
            "three": lambda: ours.look(engine, AS_OF, ours.HEADLINE),
            "sql": lambda: peers.seek_sql(sql, AS_OF),
        },
        repeats,
    )
    engine.dispose()
    sql.close()
    count, people = ours.number_of_rules(), f"{clinic.patients:,} patients"
    report.time(
        f"{count} rules, {people}, reading included", medians["all"], medians["pandas"],
        peer_is="pandas on Parquet, 3 rules, only who is met", goal=Goal(1),
    )  # fmt: skip
    report.time(
        f"3 headline rules, {people}", medians["three"], medians["sql"],
        peer_is="index-seek SQL, simpler questions", goal=Goal(1),
    )  # fmt: skip
    mine, theirs, empty = alone("rules", clinic.folder), alone("pandas", clinic.folder), alone("imports")
    report.time(f"{count} rules, a process of its own", mine, theirs, peer_is="pandas, 3 rules")
    report.amount(f"peak memory of {count} rules", mine.peak, theirs.peak, unit="MiB", peer_is="pandas, 3 rules")
    report.remark(f"memory: {empty.peak:,.0f} MiB of it are what our imports take")


def per_patient(report: Report, clinic: Clinic, repeats: int) -> None:
    """All rules per patient of a panel pass, against two loops over patients with the headline rules only."""
    engine = clinic.engine()
    observations = pd.read_parquet(clinic.folder / "observations.parquet")
    taken = pd.read_parquet(clinic.folder / "medications.parquet")
    active = len(ours.active_patients(clinic.database))
    everybody = sorted({int(one) for one in observations["patient_id"].unique()})
    who = everybody[:: max(len(everybody) // 100, 1)]
    sample = set(who)
    expected = headline(clinic.plain, AS_OF)
    wanted = {rule: {one for one in found if one[0] in sample} for rule, found in expected.items()}
    agree("the ORM loop", peers.orm_per_patient(engine, who, AS_OF), wanted)
    observations["measure"] = observations["measure"].astype(str)
    of_patient = {
        int(str(one)): rows for one, rows in observations[observations["patient_id"].isin(who)].groupby("patient_id")
    }
    drugs_of = {int(str(one)): rows for one, rows in taken[taken["patient_id"].isin(who)].groupby("patient_id")}
    medians = in_turns(
        {
            "ours": lambda: ours.look(engine, AS_OF),
            "pandas": lambda: peers.pandas_per_patient(of_patient, drugs_of, who, AS_OF),
            "orm": lambda: peers.orm_per_patient(engine, who, AS_OF),
        },
        min(repeats, 3),
    )
    engine.dispose()
    mine, count = medians["ours"].times(1 / active), ours.number_of_rules()
    for name, peer_is in (("pandas", "pandas loop, 3 simpler rules"), ("orm", "SQLModel loop, 3 rules")):
        report.time(f"{count} rules, per patient of a panel", mine, medians[name].times(1 / len(who)), peer_is=peer_is)
