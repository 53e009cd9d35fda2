"""Messages received over the wire, kept byte for byte with what was answered"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0095"
down_revision = "0091"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()
OPEN = sa.text("answer IS NULL")


def upgrade() -> None:
    op.create_table(
        "received_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sender", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("answer", TEXT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("problems", TEXT, nullable=False),
        sa.Column("failed", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_received_message_open", "received_message", ["id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_received_message_sender", "received_message", ["sender", "last_at", "answer"])


def downgrade() -> None:
    op.drop_table("received_message")
