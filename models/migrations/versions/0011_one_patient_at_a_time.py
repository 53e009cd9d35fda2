"""Facts packed in one value a patient, answers that say something, and the day to look again on the patient."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "packed_facts",
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("patient_id"),
    )
    op.drop_table("patient_series")
    # What is not met leaves no row any more, and the next run looks at everybody.
    op.execute(sa.text("DELETE FROM assessment WHERE state = 'not_met'"))
    op.execute(sa.text("UPDATE evaluation_run SET fingerprint = ''"))
    with op.batch_alter_table("assessment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cause", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.drop_index("ix_assessment_recheck")
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.add_column(sa.Column("look_again_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("looks", sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default="{}"))
        batch_op.create_index(batch_op.f("ix_patient_look_again_on"), ["look_again_on"], unique=False)
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_column("digest")
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_look_again_on"))
        batch_op.drop_column("looks")
        batch_op.drop_column("look_again_on")
    with op.batch_alter_table("assessment", schema=None) as batch_op:
        batch_op.create_index("ix_assessment_recheck", ["recheck_on", "patient_id"], unique=False)
        batch_op.drop_column("cause")
    op.create_table(
        "patient_series",
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("patient_id"),
    )
    op.drop_table("packed_facts")
