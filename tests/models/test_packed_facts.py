"""Everything on file about one patient, packed as one value and read again."""

from models.packed_facts import Plan, RowsOfPatient, Unpacked, pack
from models.patient_facts import PlannedDose, TaperAgreed


def test_an_agreed_plan_is_packed_with_the_rest() -> None:
    plan = Plan(3, "A", 20_000, None, ((20_000, 40.0), (20_014, 30.0)))
    packed = pack(RowsOfPatient({}, (), (), (), (), (plan,)))
    found = Unpacked(packed, 20_020, horizon_days=None, evening=20_021 * 86_400.0).plan
    assert found == TaperAgreed(3, "A", 20_000, (PlannedDose(20_000, 40.0), PlannedDose(20_014, 30.0)))
