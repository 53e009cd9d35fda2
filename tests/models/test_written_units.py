"""Units are stored as codes and shown as clinicians write them; what is shown is read back as the same unit."""

import pytest

from models.vocabulary import accepted_units, measures, unit_key, written_unit
from tests.contradictions import RAW_UNIT


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("10*9/L", "10⁹/L"),
        ("10*3/uL", "10³/µL"),
        ("umol/L", "µmol/L"),
        ("ug/L", "µg/L"),
        ("mcg/L", "µg/L"),
        ("cm[H2O]", "cmH₂O"),
        ("mm[Hg]", "mmHg"),
        ("[IU]/mL", "IU/mL"),
        ("mg/m2", "mg/m²"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"),
        ("U/mL{RBCs}", "U/mL red cells"),
        ("%{NGSP}", "%"),
        ("{score}", ""),
        ("U/L", "U/L"),
        ("mg/kg/day prednisone-equivalent", "mg/kg/day prednisone-equivalent"),
        ("", ""),
    ],
)
def test_a_stored_unit_is_shown_as_clinicians_write_it(stored: str, written: str) -> None:
    assert written_unit(stored) == written


def test_no_unit_of_any_measure_is_shown_as_a_code() -> None:
    every = {unit for key in measures() for unit in accepted_units(key)} | {one.unit for one in measures().values()}
    assert not [unit for unit in every if RAW_UNIT.search(written_unit(unit))]


@pytest.mark.parametrize("stored", ["10*9/L", "umol/L", "ug/L", "mg/m2", "10*3/uL"])
def test_what_is_shown_is_read_as_the_same_unit(stored: str) -> None:
    assert unit_key(written_unit(stored)) == unit_key(stored)
