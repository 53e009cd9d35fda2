"""Record numbers that were merged, with what was moved"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()
LIVE = sa.text("undone_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("former_mrn", TEXT, nullable=False),
        sa.Column("into_mrn", TEXT, nullable=False),
        sa.Column("former_id", sa.Integer(), nullable=False),
        sa.Column("into_id", sa.Integer(), nullable=False),
        sa.Column("former_status", TEXT, nullable=False),
        sa.Column("moved", TEXT, nullable=False),
        sa.Column("sender", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.Column("undone_by", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["former_id"], ["patient.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["into_id"], ["patient.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_patient_merge", "patient_merge", ["former_mrn"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE
    )


def downgrade() -> None:
    op.drop_table("patient_merge")
