"""What the columns of a source of tables mean, as somebody confirmed it"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0045"
down_revision = "0040"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    op.create_table(
        "table_mapping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("mapping", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_table_mapping_source", "table_mapping", ["source"])
