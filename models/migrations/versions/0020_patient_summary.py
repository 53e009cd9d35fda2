"""What the lists show, kept: a summary of each patient, what could not be told of them, the tests required of them"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0020"
down_revision = "0011"
branch_labels = None
depends_on = None

RUNNING = sa.text("ended_at IS NULL")
WAITING = sa.text("revision <> evaluated_revision")
UNSEEN = sa.text("ended_at IS NOT NULL AND seen_at IS NULL AND resolved_at IS NULL")
UNTOLD = sa.text("untold")
TEXT = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    op.create_table(
        "patient_summary",
        sa.Column("patient_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("stands_until", sa.Date(), nullable=True),
        sa.Column("untold", sa.Boolean(), nullable=False),
        sa.Column("reasons", TEXT, nullable=False),
        sa.Column("strength", TEXT, nullable=False),
        sa.Column("ck", TEXT, nullable=False),
        sa.Column("steroid_mg", sa.Float(), nullable=True),
        sa.Column("steroid_steps", TEXT, nullable=False),
        sa.Column("high_from", sa.Date(), nullable=True),
        sa.Column("last_visit", sa.Date(), nullable=True),
        sa.Column("last_lab", sa.Date(), nullable=True),
        sa.Column("next_lab_due", sa.Date(), nullable=True),
        sa.Column("to_take_from", sa.Date(), nullable=True),
        sa.Column("lab_states", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("patient_id"),
    )
    op.create_index("ix_patient_summary_place", "patient_summary", ["place", "patient_id"])
    op.create_index(
        "ix_patient_summary_untold", "patient_summary", ["patient_id"], sqlite_where=UNTOLD, postgresql_where=UNTOLD
    )
    op.create_index("ix_patient_summary_stands", "patient_summary", ["stands_until"])
    op.create_index("ix_patient_summary_next_lab", "patient_summary", ["next_lab_due"])
    op.create_index("ix_patient_summary_take", "patient_summary", ["to_take_from"])
    op.create_index("ix_patient_summary_labs", "patient_summary", ["lab_states"])
    op.create_table(
        "patient_gap",
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("words", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("patient_id", "rule", "words"),
    )
    op.create_index("ix_patient_gap_cause", "patient_gap", ["rule", "words", "patient_id"])
    op.create_table(
        "patient_lab",
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("test", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("last_on", sa.Date(), nullable=True),
        sa.Column("interval_days", sa.Integer(), nullable=True),
        sa.Column("treatment", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("because", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("patient_id", "test"),
    )
    op.create_index("ix_patient_lab_test", "patient_lab", ["test", "state", "patient_id"])
    op.create_index("ix_patient_lab_state", "patient_lab", ["state", "due", "patient_id"])
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("danger", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_alert_open",
        "alert",
        [
            "ended_at",
            "severity",
            "covered_by",
            "snoozed_until",
            "acknowledged_at",
            "lapses_on",
            "owner",
            "patient_id",
        ],
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_alert_unseen", "alert", ["ended_at"], sqlite_where=UNSEEN, postgresql_where=UNSEEN)
    op.create_index(
        "ix_patient_waiting",
        "patient",
        ["status", "evaluated_revision"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    # Which alerts mean danger is said by the rules from now on; those that run already are brought up to date here.
    for danger, rule, subject in (
        (3, "raised-troponin", "troponin_i%"),
        (2, "red-flag-symptoms", "dyspnoea"),
        (2, "red-flag-symptoms", "nif"),
        (2, "red-flag-symptoms", "fvc_percent"),
        (1, "red-flag-symptoms", "dysphagia"),
    ):
        op.execute(
            sa.text("UPDATE alert SET danger = :danger WHERE rule = :rule AND subject LIKE :subject").bindparams(
                danger=danger, rule=rule, subject=subject
            )
        )
    # Bare rows, so that running alerts have their place; until the next evaluation has written them, the lists say that
    # nobody was evaluated.
    op.execute(
        """
        INSERT INTO patient_summary (patient_id, revision, digest, place, stands_until, untold, reasons, strength, ck,
                                     steroid_steps, lab_states)
        SELECT id, 0, '', 0, '1970-01-01', false, '[]', '', '', '', 0 FROM patient WHERE status = 'active'
        """
    )
    op.execute("UPDATE patient SET evaluated_revision = 0 WHERE status = 'active'")


def downgrade() -> None:
    op.drop_index("ix_patient_waiting", table_name="patient")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_unseen")
        batch_op.drop_index("ix_alert_open")
        batch_op.drop_column("danger")
    for table in ("patient_lab", "patient_gap", "patient_summary"):
        op.drop_table(table)
