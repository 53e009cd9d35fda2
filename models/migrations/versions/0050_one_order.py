"""When a person last acted on an alert, and what each patient asks for apart from where they stand"""

import datetime as dt

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0050"
down_revision = "0045"
branch_labels = None
depends_on = None

INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()
BY_PERSON = sa.text("by <> 'myopanel'")


def upgrade() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("handled_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("handled_on", sa.Date(), nullable=True))
    with op.batch_alter_table("patient_summary", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asks", sa.SmallInteger(), nullable=False, server_default="0"))
    op.create_index("ix_patient_summary_asks", "patient_summary", ["asks", "place", "patient_id"])
    op.create_index(
        "ix_alert_event_by_person", "alert_event", ["at", "alert_id"], sqlite_where=BY_PERSON,
        postgresql_where=BY_PERSON,
    )  # fmt: skip
    # Whoever acknowledged what runs has seen it; the day in UTC is near enough for one that has passed.
    op.execute(
        sa.text("UPDATE alert SET handled_at = acknowledged_at WHERE ended_at IS NULL AND acknowledged_at IS NOT NULL")
    )
    table = sa.table(
        "alert", sa.column("id", sa.Integer()), sa.column("handled_at", INSTANT), sa.column("handled_on", sa.Date())
    )
    connection = op.get_bind()
    for number, at in connection.execute(
        sa.select(table.c.id, table.c.handled_at).where(table.c.handled_at.is_not(None))
    ):
        connection.execute(sa.update(table).where(table.c.id == number).values(handled_on=at.date()))
    # Places are worked out again before the list is next read.
    op.get_bind().execute(
        sa.text("UPDATE patient_summary SET stands_until = :ago").bindparams(
            sa.bindparam("ago", dt.date(1970, 1, 1), sa.Date())
        )
    )


def downgrade() -> None:
    op.drop_index("ix_alert_event_by_person", "alert_event")
    op.drop_index("ix_patient_summary_asks", "patient_summary")
    with op.batch_alter_table("patient_summary", schema=None) as batch_op:
        batch_op.drop_column("asks")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_column("handled_on")
        batch_op.drop_column("handled_at")
