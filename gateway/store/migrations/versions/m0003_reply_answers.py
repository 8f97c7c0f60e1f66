"""Who was told by SMS, after a reply of theirs, that the action is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reply_answers",
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("action", "number", name=op.f("reply_answers_pk")),
    )
    op.create_index(op.f("reply_answers_at_ix"), "reply_answers", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("reply_answers_at_ix"), table_name="reply_answers")
    op.drop_table("reply_answers")
