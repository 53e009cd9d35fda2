"""Everything on file about one patient, packed as one value and read again."""

import datetime as dt

import sqlalchemy as sa

from jobs.importers.load import import_paths
from models.database import writing
from models.packed_facts import MAGIC, PackedFacts, Plan, RowsOfPatient, Unpacked, pack
from models.patient_facts import PlannedDose, TaperAgreed
from models.patient_reading import read_patients, refresh


def test_an_agreed_plan_is_packed_with_the_rest() -> None:
    plan = Plan(3, "A", 20_000, None, ((20_000, 40.0), (20_014, 30.0)))
    packed = pack(RowsOfPatient({}, (), (), (), (), (plan,)))
    found = Unpacked(packed, 20_020, evening=20_021 * 86_400.0).plan
    assert found == TaperAgreed(3, "A", 20_000, (PlannedDose(20_000, 40.0), PlannedDose(20_014, 30.0)))


def test_a_value_of_another_version_is_packed_anew_and_kept(engine, clinic_folder):
    folder = clinic_folder(
        patients=[{"mrn": "1"}],
        observations=[{"mrn": "1", "measure": "cmas", "value": 27, "unit": "", "observed_at": "2026-03-01"}],
    )
    now = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
    import_paths(engine, [folder], timezone="UTC", by="test", now=now)
    with writing(engine) as session:
        session.execute(sa.update(PackedFacts).values(packed=b"MF00 of a version long gone"))
    with writing(engine) as session:
        connection = session.connection()
        (patient,) = read_patients(connection, now.date(), timezone="UTC")
        assert [one.value for one in patient.series("cmas")] == [27]
        assert refresh(connection, [patient.id], timezone="UTC") == 1
        assert connection.execute(sa.select(PackedFacts.packed)).scalar_one()[:4] == MAGIC
