"""What arrived and waits for a decision, the decisions made for each sender, and rejects counted once"""

from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
import sqlmodel
from alembic import op

from models.column_types import IDENTITY_BYTES, Digest, Instant

revision = "0060"
down_revision = "0050"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()
LIVE = sa.text("removed_at IS NULL")
WAITS = sa.text("mapping_id IS NULL")
ONCE = sa.text("digest IS NOT NULL")
CORRECTS = ("corrected", "entered-in-error", "cancelled")


def upgrade() -> None:
    op.create_table(
        "sender_mapping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("to", TEXT, nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("not_ours", sa.Boolean(), nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.Column("removed_by", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_sender_mapping",
        "sender_mapping",
        ["sender", "kind", "what"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )
    op.create_table(
        "waiting_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", TEXT, nullable=False),
        sa.Column("digest", Digest(IDENTITY_BYTES), nullable=False),
        sa.Column("format", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("example", TEXT, nullable=False),
        sa.Column("file", TEXT, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("sent", TEXT, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("mapping_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["mapping_id"], ["sender_mapping.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sender", "digest", name="uq_waiting_row"),
    )
    op.create_index(
        "ix_waiting_row", "waiting_row", ["sender", "kind", "what"], sqlite_where=WAITS, postgresql_where=WAITS
    )
    for name in ("import_batch", "import_file"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(sa.Column("waiting", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("rejected_row", schema=None) as batch_op:
        batch_op.add_column(sa.Column("digest", Digest(IDENTITY_BYTES), nullable=True))
    op.create_index("ix_rejected_row_digest", "rejected_row", ["digest"], sqlite_where=ONCE, postgresql_where=ONCE)
    _results_of_messages()


def downgrade() -> None:
    op.drop_index("ix_rejected_row_digest", "rejected_row")
    with op.batch_alter_table("rejected_row", schema=None) as batch_op:
        batch_op.drop_column("digest")
    for name in ("import_file", "import_batch"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column("waiting")
    op.drop_table("waiting_row")
    op.drop_table("sender_mapping")


def _results_of_messages() -> None:
    """Results of HL7 messages by patient, measure, time and number, as they are recognised from now on.

    Until now sender, measure, number and the text of the code made a result. What one final result had replaced under
    such a name though it was taken at another time comes into force again; a correction stays one of what it corrected.
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
        .where(one.sender.like("hl7:%"), one.source_id.is_not(None))
        .order_by(one.received_at, one.id)
    )
    chains: dict[bytes, list[Any]] = {}
    before: dict[bytes, bytes] = {}
    numbers: dict[int, str] = {}
    for row in connection.execute(query):
        parts = row.source_id.split("/")
        if len(parts) not in (2, 3):
            # A number with a stroke of its own: where it ends cannot be told.
            continue
        sub = parts[2] if len(parts) == 3 else ""
        numbers[row.id] = "/".join(filter(None, (parts[0], sub)))
        moment = row.effective_at.isoformat()
        said = ("result", row.sender, numbers[row.id], row.measure, row.mrn, moment, "", sub, "")
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
