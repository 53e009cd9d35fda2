"""What a machine may say only once: tokens that were used, feedback that was taken"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

INSTANT = sqlmodel.sql.sqltypes.UTCDateTime()


def upgrade() -> None:
    op.create_table(
        "seen_once",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )


def downgrade() -> None:
    op.drop_table("seen_once")
