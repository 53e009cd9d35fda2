"""When a drug was begun, by a second hand: the statements of a drug without a gap of more than two weeks."""

from models.patient_facts import PatientFacts
from models.vocabulary import drug


def labelled(patient: PatientFacts, name: str) -> str:
    """The drug on the list that a sentence calls so."""
    found = [one.drug for one in patient.statements
             if name.lower() in (one.drug.lower(), (row.label.lower() if (row := drug(one.drug)) else ""))]  # fmt: skip
    assert found, name
    return found[0]


def course(patient: PatientFacts, name: str) -> tuple[int, int]:
    """The first and the last day of the newest course of a drug, with the time it goes on acting."""
    row = drug(name)
    acts = (row.acts_for_days or 0) if row else 0
    local = ("topical", "inhaled", "intra-articular") if row and row.is_glucocorticoid else ()
    first = last = None
    for one in sorted((one for one in patient.statements if one.drug == name and one.route not in local),
                      key=lambda one: (one.start, one.id)):  # fmt: skip
        end = one.start if one.frequency == "once" else one.end
        if end is None:
            end = one.start if one.status == "stopped" else 10**6
        else:
            end += acts
        if first is None or one.start > last + 14:
            first, last = one.start, end
        last = max(last, end)
    assert first is not None
    return first, last


def begun(patient: PatientFacts, name: str) -> int:
    """The first day of the newest course."""
    return course(patient, name)[0]
