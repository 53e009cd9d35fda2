"""What arrived and waits for a decision, the decisions made for each sender, and rejects counted once"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from models.column_types import IDENTITY_BYTES, Digest

revision = "0060"
down_revision = "0040"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()
LIVE = sa.text("removed_at IS NULL")
WAITS = sa.text("mapping_id IS NULL")
ONCE = sa.text("digest IS NOT NULL")


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


def downgrade() -> None:
    op.drop_index("ix_rejected_row_digest", "rejected_row")
    with op.batch_alter_table("rejected_row", schema=None) as batch_op:
        batch_op.drop_column("digest")
    for name in ("import_file", "import_batch"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column("waiting")
    op.drop_table("waiting_row")
    op.drop_table("sender_mapping")
