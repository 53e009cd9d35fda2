"""Who is away from when to when, who stands in, and from whom an alert was passed on"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0080"
down_revision = "0060"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()
LENT = sa.text("lent_by IS NOT NULL AND ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "absence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("cover", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("cancelled_at", INSTANT, nullable=True),
        sa.Column("cancelled_by", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_absence_name", "absence", ["name", "ends_on"])
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lent_by", TEXT, nullable=True))
    op.create_index("ix_alert_lent", "alert", ["lent_by"], sqlite_where=LENT, postgresql_where=LENT)


def downgrade() -> None:
    op.drop_index("ix_alert_lent", "alert")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_column("lent_by")
    op.drop_index("ix_absence_name", "absence")
    op.drop_table("absence")
