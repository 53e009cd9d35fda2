"""What a version newly asks: which rules the clinic was asked before, and alerts that wait as one group."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0030"
down_revision = "0020"
branch_labels = None
depends_on = None

RUNNING = sa.text("ended_at IS NULL")
ASIDE = sa.text("set_aside AND ended_at IS NULL")
OPEN = [
    "ended_at", "severity", "covered_by", "snoozed_until", "acknowledged_at", "lapses_on", "owner", "patient_id",
]  # fmt: skip
FIRST_RELEASE = (
    "declining-strength", "drug-safety", "missing-prophylaxis", "missing-safety-screen", "no-response-after-pulse",
    "overdue-assessment", "overdue-labs", "pain-without-weakness", "prolonged-high-dose-steroids", "raised-troponin",
    "red-flag-symptoms", "rising-muscle-enzymes", "steroid-monotherapy", "steroid-myopathy-pattern",
    "steroid-sparing-not-working", "taper-too-fast",
)  # fmt: skip
"""The rules that release 0.1.0 asked as shipped, all in version 1.0.0."""
IN_SHADOW = ("plasmapheresis-after-ivig",)


def upgrade() -> None:
    op.create_table(
        "rule_in_force",
        sa.Column("rule", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("rule"),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("brought_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("set_aside", sa.Boolean(), nullable=False, server_default="0"))
    op.drop_index("ix_alert_open", "alert")
    columns = [*OPEN[:-1], "set_aside", OPEN[-1]]
    op.create_index("ix_alert_open", "alert", columns, sqlite_where=RUNNING, postgresql_where=RUNNING)
    op.create_index("ix_alert_aside", "alert", ["patient_id"], sqlite_where=ASIDE, postgresql_where=ASIDE)
    _rules_asked_before()


def _rules_asked_before() -> None:
    """A clinic that was evaluated was asked the rules of the first release, as it had switched them."""
    connection = op.get_bind()
    newest = sa.text(
        "SELECT as_of FROM evaluation_run WHERE finished_at IS NOT NULL AND reconciled ORDER BY id DESC LIMIT 1"
    ).columns(as_of=sa.Date())
    day = connection.execute(newest).scalar()
    if day is None:
        return
    status = dict.fromkeys(FIRST_RELEASE, "active") | dict.fromkeys(IN_SHADOW, "shadow")
    changes = sa.text("SELECT rule, status FROM rule_status_change WHERE valid_from <= :day ORDER BY valid_from, id")
    for rule, changed in connection.execute(changes.bindparams(sa.bindparam("day", day, sa.Date()))):
        if rule in status:
            status[rule] = changed
    table = sa.table("rule_in_force", sa.column("rule"), sa.column("version"), sa.column("since", sa.Date()))
    asked = [rule for rule, one in status.items() if one == "active"]
    if asked:
        op.bulk_insert(table, [{"rule": rule, "version": "1.0.0", "since": day} for rule in asked])


def downgrade() -> None:
    op.drop_index("ix_alert_aside", "alert")
    op.drop_index("ix_alert_open", "alert")
    op.create_index("ix_alert_open", "alert", OPEN, sqlite_where=RUNNING, postgresql_where=RUNNING)
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_column("set_aside")
        batch_op.drop_column("brought_by")
    op.drop_table("rule_in_force")
