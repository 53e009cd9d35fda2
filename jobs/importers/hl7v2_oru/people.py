"""ADT messages (A01, A04, A05, A08, A31): what a patient administration says of somebody the clinic follows.

A hospital sends them for everybody. Nobody becomes a patient by one, and of who is no patient here nothing is taken:
only what is not on file yet of who is one (names, birth date, sex), and that the person has died. A name, birth date or
sex that contradicts what is on file holds the message, as it holds a result.
"""

from collections.abc import Iterator

from jobs.importers.canonical import Kind, NothingToTake, Refused
from jobs.importers.decisions import Person, decisions
from jobs.importers.hl7v2_oru.encoding import Segment
from jobs.importers.hl7v2_oru.messages import Message
from jobs.importers.hl7v2_oru.person import claim_in, day_of, identifiers_of
from jobs.importers.hl7v2_oru.result import Row, not_production
from jobs.importers.identity import whose
from jobs.importers.message_row import MessageRow

KIND: Kind = "patients"
_PATHS = {"mrn": "PID-3", "family_name": "PID-5", "given_name": "PID-5", "birth_date": "PID-7", "sex": "PID-8"}


def rows_of_person(message: Message) -> Iterator[Row]:
    """The row of the person a message tells of."""
    header = message.header
    number = message.number if header is None else header.number
    sent = "\r".join(message.lines)
    once = "\r".join([message.sender, message.type, message.processing, *message.lines[1:]])
    cells: dict[str, str] = {}
    refused = None
    try:
        cells = _cells(message)
    except Refused as known:
        refused = known
    row = MessageRow(KIND, cells, _PATHS, sent, refused, once=once, example=message.type)
    yield Row(message.sender, number, row, "" if refused is None else refused.why)


def _cells(message: Message) -> dict[str, str]:
    """What is not on file yet.

    Raises:
        Refused: no person in it. NothingToTake: nobody the clinic follows. Waits: a decision is needed who it is.
    """
    if message.processing != "P":
        raise not_production(message)
    patient = next((one for one in message.segments if one.name == "PID"), None)
    identifiers = [] if patient is None else [one for one in identifiers_of(patient) if one.number]
    if patient is None or not identifiers:
        raise Refused("mrn", "", "the message names no person (PID-3)")
    known = decisions()
    decided = any(known.of(message.sender, "patient", str(one)) is not None for one in identifiers)
    # A hospital sends them for everybody: only whose number is on file here is worth a decision whether it is theirs.
    if not decided and all(known.on_file(one.number) is None for one in identifiers):
        raise NothingToTake("mrn", "", "the clinic follows nobody under this number")
    person = whose(message.sender, identifiers, claim_in(patient))
    return {"mrn": person.mrn} | _new(person, patient)


def _new(person: Person, patient: Segment) -> dict[str, str]:
    """What the message says and nothing on file does; and a death."""
    family, given = patient.get(5, 1), patient.get(5, 2)
    born = day_of(patient.get(7))
    dead = patient.get(30).upper() == "Y" or patient.get(29)[:4].isdecimal()
    said = {
        "family_name": "" if person.family else family,
        "given_name": "" if person.given else given,
        "birth_date": "" if person.birth_date or len(born) < 10 else born,
        "sex": {"F": "female", "M": "male"}.get(patient.get(8).upper()[:1], "") if person.sex == "unknown" else "",
        "status": "deceased" if dead else "",
    }
    return {column: text for column, text in said.items() if text}
