"""Results of FHIR resources by patient, measure, specimen, time and number, as those of HL7 messages"""

from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import op

from models.column_types import IDENTITY_BYTES, Instant

revision = "0090"
down_revision = "0080"
branch_labels = None
depends_on = None

CORRECTS = ("corrected", "entered-in-error", "cancelled")


def upgrade() -> None:
    """Give stored results the identity by which they are recognised from now on.

    Until now sender, measure and number made a result. What one final result had replaced though it was of another time
    or patient comes into force again; a correction stays one of what it corrected.
    """
    connection = op.get_bind()
    observation = sa.table(
        "observation", sa.column("id"), sa.column("patient_id"), sa.column("sender"), sa.column("measure"),
        sa.column("source_id"), sa.column("status"), sa.column("effective_at", Instant()),
        sa.column("received_at", Instant()), sa.column("known_to", Instant()),
        sa.column("identity", sa.LargeBinary()), sa.column("content", sa.LargeBinary()),
    )  # fmt: skip
    patient = sa.table("patient", sa.column("id"), sa.column("mrn"), sa.column("revision"))
    one = observation.c
    query = (
        sa.select(observation, patient.c.mrn)
        .join_from(observation, patient, patient.c.id == one.patient_id)
        .where(sa.or_(one.sender == "fhir", one.sender.like("fhir:%")), one.source_id.is_not(None))
        .order_by(one.received_at, one.id)
    )
    chains: dict[bytes, list[Any]] = {}
    before: dict[bytes, bytes] = {}
    numbers: dict[int, str] = {}
    for row in connection.execute(query):
        # The number of an order stood with the time of the result.
        number, mark, _ = row.source_id.partition("@")
        numbers[row.id] = number if mark and "|" in number else row.source_id
        said = ("result", row.sender, numbers[row.id], row.measure, row.mrn, row.effective_at.isoformat(), "")
        identity = blake2b(repr(said).encode(), digest_size=16).digest()[:IDENTITY_BYTES]
        if row.status in CORRECTS and identity not in chains:
            identity = before.get(bytes(row.identity), identity)
        if any(bytes(other.content) == bytes(row.content) for other in chains.get(identity, ())):
            continue
        before[bytes(row.identity)] = identity
        chains.setdefault(identity, []).append(row)
    touched = set()
    this: Any = sa.bindparam("this")
    change = sa.update(observation).where(one.id == this)
    for identity, rows in chains.items():
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            known_to = None if following is None else following.received_at
            if known_to != row.known_to:
                touched.add(row.patient_id)
            values = {"identity": identity, "source_id": numbers[row.id], "known_to": known_to}
            connection.execute(change.values(values), {"this": row.id})
    for number in sorted(touched):
        # Their facts are packed and their answers worked out anew.
        connection.execute(sa.update(patient).where(patient.c.id == number).values(revision=patient.c.revision + 1))


def downgrade() -> None:
    """The identities stay: those of the release before cannot be told from them."""
