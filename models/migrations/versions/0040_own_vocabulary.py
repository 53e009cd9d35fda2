"""A clinic's own measures, drugs and monitoring rows, in versions, and the trials of a change"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0040"
down_revision = "0030"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()


def upgrade() -> None:
    op.create_table(
        "own_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("cells", TEXT, nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("author", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_own_row", "own_row", ["kind", "key", "valid_from"])
    op.create_table(
        "vocabulary_trial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("outcome", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
